"""Reading what services send: hostile until proven otherwise, and pure.

Shapes that must be there raise :class:`~trainer_tui.errors.ProtocolError`; values that may be
missing or odd become ``None``. Every string that leaves here is safe for a terminal.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from trainer_tui import sanitize
from trainer_tui.errors import (
    AuthError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServiceError,
    StateError,
    TrainerError,
    UsageError,
)

MESSAGE_LIMIT = 600
_MAX_RETRY_AFTER = 3600.0
_MAX_INTEGER = 1 << 62
_ID = re.compile(r"[A-Za-z0-9_~][A-Za-z0-9._~:-]{0,199}")


# -- values ----------------------------------------------------------------------------------


def parse_json(data: bytes, what: str) -> Any:
    """JSON out of bytes. Raises ProtocolError that shows how the answer begins."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        begins = plain(data[:400])
    if not begins:
        raise ProtocolError(f"{what} sent an empty answer where JSON was expected")
    raise ProtocolError(
        f"{what} sent something that is not JSON; it begins: {begins[:120]}",
        hint="Is the base URL of the profile right? A proxy or sign-in page answers like this.",
    )


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object, or ProtocolError naming what was expected."""
    if isinstance(value, dict):
        return value
    raise ProtocolError(f"{what} should be an object and is {_kind(value)}")


def sequence(value: object, what: str) -> Sequence[Any]:
    """A JSON array, or ProtocolError naming what was expected."""
    if isinstance(value, list):
        return value
    raise ProtocolError(f"{what} should be a list and is {_kind(value)}")


def optional_mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def line(value: object, *, limit: int = 500) -> str | None:
    """One safe line of a string or number; ``None`` for anything else or for nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return sanitize.line(value, limit=limit) or None


def integer(value: object) -> int | None:
    """A whole number of a sane size; ``None`` for anything else."""
    found = number(value)
    if found is None or not math.isfinite(found) or abs(found) > _MAX_INTEGER:
        return None
    return int(value) if isinstance(value, int) else int(found)


def number(value: object) -> float | None:
    """A float; ``"nan"``, ``"inf"`` and ``"-inf"`` are read too. ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def moment(value: object) -> datetime | None:
    """A time as aware UTC, from RFC 3339 or epoch seconds; no timezone means UTC."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        if found.tzinfo is None:
            return found.replace(tzinfo=UTC)
        try:
            return found.astimezone(UTC)
        except OverflowError:
            return None
    seconds = number(value)
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_id(value: object) -> bool:
    """Whether this can be an id that goes into a URL path as one segment."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def path_id(value: str, what: str = "job") -> str:
    """An id, safe as one segment of a URL path.

    Raises:
        UsageError: It holds a slash, a space or anything else that no id holds.
    """
    if not is_id(value):
        shown = sanitize.line(value, limit=80)
        raise UsageError(
            f"{shown!r} is not a {what} id",
            hint="An id is letters, digits, dots, dashes and underscores, as the service shows it.",
        )
    return value


def _kind(value: object) -> str:
    names = {type(None): "null", dict: "an object", list: "a list", str: "text", bool: "a boolean"}
    return names.get(type(value), "a number")


@dataclass(slots=True)
class Names:
    """Gives each artifact of a job a name of its own."""

    taken: set[str] = field(default_factory=set)

    def unique(self, name: str) -> str:
        """The name, or the name with a number where it is taken (however it is cased)."""
        path, count, found = PurePosixPath(name), 1, name
        while found.casefold() in self.taken:
            count += 1
            found = f"{path.stem}-{count}{path.suffix}"
        self.taken.add(found.casefold())
        return found


def header_value(value: object) -> str | None:
    """A short value that may be sent back in a header, or ``None``."""
    if isinstance(value, str) and re.fullmatch(r"[!-~]{1,200}", value):
        return value
    return None


# -- what an error answer says ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Complaint:
    """The words of an error answer."""

    message: str = ""
    code: str | None = None
    hint: str | None = None


def complaint(data: bytes, clean: Callable[[str], str] = str) -> Complaint:
    """The words of an error body, whatever its shape.

    Known shapes: ``{"error": {code, message, hint}}``, ``{"error": "text"}``, ``{"error_code",
    "error_message" | "message"}``, FastAPI's ``{"detail": "text" | [{loc, msg}]}``, plain text,
    and HTML, of which the title is kept.

    Args:
        data: The body, perhaps cut off.
        clean: Takes secrets out; applied before and after the text is made safe.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return Complaint(tidy(plain(data), clean))
    return complaint_in(value, clean) or Complaint(tidy(plain(data), clean))


def complaint_in(value: object, clean: Callable[[str], str] = str) -> Complaint | None:
    """The words of a parsed error body, or ``None`` when it has none of the known shapes."""
    if isinstance(value, str):
        return Complaint(tidy(value, clean))
    if not isinstance(value, dict):
        return None
    inner = value.get("error")
    source = {**value, **inner} if isinstance(inner, dict) else value
    code = _first(source, "code", "error_code")
    message = _first(source, "message", "error_message", "msg", "title")
    if message is None and isinstance(inner, str):
        message = inner
    if message is None:
        message = _details(value.get("detail", value.get("errors")))
    if message is None and code is None:
        return None
    where = integer(source.get("line")), integer(source.get("column"))
    text = tidy(message or "", clean)
    if where[0] is not None and f"line {where[0]}" not in text:
        column = f", column {where[1]}" if where[1] is not None else ""
        text = f"line {where[0]}{column}: {text}"
    hint = _first(source, "hint")
    return Complaint(
        text,
        tidy(code, clean, 60) or None if code else None,
        tidy(hint, clean) or None if hint else None,
    )


