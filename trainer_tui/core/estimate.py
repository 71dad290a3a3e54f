"""Rate, time left, wall-clock finish, stall and cost, out of observations alone.

Pure: the clock is passed in. Results are rounded to what a person can use, so that two looks at
the same facts compare equal.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trainer_tui.model import ATTEMPT, Job, Progress, Status

WINDOW = 600.0
"""Seconds of history that the rate is taken from: long enough to smooth a slow sampling pause,
short enough to follow a change of speed."""
MIN_WINDOW_SAMPLES = 6
"""At least so many samples are looked at, however old, so that slow steps have a rate too."""
MAX_SAMPLES = 240
CATCH_UP = 20.0
"""Steps that came so many times quicker than the usual were only told late, not made then."""
STALL_FLOOR = 60.0
STALL_STEPS = 10.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A step count and when it was first seen (seconds of any one clock)."""

    time: float
    step: int
    unit: str = "step"
    """What is counted."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is to be expected of a job."""

    rate: float | None = None
    """Steps a second."""
    eta: float | None = None
    """Seconds left, as of the last step seen."""
    finish: datetime | None = None
    """When it will be done, to the minute (UTC)."""
    stalled: bool = False
    """No step for longer than its own pace explains."""
    unit: str = "step"
    """What :attr:`rate` counts."""


def add_sample(samples: Sequence[Sample], sample: Sample) -> tuple[Sample, ...]:
    """The samples with one more; begins anew when the step went back (a resume), or counts
    something else.

    A step seen again adds nothing: the time that counts is when it was first seen.
    """
    if samples:
        last = samples[-1]
        if sample.step < last.step or sample.unit != last.unit:
            return (sample,)
        if sample.step == last.step:
            return tuple(samples)
    return (*samples, sample)[-MAX_SAMPLES:]


def estimate(
    samples: Sequence[Sample],
    progress: Progress | None,
    now: datetime,
    status: Status,
    *,
    stall: float = STALL_STEPS,
    moment: float | None = None,
) -> Estimate | None:
    """What the samples say about a job; ``None`` for one that does not run, or of whose steps
    nothing was seen.

    Args:
        stall: So many times its own pace without a step is a stall; 0: never.
        moment: This moment by the samples' clock; the calendar's where they were taken from it.
    """
    if status is not Status.RUNNING or not samples:
        return None
    window = _window(samples)
    rate = _rate(window)
    silent = (now.timestamp() if moment is None else moment) - samples[-1].time
    stalled = bool(stall) and silent > max(STALL_FLOOR, stall * _median_step_time(window))
    eta: float | None = None
    finish: datetime | None = None
    if rate and progress is not None and progress.total:
        left = max(0, progress.total - progress.current)
        seconds = left / rate
        eta = _rounded_seconds(seconds)
        if not stalled and seconds < timedelta(days=3650).total_seconds():
            finish = _to_minute(now + timedelta(seconds=seconds - silent))
    shown = _three_digits(rate) if rate else None
    return Estimate(shown, eta, finish, stalled, samples[-1].unit)


def resumed(job: Job) -> bool:
    """Whether its present run did not begin at the first step, as far as the service tells."""
    return job.extra.get(ATTEMPT, "1") != "1"


def elapsed(job: Job, now: datetime) -> float | None:
    """Seconds that the job has run so far, or did run."""
    if job.started_at is None:
        return None
    if job.finished_at is None and job.status.ended:
        return None
    return max(0.0, ((job.finished_at or now) - job.started_at).total_seconds())


def cost(job: Job, pricing: Mapping[str, float], now: datetime) -> float | None:
    """Money so far: price of a GPU-hour × GPUs × hours. ``None`` without a price or a start."""
    seconds = elapsed(job, now)
    if job.gpu is None or seconds is None or job.gpu.type not in pricing:
        return None
    return pricing[job.gpu.type] * job.gpu.count * seconds / 3600.0


def _window(samples: Sequence[Sample]) -> Sequence[Sample]:
    newest = samples[-1].time
    recent = [s for s in samples if newest - s.time <= WINDOW]
    return recent if len(recent) >= MIN_WINDOW_SAMPLES else samples[-MIN_WINDOW_SAMPLES:]


def _rate(window: Sequence[Sample]) -> float | None:
    usual = _median_step_time(window)
    real = [pair for pair in _pairs(window) if pair[0] * CATCH_UP >= usual * pair[1]]
    seconds, steps = sum(pair[0] for pair in real), sum(pair[1] for pair in real)
    return steps / seconds if real else None


def _median_step_time(window: Sequence[Sample]) -> float:
    times = [seconds / steps for seconds, steps in _pairs(window)]
    # (the statistics module's median would cost the first frame several milliseconds of import)
    return sorted(times)[len(times) // 2] if times else 0.0


def _pairs(window: Sequence[Sample]) -> list[tuple[float, int]]:
    """Seconds and steps from each sample to the next."""
    pairs = [(b.time - a.time, b.step - a.step) for a, b in itertools.pairwise(window)]
    return [(seconds, steps) for seconds, steps in pairs if seconds > 0 and steps > 0]


def _three_digits(value: float) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, 2 - math.floor(math.log10(abs(value))))


def _rounded_seconds(seconds: float) -> float:
    grain = 1.0 if seconds < 120 else 10.0 if seconds < 3600 else 60.0
    return round(seconds / grain) * grain


def _to_minute(moment: datetime) -> datetime:
    return (moment + timedelta(seconds=30)).replace(second=0, microsecond=0)
