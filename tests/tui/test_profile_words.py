"""What the status bar says of a profile."""

from __future__ import annotations

from datetime import timedelta

from tests.tui.fake import NOW
from trainer_tui.core.poller import ProfileState
from trainer_tui.tui.present import clock, profile_word


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
