"""What the console writes to the terminal while nobody touches it.

    python bench/idle.py [--seconds 20]

Three screens in one run: a minimal Textual app, the console with 50 finished jobs (must be 0
bytes), and the console with one job that trains.
"""

from __future__ import annotations

import argparse

from home import home
from terminal import Session, console_argv, minimal_argv, report


def measure(
    name: str, argv: list[str], env: dict[str, str], text: str, seconds: float
) -> dict[str, object]:
    """Start, wait until the text is there and all is quiet, then count."""
    with Session(argv, env=env) as session:
        session.wait_for(text)
        session.read_for(5.0)
        before, reads, cpu = session.bytes, len(session.chunks), session.cpu()
        session.read_for(seconds)
        return {
            "screen": name,
            "bytes/s": (session.bytes - before) / seconds,
            "writes/s": (len(session.chunks) - reads) / seconds,
            "CPU %": (session.cpu() - cpu) / seconds * 100,
            "RSS MB": session.memory(),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--jobs", type=int, default=50)
    options = parser.parse_args()
    with home() as installation:
        env = dict(installation.env)
        rows = [measure("minimal Textual app", minimal_argv(), env, "ready", options.seconds)]
        installation.finished_jobs(options.jobs)
        rows.append(
            measure(
                f"{options.jobs} finished jobs", console_argv(), env, "finished_", options.seconds
            )
        )
        installation.running_job()
        rows.append(
            measure("one running job", console_argv(), env, "long_training", options.seconds)
        )
    report("idle", rows)


if __name__ == "__main__":
    main()