def complaint_inside(value: object, clean: Callable[[str], str] = str) -> Complaint | None:
    """The complaint in an answer of status 200, if it is one: a top-level ``error_code``.

    An answer that is a job (``id`` and ``status``) may carry the job's own error code; that is
    a fact about the job, not a failed request.
    """
    if not isinstance(value, dict) or not value.get("error_code"):
        return None
    if value.get("id") and value.get("status"):
        return None
    return complaint_in(value, clean)


def tidy(text: str, clean: Callable[[str], str] = str, limit: int = MESSAGE_LIMIT) -> str:
    """One safe line without secrets, cut only after the secrets are out."""
    safe = clean(sanitize.line(clean(text[:100_000]), limit=100_000))
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def plain(data: bytes) -> str:
    """The readable part of a body: an HTML page's title, else its text."""
    import html  # a large table of entities, for the rare page only

    text = data.decode("utf-8", errors="replace")
    if "<" not in text:
        return sanitize.line(text, limit=2_000)
    title = re.search(r"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL)
    if title is None:
        text = re.sub(r"(?is)<(script|style)\b.*?(</\1\s*>|$)", " ", text)
    body = title[1] if title else re.sub(r"<[^>]*>?", " ", text)
    return sanitize.line(html.unescape(body), limit=2_000)


def _first(source: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = source.get(name)
        if value is not None and not isinstance(value, bool | dict | list) and str(value).strip():
            return str(value)
    return None


def _details(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _first(value, "message", "msg", "error")
    if not isinstance(value, list):
        return None
    said = []
    for item in value[:5]:
        if isinstance(item, str):
            said.append(item)
        elif isinstance(item, dict):
            place = item.get("loc")
            where = ".".join(str(p) for p in place) if isinstance(place, list) else ""
            words = _first(item, "msg", "message") or ""
            said.append(f"{where}: {words}" if where else words)
    return "; ".join(s for s in said if s) or None


# -- from an answer to one of our errors -----------------------------------------------------


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a ``Retry-After`` header: seconds or an HTTP date; at most an hour."""
    if not value:
        return None
    seconds = number(value.strip())
    if seconds is None:
        from email.utils import parsedate_to_datetime  # for the rare date only

        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - now).total_seconds()
    if math.isnan(seconds):
        return None
    return min(_MAX_RETRY_AFTER, max(0.0, seconds))


def error_for(
    status: int,
    said: Complaint,
    *,
    service: str,
    profile: str,
    wait: float | None = None,
    inside_200: bool = False,
) -> TrainerError:
    """The one place where an HTTP status becomes one of our errors.

    Args:
        status: 4xx or 5xx (or the one that a 200 answer's error code stands for).
        said: The words of the body.
        service: The service's title, to begin the sentence with.
        profile: Whose credential it was.
        wait: From ``Retry-After``, seconds.
        inside_200: The error came inside an answer of status 200.
    """
    words, code, hint = said.message, said.code, said.hint
    if status == 401:
        return AuthError(
            _sentence(f"{service} does not accept the credential", words),
            hint=hint
            or f"Check the token of the profile {profile}: `trainer-tui profiles check {profile}`.",
            code=code,
        )
    if status == 403:
        return AuthError(
            _sentence(f"{service} refuses this to the credential of {profile}", words),
            hint=hint or "The credential may lack a right, or belong to another account.",
            code=code,
        )
    if status in (404, 410):
        return NotFoundError(
            _sentence(f"{service} knows no such thing", words), hint=hint, code=code
        )
    if status in (409, 412):
        code = code or ("CONFLICT" if status == 412 else None)
        return StateError(
            _sentence(f"{service} says that this cannot be done now", words), hint=hint, code=code
        )
    if status == 429:
        when = f"; ask again in {wait:.0f} s" if wait is not None else ""
        return RateLimitError(
            _sentence(f"{service} asks to slow down{when}", words),
            retry_after=wait,
            hint=hint or "Ask less often, or later; the console does so by itself.",
            code=code,
        )
    shown = None if inside_200 else status
    if status >= 500:
        return ServiceError(
            _sentence(f"{service} has an error of its own ({status})", words),
            status=shown,
            hint=hint or "The fault is at the service; asking again later may help.",
            code=code,
        )
    return ServiceError(
        _sentence(f"{service} does not accept the request ({status})", words),
        status=shown,
        hint=hint or _HINTS.get(status),
        code=code,
    )


_HINTS = {
    402: "The account seems to be out of credit.",
    413: "What was sent is larger than the service takes.",
    422: "Correct what it names and send it again.",
}


def error_inside(said: Complaint, *, service: str, profile: str) -> TrainerError:
    """The error of a 200 answer; a five-digit code begins with the HTTP status it stands for."""
    digits = re.fullmatch(r"([45]\d\d)\d\d", said.code or "")
    status = int(digits[1]) if digits else 500
    if not digits:
        return ServiceError(
            _sentence(f"{service} reported an error", said.message),
            hint=said.hint,
            code=said.code,
        )
    return error_for(status, said, service=service, profile=profile, inside_200=True)


def _sentence(what: str, words: str) -> str:
    return f"{what}: {words}" if words else what
