"""``trainer-tui themes``: which colour themes there are."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.config_file import ConfigFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside what every command knows."""


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print their names; the one in use is marked."""
    current = context.config.ui.theme
    files = theme_files(context)
    values = []
    for name, file in files.items():
        if mistakes := _mistakes(file, context):
            context.warn(mistakes)
            continue
        data = ConfigFile(file).data
        values.append(
            {
                "name": name,
                "title": str(data.get("title", name)),
                "dark": bool(data.get("dark", True)),
                "own": file.parent == context.paths.themes,
                "current": name == current,
                "file": str(file),
            }
        )
    if context.json:
        context.print_json(values)
        return DONE
    columns = [render.Column(title) for title in ("", "NAME", "TITLE", "KIND", "FROM")]
    rows = [
        [
            "*" if value["current"] else "",
            str(value["name"]),
            str(value["title"]),
            "dark" if value["dark"] else "light",
            "yours" if value["own"] else "shipped",
        ]
        for value in values
    ]
    for line in render.table(columns, rows, color=context.color):
        context.out(line)
    context.say(f"yours go to {context.paths.themes}; [ui] theme in the config chooses")
    return DONE


def _mistakes(file: Path, context: CliContext) -> str:
    """What is wrong with a file of the user's own; empty where nothing is, or it is shipped."""
    if file.parent != context.paths.themes:
        return ""
    from trainer_tui.tui.themes import problems

    found = [f"{file.parent / str(problem)}" for problem in problems(file)]
    return "\n  ".join(found)


def theme_files(context: CliContext) -> dict[str, Path]:
    """Name → file; the user's own win over shipped ones of the same name."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "themes"  # in a checkout the folder is beside the package
    shipped = installed if installed.is_dir() else package.parent / "themes"
    found: dict[str, Path] = {}
    for folder in (shipped, context.paths.themes):
        if folder.is_dir():
            found.update({file.stem: file for file in sorted(folder.glob("*.toml"))})
    return found
