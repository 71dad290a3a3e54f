"""The console with its real network thread against a real local server, by both dialects."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.server import prefork
from tests.server.conftest import end_leftovers
from tests.tui.console import screen_text
from trainer_tui.config import load
from trainer_tui.core.runtime import Runtime
from trainer_tui.model import Job, JobRef, Status
from trainer_tui.paths import Paths
from trainer_tui.providers.base import Submission
from trainer_tui.tui.app import TrainerApp
from trainer_tui.tui.glyphs import UNICODE
from trainer_tui.tui.screens.confirm import ConfirmScreen

pytest.importorskip("starlette")
pytestmark = pytest.mark.anyio
TOKEN = "tok-RECOGNISABLE-e2e"
_PATIENCE = 60.0


@dataclass
class Server:
    """The local server in a process of its own; it can be killed and started again."""

    home: Path
    port: int = 0
    process: prefork.Forked | None = None
    folders: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start it, on the port it had before, and wait until it answers."""
        reading, writing = os.pipe()
        argv = [sys.executable, "-m", "trainer_tui.server", "--state", str(self.home / "state")]
        argv += ["--socket", str(self.home / "s"), "--port", str(self.port), "--cpu-slots", "2"]
        argv += ["--token-file", str(self.home / "token"), "--ready-fd", str(writing)]
        self.process = prefork.popen(argv, pass_fds=[writing])
        os.close(writing)
        with os.fdopen(reading) as ready:
            self.port = int(json.loads(ready.readline())["tcp"].rpartition(":")[2])

    def end(self, how: signal.Signals) -> None:
        """End it by a signal."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(20)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for all tests here, with a dataset of one picture for each dialect."""
    from PIL import Image

    with tempfile.TemporaryDirectory(prefix="tt-") as folder:
        home = Path(folder)
        (home / "token").write_text(TOKEN)
        (home / "token").chmod(0o600)
        pictures = home / "pictures"
        pictures.mkdir()
        Image.new("RGB", (64, 64), "red").save(pictures / "dog.png")
        found = Server(home)
        found.start()
        found.folders = {"local": "output", "comfy": "/app/ai-toolkit/output"}
        asyncio.run(_upload(found, pictures / "dog.png"))
        yield found
        found.end(signal.SIGTERM)
        end_leftovers(home / "state" / "jobs")


async def _upload(server: Server, picture: Path) -> None:
    from tests.providers.support import context, eventually
    from trainer_tui.config import Secret
    from trainer_tui.providers.runcomfy import open_provider

    url = f"http://127.0.0.1:{server.port}"
    comfy = open_provider(context(server.home, base_url=url, token=Secret(TOKEN), timeout=10.0))
    dataset = await comfy.create_dataset("dogs")
    await comfy.upload_to_dataset(dataset.id, picture)
    await eventually(lambda: comfy.dataset_status(dataset.id), lambda d: d.ready)
    await comfy.aclose()


def training(server: Server, profile: str, name: str, steps: int) -> str:
    """A config that the smoke runner trains for real; both dialects take it."""
    data = server.home / "pictures" if profile == "local" else "/app/ai-toolkit/datasets/dogs"
    return f"""job: extension
config:
  name: {name}
  process:
    - type: sd_trainer
      training_folder: {server.folders[profile]}
      network: {{type: lora, linear: 4, linear_alpha: 4}}
      save: {{save_every: 5, max_step_saves_to_keep: 2}}
      datasets:
        - folder_path: {data}
          resolution: [64]
      train: {{steps: {steps}, batch_size: 1, lr: 1e-3, seed: 1}}
      sample: {{sample_every: 1000000, width: 64, height: 64, prompts: [a dog]}}
"""


