"""A throw-away installation to measure: a folder, a local server, real jobs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

COMMAND = """\
job: command
config:
  name: "{name}"
  argv: {argv}
"""
SMOKE = """\
job: extension
config:
  name: "{name}"
  process:
    - type: sd_trainer
      training_folder: output
      network: {{type: lora, linear: 16, linear_alpha: 16}}
      save: {{save_every: 1000000}}
      datasets: [{{folder_path: "{dataset}", caption_ext: txt, resolution: [128]}}]
      train: {{batch_size: 128, gradient_accumulation: 8, steps: 200000, lr: 1e-5,
              disable_sampling: true}}
      model: {{name_or_path: smoke}}
      sample: {{sample_every: 1000000, prompts: []}}
"""


class Home:
    """One installation below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def env(self) -> Mapping[str, str]:
        """What to add to the environment of a program that is to use it."""
        return {"TRAINER_TUI_HOME": str(self.folder)}

    def cli(self, *arguments: str, given: str = "") -> str:
        """Run a command of the command line; gives its output."""
        done = subprocess.run(
            [sys.executable, "-m", "trainer_tui", *arguments, "--yes"],
            env={**os.environ, **self.env},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stderr}")
        return done.stdout

    def finished_jobs(self, count: int) -> None:
        """Run that many real jobs to their end."""
        for number in range(count):
            config = COMMAND.format(name=f"finished_{number:02d}", argv=["true"])
            self.cli("submit", "-", "--profile", "local", "--no-check", given=config)
        while "running" in (text := self.cli("jobs", "--all", "--json")) or "queued" in text:
            time.sleep(0.2)

    def running_job(self) -> None:
        """Start a real training job that runs for longer than any measurement."""
        from trainer_tui.server.sampledata import make_dataset

        dataset = make_dataset(self.folder / "pictures")
        config = SMOKE.format(name="long_training_run", dataset=dataset)
        self.cli("submit", "-", "--profile", "local", "--no-check", given=config)

    def remember(self, count: int) -> None:
        """Put many ended jobs of a cloud profile into the store, as if seen long ago."""
        from trainer_tui.core.store import Store
        from trainer_tui.model import Job, JobRef, Progress, Status
        from trainer_tui.paths import Paths

        now = datetime.now(UTC)
        ends = (Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.INTERRUPTED)
        store = Store(Paths.under(self.folder).store)
        store.save_jobs(
            (
                Job(
                    ref=JobRef("local", f"job-{number:06d}"),
                    provider="local",
                    name=f"lora_run_{number:06d}",
                    status=ends[number % 4],
                    raw_status=str(ends[number % 4]),
                    progress=Progress.of(number % 2000, 2000),
                    created_at=now - timedelta(minutes=number),
                    finished_at=now - timedelta(minutes=number // 2),
                    loss=0.1 + number % 7 / 10,
                )
                for number in range(count)
            ),
            now,
        )
        store.close()


@contextlib.contextmanager
def home(*, server: bool = True) -> Iterator[Home]:
    """A new installation, its server ended and its folder removed afterwards, by SIGTERM too."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="trainer-tui-bench-") as folder:
        made = Home(Path(folder))
        (made.folder / "config.toml").write_text('[profiles.local]\nprovider = "local"\n')
        if server:
            made.cli("jobs")
        try:
            yield made
        finally:
            with contextlib.suppress(RuntimeError):
                made.cli("serve", "--stop", "--jobs")
