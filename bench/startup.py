"""How soon the console shows something, against a minimal Textual app in the same run.

    python bench/startup.py [--runs 7] [--jobs 50]

``first`` is the first visible character, ``content`` the moment when the last known jobs are on the
screen (from the second start on that is the frame kept from the last time), ``drawn`` the first
frame of the running app, which from then on answers to keys. The two programs take turns, so that
a machine that slows down slows both; the ratios are medians over the pairs.
"""

from __future__ import annotations

import argparse

from home import home
from terminal import Session, console_argv, median, minimal_argv, report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=50)
    options = parser.parse_args()
    floor: list[dict[str, float]] = []
    console: list[dict[str, float]] = []
    with home() as installation:
        installation.remember(options.jobs)
        floor_argv = minimal_argv()
        programs = (
            (floor, floor_argv, "ready"),
            (console, console_argv(), r"lora_run_0000\d\d"),
        )
        for turn in range(options.runs + 1):
            for results, argv, text in programs:
                with Session(argv, env=installation.env) as session:
                    session.settle()
                    measured = {
                        "first": session.first_paint() or float("nan"),
                        "jobs": session.time_of(text) or float("nan"),
                        "drawn": session.drawn() or float("nan"),
                        "cpu": session.cpu() * 1000,
                        "bytes": float(session.bytes),
                        "memory": session.memory(),
                    }
                    session.quit("q" if argv is not floor_argv else "\x11")
                if turn:  # the first pair warms the caches
                    results.append(measured)
    rows = []
    for name, results in (("minimal Textual app", floor), ("trainer-tui", console)):
        rows.append(
            {
                "program": name,
                "first paint ms": median([r["first"] for r in results]),
                "content ms": median([r["jobs"] for r in results]),
                "drawn ms": median([r["drawn"] for r in results]),
                "ratio first": median(
                    [r["first"] / f["first"] for r, f in zip(results, floor, strict=True)]
                ),
                "ratio content": median(
                    [r["jobs"] / f["jobs"] for r, f in zip(results, floor, strict=True)]
                ),
                "ratio drawn": median(
                    [r["drawn"] / f["drawn"] for r, f in zip(results, floor, strict=True)]
                ),
                "CPU ms": median([r["cpu"] for r in results]),
                "bytes": median([r["bytes"] for r in results]),
                "RSS MB": median([r["memory"] for r in results]),
            }
        )
    report("startup", rows)


if __name__ == "__main__":
    main()
