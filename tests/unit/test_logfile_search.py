"""Searching a file: what is found is what matches in the lines that are shown."""

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
from tests.unit.loglines import ListLines
from tests.unit.searching import Told, hits, settle, small_and_patient, spans, texts, walk
from tests.unit.test_logfile_lines import LOGS
from trainer_tui.core.logfile import search as search_module
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.jobs import FileJob
from trainer_tui.core.logfile.listsearch import ListSearch
from trainer_tui.core.logfile.pattern import Pattern, PatternError, compile_pattern
from trainer_tui.core.logfile.scanner import Scanner
from trainer_tui.core.logfile.search import Search
from trainer_tui.core.logfile.source import Gap, LogSource

PATTERNS = st.sampled_from(
    ["loss", "Loss", "a", "ab", "s: 1", r"\d", r"^$", r"\s", "[^a]b", "$", "é", "\ufffd", "B|é|x"]
).map(compile_pattern)

TRACEBACK = """step 1
Traceback (most recent call last):
  File "/app/run.py", line 12, in main

    raise RuntimeError("boom")
RuntimeError: boom
step 2
"""


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    """Two processes for all tests here."""
    with closing(Scanner(2)) as scanner:
        yield scanner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all examples."""
    return tmp_path_factory.mktemp("search")


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Blocks of a line or two."""
    with small_and_patient(24):
        yield


def searched(log: LogFile, text: str | None, scanner: Scanner, origin: int = 0) -> Search:
    """A search that has looked at everything; ``None`` for errors."""
    told = Told()
    pattern = None if text is None else compile_pattern(text)
    search = Search(log, pattern, notify=told, origin=origin, scanner=scanner)
    settle(search, told)
    return search


@HALF
@given(LOGS, PATTERNS, st.integers(0, 200))
def test_hits_are_the_lines_that_match(
    scanner: Scanner, folder: Path, data: bytes, pattern: Pattern, origin: int
) -> None:
    """For any bytes and wherever it begins, a search finds the lines whose text matches, in order,
    either way, with their ranks and the places of the matches."""
    path = folder / "log"
    path.write_bytes(data)
    lines = texts(data)
    expected = hits(pattern, lines)
    told = Told()
    with (
        closing(LogFile.open(path)) as log,
        closing(Search(log, pattern, notify=told, origin=origin, scanner=scanner)) as search,
    ):
        settle(search, told)
        assert (search.count, search.done, search.searched) == (len(expected), True, 1.0)
        assert walk(partial(search.after, wrap=False), -1) == expected
        assert walk(partial(search.before, wrap=False), len(data)) == expected[::-1]
        ranks = [search.rank(position) for position in lines]
        assert [rank for rank in ranks if rank] == [*range(1, len(expected) + 1)]
        assert [search.nth(rank + 1) for rank in range(len(expected))] == expected
        for position, text in lines.items():
            assert search.is_hit(position) == (position in expected)
            assert search.spans(position) == spans(pattern, text)[:200]


@HALF
@given(LOGS, PATTERNS, st.lists(st.integers(0, 400), max_size=6))
def test_what_is_written_later_is_found_too(
    scanner: Scanner, folder: Path, data: bytes, pattern: Pattern, cuts: list[int]
) -> None:
    """A log that grows in any pieces while it is searched has the hits of the whole in the end."""
    path = folder / "growing"
    path.write_bytes(b"")
    told = Told()
    with (
        closing(LogFile.open(path)) as log,
        closing(Search(log, pattern, notify=told, scanner=scanner)) as search,
    ):
        written = 0
        for cut in [*sorted(cuts), len(data)]:
            with path.open("ab") as file:
                file.write(data[written:cut])
            written = max(written, min(cut, len(data)))
            log.update()
            search.grown()
            search.after(-1)  # a reader who looks at what there is
        settle(search, told)
        assert walk(partial(search.after, wrap=False), -1) == hits(pattern, texts(data))


