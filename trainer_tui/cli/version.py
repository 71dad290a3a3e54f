"""``trainer-tui version``."""

from __future__ import annotations

import argparse

from trainer_tui import __version__
from trainer_tui.cli.context import CliContext


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside what every command knows."""


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the version; with ``--json`` those of Python and the parts too."""
    if not context.json:
        context.out(f"trainer-tui {__version__}")
        return 0
    import platform
    from importlib.metadata import version

    context.print_json(
        {
            "version": __version__,
            "python": platform.python_version(),
            "textual": version("textual"),
            "httpx": version("httpx"),
        }
    )
    return 0
