"""Progress read from what a process prints, for runners whose process writes no metrics file.

The log is read piece by piece, split at newlines and at carriage returns (which progress bars use
to write over themselves), and every match of a pattern is taken. New losses are appended to the
job's metrics file; how far that has come is kept in ``work/observed.json``, so that a restarted
server neither skips nor repeats them.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from trainer_tui.paths import write_atomic
from trainer_tui.server.runners.base import JobFolder
from trainer_tui.server.runners.files import read_lines, read_new

GROUPS = ("current", "total", "percent", "loss", "lr")
"""Named groups that a pattern may have."""
_MAX_LINE = 4096  # a pattern that backtracks must not hold up the looks at other jobs for long
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


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
        kept = json.loads((folder.work / "observed.json").read_bytes())
        position = Position(int(kept["offset"]), int(kept["step"]), int(kept["row"]))
    except (OSError, ValueError, KeyError, TypeError):
        position = Position()
    newest = _newest_point(folder.metrics)
    return replace(position, step=max(position.step, newest), row=max(position.row, newest))


def _newest_point(metrics: Path) -> int:
    """The step of the last loss in a metrics file; 0 when there is none."""
    for line in reversed(read_lines(metrics, None)[0]):
        try:
            found = json.loads(line)
            if found["key"] == "loss":
                return int(found["step"])
        except (ValueError, KeyError, TypeError):
            continue
    return 0


def keep(folder: JobFolder, position: Position) -> None:
    """Keep a position for a later server. A full disk is no reason to stop observing."""
    text = json.dumps({"offset": position.offset, "step": position.step, "row": position.row})
    with contextlib.suppress(OSError):
        write_atomic(folder.work / "observed.json", text)


def read(log: Path, position: Position, pattern: re.Pattern[str]) -> tuple[list[Found], Position]:
    """Every match in what was added to the log, in order, and the position after it."""
    data, end = read_new(log, position.offset)
    # A bar's newest state has no end yet: it stays for the next time, unless it is absurdly long.
    whole = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    if whole < len(data) - _MAX_LINE:
        whole = len(data)
    text = data[:whole].decode("utf-8", "replace")
    found = list(_matches(re.split(r"[\r\n]+", text), pattern))
    if whole < len(data):
        # Look at it all the same, so that a bar is shown as it stands, but take it only once.
        tail = data[whole:].decode("utf-8", "replace")
        found += list(_matches([tail], pattern))
    return found, replace(position, offset=end - (len(data) - whole))


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


def _matches(lines: Iterable[str], pattern: re.Pattern[str]) -> Iterable[Found]:
    for line in lines:
        match = pattern.search(_ESCAPES.sub("", line[:_MAX_LINE]))
        if match is None:
            continue
        groups = match.groupdict()
        found = Found(
            current=_whole(groups.get("current")),
            total=_whole(groups.get("total")),
            percent=_number(groups.get("percent")),
            loss=_number(groups.get("loss")),
            lr=_number(groups.get("lr")),
        )
        if found != Found():
            yield found


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
