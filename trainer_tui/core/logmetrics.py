"""Metrics found in what a job prints, by the built-in patterns and the user's own.

A log is read as raw bytes, piece by piece. Every *state* counts, not only whole lines: what lies
between two ends of line or carriage returns, so that each state of a progress bar gives its points
although the next one was written over it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from trainer_tui.core import logpatterns
from trainer_tui.core.logbars import Bars, unnamed
from trainer_tui.core.logfile.moments import time_of
from trainer_tui.core.logpatterns import Names, Said, Value
from trainer_tui.core.logtables import Yolo
from trainer_tui.core.ownpatterns import Own
from trainer_tui.model import EPOCH_PARTS, POINTS, Metric

MAX_STATE = 16 << 10
"""A state of more bytes is passed over: no trainer prints such a line of metrics."""
MAX_KEYS = 200
"""Keys that one log gives at most."""
VERSION = 6
"""Another number: the built-in patterns find something else than before."""
_MAX_OWN = 2_000
"""Characters of a state that a user's own pattern looks at."""
_WINDOW = 64 << 10
_STAMPS = 50
"""After so many lines of metrics without a time none is looked for."""
_STAMP = 200
_ABOVE = 5
"""So many lines above one without a time are asked for theirs."""
_WAITING = 20
"""So many lines wait for the bar below them at most."""
_INDENT = 20
"""So far to the right is what a bar has below it."""
_LIMIT = 1 << 63
"""Steps beyond are not kept."""
_FINE = 1000
"""Steps that an epoch counts as where lines tell only fractions of one."""
_ESCAPE = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*\x07?|[\x08\x1b]")
_WORDS = (
    *(b"loss", b"acc", b"ppl", b"perplexity", b"f1", b"map", b"iou", b"dice", b"auc", b"error"),
    *(b"mse", b"mae", b"psnr", b"ssim", b"rouge", b"bleu", b"reward", b"nll", b"score"),
)
"""A line of words and numbers is looked at when one of these is in it."""
_MARKS = (b"/s, ", b"/it, ", b"it/s", b"Epoch", b"': ", b'":', b" all ")
"""A piece without any of these and of the words has nothing."""
_OTHERS = (b"/s, ", b"/it, ", b"Epoch", b" - ", b"{")
"""A line with one of these may be of a form that is looked for before words and numbers."""
_PLANS = 1000


