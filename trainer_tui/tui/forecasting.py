"""What will be done, for the dialogs before something is sent, resumed or submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer_tui.core.forecast import Forecast, compared, forecast, resume_words
from trainer_tui.core.pace import Pace, pace_of
from trainer_tui.errors import TrainerError
from trainer_tui.model import Gpu, Job, JobRef, Metric

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp

_POINTS = 1000


def pace_for(app: TrainerApp, ref: JobRef) -> Pace | None:
    """The job's own seconds a step, as far as they are known here."""
    entry = app.board.get(ref)
    if entry is None:
        return None
    return pace_of(entry.job, entry.estimate, _recent(app, ref), app.now())


def _recent(app: TrainerApp, ref: JobRef) -> Sequence[Metric]:
    """The end of the job's longest known curve."""
    try:
        keys = app.store.metric_keys(ref)
        if not keys:
            return ()
        key = "loss" if "loss" in keys else next(iter(keys))
        return app.store.metrics(ref, key, since_step=max(-1, keys[key].last - _POINTS))
    except (TrainerError, AttributeError):
        return ()  # the store says so itself where it is asked for more than a guess


def forecasts(
    app: TrainerApp, ref: JobRef, base: str | None, text: str
) -> tuple[Forecast | None, Forecast | None]:
    """What an edited job does by its old config, and by the new one."""
    entry = app.board.get(ref)
    job = entry.job if entry is not None else None
    pace = pace_for(app, ref)

    def of(config: str) -> Forecast | None:
        return forecast(
            config,
            start=job.checkpoint_step if job is not None else None,
            pace=pace,
            gpu=job.gpu if job is not None else None,
            pricing=app.config.pricing,
        )

    return of(base) if base is not None else None, of(text)


def forecast_new(
    app: TrainerApp, text: str, gpu_type: str | None, gpu_count: int | None, like: JobRef | None
) -> Forecast | None:
    """What a new job does; at the pace of the job that it was made from, on the same GPUs."""
    gpu = Gpu(gpu_type, gpu_count or 1) if gpu_type else None
    pace = None
    entry = app.board.get(like) if like is not None else None
    if entry is not None and like is not None and (entry.job.gpu in (None, gpu) or gpu is None):
        found = pace_for(app, like)
        if found is not None:
            pace = Pace(found.seconds, f"as in {entry.job.name}")
    return forecast(text, pace=pace, gpu=gpu, pricing=app.config.pricing)


def told(old: Forecast | None, new: Forecast | None) -> list[tuple[str, str]]:
    """What an edit changes of it, then what will be done, as lines of a dialog."""
    if new is None:
        return []
    lines = [("accent", line) for line in compared(old, new)]
    lines += [("foreground", line) for line in new.words()]
    return [*lines, ("foreground", "")]


def before_resume(app: TrainerApp, job: Job) -> str:
    """What a resume will run, by what is known of the job without its config."""
    return resume_words(job, pace_for(app, job.ref), app.config.pricing)
