"""Lines in memory, and a search over several logs as over one."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path
from unittest import mock

import pytest

from trainer_tui.core.logfile import asking
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.filtered import Filtered
from trainer_tui.core.logfile.index import BLOCK
from trainer_tui.core.logfile.memory import MemoryLines
from trainer_tui.core.logfile.merge import Merged
from trainer_tui.core.logfile.mergedsearch import MergedSearch
from trainer_tui.core.logfile.pattern import compile_pattern
from trainer_tui.core.logfile.scanner import Scanner
from trainer_tui.core.logfile.times import LineTimes

PATIENCE = 60.0


def walk(lines: MemoryLines | Merged | Filtered) -> list[int]:
    """Every position, downwards."""
    out: list[int] = []
    here = lines.first()
    while here is not None:
        out.append(here)
        here = lines.after(here)
    return out


def test_lines_in_memory_are_walked_both_ways() -> None:
    """Down and up visit the same lines; places that are no line's lead to one."""
    lines = MemoryLines(["a", "b", "c"])
    assert walk(lines) == [0, 1, 2]
    assert [lines.before(n) for n in (0, 1, 2, 9)] == [None, 0, 1, 2]
    assert [lines.at(n) for n in (-1, 1, 9)] == [0, 1, 2]
    assert [lines.near(part) for part in (0.0, 0.5, 1.0)] == [0, 1, 2]
    assert (lines.count(), lines.number(2), lines.numbered(99)) == (3, 2, 2)
    assert (lines.part(0), lines.part(9)) == (0.0, 1.0)


def test_an_open_line_gives_way_to_the_next() -> None:
    """A line that was still open is replaced, a finished one is not."""
    lines = MemoryLines(["a"])
    lines.append("10%", open=True)
    lines.append("20%", open=True)
    lines.append("done")
    lines.append("b")
    assert [lines.line(n).text for n in walk(lines)] == ["a", "done", "b"]
    lines.clear()
    assert (lines.first(), lines.last(), lines.at(0), lines.near(0.5)) == (None, None, None, None)


def waited(search: MergedSearch, stirred: threading.Event) -> None:
    """Wait until a search has looked at everything."""
    deadline = time.monotonic() + PATIENCE
    while not search.settled:
        assert time.monotonic() < deadline, "the search does not end"
        stirred.wait(0.05)
        stirred.clear()


@pytest.mark.parametrize("seed", range(3))
def test_merged_logs_are_searched_as_if_they_were_one(tmp_path: Path, seed: int) -> None:
    """Hits, their order, their ranks and what a filter shows are those of a plain reading."""
    chance = random.Random(seed)
    logs = []
    for number in range(3):
        path = tmp_path / f"{number}.log"
        seconds = sorted(chance.randrange(3600) for _ in range(200))
        path.write_text(
            "".join(
                f"2026-03-01T03:{s // 60:02d}:{s % 60:02d}Z {chance.choice(['hit', 'miss'])} {s}\n"
                for s in seconds
            )
        )
        logs.append(LogFile.open(path))
    merged = Merged([(str(n), LineTimes(log)) for n, log in enumerate(logs)])
    every = walk(merged)
    wanted = [position for position in every if " hit " in merged.line(position).text]
    stirred = threading.Event()
    search = MergedSearch(merged, logs, compile_pattern("hit"), notify=stirred.set)
    try:
        waited(search, stirred)
        assert search.count == len(wanted)
        found, here = [], -1
        while (hit := search.after(here, wrap=False)) is not None:
            found.append(hit)
            here = hit
        assert found == wanted
        assert search.after(wanted[-1]) == wanted[0]
        assert search.before(wanted[0]) == wanted[-1]
        assert [search.before(position, wrap=False) for position in wanted[1:]] == wanted[:-1]
        assert [search.rank(position) for position in wanted[::17]] == [
            wanted.index(position) + 1 for position in wanted[::17]
        ]
        missed = next(position for position in every if position not in wanted)
        assert search.rank(missed) is None
        assert not search.is_hit(missed)
        shown = Filtered(merged, search)
        assert walk(shown) == wanted
        assert shown.last() == wanted[-1]
    finally:
        search.close()
        for log in logs:
            log.close()


def test_what_is_not_merged_is_not_found(tmp_path: Path) -> None:
    """Hits before the end of a log that is merged hide none in it, and do not count."""
    path, other = tmp_path / "a.log", tmp_path / "b.log"
    filler = "x" * 90
    with path.open("w") as file:
        for n in range(12_000):
            word = "hit" if n % 3000 == 100 or n == 11_999 else "miss"
            file.write(
                f"2026-03-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z {word} {filler}\n"
            )
    other.write_text("2026-03-01T01:00:00Z hit\n2026-03-01T05:00:00Z miss\n")
    logs = [LogFile.open(path), LogFile.open(other)]
    merged = Merged([("a", LineTimes(logs[0])), ("b", LineTimes(logs[1]))], window=BLOCK + 1)
    assert merged.start(0) > 0
    wanted = [at for at in walk(merged) if " hit" in merged.line(at).text]
    assert len(wanted) == 3
    stirred = threading.Event()
    search = MergedSearch(merged, logs, compile_pattern("hit"), notify=stirred.set)
    try:
        waited(search, stirred)
        assert search.count == 3
        assert search.after(-1) == search.after(wanted[-1]) == search.known_after(-1) == wanted[0]
        assert [search.after(at, wrap=False) for at in wanted] == [*wanted[1:], None]
        assert [search.rank(at) for at in wanted] == [1, 2, 3]
        assert walk(Filtered(merged, search)) == wanted
    finally:
        search.close()
        for log in logs:
            log.close()


def test_merged_logs_keep_nobody_waiting_longer_than_one(tmp_path: Path) -> None:
    """While nothing is known a question of many logs takes as long as of one; of a reader who
    is told when there is something, no time at all."""
    logs = []
    for number in range(6):
        path = tmp_path / f"{number}.log"
        path.write_text("2026-03-01T03:00:00Z hit\n")
        logs.append(LogFile.open(path))
    merged = Merged([(str(n), LineTimes(log)) for n, log in enumerate(logs)])
    waits: list[float] = []
    idle = Scanner()

    def nothing_yet(self: Scanner, until: object, seconds: float) -> bool:
        waits.append(seconds)
        return False

    with (
        mock.patch.object(Scanner, "wait", nothing_yet),
        mock.patch.object(Scanner, "poke", lambda self: None),
        mock.patch.object(asking, "shared", lambda: idle),
    ):
        search = MergedSearch(merged, logs, compile_pattern("hit"), notify=lambda: None)
        assert search.after(-1) is None
        assert len(waits) == len(logs)
        assert 0 < sum(waits) <= asking.PATIENCE
        search.close()
        waits.clear()
        search = MergedSearch(merged, logs, compile_pattern("hit"), notify=lambda: None)
        search.patience = 0.0
        assert search.before(merged.last() or 0) is None
        assert not search.sure
        assert max(waits) <= 0
        search.close()
    for log in logs:
        log.close()
