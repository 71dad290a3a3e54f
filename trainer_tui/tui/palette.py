"""The theme that was chosen in the console, and the colours that the view of log files had last.

With these, told as a terminal takes them, its first lines are painted before Textual is imported,
which alone knows what a theme's colours are here. Like :mod:`trainer_tui.tui.splash` this imports
next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trainer_tui.tui.splash import terminal

_NAME = "view-colours"
_THEME = "theme"
_LIMIT = 20_000
_LONGEST = 200


def read(cache: Path) -> dict[str, str]:
    """Theme variable → codes for its colour (``on panel``: as a ground); empty where none were
    kept for this kind of terminal."""
    try:
        text = (cache / _NAME).read_text(encoding="ascii")
    except (OSError, ValueError):
        return {}
    head, *lines = text[:_LIMIT].splitlines() or [""]
    if head != terminal():
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name: codes for name, _, codes in pairs if codes.replace(";", "").isdecimal()}


def theme(cache: Path) -> str:
    """The theme that was chosen in the console; empty: none."""
    try:
        return (cache / _THEME).read_text(encoding="utf-8")[:_LONGEST]
    except (OSError, ValueError):
        return ""


def keep_theme(cache: Path, name: str) -> None:
    """Keep which theme was chosen in the console, where that differs."""
    if name != theme(cache):
        _write(cache / _THEME, name)


def keep(cache: Path, colours: Mapping[str, str]) -> None:
    """Keep colours for the next start, where they differ from those that are kept."""
    held = {name: codes for name, codes in colours.items() if codes}
    if held == read(cache):
        return
    lines = [terminal(), *(f"{name}={codes}" for name, codes in held.items())]
    _write(cache / _NAME, "\n".join(lines))


def _write(path: Path, text: str) -> None:
    from trainer_tui.paths import private_folder, write_atomic

    try:
        write_atomic(private_folder(path.parent) / path.name, text.encode())
    except OSError:  # a disk that is full is no reason to fail
        return
