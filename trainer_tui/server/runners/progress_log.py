"""Progress read from what a process prints, for runners whose process writes no metrics file.

The log is read piece by piece, split at newlines and at carriage returns (which progress bars use
to write over themselves), and every match of a pattern is taken, by a process of its own
(:mod:`trainer_tui.server.runners.progress_child`). New losses are appended to the job's metrics
file; how far that has come is kept in ``work/observed.json``, so that a restarted server neither
skips nor repeats them.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import subprocess
import sys
import time
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trainer_tui.paths import write_atomic
from trainer_tui.server.runners import progress_child
from trainer_tui.server.runners.base import JobFolder
from trainer_tui.server.runners.files import from_json, read_lines, read_whole

GROUPS = progress_child.GROUPS
MOST_SLOW = 3
"""Lines that a pattern may take too long for until it is given up."""
_WAIT = 0.1
"""Seconds that a look waits for an answer; it is there for the next look else."""
_BACKLOG = 64 * 1024 * 1024
"""Bytes that a log may be ahead; of more its end is read, so that what is shown is of now."""
_PATIENCE = 30.0
"""Seconds after which a process that does not answer is ended."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one line told."""

    current: int | None = None
    total: int | None = None
    percent: float | None = None
    loss: float | None = None
    lr: float | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """How far a log has been read."""

    offset: int = 0
    """Bytes of the log that were taken."""
    step: int = 0
    """Step of the newest point that was appended to the metrics file."""
    row: int = 0
    """Step of the newest row taken from a database."""


def load(folder: JobFolder) -> Position:
    """The position that was kept, or the start.

    A server that was killed after it appended points and before it kept the position is caught up
    with by looking at the newest point that is there.
    """
    try:
        kept = from_json(read_whole(folder.work / "observed.json"))
        position = Position(int(kept["offset"]), int(kept["step"]), int(kept["row"]))
    except (OSError, ValueError, KeyError, TypeError):
        position = Position()
    newest = _newest_point(folder.metrics)
    return replace(position, step=max(position.step, newest), row=max(position.row, newest))


def _newest_point(metrics: Path) -> int:
    """The step of the last loss in a metrics file; 0 when there is none."""
    for line in reversed(read_lines(metrics, None)[0]):
        try:
            found = from_json(line)
            if found["key"] == "loss":
                return int(found["step"])
        except (ValueError, KeyError, TypeError, OverflowError):
            continue
    return 0


def keep(folder: JobFolder, position: Position) -> None:
    """Keep a position for a later server. A full disk is no reason to stop observing."""
    text = json.dumps({"offset": position.offset, "step": position.step, "row": position.row})
    with contextlib.suppress(OSError):
        write_atomic(folder.work / "observed.json", text)


@dataclass(frozen=True, slots=True)
class News:
    """What a look at a log gave."""

    found: tuple[Found, ...]
    position: Position
    behind: bool
    """Whether there is more of the log that was not looked at yet."""
    note: str | None
    """What a person should know of the search."""


