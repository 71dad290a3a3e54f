"""From a job to what is seen of it: texts, shapes and colour names. Pure; the clock is passed in.

Colours are names of theme variables (``status-running``), turned into real ones by whoever draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from trainer_tui.core.health import WORDS, Ailment
from trainer_tui.core.units import plural, whole
from trainer_tui.model import Job, Progress, Status
from trainer_tui.tui.glyphs import Glyphs

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry, Pending
    from trainer_tui.core.estimate import Estimate
    from trainer_tui.core.poller import ProfileState

_GERUNDS = {
    "cancel": "canceling",
    "stop": "stopping",
    "resume": "resuming",
    "edit": "saving",
    "submit": "submitting",
    "delete": "deleting",
    "forget": "forgetting",
    "star": "starring",
}
_COLOURS = {Status.PREPARING: "status-queued"}
AILING = {
    Ailment.NAN: "status-failed",
    Ailment.DIVERGENCE: "status-failed",
    Ailment.PLATEAU: "status-interrupted",
    Ailment.STALL: "status-interrupted",
}
"""Theme variable of what is wrong with a training."""


def status_colour(status: Status) -> str:
    """The theme variable of a status."""
    return _COLOURS.get(status) or f"status-{status}"


def gerund(act: str) -> str:
    """An act under way: ``canceling``."""
    return _GERUNDS.get(act, f"{act}…")


def pending_text(pending: Pending, glyphs: Glyphs) -> str:
    """An act that was asked for, as the row tells it: asked, acknowledged or late."""
    end = {"asked": glyphs.ellipsis, "acknowledged": f" {glyphs.ok}", "late": " ?"}[pending.phase]
    return gerund(str(pending.act)) + end


@dataclass(frozen=True, slots=True)
class Cells:
    """A job's row as texts, before it is fitted to a width."""

    name: str
    profile: str
    shape: str
    status: str
    colour: str
    """Theme variable of status and bar."""
    fraction: float | None
    percent: str
    step: str
    eta: str
    loss: str
    age: str
    ended: bool
    stale: bool
    stalled: bool
    watched: bool


def cells(entry: Entry, now: datetime, glyphs: Glyphs) -> Cells:
    """What a row says of a job."""
    job = entry.job
    pending, estimate = entry.pending, entry.estimate
    stalled = bool(estimate and estimate.stalled and job.status is Status.RUNNING)
    if pending is not None:
        shape, status = glyphs.status[Status.STOPPING], pending_text(pending, glyphs)
        colour = "status-stopping"
    else:
        shape, colour = glyphs.status[job.status], status_colour(job.status)
        status = job.status.value
        if entry.finding is not None and job.status is Status.RUNNING:
            status, colour = WORDS[entry.finding.ailment], AILING[entry.finding.ailment]
        elif stalled:
            status, colour = "stalled", "status-interrupted"
        elif job.status is Status.QUEUED and job.queue_position is not None:
            status = f"queued {job.queue_position + 1}"
    return Cells(
        name=job.name or job.ref.id,
        profile=job.ref.profile,
        shape=shape,
        status=status,
        colour=colour,
        fraction=fraction(job.progress),
        percent=percent(job),
        step=steps(job.progress, glyphs),
        eta=eta(estimate, glyphs) if job.status.active else glyphs.dash,
        loss=number(job.loss) if job.loss is not None else glyphs.dash,
        age=age(job.created_at, now) or glyphs.dash,
        ended=job.status.ended,
        stale=entry.stale,
        stalled=stalled,
        watched=entry.watched,
    )


def fraction(progress: Progress | None) -> float | None:
    """0 to 1, where it is known."""
    if progress is None or progress.percent is None:
        return None
    return progress.percent / 100.0


def percent(job: Job) -> str:
    """``48%``, rounded down: 100% only when it is all done."""
    if job.progress is None or job.progress.percent is None:
        return ""
    return f"{math.floor(job.progress.percent)}%"


