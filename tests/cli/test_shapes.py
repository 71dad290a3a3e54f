"""What commands print, without a service: tables, durations, JSON, questions."""

from __future__ import annotations

import asyncio
import io
import json
import math
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_tui.cli import render
from trainer_tui.cli.context import CliContext
from trainer_tui.cli.download import kinds
from trainer_tui.cli.jobs import select
from trainer_tui.cli.jsontext import dumps, job_value, time_value
from trainer_tui.cli.wait import seconds
from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.model import ArtifactKind, Gpu, Job, JobError, JobRef, Progress, Status
from trainer_tui.paths import Paths
from trainer_tui.query import parse

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def job(id: str = "a", **fields: object) -> Job:
    """A running job at half of its way."""
    made = Job(
        JobRef("comfy", id), "runcomfy", "dog", Status.RUNNING, "RUNNING",
        progress=Progress.of(500, 1000), created_at=NOW - timedelta(hours=2),
        started_at=NOW - timedelta(hours=1),
    )  # fmt: skip
    return made.replace(**fields)


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        (None, "-"), (0, "0s"), (59.4, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h00m"),
        (11_220, "3h07m"), (86_400, "1d0h"), (187_200, "2d4h"), (1e7, "115d"), (-5, "0s"),
    ],
)  # fmt: skip
def test_durations_have_two_units_at_most(given_: float | None, shown: str) -> None:
    """A duration is as short as it can be understood."""
    assert render.span(given_) == shown


def test_time_left_goes_by_the_average() -> None:
    """Half done after an hour: an hour is left; nothing is said where nothing is known."""
    assert render.eta(job(), NOW) == 3600
    assert render.eta(job(status=Status.QUEUED), NOW) is None
    assert render.eta(job(started_at=None), NOW) is None
    assert render.eta(job(progress=Progress.of(0, 1000)), NOW) is None
    assert render.eta(job(progress=Progress.of(5, None)), NOW) is None
    assert render.eta(job(extra={"Attempt": "1"}), NOW) == 3600
    assert render.eta(job(extra={"Attempt": "2"}), NOW) is None, "its run began at another step"


def test_a_table_is_aligned_by_cells_and_cut_to_the_terminal() -> None:
    """Wide characters count two cells, colours none; only columns that may shrink are cut."""
    columns = [render.Column("NAME", shrinks=True), render.Column("N", "right")]
    rows = [["日本語", "1"], ["\x1b[31mred\x1b[0m", "22"], ["a" * 40, "3"]]
    lines = render.table(columns, rows)
    assert lines[1] == "日本語" + " " * 34 + "   1"
    assert lines[2] == "\x1b[31mred\x1b[0m" + " " * 37 + "  22"
    narrow = render.table(columns, rows, width=24)
    assert {render.cell_width(line) for line in narrow[1:]} == {24}
    assert narrow[3].startswith("a" * 19 + "…")


def test_a_job_as_json() -> None:
    """The documented shape, in its order, with UTC times and sorted words."""
    value = job_value(job(error=JobError("bad", "E1"), gpu=Gpu("H100", 2)), eta=12.34)
    assert value["progress"] == {"current": 500, "total": 1000, "unit": "step", "percent": 50.0}
    assert value["eta_seconds"] == 12.3
    assert value["created_at"] == "2026-01-02T10:00:00Z"
    assert value["error"] == {"message": "bad", "code": "E1"}
    assert value["gpu"] == {"type": "H100", "count": 2}
    assert (value["finished_at"], value["config_name"], value["allowed"]) == (None, None, [])
    assert time_value(None) is None


@given(st.recursive(st.text() | st.floats() | st.none(), lambda x: st.lists(x, max_size=3)))
def test_json_is_valid_and_nothing_in_it_acts_on_a_terminal(value: object) -> None:
    """Any text comes out as JSON that reads back, without a character a terminal would obey."""
    text = dumps(value)
    assert not any(
        ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\u2028\ufeff" for c in text
    )

    def same(a: object, b: object) -> bool:
        if isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, float) and not math.isfinite(a):
            return b == str(a)
        return a == b

    assert same(value, json.loads(text))