class Reader:
    """Searches the log of one job, in a process that ends with this object.

    A pattern that never ends holds up nobody: not this process, not the looks at other jobs.
    """

    def __init__(self, log: Path, pattern: str) -> None:
        self._log = log
        self._pattern = pattern
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Reader] | None = None
        self._asked: float | None = None
        self._answer = bytearray()
        self._read: tuple[int, int] | None = None
        """The log's size and the offset after it, when all of it had been looked at."""
        self._slow = 0
        self._skipped = False

    def read(self, position: Position) -> News:
        """Every match since ``position``, as far as it is known already."""
        told: Mapping[str, Any] = {}
        size = self._size()
        if size - position.offset > _BACKLOG and self._asked is None:
            self._skipped = True
            position = replace(position, offset=size - progress_child.BLOCK)
        if self._slow < MOST_SLOW and self._read != (size, position.offset):
            try:
                told = self._ask(position.offset) or {}
            except OSError:
                self._lost()
        if told:
            self._slow += told["slow"]
            position = replace(position, offset=told["offset"])
            whole = not told["more"] and told["size"] == size
            self._read = (size, position.offset) if whole else None
        behind = self._slow < MOST_SLOW and self._read != (size, position.offset)
        found = tuple(map(_found, told.get("found", ())))
        return News(found, position, behind, self._note())

    def _note(self) -> str | None:
        if self._slow >= MOST_SLOW:
            self._close()
            return "the progress pattern takes too long and is given up: progress is not seen"
        if self._slow:
            return "the progress pattern took too long for a line of the log, which was passed over"
        if self._skipped:
            return (
                "it prints more than can be read along: a part was passed over, its curve has gaps"
            )
        return None

    def _size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _ask(self, offset: int) -> Mapping[str, Any] | None:
        """The next answer, or ``None`` where it takes longer. Raises OSError."""
        try:
            process = self._process or self._start()
        except OSError:  # no room for another process; there may be at the next look
            time.sleep(_WAIT)
            return None
        assert process.stdin is not None
        assert process.stdout is not None
        if self._asked is None:
            wish = {"log": str(self._log), "offset": offset, "pattern": self._pattern}
            self._asked = time.monotonic()
            process.stdin.write(json.dumps(wish).encode() + b"\n")
        until = time.monotonic() + _WAIT
        while not self._answer.endswith(b"\n"):
            left = max(0.0, until - time.monotonic())
            if not select.select([process.stdout], [], [], left)[0]:
                if time.monotonic() > self._asked + _PATIENCE:
                    self._lost()
                return None
            data = os.read(process.stdout.fileno(), 1 << 20)
            if not data:
                self._lost()
                return None
            self._answer += data
        found: Mapping[str, Any] = json.loads(self._answer)
        self._asked = None
        self._answer.clear()
        return found

    def _lost(self) -> None:
        """It died or does not answer: as bad as a line that takes too long."""
        self._slow += 1
        self._close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", progress_child.__file__],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,  # ctrl-C in the server's terminal is not for it
        )
        self._end = weakref.finalize(self, _end, self._process)
        return self._process

    def _close(self) -> None:
        if self._end is not None:
            self._end()
        self._process = self._end = self._asked = None
        self._answer.clear()


def _end(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes its pipes and waits for it
        process.kill()


def append(
    folder: JobFolder,
    found: Iterable[Found],
    position: Position,
    before: Position,
    unit: str = "step",
) -> Position:
    """Add the points that are newer than those in the metrics file already.

    Gives the position to go on from: the one ``before`` it was read where the disk takes nothing,
    so that it is read once more when there is room again.
    """
    now, lines, newest = round(time.time(), 3), [], position.step
    for each in found:
        if each.current is None or each.current <= newest:
            continue
        values = {"loss": each.loss, "lr": each.lr}
        known = {key: value for key, value in values.items() if value is not None}
        for key, value in known.items():
            lines.append(point(each.current, now, key, value, unit))
        if known:
            newest = each.current
    if lines and not write_points(folder.metrics, lines):
        return before
    return replace(position, step=newest)


def write_points(metrics: Path, lines: Iterable[str]) -> bool:
    """Add lines to a metrics file, all or none; whether there was room for them."""
    data = "".join(lines).encode()
    try:
        with metrics.open("ab", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                written = file.write(data)
            except OSError:
                written = 0
            if written != len(data):
                file.truncate(size)
                return False
    except OSError:
        return False
    return True


def point(step: int, moment: float, key: str, value: float, unit: str = "step") -> str:
    """One line of a metrics file; it says what it counts where that is no step."""
    shown: float | str = value
    if not math.isfinite(value):
        shown = "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    said = {"step": step, "time": moment, "key": key, "value": shown}
    return json.dumps(said if unit == "step" else {**said, "unit": unit}) + "\n"


def _found(groups: Mapping[str, str]) -> Found:
    return Found(
        current=_whole(groups.get("current")),
        total=_whole(groups.get("total")),
        percent=_number(groups.get("percent")),
        loss=_number(groups.get("loss")),
        lr=_number(groups.get("lr")),
    )


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and math.isfinite(number) else None


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text.replace(",", "").replace("_", ""))
    except ValueError:
        return None