def steps(progress: Progress | None, glyphs: Glyphs) -> str:
    """``960/2000``, ``ep 21/100``, ``1.99M/2M``; a service that tells a percentage alone has no
    steps."""
    if progress is None or progress.unit == "percent":
        return glyphs.dash
    counts = [n for n in (progress.current, progress.total) if n is not None]
    told = "/".join(map(str, counts))
    lead = _SHORT_UNITS.get(progress.unit, f"{progress.unit[:4]} ")
    if len(lead) + len(told) > STEPS:
        told = "/".join(map(_rounded_down, counts))
    return lead + told


STEPS = 11
"""Cells that :func:`steps` takes at most, but for absurd numbers."""
_SHORT_UNITS = {"step": "", "epoch": "ep ", "iteration": "it "}


def _rounded_down(count: int) -> str:
    """``1.99M``: in few characters, and never more than it is."""
    for unit, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= unit:
            hundredths = count * 100 // unit
            digits = 0 if hundredths >= 10_000 else 1 if hundredths >= 1_000 else 2
            value = hundredths // 10 ** (2 - digits) / 10**digits
            text = f"{value:.{digits}f}"
            return (text.rstrip("0").rstrip(".") if digits else text) + letter
    return str(count)


def eta(estimate: Estimate | None, glyphs: Glyphs) -> str:
    """Time left: ``1h12m``; ``<1m``."""
    return span(estimate.eta) if estimate and estimate.eta is not None else glyphs.dash


def span(seconds: float | None) -> str:
    """A duration in at most two units, whole minutes from one minute on: ``<1m 7m 1h12m 2d4h``."""
    if seconds is None:
        return ""
    minutes = int(seconds // 60)
    if minutes < 1:
        return "<1m"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes}m"
    days, hours = divmod(hours, 24)
    if not days:
        return f"{hours}h{minutes:02d}m"
    return f"{days}d{hours}h" if days < 100 else f"{days}d"


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in one unit that changes seldom: ``<1m 5m 3h 2d 7w``."""
    if since is None:
        return ""
    minutes = int((now - since).total_seconds() // 60)
    if minutes < 1:
        return "<1m"
    if minutes < 60:
        return f"{minutes}m"
    if minutes < 60 * 24:
        return f"{minutes // 60}h"
    days = minutes // (60 * 24)
    return f"{days}d" if days < 100 else f"{days // 7}w"


def number(value: float | None) -> str:
    """A loss or metric in about four digits: ``0.312``, ``1.2e-05``, ``nan``."""
    if value is None:
        return ""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    size = abs(value)
    if size != 0 and (size < 0.001 or size >= 100_000):
        digits = 1 if 1e-99 < size < 1e100 else 0
        return f"{value:.{digits}e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    for limit, digits in ((10, 3), (100, 2), (1000, 1)):
        if size < limit:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"


def pace(rate: float | None, unit: str = "step") -> str:
    """Steps (epochs, …) a second as it reads best: ``1.38 s/step``, ``4.2 steps/s``,
    ``7m/epoch``."""
    if not rate or rate <= 0 or unit == "percent":
        return ""
    unit, rate = whole(unit, rate)
    if rate >= 1:
        return f"{rate:,.1f} {plural(unit)}/s"
    seconds = 1 / rate
    return f"{span(round(seconds))}/{unit}" if seconds >= 300 else f"{seconds:.2f} s/{unit}"


def clock(moment: datetime | None, now: datetime) -> str:
    """A moment in local time: the hour, and the day when it is not today."""
    if moment is None:
        return ""
    local, today = moment.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if local.year == today.year:
        return f"{local:%d %b %H:%M}"
    return f"{local:%d %b %Y}"


def bar(value: float, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """The filled and the empty part of a bar of ``width`` cells, to an eighth of a cell."""
    value = min(1.0, max(0.0, value))
    steps_per_cell = len(glyphs.blocks) - 1
    filled = math.floor(value * width * steps_per_cell)
    whole, part = divmod(filled, steps_per_cell)
    text = glyphs.bar * whole + (glyphs.blocks[part] if part else "")
    return text, glyphs.track * (width - len(text))


def spark(values: list[float], width: int, glyphs: Glyphs) -> str:
    """A curve in one line of ``width`` cells; what is not finite leaves a gap.

    Braille has two columns and four levels a cell; ASCII has one column.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite or width <= 0:
        return ""
    low, high = min(finite), max(finite)
    columns = width * 2 if glyphs.unicode else width
    levels = 4 if glyphs.unicode else len(glyphs.sparks)
    points = _resample(values, min(columns, len(values)))

    def level(value: float) -> int | None:
        if not math.isfinite(value):
            return None
        if high == low:
            return 0
        return min(levels - 1, int((value - low) / (high - low) * levels))

    found = [level(value) for value in points]
    if not glyphs.unicode:
        return "".join(" " if value is None else glyphs.sparks[value] for value in found)
    left, right = (0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08)
    text = []
    for index in range(0, len(found), 2):
        dots = 0
        for value, column in zip(found[index : index + 2], (left, right), strict=False):
            if value is not None:
                dots |= column[value]
        text.append(chr(0x2800 + dots))
    return "".join(text)