def test_old_jobs_are_left_out_only_without_a_filter() -> None:
    """What ended more than a week ago is for those who ask: by ``--all`` or by a filter."""
    old = job("old", status=Status.FAILED, finished_at=NOW - timedelta(days=8))
    late = job("late", status=Status.FAILED, finished_at=NOW - timedelta(days=1))
    jobs = [old, late, job("new", created_at=NOW)]

    def ids(text: str, everything: bool = False) -> tuple[list[str], int]:
        shown, hidden = select(jobs, parse(text), NOW, everything=everything)
        return [each.ref.id for each in shown], hidden

    assert ids("") == (["new", "late"], 1)
    assert ids("", everything=True) == (["new", "late", "old"], 0)
    assert ids("status:failed") == (["late", "old"], 0)


def test_words_of_flags() -> None:
    """Durations and kinds as people write them."""
    assert [seconds(text) for text in ("90", "0.5s", "30m", "1h30m", "2d")] == [
        90, 0.5, 1800, 5400, 172800,
    ]  # fmt: skip
    assert kinds("checkpoints,Sample,config") == {
        ArtifactKind.CHECKPOINT, ArtifactKind.SAMPLE, ArtifactKind.CONFIG,
    }  # fmt: skip


def context(tmp_path: Path, answer: str = "", **more: object) -> CliContext:
    """A context on a terminal where somebody types an answer."""
    return CliContext(
        Paths.under(tmp_path), env={"TERM": "xterm"}, stdin=Screen(answer), stdout=Screen(),
        stderr=Screen(), **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), ("YES\n", True), ("\n", False), ("x\n", False), ("", False)]
)
def test_only_a_yes_is_a_yes(tmp_path: Path, answer: str, yes: bool) -> None:
    """Enter, anything else and the end of input are no; the consequence comes first."""
    asked = context(tmp_path, answer)
    assert asked.confirm("Cancel it?", consequence="It ends.") is yes
    assert isinstance(asked.stderr, Screen)
    assert asked.stderr.getvalue() == "It ends.\nCancel it? [y/N] "


def test_ctrl_c_ends_a_question_at_once(tmp_path: Path) -> None:
    """Also of a command that runs on a loop, which would only note it and wait for the answer."""
    asked, answered = context(tmp_path, "y\n"), []

    class Typing(Screen):
        def readline(self, size: int = -1, /) -> str:
            signal.raise_signal(signal.SIGINT)
            return "y\n"

    async def ask() -> None:
        asked.stdin = Typing()
        answered.append(asked.confirm("Sure?"))

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(ask())
    assert not answered


def test_yes_answers_and_nobody_refuses(tmp_path: Path) -> None:
    """``--yes`` asks nothing; without a terminal the question cannot be asked."""
    assert context(tmp_path, yes=True).confirm("Sure?")
    alone = CliContext(Paths.under(tmp_path), env={}, stdin=io.StringIO("y\n"))
    with pytest.raises(UsageError, match="nobody can be asked"):
        alone.confirm("Sure?", what="cancel x")


def test_nothing_hostile_reaches_a_terminal(tmp_path: Path) -> None:
    """Escape sequences of others are dropped on a terminal, our colours are kept."""
    shown = context(tmp_path)
    shown.out("\x1b[32mgreen\x1b[0m \x1b]0;title\x07\x1b[2Jx\u202e")
    shown.print_error(TrainerError("bad \x1b[2J\x9b2J", hint="do\x07 this"))
    assert isinstance(shown.stdout, Screen) and isinstance(shown.stderr, Screen)
    assert shown.stdout.getvalue() == "\x1b[32mgreen\x1b[0m x\ufffd\n"
    assert "\x1b" not in shown.stderr.getvalue() and "\x9b" not in shown.stderr.getvalue()
