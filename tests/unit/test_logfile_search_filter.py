"""A log of which only hits are shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from tests.unit.searching import Told, hits, settle, small_and_patient, texts, walk
from tests.unit.test_logfile_lines import LOGS
from trainer_tui.core.logfile import search as search_module
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.filtered import Filtered
from trainer_tui.core.logfile.pattern import Pattern, compile_pattern
from trainer_tui.core.logfile.scanner import Scanner
from trainer_tui.core.logfile.search import Search

PATTERNS = st.sampled_from(["loss", "a", "^$", r"\d", "é", "zzz"]).map(compile_pattern)


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    """Two processes for all tests here."""
    with closing(Scanner(2)) as scanner:
        yield scanner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples."""
    return tmp_path_factory.mktemp("filter")


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Blocks of a line or two."""
    with small_and_patient(24):
        yield


def plainly(lines: dict[int, str], found: list[int], context: int) -> list[tuple[int, str]]:
    """The lines that a filter shows, made from all of them."""
    positions = list(lines)
    near = {
        other
        for hit in found
        for other in range(
            max(0, positions.index(hit) - context), positions.index(hit) + context + 1
        )
        if other < len(positions)
    }
    shown: list[tuple[int, str]] = []
    before: int | None = None
    for index in sorted(near):
        if context and before is not None and index != before + 1:
            shown.append((positions[index] - 1, "--"))
        shown.append((positions[index], lines[positions[index]]))
        before = index
    return shown


def shown(filtered: Filtered) -> list[tuple[int, str]]:
    """The lines of a filter, from the first on."""
    first = filtered.first()
    positions = [] if first is None else [first, *walk(filtered.after, first)]
    return [(position, filtered.line(position).text) for position in positions]


@HALF
@given(LOGS, PATTERNS, st.integers(0, 3), st.integers(0, 200))
def test_a_filter_shows_what_a_plain_reading_gives(
    scanner: Scanner, folder: Path, data: bytes, pattern: Pattern, context: int, origin: int
) -> None:
    """The same lines in the same order, down and up, with the log's own positions and numbers."""
    path = folder / "log"
    path.write_bytes(data)
    lines = texts(data)
    found = hits(pattern, lines)
    expected = plainly(lines, found, context)
    told = Told()
    with (
        closing(LogFile.open(path)) as log,
        closing(Search(log, pattern, notify=told, origin=origin, scanner=scanner)) as search,
    ):
        filtered = Filtered(log, search, context)
        shown(filtered)  # whatever it shows while the search still runs
        settle(search, told)
        assert shown(filtered) == expected
        last = filtered.last()
        backwards = [] if last is None else [last, *walk(filtered.before, last)]
        assert backwards[::-1] == [position for position, _ in expected]
        for position in range(-1, len(data) + 1):
            below = next((at for at, _ in expected if at > position), None)
            above = next((at for at, _ in reversed(expected) if at < position), None)
            assert filtered.after(position) == below
            assert filtered.before(position) == above
            at = next((at for at, _ in reversed(expected) if at <= position), None)
            assert filtered.at(position) == (filtered.first() if at is None else at)
        log.start_index()
        for position, _ in expected:
            note = filtered.line(position).kind == "note"
            assert note == (position not in lines)
            assert filtered.number(position) == (None if note else list(lines).index(position))
            assert 0 <= filtered.part(position) <= 1
        if not context:
            assert filtered.count() == len(found)
            assert filtered.near(0.0) == (found[0] if found else None)
            assert filtered.near(1.0) == (found[-1] if found else None)


@HALF
@given(LOGS, LOGS, PATTERNS, st.integers(0, 2))
def test_a_filter_grows_with_the_log(
    scanner: Scanner, folder: Path, before: bytes, more: bytes, pattern: Pattern, context: int
) -> None:
    """What is written later is shown too, where the context of the last hit reaches into it."""
    path = folder / "growing"
    path.write_bytes(before)
    told = Told()
    with (
        closing(LogFile.open(path)) as log,
        closing(Search(log, pattern, notify=told, scanner=scanner)) as search,
    ):
        filtered = Filtered(log, search, context)
        settle(search, told)
        shown(filtered)
        with path.open("ab") as file:
            file.write(more)
        log.update()
        search.grown()
        shown(filtered)
        settle(search, told)
        lines = texts(before + more)
        assert shown(filtered) == plainly(lines, hits(pattern, lines), context)


def test_a_number_leads_to_the_nearest_line_shown(scanner: Scanner, tmp_path: Path) -> None:
    """Asked for a line of the log that is not shown, a filter gives the one above it."""
    path = tmp_path / "log"
    path.write_text("".join("hit\n" if number % 10 == 5 else "-\n" for number in range(100)))
    told = Told()
    with (
        closing(LogFile.open(path)) as log,
        closing(Search(log, compile_pattern("hit"), notify=told, scanner=scanner)) as search,
    ):
        settle(search, told)
        log.start_index()
        filtered = Filtered(log, search)
        numbers = [filtered.numbered(number) for number in (0, 5, 14, 15, 99)]
        assert [filtered.number(at) for at in numbers if at is not None] == [5, 5, 5, 15, 95]


def test_a_question_costs_the_same_in_a_large_log(scanner: Scanner, tmp_path: Path) -> None:
    """The next hit far below is found by the counts of blocks: only its own block is asked for."""
    path = tmp_path / "log"
    path.write_bytes(b"hit\n" + b"-" * 99 + b"\n" + b"none of it is\n" * 200_000 + b"hit\n")
    told = Told()
    with (
        mock.patch.object(search_module, "BLOCK", 1 << 12),
        closing(LogFile.open(path)) as log,
        closing(Search(log, compile_pattern("hit"), notify=told, scanner=scanner)) as search,
    ):
        settle(search, told)
        filtered = Filtered(log, search)
        with mock.patch.object(scanner, "ask", wraps=scanner.ask) as asked:
            assert walk(partial(filtered.after), -1) == [0, log.size - 4]
        assert asked.call_count <= 2
