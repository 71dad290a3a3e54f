"""Why a profile does not answer, in the few words that a line has room for: pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from trainer_tui.errors import (
    AuthError,
    ConfigError,
    NetworkError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServiceError,
    StateError,
    TrainerError,
)
from trainer_tui.tui.present import clock

if TYPE_CHECKING:
    from trainer_tui.core.poller import ProfileState

_NETWORK = {
    "CONNECT": "no connection",
    "CONNECT_TIMEOUT": "no connection",
    "TLS": "TLS not trusted",
    "LOST": "connection broke off",
}
_REFUSED = {401: "401, token refused", 403: "403, token lacks a right"}
_HTTP = {402: "402, out of credit?", 404: "404, no such address"}


def fault(error: TrainerError) -> str:
    """The kind of an error, with its HTTP status where it has one."""
    match error:
        case RateLimitError():
            return f"{error.status or 429}, asked to wait"
        case AuthError():
            return _REFUSED.get(error.status or 0, "no token")
        case NetworkError():
            return _NETWORK.get(error.code or "", "no answer")
        case ProtocolError():
            return "answer cut off" if error.code == "CUT" else "answer not understood"
        case ServiceError(status=int(status)):
            usual = "its own error" if status >= 500 else "request refused"
            return _HTTP.get(status, f"{status}, {usual}")
        case ServiceError():
            return "answers with an error"
        case NotFoundError():
            return _HTTP[404]
        case StateError():
            return "409, not in this state"
        case ConfigError():
            no_credential = error.code == "NO_CREDENTIAL"
            return "no credential" if no_credential else "profile not usable"
    return error.title


def profile_fault(state: ProfileState, now: datetime, *, since: bool = True) -> str:
    """What is wrong with a profile, and until or since when; empty when nothing is.

    The times are those of a clock, so that the words stay as they are while nothing happens.
    ``since``: whether it is told of when the profile's facts are.
    """
    error = state.error
    if error is None:
        return ""
    if isinstance(error, RateLimitError) and state.next_at is not None and state.next_at > now:
        return f"{error.status or 429}, again at {state.next_at.astimezone():%H:%M:%S}"
    words = fault(error)
    if not since or state.last_ok is None:
        return words
    return f"{words}, as of {clock(state.last_ok, now)}"
