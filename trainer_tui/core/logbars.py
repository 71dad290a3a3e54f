"""Progress bars: tqdm's, Keras' and Lightning's Rich bar."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trainer_tui.core.logpatterns import NOWHERE, Names, Said, pairs

_BAR = re.compile(rb"(?<![\d.])(\d++)/(\d++) \[[^,\]]{1,40}+,[^,\]]{1,40}+, ([^\]]++)\]")
_ENDLESS = re.compile(rb"(?<![\d.])(\d++)it \[[^,\]]{1,40}+,[^,\]]{1,40}+, ([^\]]++)\]")
_RICH = re.compile(
    rb"Epoch (\d++)/-?\d++ [ \x80-\xff]{0,600}(\d++)/(\d++) .{0,200}?it/s (.*)", re.S
)
_EPOCH_OF = re.compile(rb"(?i)epoch:?\s{0,3}\[?(\d++)(/\d++)?")
_KERAS_EPOCH = re.compile(rb"\s{0,3}Epoch (\d++)/(\d++)\s{0,3}\Z")
_KERAS = re.compile(
    rb"\s{0,8}(\d++)/(\d++|Unknown) (?:\[[=>.]*+\]|[\x80-\xff ]*+|-).{0,60}? - (.*)", re.S
)
_UNNAMED = re.compile(rb"\s{0,8}\d{1,3}%\|[^|]{0,600}\| {1,3}(\d++)/\d++ \[")
_STALE = -1
"""The step of a bar that did not begin yet: its values are those of the epoch before."""


@dataclass(slots=True)
class Bars:
    """Progress bars, which begin anew with each epoch."""

    names: Names
    epoch: int | None = None
    """Of Keras' last ``Epoch 3/10``, from 0."""
    total: int | None = None
    """Batches of that epoch."""
    done: bool = False
    """That epoch came to its end: what is drawn now is an evaluation."""
    last: int = 0
    """Of the last bar that says no epoch: where it stood, how long it is, steps before it."""
    length: int = 0
    before: int = 0
    alone: bool = False
    """Keras' bar has no line above it."""
    line: int | None = None
    """The step of Lightning's Rich bar in the line before: its values go on in the next one."""
    cut: str = ""
    """A name at the end of that line, whose number is in the next one."""

    def tqdm(self, state: bytes) -> Said | None:
        """A state of tqdm's bar that has a postfix."""
        bracket = max(0, state.find(b" [") - 24)
        bar = _BAR.search(state, bracket)
        if bar is None:
            if (bar := _ENDLESS.search(state, bracket)) is None:
                return None
            found = pairs(bar[2], self.names)
            return ((int(bar[1]), None, False), found) if found else None
        found = pairs(bar[3], self.names)
        if not found:
            return None
        at, total = int(bar[1]), int(bar[2])
        if b"poch" in state and (said := _EPOCH_OF.search(state, 0, bar.start())) is not None:
            if not at:
                return None  # stale too
            # "Epoch 0:" counts from 0 (Lightning), "Epoch 1/10" from 1
            epoch = int(said[1]) - (1 if said[2] and said[1] != b"0" else 0)
            return (epoch * total + at, None, False), found
        if total == self.length and at < self.last == total:
            self.before += total
        elif total != self.length:
            self.before = 0
        self.last, self.length = at, total
        return (self.before + at, None, False), found

    def rich(self, state: bytes) -> Said | None:
        """A state of the Rich bar of Lightning."""
        if (bar := _RICH.search(state)) is None:
            return None
        at = int(bar[2])
        self.line, self.cut = (int(bar[1]) * int(bar[3]) + at if at else _STALE), ""
        return self.more(bar[4])

    def more(self, text: bytes) -> Said:
        """What is below the bar, where a line is too short for all values."""
        if self.line is None or self.line == _STALE:
            return NOWHERE, []
        text = self.cut.encode() + text.strip() + b" "
        found = pairs(text, self.names)
        last = text.rsplit(None, 1)[-1:]
        self.cut = last[0].decode("ascii", "replace") if last and last[0].endswith(b":") else ""
        return (self.line, None, False), found

    def keras_epoch(self, state: bytes) -> bool:
        """Keras' line above a bar."""
        said = _KERAS_EPOCH.match(state)
        if said is None:
            return False
        self.epoch, self.total, self.done = max(0, int(said[1]) - 1), None, False
        self.alone = False
        return True

    def keras(self, state: bytes) -> Said | None:
        """A state of Keras' bar; those of ``evaluate`` and ``predict`` belong to no epoch.

        A training of one epoch has no line above its bar. One after the other are epochs.
        """
        if (bar := _KERAS.match(state)) is None or not (found := pairs(bar[3], self.names)):
            return None
        at, total = int(bar[1]), None if bar[2] == b"Unknown" else int(bar[2])
        if self.epoch is None:
            if b"/step" not in state:
                return None
            self.epoch, self.alone = 0, True
        if total is None:
            return ((at, None, False), found) if not self.epoch else None
        if self.total is not None and total != self.total:
            return None
        if self.done and at < total:
            if not self.alone:
                return None
            self.epoch += 1
        self.total, self.done = total, at >= total
        return (self.epoch * total + at, None, False), found


def unnamed(state: bytes) -> int | None:
    """Where a bar of tqdm stands that has nothing before its percentage.

    Hugging Face's Trainer prints its mappings above such a bar, and draws it anew below them: it
    tells the step that they are of, where they themselves tell only a fraction of an epoch.
    """
    bar = _UNNAMED.match(state)
    return int(bar[1]) if bar is not None else None
