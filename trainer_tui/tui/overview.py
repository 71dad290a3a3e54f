"""What the Overview says of a job, as lines of label and value. Pure; the clock is passed in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from trainer_tui.core.health import WARM_UP
from trainer_tui.core.ticks import duration
from trainer_tui.core.units import plural
from trainer_tui.model import Job, Metric, Status
from trainer_tui.tui import present
from trainer_tui.tui.glyphs import Glyphs
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import wrap

if TYPE_CHECKING:
    from trainer_tui.config import HealthSettings
    from trainer_tui.core.board import Entry, Pending

_LABEL = 12
_SPARK = 40
_PHASES = {
    "asked": "asked {at}, not answered yet",
    "acknowledged": "accepted by the service; waiting to see it happen (since {at})",
    "late": "accepted, but not seen to happen since {at}: R asks again",
}

Lines = list[list[Piece]]


def lines(
    entry: Entry,
    now: datetime,
    glyphs: Glyphs,
    width: int,
    *,
    metrics: Sequence[Metric] = (),
    pricing: Mapping[str, float] | None = None,
    health: HealthSettings | None = None,
    acts: Sequence[tuple[str, str]] = (),
    unsent: str = "",
) -> Lines:
    """Everything worth knowing at a glance, in the order of its worth.

    Args:
        entry: The job.
        now: The time.
        glyphs: Symbols to draw with.
        width: Cells of a line.
        metrics: Points of its loss, oldest first.
        pricing: GPU type to money an hour.
        health: By which the loss is judged.
        acts: What can be done now: key and sentence.
        unsent: What was typed for it and not sent, in words.
    """
    job, room = entry.job, max(20, width - _LABEL - 2)
    out: Lines = []

    def row(label: str, *pieces: Piece) -> None:
        """What stands apart by two spaces goes below where there is no room beside."""
        line, used = [Piece(f" {label:<{_LABEL}}", "text-faint")], 0
        for piece in pieces:
            if used + piece.width > room and piece.text.startswith("  "):
                out.append(line)
                line, used = [Piece(" " * (_LABEL + 1))], 0
                piece = replace(piece, text=piece.text.lstrip())
            line.append(piece)
            used += piece.width
        out.append(line)

    def block(label: str, text: str, colour: str) -> None:
        for number, part in enumerate(wrap(text, room)):
            row(label if not number else "", Piece(part, colour))

    row("status", *_status(entry, now, glyphs))
    if entry.pending is not None:
        row("asked", Piece(_pending(entry.pending, now), "status-stopping"))
    if unsent:
        block("not sent", unsent, "warning")
    if job.error is not None:
        code = f"  [{job.error.code}]" if job.error.code else ""
        block("error", job.error.message + code, "status-failed")
    if job.progress is not None:
        row("progress", *_progress(job, glyphs, min(30, room // 3)))
    if pieces := _pace(entry, now, glyphs):
        row("pace", *pieces)
    if pieces := _loss(job, metrics, glyphs, min(_SPARK, room - 14)):
        row("loss", *pieces, *_judged(job, metrics, health))
    if pieces := _gpu(job, now, glyphs, pricing or {}):
        row("gpu" if job.gpu is not None else "ran", *pieces)
    if job.checkpoint_step is not None and not job.status.ended:
        step = job.checkpoint_step
        row("checkpoint", Piece(f"at step {step:,}" if step else "none yet", "text-muted"))
    row("times", *_times(job, now, glyphs))
    row("job", Piece(str(job.ref), "foreground"), *_config(job, glyphs))
    for label, text in job.extra.items():
        block(label.lower()[:_LABEL], text, "text-muted")
    if acts:
        out.append([])
    for key, sentence in acts:
        for number, part in enumerate(wrap(sentence, width - 6)):
            lead = "" if number else key
            out.append([Piece(f" {lead:>2} ", "accent", bold=True), Piece(part, "text-muted")])
    return out


def _status(entry: Entry, now: datetime, glyphs: Glyphs) -> list[Piece]:
    job = entry.job
    colour = present.status_colour(job.status)
    since = {
        Status.RUNNING: job.started_at,
        Status.STOPPING: job.started_at,
        Status.QUEUED: job.created_at,
        Status.PREPARING: job.started_at or job.created_at,
    }.get(job.status, job.finished_at)
    pieces = [
        Piece(f"{glyphs.status[job.status]} {job.status.value.upper()}", colour, bold=True),
    ]
    if since is not None:
        word = "at" if job.status.ended else "since"
        pieces.append(Piece(f" {word} {present.clock(since, now)}", "text-muted"))
    if job.raw_status:
        pieces.append(Piece(f"  ({job.provider}: {job.raw_status})", "text-faint"))
    if entry.finding is not None and job.status is Status.RUNNING:
        colour = present.AILING[entry.finding.ailment]
        pieces.append(Piece(f"  {glyphs.warn} {entry.finding.text}", colour))
    elif entry.estimate is not None and entry.estimate.stalled:
        pieces.append(Piece(f"  {glyphs.warn} no progress for a while", "status-interrupted"))
    if entry.stale:
        pieces.append(Piece(f"  {glyphs.dot} as last known", "text-faint"))
    if entry.watched and not job.status.ended:
        pieces.append(Piece(f"  {glyphs.watched} tells when it ends", "accent"))
    return pieces


def _pending(pending: Pending, now: datetime) -> str:
    at = present.clock(pending.since, now)
    return f"{pending.act}: {_PHASES[pending.phase].format(at=at)}"


def _progress(job: Job, glyphs: Glyphs, width: int) -> list[Piece]:
    progress = job.progress
    assert progress is not None
    pieces = []
    fraction = present.fraction(progress)
    if fraction is not None:
        filled, track = present.bar(fraction, width, glyphs)
        pieces += [
            Piece(filled, present.status_colour(job.status)),
            Piece(track, "track"),
            Piece(f" {present.percent(job)}  ", "foreground", bold=True),
        ]
    if progress.unit == "percent":
        return pieces
    count = progress.current if progress.total is None else progress.total
    unit = progress.unit if count == 1 else plural(progress.unit)
    total = f" / {progress.total:,}" if progress.total is not None else ""
    pieces.append(Piece(f"{progress.current:,}{total} {unit}", "text-muted"))
    return pieces


def _pace(entry: Entry, now: datetime, glyphs: Glyphs) -> list[Piece]:
    estimate = entry.estimate
    if estimate is None or not entry.job.status.active:
        return []
    parts = []
    if pace := present.pace(estimate.rate, estimate.unit):
        parts.append(pace)
    if estimate.finish is not None and estimate.eta is not None:
        parts.append(f"done about {present.clock(estimate.finish, now)}")
        parts.append(f"{present.span(estimate.eta)} left")
    return [Piece(f" {glyphs.dot} ".join(parts), "foreground")] if parts else []


def _loss(job: Job, metrics: Sequence[Metric], glyphs: Glyphs, width: int) -> list[Piece]:
    values = [metric.value for metric in metrics]
    last = values[-1] if values else job.loss
    if last is None:
        return []
    pieces = [Piece(f"{present.number(last):<8}", "foreground", bold=True)]
    if len(values) >= 4:
        half = max(1, len(values) // 4)
        rise = sum(values[-half:]) - sum(values[-2 * half : -half])
        arrow = glyphs.down if rise < 0 else glyphs.up if rise > 0 else " "  # NaN: neither
        pieces.append(Piece(f"{arrow}  ", "status-succeeded" if rise < 0 else "status-interrupted"))
        pieces.append(Piece(present.spark(values, width, glyphs), "chart-1"))
    return pieces


def _judged(job: Job, metrics: Sequence[Metric], health: HealthSettings | None) -> list[Piece]:
    """That the loss has too few points to be judged by, where it would be."""
    count = sum(math.isfinite(metric.value) for metric in metrics)
    judged = health is not None and (health.divergence or health.plateau)
    if not judged or job.status is not Status.RUNNING or not 0 < count < WARM_UP:
        return []
    return [Piece(f"  judged from {WARM_UP} points on, {count} so far", "text-faint")]


def _gpu(job: Job, now: datetime, glyphs: Glyphs, pricing: Mapping[str, float]) -> list[Piece]:
    parts = []
    if job.gpu is not None:
        parts.append(f"{job.gpu.type} {glyphs.times}{job.gpu.count}")
    took = None
    if job.started_at is not None:
        end = job.finished_at or (now if job.status.active else None)
        took = (end - job.started_at).total_seconds() if end else None
    if took is not None:
        # To the second only where that stands still.
        parts.append(duration(took) if job.finished_at else present.span(took))
        price = pricing.get(job.gpu.type) if job.gpu else None
        if price is not None and job.gpu is not None:
            cost = price * job.gpu.count * took / 3600
            parts.append(f"about ${cost:,.2f}" + ("" if job.status.ended else " so far"))
    return [Piece(f" {glyphs.dot} ".join(parts), "foreground")] if parts else []


def _times(job: Job, now: datetime, glyphs: Glyphs) -> list[Piece]:
    told = (
        ("created", job.created_at),
        ("started", job.started_at),
        ("ended", job.finished_at),
    )
    text = f" {glyphs.dot} ".join(f"{word} {present.clock(at, now)}" for word, at in told if at)
    return [Piece(text or glyphs.dash, "text-muted")]


def _config(job: Job, glyphs: Glyphs) -> list[Piece]:
    if not job.config_name or job.config_name == job.name:
        return []
    return [Piece(f" {glyphs.dot} config {job.config_name}", "text-muted")]
