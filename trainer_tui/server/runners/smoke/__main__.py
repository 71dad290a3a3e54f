"""The smoke trainer's process: ``python -m trainer_tui.server.runners.smoke CONFIG --out FOLDER``.

Ends with 0 when it is done, with 130 when SIGINT stopped it before its last step, with 2 when the
config or the dataset cannot be used, with 1 for anything else. Its last line says why.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path

# Before numpy is imported: matrices this small are slower with threads, and a check of plumbing
# should leave the machine to others.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


_NICE = 10
"""The console, and whatever else the person does meanwhile, goes first."""


class _Stop:
    """Set by SIGINT: the step that runs is finished, saved, and the process ends."""

    asked = False

    def __call__(self) -> bool:
        return self.asked

    def ask(self, *_: object) -> None:
        self.asked = True


def main(argv: list[str] | None = None) -> int:
    """Run it; gives the exit status."""
    stop = _Stop()
    signal.signal(signal.SIGINT, stop.ask)
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    parser = argparse.ArgumentParser(prog="trainer_tui.server.runners.smoke")
    parser.add_argument("config", type=Path, help="an AI Toolkit config")
    parser.add_argument("--out", type=Path, required=True, help="where files are to be written")
    arguments = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]

    from trainer_tui.errors import TrainerError

    try:
        reached = _run(arguments.config, arguments.out, stop)
    except (TrainerError, OSError) as error:
        print("Result:\n - 0 completed jobs\n - 1 failure", flush=True)
        print(f"Error: {error}", file=sys.stderr, flush=True)
        return 2 if isinstance(error, TrainerError) else 1
    print(f"Result:\n - {1 if reached else 0} completed job", flush=True)
    return 0 if reached else 128 + signal.SIGINT


def _run(config: Path, out: Path, stop: _Stop) -> bool:
    from trainer_tui.server import configs
    from trainer_tui.server.runners import ai_toolkit_config as aitk
    from trainer_tui.server.runners.smoke import options, train

    text = config.read_text(encoding="utf-8")
    found = options.read(aitk.expand(configs.parse(text), os.environ), text)
    train.say(
        "Smoke run: this really trains, but a small stand-in model with numpy, to check config, "
        "dataset and plumbing."
    )
    train.say(f"It does not load {found.base_model}; what it makes is not a model worth using.")
    train.say(f"Running 1 job: {found.name}, {found.steps} steps, seed {found.seed}")
    if found.optimizer.lower() not in ("adam", "adamw"):
        note = "" if found.adam_lr == found.lr else f" with lr {found.adam_lr:g}"
        train.say(f"Optimizer {found.optimizer} is run as Adam{note}")
    if any(max(prompt.width, prompt.height) > 384 for prompt in found.prompts):
        train.say("Samples are made at most 384 pixels wide or high")
    return train.run(found, out, stop)


if __name__ == "__main__":
    sys.exit(main())