class Reader:
    """Reads one log from its beginning.

    The step of a point is that of its line; where the line tells none, that of the bar that it is
    printed above, or its epoch (in thousandths, once one was told as a fraction); else how many
    values of that key there were.

    Args:
        own: The user's patterns: a line that one of them knows is left to it.
        kept: What :meth:`save` gave, to go on from there.
        near: A moment not far from the first line's: tells the day of a clock without a date.
    """

    def __init__(
        self,
        own: Sequence[Own] = (),
        kept: Mapping[str, Any] | None = None,
        near: datetime | None = None,
    ) -> None:
        self._own = tuple(own)
        self._names = Names()
        self._bars = Bars(self._names)
        self._yolo = Yolo(self._names)
        self._plans: dict[bytes, logpatterns.Plan] = {}
        self._rest = b""
        self._skipping = False
        self._stamps = _STAMPS
        self._near = near
        self._above: list[bytes] = []
        """The last states of what was fed before."""
        self._bar: int | None = None
        """Where the last bar without a name stood."""
        self._by_bar = False
        """The bar below a line tells its step, where that tells its epoch: a fraction of one."""
        self._waiting: list[tuple[list[Value], datetime | None]] = []
        """The values of such lines, until the bar comes."""
        self._fine = False
        self._within = (-math.inf, 0, 0)
        """The last epoch and step in it, and the steps of the epochs before."""
        self._last: dict[str, tuple[int, float]] = {}
        self._epochs: dict[str, float] = {}
        self._units: dict[str, str] = {}
        """What the places of a key count, where a line told one."""
        if kept is not None:
            self._restore(kept)

    @property
    def held(self) -> int:
        """Bytes at the end of what was fed that wait for their end."""
        return len(self._rest)

    def feed(self, data: bytes, time: datetime | None = None) -> list[Metric]:
        """Take the next bytes of the log; gives the points of the states that ended in them.

        Args:
            data: Any piece, cut anywhere.
            time: When it was written, where that is known; a line that tells its own is believed.
        """
        if self._skipping:
            ends = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
            if not ends:
                return []
            self._skipping = False
            data = data[min(ends) :]
        data = self._rest + data
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._rest = data[cut:]
        if len(self._rest) > MAX_STATE:
            self._rest, self._skipping = b"", True
        found: list[Metric] = []
        start = 0
        while start < cut:
            stop = start + _WINDOW
            if stop < cut:
                stop = max(data.rfind(b"\n", start, stop), data.rfind(b"\r", start, stop)) + 1
                if stop <= start:  # no end in sight
                    ends = [at for at in (data.find(e, start) for e in (b"\n", b"\r")) if at >= 0]
                    stop = min(ends) + 1
            else:
                stop = cut
            self._window(data[start:stop], time, found)
            start = stop
        return found

    def skip(self) -> None:
        """What comes next begins inside of a line: that line is passed over."""
        self._rest, self._skipping = b"", True

    def finish(self, time: datetime | None = None) -> list[Metric]:
        """The log is complete: the last state counts without its end too."""
        found = self.feed(b"\n", time)
        self._release(found)
        return found

    def save(self) -> dict[str, Any]:
        """What a later reader needs to go on behind the bytes fed but the :attr:`held` ones; for
        JSON."""
        bars, yolo = self._bars, self._yolo
        return {
            "bars": [
                *(bars.epoch, bars.total, bars.done, bars.last, bars.length, bars.before),
                *(bars.alone, bars.line, bars.cut),
            ],
            "yolo": [yolo.losses, yolo.tests, yolo.epoch, yolo.tested],
            "within": list(self._within) if self._within[1] else None,
            "fine": self._fine,
            "skipping": self._skipping,
            "last": self._last,
            "epochs": self._epochs,
            "units": self._units,
            "bar": [self._bar, self._by_bar],
            "waiting": [
                [values, when.isoformat() if when is not None else None]
                for values, when in self._waiting
            ],
            "near": self._near.isoformat() if self._near is not None else None,
        }

    def _restore(self, kept: Mapping[str, Any]) -> None:
        self._bars = Bars(self._names, *kept["bars"])
        self._yolo = Yolo(self._names, *kept["yolo"])
        if kept["within"]:
            epoch, step, before = kept["within"]
            self._within = (epoch, step, before)
        self._fine, self._skipping = kept["fine"], kept["skipping"]
        self._last = {key: (step, value) for key, (step, value) in kept["last"].items()}
        self._epochs, self._units = dict(kept["epochs"]), dict(kept["units"])
        self._bar, self._by_bar = kept["bar"]
        self._waiting = [
            ([(key, value) for key, value in values], when and datetime.fromisoformat(when))
            for values, when in kept["waiting"]
        ]
        if kept["near"] is not None:
            self._near = datetime.fromisoformat(kept["near"])

    def _window(self, window: bytes, time: datetime | None, found: list[Metric]) -> None:
        """Some whole states. Those that hold nothing of interest are passed over together."""
        if not self._own and not any(mark in window for mark in _MARKS):
            lower = window.lower()
            if not any(word in lower for word in _WORDS):
                end = window[-_ABOVE * _STAMP :].replace(b"\r", b"\n")
                self._above = end.split(b"\n")[-_ABOVE - 1 : -1]
                return
        words: list[bytes] | None = None
        escapes = b"\x1b" in window or b"\x08" in window
        states = [*self._above, *window.replace(b"\r", b"\n").split(b"\n")]
        begin, self._above = len(self._above), states[-_ABOVE - 1 : -1]
        for at in range(begin, len(states)):
            state = states[at]
            if not state or len(state) > MAX_STATE:
                continue
            if escapes:
                state = states[at] = _ESCAPE.sub(b"", state)
            if self._own and self._take_own(states, at, time, found):
                continue
            bars = self._bars
            if b"%|" in state and (stands := unnamed(state)) is not None:
                self._bar = stands
                self._release(found)
            shape = logpatterns.shape(state)
            plan = self._plans.get(shape) if bars.line is None else None
            if plan is not None:
                self._take(plan.said(state), self._when(states, at, time), found)
                continue
            said = bars.tqdm(state) if b"/s, " in state or b"/it, " in state else None
            if said is None and (said := self._look(state)) is None:
                if words is None:  # those that are in this window: few, for each of many lines
                    lower = window.lower()
                    words = [word for word in _WORDS if word in lower]
                if not words or (said := self._words(state, words)) is None:
                    continue
                self._plan(shape, state, said)
            when = self._when(states, at, time)
            (step, epoch, fraction), values = said
            self._by_bar = self._by_bar or (fraction and self._bar is not None)
            if step is None and epoch is not None and self._by_bar:
                self._waiting.append((values, when))
                if len(self._waiting) >= _WAITING:
                    self._release(found)
            else:
                self._take(said, when, found)

    def _release(self, found: list[Metric]) -> None:
        """The bar is where it was when the values that wait for it were told."""
        waiting, self._waiting = self._waiting, []
        for values, when in waiting:
            self._take(((self._bar, None, False), values), when, found)

    def _look(self, state: bytes) -> Said | None:
        """What the patterns for one form of line each say of a state."""
        bars = self._bars
        if bars.line is not None:
            if state[:_INDENT].isspace():
                return bars.more(state)
            bars.line = None
        if b"Epoch" in state:
            if bars.keras_epoch(state):
                return None
            if b"it/s " in state and (said := bars.rich(state)) is not None:
                return said
        if b" - " in state and (said := bars.keras(state)) is not None:
            return said
        if state[:2] == b"  " and (said := self._yolo.take(state)) is not None:
            return said
        if b"{" in state and (b"': " in state or b'":' in state):
            return logpatterns.mapping(state, self._names)
        return None

    def _words(self, state: bytes, words: Sequence[bytes]) -> Said | None:
        """What a line of words and numbers says."""
        lower = state.lower()
        for word in words:
            if word in lower and logpatterns.may_say(lower, word):
                return logpatterns.words(state, self._names)
        return None

    def _plan(self, shape: bytes, state: bytes, said: Said) -> None:
        """Remember where lines of this shape say what this one says, if no other pattern has a
        look at them first: lines that one statement prints differ in digits only."""
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        if not (state[:2] == b"  " or any(mark in state for mark in _OTHERS)):
            plan = logpatterns.plan(state, said, self._names)
            if plan is not None:
                self._plans[shape] = plan

    def _take_own(
        self, states: list[bytes], at: int, time: datetime | None, found: list[Metric]
    ) -> bool:
        text = states[at].decode("utf-8", "replace")[:_MAX_OWN]
        came = False
        for own in self._own:
            for said in own.find(text):
                self._take(said, self._when(states, at, time), found)
                came = True
        return came

    def _when(self, states: list[bytes], at: int, time: datetime | None) -> datetime | None:
        """When a line says that it was written, or one shortly above it does; asked no more where
        lines never say it."""
        if not self._stamps:
            return time
        for state in reversed(states[max(0, at - _ABOVE) : at + 1]):
            told = time_of(state[:_STAMP].decode("utf-8", "replace"), time or self._near)
            if told is not None:
                self._stamps, self._near = _STAMPS, told
                return told
            if time is not None:
                break  # when it came is nearer than what another line says
        self._stamps -= 1
        return time

    def _take(self, said: Said, time: datetime | None, found: list[Metric]) -> None:
        (step, epoch, fraction), values = said
        told = None if step is None else "step"
        if epoch is not None:
            if step is None:
                self._fine = self._fine or fraction
                told = EPOCH_PARTS if self._fine else "epoch"
            else:
                step = self._global(epoch, step)
        for key, value in values:
            last = self._last.get(key)
            if last is None and len(self._last) >= MAX_KEYS:
                continue
            if step is not None:
                at = step
            elif epoch is not None:
                at = self._of_epoch(key, epoch, last)
            else:
                at = 1 if last is None else last[0] + 1
            new = (at, value)
            if last != new and -_LIMIT <= at < _LIMIT:
                self._last[key] = new
                if told is not None:
                    self._units[key] = told
                found.append(Metric(key, at, value, time, self._units.get(key, POINTS)))

    def _of_epoch(self, key: str, epoch: float, last: tuple[int, float] | None) -> int:
        """A step for an epoch. Fractions are often rounded: two that are equal are two points."""
        at = round(epoch * _FINE) if self._fine else int(epoch)
        before = self._epochs.get(key)
        self._epochs[key] = epoch
        if self._fine and last is not None and before is not None and epoch >= before:
            return max(at, last[0] + 1)
        return at

    def _global(self, epoch: float, step: int) -> int:
        """The step along the whole training, where each epoch counts its steps anew."""
        last, at, before = self._within
        if epoch > last and step <= at:
            before += at
        elif epoch < last:  # begun anew, or gone back
            before = 0
        self._within = (epoch, step, before)
        return before + step
