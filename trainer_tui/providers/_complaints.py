"""What an error answer says, and which of our errors it becomes: pure.

Services word their errors in many shapes; they are read in one place, and an HTTP status becomes
one of our errors in one place. No secret and nothing that a terminal acts on leaves here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
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
)
from trainer_tui.providers._wire import integer, number

MESSAGE_LIMIT = 600
_MAX_RETRY_AFTER = 3600.0


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


@dataclass(frozen=True, slots=True)
class Complaint:
    """The words of an error answer."""

    message: str = ""
    code: str | None = None
    hint: str | None = None


def complaint(data: bytes, clean: Callable[[str], str]) -> Complaint:
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


def complaint_inside(value: object, clean: Callable[[str], str]) -> Complaint | None:
    """The complaint in an answer of status 200, if it is one: a top-level ``error_code``.

    An answer that is a job (``id`` and ``status``) may carry the job's own error code; that is
    a fact about the job, not a failed request.
    """
    if not isinstance(value, dict) or not value.get("error_code"):
        return None
    if value.get("id") and value.get("status"):
        return None
    return complaint_in(value, clean)


def tidy(text: str, clean: Callable[[str], str], limit: int = MESSAGE_LIMIT) -> str:
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
            status=401,
        )
    if status == 403:
        return AuthError(
            _sentence(f"{service} refuses this to the credential of {profile}", words),
            hint=hint or "The credential may lack a right, or belong to another account.",
            code=code,
            status=403,
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
