"""Ultralytics' tables of losses and scores."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from trainer_tui.core.logpatterns import MAX_PAIRS, Names, Said, Value

_YOLO_EPOCH = re.compile(rb"\s{2,}(\d++)/(\d++)\s++([\d.]++G?)\s++(.*)", re.S)
_YOLO_HEAD = re.compile(rb"\s{2,}Epoch\s+(?:GPU_mem|gpu_mem)\s+(.*)", re.S)
_YOLO_TEST = re.compile(rb"\s{2,}(?:Class\s+Images\s+(.*?)|classes\s+(top1_acc.*?))(?::|$)")
_YOLO_ALL = re.compile(rb"\s{2,}all\s+(.*)", re.S)
_BOX = {"P": "precision", "R": "recall"}
_SCORES = ("mAP50", "mAP50-95")


@dataclass(slots=True)
class Yolo:
    """Ultralytics' tables: a header, then lines of numbers below it."""

    names: Names
    losses: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    epoch: int | None = None
    tested: bool = False
    """The ``all`` row of this epoch was there; what follows are others' (the best model's)."""

    def take(self, state: bytes) -> Said | None:
        """A line of one of the tables."""
        if (head := _YOLO_HEAD.match(state)) is not None:
            self.losses = [
                "" if name in {"Instances", "Size", "labels", "img_size"} else name
                for name in head[1].decode("ascii", "replace").split()[:MAX_PAIRS]
            ]
            return None
        if (head := _YOLO_TEST.match(state)) is not None:
            self.tests = _columns((head[1] or head[2]).decode("utf-8", "replace"))
            return None
        if self.losses and (line := _YOLO_EPOCH.match(state)) is not None:
            self.epoch, self.tested = int(line[1]), False
            numbers = [_float(cell) for cell in line[4].split()[: len(self.losses)]]
            found = _row(self.losses, numbers, self.names)
            parts = [value for key, value in found if key.endswith("_loss")]
            whole = [("loss", sum(parts))] if len(parts) > 1 else []
            return (None, self.epoch, False), whole + found
        if self.epoch is not None and (line := _YOLO_ALL.match(state)) is not None:
            if self.tested or not self.tests:
                return None
            self.tested = True
            numbers = [_float(cell) for cell in line[1].split()[: len(self.tests)]]
            return (None, self.epoch, False), _row(self.tests, numbers, self.names)
        return None


def _columns(head: str) -> list[str]:
    """``Instances Box(P R mAP50 mAP50-95) Mask(P R …``: a name a column."""
    found, group = [""], ""  # the first number is that of the images
    for word in head.split()[:MAX_PAIRS]:
        if word.endswith("\N{HORIZONTAL ELLIPSIS}"):  # the terminal was too narrow
            return _completed(found, group, word[:-1])
        before, opened, name = word.rpartition("(")
        if opened:
            group = "" if before == "Box" else f"{before.lower()}/"
        name = name.rstrip("):")
        name = _BOX.get(name, name)
        found.append("" if name in {"Instances", "Labels"} else group + name)
    return found if len(found) > 1 and not head.startswith("top1") else found[1:]


def _completed(found: list[str], group: str, begun: str) -> list[str]:
    """The columns up to one whose name is cut off; of those after it nothing is known."""
    whole = next(
        (name for name in _SCORES if name.startswith(begun) and group + name not in found), ""
    )
    return [*found, group + whole if whole else ""]


def _row(names: list[str], numbers: list[float | None], known: Names) -> list[Value]:
    return [
        (known.of(name.encode()) or name, number)
        for name, number in zip(names, numbers, strict=False)
        if name and number is not None
    ]


def _float(cell: bytes) -> float | None:
    try:
        return float(cell.rstrip(b":"))
    except ValueError:
        return None
