"""Every fault, through every question of every provider: one of our errors, in time, in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import FAULTS, HostileServer, in_turn, json_answer
from tests.providers.support import TOKEN, all_that_it_shows, context
from trainer_tui.errors import (
    AuthError,
    NetworkError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServiceError,
    StateError,
    TrainerError,
)
from trainer_tui.model import Artifact, ArtifactKind, Job, JobRef, Status
from trainer_tui.providers import base, http

ERRORS: dict[str, type[TrainerError]] = {
    "unauthorized": AuthError,
    "forbidden": AuthError,
    "not-found": NotFoundError,
    "conflict": StateError,
    "rate-limited": RateLimitError,
    "rate-limited-date": RateLimitError,
    "internal-error": ServiceError,
    "bad-gateway-html": ServiceError,
    "invalid-json": ProtocolError,
    "html-with-200": ProtocolError,
    "invalid-utf8": ProtocolError,
    "empty-body": ProtocolError,
    "deeply-nested": ProtocolError,
    "wrong-shape-list": ProtocolError,
    "wrong-shape-null": ProtocolError,
    "error-with-200": ServiceError,
    "endless": ProtocolError,
    "dripping": NetworkError,
    "cut-short": ProtocolError,
    "reset": NetworkError,
    "hang-up": NetworkError,
    "silence": NetworkError,
    "not-http": TrainerError,
    "bad-gzip": ProtocolError,
    "redirect-elsewhere": ServiceError,
    "redirect-loop": ServiceError,
    "escapes-in-error": ServiceError,
}
SHAPELESS = {"wrong-shape-fields"}
"""What one question may read something in and another not: an error or an answer, no crash."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without a wait, and a limit that an endless body reaches at once."""
    monkeypatch.setattr(http, "BACKOFF", 0.001)
    monkeypatch.setattr(http, "BODY_LIMIT", 1 << 18)


@pytest.fixture(params=["local", "runcomfy"])
async def provider(
    request: pytest.FixtureRequest, server: HostileServer, tmp_path: Path
) -> AsyncIterator[Any]:
    """Each provider, with its service at the server."""
    slow = request.node.callspec.params.get("fault") in ("silence", "dripping")
    timeout = 0.2 if slow else 60.0
    opened = base.open_named(context(tmp_path, request.param, base_url=server.url, timeout=timeout))
    yield opened
    await opened.aclose()


@pytest.fixture
def server() -> Any:
    """A server that misbehaves."""
    with HostileServer() as running:
        yield running


def questions(provider: Any) -> dict[str, Callable[[], Awaitable[object]]]:
    """Everything that the provider can be asked."""
    job = Job(JobRef("comfy", "j1"), provider.facts.name, "n", Status.RUNNING, "RUNNING")
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "list_jobs": lambda: provider.list_jobs([job]),
        "get_job": lambda: provider.get_job("j1"),
        "check": provider.check,
        "submit": lambda: provider.submit(base.Submission("a: 1\n")),
    }
    for name in (
        "cancel",
        "stop",
        "resume",
        "config_text",
        "logs",
        "metrics",
        "artifacts",
        "delete",
    ):
        if hasattr(provider, name):
            asked[name] = lambda name=name: getattr(provider, name)("j1")  # type: ignore[misc]
    asked["edit"] = lambda: provider.edit("j1", "a: 1\n")
    return asked


def test_every_fault_is_expected() -> None:
    """A fault that is added to the server needs an expectation here."""
    assert set(ERRORS) | SHAPELESS == set(FAULTS)


@pytest.mark.parametrize("fault", sorted(set(ERRORS) - {"dripping", "silence"}))
async def test_each_question_ends_in_the_right_error(
    fault: str, provider: Any, server: HostileServer
) -> None:
    """The class tells what it means, the sentence is safe and short, no credential shows."""
    server.play(FAULTS[fault])
    for name, ask in questions(provider).items():
        if name == "list_jobs" and fault == "not-found" and not provider.facts.lists:
            continue  # an id that is gone is an answer about that job
        if name in ("config_text", "delete") and fault in _ANY_BODY_WILL_DO:
            continue  # any bytes are a config; any 2xx is a deletion
        if name == "check" and fault == "wrong-shape-list" and not provider.facts.lists:
            continue  # a list in which nothing is a dataset is an empty list
        with pytest.raises(TrainerError) as caught:
            await asyncio.wait_for(ask(), 20)
        problem = caught.value
        if not (name == "submit" and problem.code == "PERHAPS_SUBMITTED"):
            assert isinstance(problem, ERRORS[fault]), name
        check_words(problem)


_ANY_BODY_WILL_DO = {
    "invalid-json",
    "html-with-200",
    "invalid-utf8",
    "empty-body",
    "deeply-nested",
    "wrong-shape-list",
    "wrong-shape-null",
    "error-with-200",
    "not-found",
    "conflict",
}


@pytest.mark.parametrize("fault", ["dripping", "silence"])
async def test_nobody_waits_for_ever(fault: str, provider: Any, server: HostileServer) -> None:
    """A service that does not answer, or never finishes, is given up in the profile's time."""
    server.play(FAULTS[fault])
    loop = asyncio.get_running_loop()
    for ask in (lambda: provider.get_job("j1"), lambda: provider.cancel("j1")):
        began = loop.time()
        with pytest.raises(NetworkError) as caught:
            await ask()
        assert loop.time() - began < 5.0
        check_words(caught.value)


@pytest.mark.parametrize("fault", sorted(SHAPELESS))
async def test_odd_fields_do_not_crash(fault: str, provider: Any, server: HostileServer) -> None:
    """Fields of the wrong type are an error of ours or are passed over."""
    server.play(FAULTS[fault])
    for ask in questions(provider).values():
        try:
            await asyncio.wait_for(ask(), 20)
        except TrainerError as problem:
            check_words(problem)


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_it_recovers_by_itself(fault: str, provider: Any, server: HostileServer) -> None:
    """After any fault the same provider answers again as soon as the service does."""
    server.play(FAULTS[fault])
    with contextlib.suppress(TrainerError):
        await provider.get_job("j1")
    good = {"id": "j1", "name": "n", "status": "running" if provider.facts.lists else "RUNNING"}
    server.play(in_turn(json_answer(good)))
    assert (await provider.get_job("j1")).status is Status.RUNNING


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"dripping"}))
async def test_downloads_end_in_errors_or_bytes(
    fault: str, provider: Any, server: HostileServer
) -> None:
    """A download through any fault is bytes or one of our errors, and shows no credential."""
    server.play(FAULTS[fault])
    own = provider.facts.name == "local"
    url = "/v1/jobs/j1/files/a" if own else server.url + "/a"
    artifact = Artifact("a", ArtifactKind.OTHER, url, own_origin=own)
    stream = provider.download(artifact)
    try:
        count = 0
        async for item in stream:
            count += len(item) if isinstance(item, bytes) else 0
            if count > 1 << 20:
                break
    except TrainerError as problem:
        check_words(problem)
    finally:
        await stream.aclose()
    if not own:
        assert "authorization" not in str(server.requests).lower()


def check_words(problem: TrainerError) -> None:
    """The words are for a person, safe for a terminal, and free of the credential."""
    assert 10 < len(problem.message) < 1000
    for text in (problem.message, problem.title, problem.hint or "", problem.code or ""):
        assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e", "\r"}
    assert TOKEN not in all_that_it_shows(problem)