@HALF
@given(LOGS, PATTERNS, st.data())
def test_gaps_are_not_searched_until_they_are_filled(
    scanner: Scanner, folder: Path, data: bytes, pattern: Pattern, draw: st.DataObject
) -> None:
    """Bytes that are missing are in no line; when they come, what they change is looked at."""
    start = draw.draw(st.integers(0, len(data)))
    stop = draw.draw(st.integers(start, len(data)))
    gaps = (Gap(start, stop, "not there"),) if stop > start else ()
    path = folder / "gaps"
    path.write_bytes(data[:start] + bytes(stop - start) + data[stop:])
    told = Told()
    source = LogSource(path, len(data), gaps=gaps)
    with (
        closing(LogFile(source)) as log,
        closing(Search(log, pattern, notify=told, scanner=scanner)) as search,
    ):
        settle(search, told)
        expected = hits(pattern, texts(data, gaps))
        assert walk(partial(search.after, wrap=False), -1) == expected
        path.write_bytes(data)
        log.update(LogSource(path, len(data)))
        search.grown()
        settle(search, told)
        assert walk(partial(search.after, wrap=False), -1) == hits(pattern, texts(data))


@given(LOGS, PATTERNS)
def test_lines_in_memory_are_searched_alike(
    scanner: Scanner, data: bytes, pattern: Pattern
) -> None:
    """Lines that lie in no file have the same hits, ranks and places."""
    told = Told()
    shown = list(texts(data).values())
    lines = ListLines(shown)
    expected = hits(pattern, dict(zip(lines.positions, shown, strict=True)))
    with closing(ListSearch(lines, pattern, notify=told, scanner=scanner)) as search:
        settle(search, told)
        assert walk(partial(search.after, wrap=False), -1) == expected
        assert walk(partial(search.before, wrap=False), lines.size) == expected[::-1]
        for position, text in zip(lines.positions, shown, strict=True):
            assert bool(search.rank(position)) == (position in expected)
            if position in expected:
                assert search.spans(position) == spans(pattern, text)[:200]


def test_lines_in_memory_that_come_later(scanner: Scanner) -> None:
    """Lines that are added are looked at when the search is told that there are some."""
    lines = ListLines(["one hit", "none"])
    told = Told()
    with closing(ListSearch(lines, compile_pattern("hit"), notify=told, scanner=scanner)) as search:
        settle(search, told)
        for number in range(5_000):
            lines.append("a hit" if number % 2 else "-")
        told.until(lambda: (search.grown(), search.count == 2_501)[1])
        assert search.after(-1) == 0
        assert search.before(lines.size) == lines.positions[-1]


@pytest.mark.parametrize(
    ("text", "ignores"),
    [("loss", True), ("Loss", False), (r"\Sos", True), (r"\d{3}", True), ("É", False), ("é", True)],
)
def test_smart_case(text: str, ignores: bool) -> None:
    """Small letters find both cases, a capital only itself; one behind a backslash is none."""
    assert compile_pattern(text).ignore_case is ignores


@pytest.mark.parametrize("text", ["(", "[a", "*", "a{99999999999999999999}", "x" * 5_000])
def test_bad_patterns_say_why(text: str) -> None:
    """A pattern that cannot be used raises with a reason."""
    with pytest.raises(PatternError, match=r"\w"):
        compile_pattern(text)


def test_next_and_previous_go_round(scanner: Scanner, tmp_path: Path) -> None:
    """From the last hit next leads to the first, and the other way about."""
    path = tmp_path / "log"
    path.write_text("x\n-\nx\n-\nx\n")
    with closing(LogFile.open(path)) as log, closing(searched(log, "x", scanner)) as search:
        assert [search.after(0), search.after(2), search.after(8)] == [4, 4, 0]
        assert [search.before(8), search.before(5), search.before(0)] == [4, 4, 8]
        assert [search.after(8, wrap=False), search.before(0, wrap=False)] == [None, None]


