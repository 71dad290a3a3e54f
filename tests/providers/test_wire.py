"""Reading values and error bodies: pure, and hard to surprise."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.server import ESCAPES
from tests.providers.support import NOW
from trainer_tui.errors import (
    AuthError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServiceError,
    StateError,
    UsageError,
)
from trainer_tui.providers import _complaints, _wire


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"code": "X", "message": "no", "hint": "do"}}, "no", "X"),
        ({"error": "plain words"}, "plain words", None),
        ({"error_code": 40451, "error_message": "gone"}, "gone", "40451"),
        ({"error_code": "40451", "message": "gone"}, "gone", "40451"),
        ({"detail": "Not Found"}, "Not Found", None),
        (
            {"detail": [{"loc": ["body", "gpu_type"], "msg": "field required", "type": "x"}]},
            "body.gpu_type: field required",
            None,
        ),
        ({"errors": ["one", "two"]}, "one; two", None),
        ({"error": {"message": "bad", "line": 3, "column": 7}}, "line 3, column 7: bad", None),
        ("just text", "just text", None),
    ],
)
def test_error_bodies(body: object, message: str, code: str | None) -> None:
    """Each documented error shape gives its words and its code."""
    said = _complaints.complaint(json.dumps(body).encode(), str)
    assert (said.message, said.code) == (message, code)


def test_html_is_reduced_to_its_title() -> None:
    """Of a gateway's page only the title is shown; without one, its text without scripts."""
    page = b"<html><head><title>502 Bad &amp; worse</title></head><body>long</body></html>"
    assert _complaints.complaint(page, str).message == "502 Bad & worse"
    page = b"<body><script>alert(1)</script><p>Down for\nmaintenance</p>"
    assert _complaints.complaint(page, str).message == "Down for maintenance"


def test_error_words_are_safe_and_short() -> None:
    """Escape sequences and floods do not get into messages."""
    said = _complaints.complaint(json.dumps({"error": ESCAPES + "x" * 10_000}).encode(), str)
    assert not set(said.message) & {"\x1b", "\x07", "\u202e", "\n", "\x9b"}
    assert len(said.message) <= _complaints.MESSAGE_LIMIT


def test_a_secret_split_by_escapes_is_still_taken_out() -> None:
    """Cleaning happens after the text is made safe too, so an escape cannot hide a token."""
    said = _complaints.complaint(
        json.dumps({"error": "tok\x1b[0men seen"}).encode(),
        lambda text: text.replace("token", "«token»"),
    )
    assert said.message == "«token» seen"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthError),
        (403, AuthError),
        (404, NotFoundError),
        (410, NotFoundError),
        (409, StateError),
        (412, StateError),
        (429, RateLimitError),
        (400, ServiceError),
        (422, ServiceError),
        (500, ServiceError),
        (503, ServiceError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type) -> None:
    """The mapping from HTTP statuses, once for all providers."""
    problem = _complaints.error_for(status, _complaints.Complaint("why"), service="S", profile="p")
    assert type(problem) is kind
    assert "why" in problem.message


def test_a_code_inside_200_stands_for_its_status() -> None:
    """RunComfy's five-digit codes begin with the status that they stand for."""
    inside = _complaints.complaint_inside({"error_code": 40951, "error_message": "it runs"}, str)
    assert inside is not None
    problem = _complaints.error_inside(inside, service="S", profile="p")
    assert type(problem) is StateError
    assert problem.code == "40951"


def test_a_job_that_failed_is_no_failed_request() -> None:
    """A job's own error code in its status does not make the answer an error."""
    job = {"id": "a", "status": "FAILED", "error_code": 50001, "error_message": "out of memory"}
    assert _complaints.complaint_inside(job, str) is None
    assert _complaints.complaint_inside({"id": "a", "error_code": None}, str) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("1e9", 3600.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """Seconds and HTTP dates are read, bounded to an hour; nonsense is no wait."""
    assert _complaints.retry_after(value, NOW) == seconds


def test_times_without_a_timezone_are_utc() -> None:
    """RunComfy writes times without a zone; they mean UTC."""
    expected = datetime(2026, 1, 31, 12, 0, 0, 143086, tzinfo=UTC)
    assert _wire.moment("2026-01-31T12:00:00.143086") == expected
    assert _wire.moment("2026-01-31T12:00:00.143086Z") == expected
    assert _wire.moment("2026-01-31T13:00:00.143086+01:00") == expected
    assert _wire.moment(expected.timestamp()) == expected
    for odd in ("yesterday", [], None, True, "inf", 1e300, float("nan")):
        assert _wire.moment(odd) is None


def test_numbers() -> None:
    """Curves may hold NaN, always the same, so that a job that has it is equal to itself; whole
    numbers may not."""
    assert _wire.number("nan") is _wire.number(" NaN ") is _wire.number(-math.nan) is math.nan
    assert _wire.number("-inf") == -math.inf
    assert _wire.integer("12") == 12
    assert _wire.integer(12.9) == 12
    for odd in ("nan", 1e300, True, None, [], {}, "x", 10**400):
        assert _wire.integer(odd) is None


@pytest.mark.parametrize(
    "bad", ["", "a/b", "..", ".", "a b", "a?b", "a#b", "a%2fb", "ä", "x" * 201]
)
def test_ids_that_could_change_a_path_are_refused(bad: str) -> None:
    """An id goes into a URL as one segment or not at all."""
    with pytest.raises(UsageError):
        _wire.path_id(bad)


def test_unique_names() -> None:
    """Two artifacts of one name, however cased, get two names with the ending kept."""
    names = _wire.Names()
    assert [names.unique(n) for n in ("a.png", "A.png", "a.png", "b")] == [
        "a.png",
        "A-2.png",
        "a-3.png",
        "b",
    ]


@given(st.binary(max_size=300))
def test_any_body_gives_safe_words(body: bytes) -> None:
    """Whatever comes, the words of an error are one safe line."""
    said = _complaints.complaint(body, str)
    assert all(ch.isprintable() or ch == "\ufffd" for ch in said.message if ord(ch) < 0xA0)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_value_is_survived(value: object) -> None:
    """Converters give a value or None, or ProtocolError for a shape that must be there."""
    _wire.integer(value)
    _wire.number(value)
    _wire.moment(value)
    _wire.line(value)
    with pytest.raises(ProtocolError):
        _wire.mapping(value, "it")
