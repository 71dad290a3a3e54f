"""Every error that a person can be shown.

The tree::

    TrainerError                something failed; message, title, hint, exit code 1
    ├── UsageError              the command or its arguments are wrong (2)
    ├── ConfigError             the configuration cannot be used (2)
    ├── StateError              the job is not in a state that allows this (3)
    ├── NotFoundError           no such job, model, dataset or file (4)
    ├── AuthError               the credential is missing, wrong or lacks a scope (5)
    ├── ServiceError            the service answered with an error (6)
    │   ├── RateLimitError      too many requests; `retry_after` in seconds
    │   └── ProtocolError       the answer could not be understood
    └── NetworkError            no answer: refused, reset, timed out, TLS (6)

``message`` says what happened, ``hint`` what to do about it. Both are plain text, already made
safe for a terminal and free of secrets; nobody may add a credential to them.
"""

from __future__ import annotations

from typing import ClassVar


class TrainerError(Exception):
    """Something failed that a person should read about.

    Args:
        message: What happened, one or two plain sentences.
        title: A few words for a heading; the class has a default.
        hint: What to do now, or ``None``.
        code: The service's own error code, kept for the detail pane and for ``--json``.
    """

    default_title: ClassVar[str] = "It did not work"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        title: str | None = None,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.title = title or self.default_title
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return self.message


class UsageError(TrainerError):
    """The command line, a form field or an argument is wrong."""

    default_title = "That cannot be asked"
    exit_code = 2


class ConfigError(TrainerError):
    """The configuration cannot be used; the message names file, line and what was expected."""

    default_title = "The configuration needs a look"
    exit_code = 2


class StateError(TrainerError):
    """The job is in a state that does not allow the act. An answer about state, not a fault."""

    default_title = "Not in this state"
    exit_code = 3


class NotFoundError(TrainerError):
    """The service or the store knows no such thing."""

    default_title = "Not found"
    exit_code = 4


class _AnsweredError(TrainerError):
    """An error that an HTTP status may have told."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        title: str | None = None,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, title=title, hint=hint, code=code)
        self.status = status


class AuthError(_AnsweredError):
    """The credential is missing, wrong, or lacks a right.

    ``status`` is the HTTP status that said so, or ``None`` when nothing was asked.
    """

    default_title = "Not authorised"
    exit_code = 5


class ServiceError(_AnsweredError):
    """The service answered with an error.

    ``status`` is the HTTP status, or ``None`` when the error came inside a 200 answer.
    """

    default_title = "The service reported an error"
    exit_code = 6


class RateLimitError(ServiceError):
    """Too many requests. ``retry_after`` is the wait in seconds that the service asked for."""

    default_title = "Rate limited"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = 429,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, status=status, hint=hint, code=code)
        self.retry_after = retry_after


class ProtocolError(ServiceError):
    """The answer is not what the contract says: not JSON, a wrong shape, cut off, too large."""

    default_title = "The answer made no sense"


class NetworkError(TrainerError):
    """No answer came: the connection was refused, reset or timed out, or TLS failed."""

    default_title = "No connection"
    exit_code = 6
