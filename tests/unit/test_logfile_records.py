"""Levels, and lines that are records."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.core.logfile.records import LONGEST, MOST_FIELDS, Level, record_of

MOMENT = datetime(2026, 11, 20, 14, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "level", "message", "fields"),
    [
        pytest.param(
            '{"asctime": "2026-11-20 14:03:05Z", "levelname": "WARNING", "name": "root",'
            ' "message": "x"}',
            Level.WARNING, "x", [("name", "root")], id="python-json-logger",
        ),
        pytest.param(
            '{"event": "x", "step": 3, "level": "error", "timestamp": "2026-11-20T14:03:05Z"}',
            Level.ERROR, "x", [("step", "3")], id="structlog",
        ),
        pytest.param(
            '{"text": "2026 | INFO | x\\n", "record": {"extra": {"step": 3}, "level": {"icon": "i",'
            ' "name": "SUCCESS", "no": 25}, "line": 1, "message": "x", "time": {"repr":'
            ' "2026-11-20 14:03:05+00:00", "timestamp": 1795183385.0}}}',
            Level.INFO, "x", [("line", "1"), ("step", "3")], id="loguru",
        ),
        pytest.param(
            '{"level":40,"time":1795183385000,"pid":1,"msg":"x","v":{"a":[1]}}',
            Level.WARNING, "x", [("pid", "1"), ("v", '{"a": [1]}')], id="pino",
        ),
        pytest.param(
            '{"name":"app","pid":1,"level":50,"msg":"x","time":"2026-11-20T14:03:05Z"}',
            Level.ERROR, "x", [("name", "app"), ("pid", "1")], id="bunyan",
        ),
        pytest.param(
            '{"level":"info","ts":1795183385.0,"caller":"a.go:1","msg":"x"}',
            Level.INFO, "x", [("caller", "a.go:1")], id="zap",
        ),
        pytest.param(
            '{"@t":"2026-11-20T14:03:05Z","@l":"Fatal","@m":"x"}',
            Level.CRITICAL, "x", [], id="Serilog",
        ),
        pytest.param(
            '{"@timestamp":"2026-11-20T14:03:05Z","log.level":"debug","message":"x"}',
            Level.DEBUG, "x", [], id="ECS",
        ),
        pytest.param(
            '{"Timestamp":1795183385000000000,"SeverityNumber":17,"Body":"x"}',
            Level.ERROR, "x", [], id="OpenTelemetry",
        ),
        pytest.param(
            '{"severity":"NOTICE","timestamp":{"seconds":1795183385,"nanos":0},"message":"x"}',
            Level.INFO, "x", [], id="Google Cloud",
        ),
        pytest.param(
            '{"log":"x\\n","stream":"stderr","time":"2026-11-20T14:03:05.000000000Z"}',
            None, "x", [("stream", "stderr")], id="Docker",
        ),
    ],
)  # fmt: skip
def test_records_of_the_usual_loggers(
    text: str, level: Level | None, message: str, fields: list[tuple[str, str]]
) -> None:
    """Level, time and message under each logger's names; the rest stays in order."""
    record = record_of(text)
    assert record is not None
    assert (record.level, record.time, record.message) == (level, MOMENT, message)
    assert list(record.fields) == fields


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", "[1]", '"x"', "{'loss': 0.3}", '{"a": 1} x', '{"a": 1', "a=b", "msg=",
        "loss=0.3 lr=1", "level=info msg=x",
    ],
)  # fmt: skip
def test_what_is_no_record(text: str) -> None:
    """A Python dict, half an object, or pairs of names and values are plain lines."""
    assert record_of(text) is None


def test_escapes_spelled_in_json_do_not_reach_the_terminal() -> None:
    """``\\u001b`` in a message, a name or a value is taken out like a raw one."""
    record = record_of('{"msg": "a\\u001b[31mb\\u202e", "k\\u0007": "v\\u001b]0;t\\u0007w"}')
    assert record is not None
    assert record.message == "ab\ufffd"
    assert record.fields == (("k\ufffd", "vw"),)


@HALF
@given(
    st.dictionaries(
        st.sampled_from(
            ["level", "time", "msg", "message", "ts", "levelno", "log", "record", "text"]
        )
        | st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        min_size=1,
    ),
    st.booleans(),
)
def test_any_object_is_a_record(value: dict[str, object], ascii: bool) -> None:
    """Nothing that an object can hold raises, is lost, or could harm a terminal."""
    record = record_of(json.dumps(value, ensure_ascii=ascii))
    assert record is not None
    assert "\n" not in record.message
    shown = [record.message, *(part for field in record.fields for part in field)]
    assert not set("".join(shown)) & {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0))} - {
        *"\n\t"
    }


@HALF
@given(st.text() | st.from_regex(r"[a-z=\"{}:\[\],0-9\\ ]{0,60}", fullmatch=True))
def test_any_line_is_survived(text: str) -> None:
    """Whatever a line holds, there is an answer."""
    record_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * LONGEST, '{"a":' * 10_000 + "1" + "}" * 10_000, '{"a":' + "[" * 900 + "]" * 900 + "}",
        '{"a":' + "9" * 50_000 + "}", '{"time":1e999,"level":Infinity,"msg":"x"}',
        "x" * 10 * LONGEST,
    ],
)  # fmt: skip
def test_hostile_lines_cost_little(text: str) -> None:
    """Deep nesting, huge numbers and endless quotes are done with at once."""
    began = time.process_time()
    record_of(text)
    assert time.process_time() - began < 1.0


def test_of_many_fields_the_first_are_told() -> None:
    """A record of thousands of fields stays one that can be shown."""
    record = record_of(json.dumps({f"k{n}": n for n in range(4_000)}))
    assert record is not None and len(record.fields) == MOST_FIELDS