def _resample(values: list[float], count: int) -> list[float]:
    if len(values) <= count:
        return values
    out = []
    for index in range(count):
        start, end = index * len(values) // count, (index + 1) * len(values) // count
        piece = [value for value in values[start:end] if math.isfinite(value)]
        out.append(sum(piece) / len(piece) if piece else math.nan)
    return out


def profile_shape(state: ProfileState, glyphs: Glyphs) -> tuple[str, str]:
    """A profile's shape and the theme variable of its colour."""
    return {
        "ok": (glyphs.status[Status.RUNNING], "status-succeeded"),
        "idle": (glyphs.status[Status.QUEUED], "status-unknown"),
        "loading": (glyphs.status[Status.QUEUED], "status-queued"),
        "paused": (glyphs.pause, "status-stopping"),
        "offline": (glyphs.bad, "status-failed"),
        "unauthorized": (glyphs.bad, "status-failed"),
        "rate_limited": (glyphs.status[Status.STOPPING], "status-stopping"),
        "error": (glyphs.warn, "status-failed"),
    }.get(state.phase, ("?", "status-unknown"))


def profile_word(state: ProfileState, now: datetime, *, since: bool = True) -> str:
    """What is to be known of a profile besides its count; empty when all is well.

    ``since``: whether it is told of when its facts are.
    """
    words = {
        "offline": "offline",
        "unauthorized": "not authorised",
        "rate_limited": "rate limited",
        "error": "error",
        "paused": "paused",
        "loading": "connecting" if state.last_ok is None else "",
    }
    word = words.get(state.phase, "")
    if state.phase == "error" and (status := getattr(state.error, "status", None)):
        word = f"error {status}"
    if state.phase == "rate_limited" and state.next_at is not None and state.next_at > now:
        return f"{word} until {clock(state.next_at, now)}"
    if since and word and state.phase not in {"paused", "loading"} and state.last_ok is not None:
        word += f", as of {clock(state.last_ok, now)}"
    return word


def fit(text: str, width: int, glyphs: Glyphs) -> str:
    """The text cut or padded to exactly ``width`` cells; wide characters count two."""
    from rich.cells import cell_len, set_cell_size

    if text.isascii():
        length = len(text)
    else:
        length = cell_len(text)
    if length == width:
        return text
    if length < width:
        return text + " " * (width - length)
    if width <= 1:
        return glyphs.ellipsis[:width]
    return set_cell_size(text, width - 1).rstrip(" ").ljust(0) + _end(text, width, glyphs)


def _end(text: str, width: int, glyphs: Glyphs) -> str:
    from rich.cells import cell_len, set_cell_size

    kept = cell_len(set_cell_size(text, width - 1).rstrip(" "))
    return glyphs.ellipsis + " " * (width - kept - 1)
