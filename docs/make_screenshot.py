"""Makes ``docs/screenshot.svg``: the demo, run for real, as the app itself draws it.

    python docs/make_screenshot.py [--size 120x34] [--theme midnight] [--out docs/screenshot.svg]

Nothing is drawn by hand: it sets the demo up, waits until a job has trained for a while, selects
it, shows its curves and saves the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from trainer_tui.config import load
from trainer_tui.core.runtime import Runtime
from trainer_tui.paths import Paths
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.glyphs import choose

SHOWN = "hills_style_lora"
ENOUGH = 45.0
"""Percent that the shown job has trained when the picture is taken."""


async def take(home: Path, size: tuple[int, int], theme: str) -> str:
    """Open the console on a demo; gives what it shows as SVG."""
    paths = Paths.under(home)
    config = load(paths)
    app = TrainerApp(Runtime(config, paths), config, paths, glyphs=choose(False))
    async with app.run_test(size=size) as pilot:
        app.load_theme(theme)
        app.theme = theme
        shown = None
        while shown is None or shown.job.progress is None or shown.job.progress.percent < ENOUGH:
            await pilot.pause(0.5)
            entries = {entry.job.name: entry for entry in app.runtime.board.entries()}
            shown = entries.get(SHOWN)
        await pilot.press("g")
        for _ in app.runtime.board.entries():
            chosen = app.selected
            if chosen is not None and chosen.job.name == SHOWN:
                break
            await pilot.press("j")
        await pilot.press("3")
        await pilot.pause(3.0)
        picture: str = app.export_screenshot(title="trainer-tui")
    app.runtime.close()
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="120x34")
    parser.add_argument("--theme", default="midnight")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("screenshot.svg"))
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    command = [sys.executable, "-m", "trainer_tui"]
    made = subprocess.run(
        [*command, "demo", "--setup-only", "--json"], check=True, capture_output=True, text=True
    )
    home = Path(json.loads(made.stdout)["folder"])
    try:
        picture = asyncio.run(take(home, (columns, rows), options.theme))
        options.out.write_text(picture)
    finally:
        subprocess.run(
            [*command, "serve", "--stop", "--jobs"],
            check=False,
            env={**os.environ, "TRAINER_TUI_HOME": str(home)},
        )
        shutil.rmtree(home, ignore_errors=True)
    print(options.out)


if __name__ == "__main__":
    main()
