"""How the jobs table answers to keys with many jobs, against Textual's DataTable in the same run.

    python bench/table.py [--rows 10000] [--presses 60]

A press counts from the write of the key to the first byte that comes back; bytes are all that
came until it was quiet again. The table is zoomed, so that only it is measured.
"""

from __future__ import annotations

import argparse
import sys
import time

from home import home
from terminal import Session, console_argv, median, report

DATA_TABLE = """
from textual.app import App
from textual.widgets import DataTable
class Table(App):
    def compose(self):
        yield DataTable(cursor_type="row")
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("NAME", "PROFILE", "STATUS", "STEP", "ETA", "LOSS", "AGE")
        for n in range({rows}):
            cells = ("local", "succeeded", f"{{n}}/2000", "-", "0.3", "1h")
            table.add_row(f"lora_run_{{n:06d}}", *cells)
Table().run()
"""


def press(session: Session, key: str, times: int) -> tuple[list[float], list[int]]:
    """Milliseconds to the first byte, and bytes until quiet, for each press."""
    waits: list[float] = []
    sizes: list[int] = []
    for _ in range(times):
        before = session.bytes
        began = time.perf_counter()
        session.press(key)
        while session.bytes == before and time.perf_counter() - began < 2:
            session.read(0.5)
        if session.bytes == before:
            continue
        waits.append((session.chunks[-1][0] - began) * 1000)
        while session.read(0.15):
            pass
        sizes.append(session.bytes - before)
    return waits, sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--presses", type=int, default=60)
    options = parser.parse_args()
    rows = []
    with home() as installation:
        installation.remember(options.rows)
        programs = (
            ("DataTable", [sys.executable, "-c", DATA_TABLE.format(rows=options.rows)], ""),
            ("trainer-tui", console_argv(), "z"),
        )
        for name, argv, first in programs:
            with Session(argv, env=installation.env) as session:
                session.settle(timeout=60)
                drawn = session.drawn() or float("nan")
                if first:
                    session.read_for(3.0)
                    session.press(first)
                session.read_for(1.0)
                down, down_bytes = press(session, "down", options.presses)
                page, page_bytes = press(session, "pgdn", options.presses // 3)
                rows.append(
                    {
                        "table": f"{name}, {options.rows:,} rows",
                        "drawn ms": drawn,
                        "Down p50 ms": median(down),
                        "Down p95 ms": sorted(down)[int(len(down) * 0.95)],
                        "bytes": median(down_bytes),
                        "PageDown p50 ms": median(page),
                        "PageDown bytes": median(page_bytes),
                        "RSS MB": session.memory(),
                    }
                )
    report("table", rows)


if __name__ == "__main__":
    main()
