"""The entry point: ``trainer-tui`` and ``python -m trainer_tui``."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    from trainer_tui.cli import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
