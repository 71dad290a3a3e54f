"""The whole core against a service that misbehaves over a real socket: it says so, and recovers."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.faults.server import FAULTS, HostileServer, json_answer
from trainer_tui.config import Config, PollSettings, Profile, Secret
from trainer_tui.core.acts import Act
from trainer_tui.core.messages import Message, ProfileChanged
from trainer_tui.core.runtime import Runtime
from trainer_tui.model import JobRef, Status
from trainer_tui.paths import Paths
from trainer_tui.providers import http

REF = JobRef("comfy", "j1")
GOOD = json_answer(
    {
        "id": "j1",
        "name": "dog",
        "status": "RUNNING",
        "progress": {"current_step": 5, "total_steps": 100, "percent": 5},
    }
)
EXPECTED = {
    "unauthorized": "unauthorized",
    "internal-error": "error",
    "bad-gateway-html": "error",
    "invalid-json": "error",
    "endless": "error",
    "silence": "offline",
    "reset": "offline",
    "escapes-in-error": "error",
}
"""Fault → the state that the profile is shown in."""


class Rig:
    """A runtime with one RunComfy profile at the hostile server."""

    def __init__(self, home: Path, server: HostileServer, timeout: float) -> None:
        profile = Profile(
            "comfy",
            "runcomfy",
            base_url=server.url,
            token=Secret("token-of-comfy"),
            timeout=timeout,
        )
        config = Config(
            profiles=MappingProxyType({"comfy": profile}),
            poll=PollSettings(selected=0.1, running=0.1, queued=0.1, unfocused=0.2),
        )
        self.log = home / "state" / "console.log"
        self.runtime = Runtime(config, Paths.under(home))
        self.messages: queue.Queue[Message] = queue.Queue()
        self.runtime.subscribe(self.messages.put)
        self.runtime.start()

    def until_phase(self, phase: str) -> None:
        while self.runtime.states()["comfy"].phase != phase:
            message = self.messages.get(timeout=60)
            if isinstance(message, ProfileChanged) and message.state.phase == phase:
                return


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as hostile:
        hostile.play(GOOD)
        yield hostile


@pytest.fixture
def rig(
    tmp_path: Path,
    server: HostileServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Rig]:
    monkeypatch.setattr(http, "BACKOFF", 0.001)
    # Short where a test is about silence, long on a busy machine.
    made = Rig(tmp_path, server, 0.4 if "silence" in request.node.name else 10.0)
    assert made.runtime.track("comfy", "j1").result(60).status is Status.RUNNING
    yield made
    made.runtime.close()
    assert not made.log.exists(), made.log.read_text()


@pytest.mark.parametrize("fault", EXPECTED)
def test_a_fault_is_a_state_and_passes(fault: str, rig: Rig, server: HostileServer) -> None:
    """The profile shows what is wrong, the job stays as last known, an act says why it failed;
    when the service is well again, so is the profile."""
    rig.until_phase("ok")
    server.play(FAULTS[fault])
    rig.until_phase(EXPECTED[fault])
    state, entry = rig.runtime.states()["comfy"], rig.runtime.board.get(REF)
    assert state.error is not None and "\x1b" not in state.error.message
    assert entry is not None and entry.job.name == "dog"
    outcome = rig.runtime.perform(Act.CANCEL, REF).result(60)
    assert not outcome.ok and outcome.error is not None
    entry = rig.runtime.board.get(REF)
    assert entry is not None and entry.pending is None
    server.play(GOOD)
    rig.runtime.wake("comfy")
    rig.until_phase("ok")


def test_being_told_to_wait_is_obeyed(rig: Rig, server: HostileServer) -> None:
    """429 with two minutes: shown with the time of the next question, and not asked before."""
    rig.until_phase("ok")
    server.play(FAULTS["rate-limited"])
    rig.until_phase("rate_limited")
    state = rig.runtime.states()["comfy"]
    assert state.next_at is not None and state.error is not None
    asked = len(server.requests)
    rig.runtime.wake()
    rig.runtime.wake(REF)

    async def later() -> None:
        """Comes after the wakes, and after what they could have asked at once."""
        provider = await rig.runtime.provider("comfy")
        assert provider.facts.name == "runcomfy"

    rig.runtime.run(later).result(60)
    assert len(server.requests) == asked
