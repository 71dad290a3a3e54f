"""The jobs whose curves a panel shows: which keys they have, and the curves of a key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trainer_tui.core.points import Points, better
from trainer_tui.core.seriesset import SeriesSet
from trainer_tui.core.stalls import Stall, Stalls
from trainer_tui.core.ticks import number
from trainer_tui.model import JobRef, Metric, Status
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.widgets.chart_look import Curve

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import MetricsArrived
    from trainer_tui.core.store import Store

_AT_ONCE = 20_000
"""Points that are read without keeping anyone waiting."""
COLOURS = tuple(f"chart-{n}" for n in range(1, 7))
"""One for each job or key; the seventh begins again."""


@dataclass(slots=True)
class JobCurves:
    """One job's curves."""

    ref: JobRef
    name: str
    held: SeriesSet = field(default_factory=SeriesSet)
    checkpoints: set[int] = field(default_factory=set)
    counts: str = "step"
    """What the places of its checkpoints count."""
    running: bool = False
    stalled: bool = False
    """It stands still, by what is seen of its steps."""
    heard: float = -math.inf
    """When points came last, in Unix seconds of this machine."""
    _coming: SeriesSet | None = None
    """All of them anew, while that is less than what is shown."""
    _stalls: dict[str, Stalls] = field(default_factory=dict)

    def update(self, entry: Entry | None) -> None:
        """Whether it runs, and stands still."""
        self.running = entry is not None and entry.job.status is Status.RUNNING
        self.counts = entry.job.counts if entry is not None else self.counts
        guess = entry.estimate if entry is not None else None
        self.stalled = self.running and guess is not None and guess.stalled

    def take(self, message: MetricsArrived, now: float) -> bool:
        """Take what was told of its curves; whether anything is to be shown anew.

        Curves that are told anew in pieces take the place of those that are shown once they are as
        long: nothing becomes short and long again.
        """
        if message.metrics and not message.reset:
            self.heard = now
        if message.reset:
            self._coming = SeriesSet()
        if self._coming is None:
            return self.held.add(message.metrics)
        self._coming.add(message.metrics)
        if message.more and self._coming.points < self.held.points:
            return False
        self.held, self._coming = self._coming, None
        return True

    def remember(self, store: Store) -> None:
        """What is known of it at once; of very many points the first ones, until all are told."""
        count = 0
        for piece in store.points(self.ref):
            self.held.add(piece)
            count += sum(1 if isinstance(one, Metric) else len(one) for one in piece)
            if count >= _AT_ONCE:
                break

    def stalls(self, key: str, now: float | None = None) -> tuple[Stall, ...]:
        """Where the curve stood still, and whether it does ``now``."""
        series = self.held[key]
        known = self._stalls.get(key)
        if known is None or known.series is not series:
            known = self._stalls[key] = Stalls(series)
        return known.find(now if self.running else None, self.heard, sure=self.stalled)


def keys_of(jobs: Sequence[JobCurves]) -> list[str]:
    """The keys that any of the jobs has, the most looked at first."""
    if len(jobs) == 1:
        return jobs[0].held.keys()
    union = SeriesSet()
    union.add(Points(key, (), (), ()) for job in jobs for key in job.held)
    return union.keys()


def cell_of(jobs: Sequence[JobCurves], key: str, glyphs: Glyphs) -> tuple[str, str]:
    """What a list says of a key: of one job its last and best value, of several how many."""
    if len(jobs) != 1:
        return f"{sum(key in job.held for job in jobs)} of {len(jobs)}", ""
    series, way = jobs[0].held[key], better(key)
    last = series.last
    best = series.best(way) if way is not None else None
    arrow = glyphs.down if way == "min" else glyphs.up
    return (
        number(last[1]) if last is not None else "",
        f"{arrow} {number(best[1])}" if best is not None else "",
    )


def curves_of(
    jobs: Sequence[JobCurves],
    keys: Sequence[str],
    every: Sequence[str],
    now: float | None = None,
) -> list[Curve]:
    """The curves of some keys of one job, each in the colour of its key; or of the first key of
    several jobs, each in the colour and with the name of its job.

    Args:
        jobs: Whose curves.
        keys: Which, the first one on top.
        every: All keys that are listed, which give the colours.
        now: Unix seconds; with it a stall that goes on is marked.
    """
    if len(jobs) > 1:
        return [
            Curve(
                job.name,
                job.held[key],
                COLOURS[place % len(COLOURS)],
                better(key),
                job.stalls(key, now),
            )
            for key in keys[:1]
            for place, job in enumerate(jobs)
            if key in job.held
        ]
    return [
        Curve(key, job.held[key], colour_of(key, every), better(key), job.stalls(key, now))
        for job in jobs
        for key in keys
        if key in job.held
    ]


def colour_of(key: str, every: Sequence[str]) -> str:
    """The colour that a key keeps as long as it is listed."""
    return COLOURS[every.index(key) % len(COLOURS)] if key in every else COLOURS[0]
