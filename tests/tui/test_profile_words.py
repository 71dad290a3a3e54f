"""What the status bar says of a profile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.tui.fake import NOW
from trainer_tui.config import PollSettings
from trainer_tui.config_secrets import CredentialError
from trainer_tui.core.poller import ProfileState
from trainer_tui.core.schedule import phase_of
from trainer_tui.errors import (
    AuthError,
    ConfigError,
    NetworkError,
    ProtocolError,
    RateLimitError,
    ServiceError,
    TrainerError,
)
from trainer_tui.providers._complaints import Complaint, error_for
from trainer_tui.tui.faultwords import profile_fault
from trainer_tui.tui.glyphs import UNICODE
from trainer_tui.tui.present import clock, profile_word
from trainer_tui.tui.widgets.status_bar import StatusBar


def test_a_service_that_asked_for_a_pause_tells_until_when() -> None:
    """How long it takes matters more than how old the answer is; the past is not told."""
    until = NOW + timedelta(minutes=5)
    state = ProfileState("comfy", "runcomfy", "rate_limited", last_ok=NOW, next_at=until)
    assert profile_word(state, NOW) == f"rate limited until {clock(until, NOW)}"
    later = until + timedelta(seconds=1)
    assert profile_word(state, later) == f"rate limited, as of {clock(NOW, later)}"


def test_a_service_that_is_well_needs_no_word() -> None:
    """Only what is wrong is said."""
    assert profile_word(ProfileState("comfy", "runcomfy", "ok", last_ok=NOW), NOW) == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (error_for(401, Complaint(), service="S", profile="p"), "401, token refused"),
        (error_for(403, Complaint(), service="S", profile="p"), "403, token lacks a right"),
        (error_for(429, Complaint(), service="S", profile="p"), "429, asked to wait"),
        (error_for(502, Complaint(), service="S", profile="p"), "502, its own error"),
        (error_for(422, Complaint(), service="S", profile="p"), "422, request refused"),
        (error_for(404, Complaint(), service="S", profile="p"), "404, no such address"),
        (AuthError("the profile p has no token"), "no token"),
        (CredentialError("$X is not set"), "no credential"),
        (ConfigError("base_url has a query"), "profile not usable"),
        (NetworkError("refused", code="CONNECT"), "no connection"),
        (NetworkError("self-signed", code="TLS"), "TLS not trusted"),
        (NetworkError("20 s", code="TIMEOUT"), "no answer"),
        (ProtocolError("<html>"), "answer not understood"),
        (ServiceError("inside a 200 answer"), "answers with an error"),
    ],
)
def test_a_fault_is_told_in_a_few_words(error: TrainerError, words: str) -> None:
    """What a line has room for: the status where there is one, and what it means; since when."""
    state = ProfileState("comfy", "runcomfy", phase_of(error), error)
    assert profile_fault(state, NOW) == words
    seen = ProfileState("comfy", "runcomfy", phase_of(error), error, last_ok=NOW)
    assert profile_fault(seen, NOW) == f"{words}, as of {clock(NOW, NOW)}"


def test_from_120_columns_the_bar_tells_the_reason_and_no_name_moves() -> None:
    """Reasons stand after all profiles, which keep their places; narrower there are words only."""

    def line(width: int, error: TrainerError | None) -> str:
        bar = StatusBar(UNICODE, lambda: NOW, PollSettings())
        bar.more = "P"
        phase = phase_of(error) if error else "ok"
        until = NOW + timedelta(seconds=40)
        bar.states = {
            "comfy": ProfileState("comfy", "runcomfy", phase, error, NOW, until, running=2),
            "kaos": ProfileState("kaos", "kaos", "ok", None, NOW),
        }
        return "".join(piece.text for piece in bar.pieces(width))

    refused = AuthError("no", status=401)
    slow = RateLimitError("slow down", retry_after=40)
    well, bad = line(120, None), line(120, refused)
    assert "comfy: 401, token refused, as of " in bad and " — P " in bad
    assert well.index("kaos") == bad.index("kaos") and len(well) == len(bad) == 120
    again = (NOW + timedelta(seconds=40)).astimezone()
    assert f"comfy: 429, again at {again:%H:%M:%S} — P" in line(120, slow)
    assert "not authorised" in line(80, refused) and "401" not in line(80, refused)
    assert "error 502" in line(80, ServiceError("bad gateway", status=502))
    assert "not authorised" in line(80, CredentialError("$X is not set"))


def test_a_profile_in_trouble_is_not_among_those_left_out() -> None:
    """Too narrow for all: they keep their order, those that are well go first, and where one that
    is not must go as well the count has its mark."""
    bar = StatusBar(UNICODE, lambda: NOW, PollSettings())
    error = NetworkError("refused", code="CONNECT")
    bar.states = {
        name: ProfileState(name, "runcomfy", "offline" if ill else "ok", error if ill else None)
        for name, ill in (("first", False), ("second", False), ("third", True), ("fourth", False))
    }

    def line(width: int) -> str:
        return "".join(piece.text for piece in bar.pieces(width)).rstrip()

    assert line(50) == " trainer-tui   ● first   ✗ third   +2        idle"
    assert line(38) == " trainer-tui   ✗ third   +3      idle"
    assert line(28) == " trainer-tui   +4 ✗    idle"
    bar.states["third"] = ProfileState("third", "runcomfy", "ok")
    assert line(50) == " trainer-tui   ● first   ● second   +2       idle"
