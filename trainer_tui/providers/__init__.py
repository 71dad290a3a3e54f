"""One module a service."""

import sys

# httpx brings a command line of its own where click and rich are installed, which nobody runs here:
# a quarter of the time that it takes to load. Without this module it does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