class Console:
    """A console as a person has it, and what it shows."""

    def __init__(self, app: TrainerApp, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        """What is on the screen."""
        return screen_text(self.app)

    def job(self, ref: JobRef) -> Job:
        """A job as the console knows it."""
        entry = self.app.board.get(ref)
        assert entry is not None
        return entry.job

    async def until(self, true: Callable[[], object], what: str) -> None:
        """Let the console work until something is so."""
        deadline = time.monotonic() + _PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"{what} did not come to be:\n{self.text}"
            await self.pilot.pause(0.02)

    async def says(self, words: str) -> None:
        """Wait until words are on the screen."""
        await self.until(lambda: words in self.text, repr(words))

    async def is_(self, ref: JobRef, *statuses: Status) -> None:
        """Wait until a job is in one of these states, asking now and then as ``R`` does."""
        deadline = time.monotonic() + _PATIENCE
        while self.job(ref).status not in statuses:
            assert time.monotonic() < deadline, f"{self.job(ref)} is not {statuses}\n{self.text}"
            self.app.runtime.wake()
            await self.pilot.pause(0.1)

    async def submit(self, server: Server, profile: str, name: str, steps: int) -> JobRef:
        """A job, under the cursor."""
        text = training(server, profile, name, steps)
        future = self.app.runtime.submit(profile, Submission(text, name=name))
        outcome = await asyncio.wrap_future(future)
        assert outcome.ok and outcome.ref is not None, outcome
        await self.until(lambda: self.app.board.get(outcome.ref), "the new job")
        await self.until(lambda: name in self.text, "its row")
        assert self.app.main is not None
        self.app.main.table.select(outcome.ref)
        await self.until(
            lambda: self.app.selected and self.app.selected.job.ref == outcome.ref, "the cursor"
        )
        return outcome.ref

    async def act(self, key: str) -> None:
        """Press an act's key and say yes."""
        await self.pilot.press(key)
        await self.until(lambda: isinstance(self.app.screen, ConfirmScreen), "the question")
        await self.pilot.press("y")

    async def refused(self, key: str, words: str) -> None:
        """Press an act's key and read why it cannot be."""
        await self.pilot.press(key)
        await self.says(words)
        assert self.app.screen is self.app.main


@asynccontextmanager
async def console(server: Server, home: Path) -> AsyncIterator[Console]:
    """A console on both profiles."""
    (home / "config.toml").write_text(
        f"""[profiles.local]
provider = "local"
socket = "{server.home / "s"}"
options.origin = "native"
[profiles.comfy]
provider = "runcomfy"
base_url = "http://127.0.0.1:{server.port}"
token = "file:{server.home / "token"}"
[poll]
selected = 1
running = 1
queued = 1
[downloads]
folder = "{home / "downloads"}"
"""
    )
    paths = Paths.under(home)
    paths.state.mkdir(parents=True, exist_ok=True)
    config = load(paths)
    runtime = Runtime(config, paths)
    app = TrainerApp(runtime, config, paths, glyphs=UNICODE, env={"TERM": "xterm-256color"})
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            yield Console(app, pilot)
    finally:
        runtime.close()


@pytest.mark.parametrize("profile", ["local", "comfy"])
async def test_a_job_is_steered_to_its_end(server: Server, tmp_path: Path, profile: str) -> None:
    """Each act does what it says at the service, and in the wrong state the person reads why."""
    async with console(server, tmp_path) as seen:
        ref = await seen.submit(server, profile, f"steered_{profile}", 5_000_000)
        await seen.is_(ref, Status.RUNNING)
        await seen.refused("r", "is running: nothing to resume")
        await seen.refused("e", "before editing")
        await seen.until(lambda: (p := seen.job(ref).progress) and p.current > 10, "some steps")
        await seen.act("c")
        await seen.is_(ref, Status.CANCELED)
        await seen.refused("c", "has already been canceled: nothing to cancel")
        before = seen.job(ref).progress
        await seen.act("r")
        await seen.is_(ref, Status.RUNNING)
        await seen.until(
            lambda: (p := seen.job(ref).progress) and before and p.current > before.current,
            "steps beyond those before",
        )
        if profile == "local":
            await seen.act("s")
            await seen.is_(ref, Status.INTERRUPTED)
        else:
            await seen.refused("s", "RunComfy has no early stop")
            await seen.act("c")
            await seen.is_(ref, Status.CANCELED)
        await seen.pilot.press("d")
        rows = seen.app.runtime.downloads
        await seen.until(lambda: rows() and all(r.phase == "done" for r in rows()), "the files")
        weights = list((tmp_path / "downloads").rglob("*.safetensors"))
        assert weights and all(path.stat().st_size > 100 for path in weights)
        assert not list((tmp_path / "downloads").rglob("*.part"))
        await seen.act("x")
        await seen.until(lambda: seen.app.board.get(ref) is None, "the job to go")


async def test_the_server_dies_and_comes_back(server: Server, tmp_path: Path) -> None:
    """``kill -9`` of the server mid-run: the console says so, the job trains on, and once the
    server is back the console finds both jobs by itself, each once."""
    async with console(server, tmp_path) as seen:
        refs = [
            await seen.submit(server, "local", "outlives_local", 5_000_000),
            await seen.submit(server, "comfy", "outlives_comfy", 5_000_000),
        ]
        for ref in refs:
            await seen.is_(ref, Status.RUNNING)
        server.end(signal.SIGKILL)
        await seen.says("no connection")
        assert "outlives_local" in seen.text and "outlives_comfy" in seen.text
        server.start()
        await seen.until(
            lambda: "no connection" not in seen.text, "the console to recover by itself"
        )
        for ref in refs:
            await seen.is_(ref, Status.RUNNING)
        names = [entry.job.name for entry in seen.app.board.entries()]
        assert sorted(n for n in names if n.startswith("outlives")) == [
            "outlives_comfy",
            "outlives_local",
        ]
        await seen.pilot.press("slash", *"outlives", "enter", "asterisk", "c")
        await seen.until(lambda: isinstance(seen.app.screen, ConfirmScreen), "the question")
        await seen.pilot.press(*"cancel", "enter")
        for ref in refs:
            await seen.is_(ref, Status.CANCELED)


async def test_another_console_takes_up_what_was_left(server: Server, tmp_path: Path) -> None:
    """A console that went away without a word, while a job ran, is followed by one that knows the
    job and shows how it truly ended; the credential is in nothing that was kept."""
    async with console(server, tmp_path) as seen:
        ref = await seen.submit(server, "comfy", "taken_up", 60)
        await seen.pilot.pause()
    async with console(server, tmp_path) as seen:
        await seen.until(lambda: seen.app.selected, "the table")
        assert seen.app.selected is not None
        assert seen.app.selected.job.ref == ref, "the cursor is where it was"
        await seen.is_(ref, Status.SUCCEEDED)
        await seen.says("succeeded")
        assert [e.job.ref for e in seen.app.board.entries() if e.job.ref.profile == "comfy"] == [
            ref
        ]
        await seen.refused("r", "nothing to resume")
        assert TOKEN not in seen.app.export_screenshot()
    assert not [path for path in _kept(tmp_path) if TOKEN.encode() in path.read_bytes()]


def _kept(home: Path) -> list[Path]:
    found = [path for path in home.rglob("*") if path.is_file()]
    assert found
    return found