def test_a_log_that_begins_anew_is_searched_anew(scanner: Scanner, tmp_path: Path) -> None:
    """When the file was cut, what was found in it before is forgotten."""
    path = tmp_path / "log"
    path.write_text("x\n" * 100)
    told = Told()
    with (
        closing(LogFile.open(path)) as log,
        closing(Search(log, compile_pattern("x"), notify=told, scanner=scanner)) as search,
    ):
        settle(search, told)
        path.write_text("-\nx\n")
        log.update()
        search.grown()
        settle(search, told)
        assert walk(partial(search.after, wrap=False), -1) == [2]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_deleted_log_is_searched_all_the_same(
    scanner: Scanner, tmp_path: Path, replaced: bool
) -> None:
    """What is open can still be read, and so it is what is searched, whatever took its place."""
    path = tmp_path / "log"
    path.write_text("x\ny\n")
    with closing(LogFile.open(path)) as log:
        path.unlink()
        if replaced:
            path.write_text("x\nx\nx\n")
        with closing(searched(log, "x", scanner)) as search:
            assert (search.failed, search.count) == (None, 1)


def test_a_file_that_cannot_be_searched_is_told(tmp_path: Path) -> None:
    """A process that finds no file, or another one, says what that means."""
    with pytest.raises(OSError, match="the log was deleted; what is seen can be saved"):
        FileJob(mock.Mock(), str(tmp_path / "log"), (1, 2), 64)
    (tmp_path / "log").touch()
    with pytest.raises(OSError, match="the file was replaced"):
        FileJob(mock.Mock(), str(tmp_path / "log"), (1, 2), 64)


@pytest.mark.parametrize("block", [24, 64, 1 << 18])
def test_a_traceback_counts_once(scanner: Scanner, tmp_path: Path, block: int) -> None:
    """Errors are found at their first line, a traceback as one, wherever blocks end."""
    path = tmp_path / "log"
    ranks = TRACEBACK.replace("\n", "\n[rank0]: ").removesuffix("[rank0]: ")
    parts = [TRACEBACK, "ERROR: disk full\n0 errors so far\n", ranks, TRACEBACK]
    path.write_text("".join(parts))
    with (
        mock.patch.object(search_module, "BLOCK", block),
        closing(LogFile.open(path)) as log,
        closing(searched(log, None, scanner)) as search,
    ):
        found = walk(partial(search.after, wrap=False), -1)
        assert [log.line(position).text for position in found] == [
            "Traceback (most recent call last):",
            "ERROR: disk full",
            "[rank0]: Traceback (most recent call last):",
            "Traceback (most recent call last):",
        ]


def test_a_remark_of_ours_is_found_but_is_no_error(scanner: Scanner, tmp_path: Path) -> None:
    """A note in a spool is found by its text, as it is shown; it is never an error."""
    path = tmp_path / "log"
    path.write_bytes(b"\x1eERROR in what was fetched\nERROR\n")
    source = LogSource(path, path.stat().st_size, notes=True)
    with closing(LogFile(source)) as log:
        with closing(searched(log, "^ERROR", scanner)) as search:
            assert search.count == 2
        with closing(searched(log, None, scanner)) as search:
            assert walk(partial(search.after, wrap=False), -1) == [27]


@pytest.mark.parametrize("ending", ["", "\n", "\nshort\n"])
@pytest.mark.parametrize("origin", [0, 1_500_000])
def test_a_line_of_megabytes_is_searched_throughout(
    scanner: Scanner, tmp_path: Path, ending: str, origin: int
) -> None:
    """A word far inside a line that is too long to be read whole is found on that line."""
    path = tmp_path / "log"
    path.write_text(f"first\n{'a' * 2_500_000} needle {'b' * 1_000_000}{ending}")
    with mock.patch.object(search_module, "BLOCK", 1 << 18), closing(LogFile.open(path)) as log:
        for text, expected in [("needle", [6]), ("short", [3500021] * ("short" in ending))]:
            with closing(searched(log, text, scanner, origin)) as search:
                position = 6 + 2_500_000 + 8 + 1_000_000 + 1
                expected = [position] if expected and text == "short" else expected
                assert walk(partial(search.after, wrap=False), -1) == expected
