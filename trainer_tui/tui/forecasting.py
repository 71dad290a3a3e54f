"""What will be done, for the dialogs before something is sent, resumed or submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer_tui.core.forecast import Forecast, compared, forecast, resume_words
from trainer_tui.core.pace import Pace
from trainer_tui.core.pastwork import like_pace, other_work, own_pace
from trainer_tui.model import Gpu, Job, JobRef

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp


def pace_for(app: TrainerApp, ref: JobRef) -> Pace | None:
    """The job's own seconds a step, as far as they are known here."""
    entry = app.board.get(ref)
    if entry is None:
        return None
    return own_pace(app.store, entry.job, entry.estimate, app.now())


def _like(app: TrainerApp, profile: str, text: str, gpu: Gpu | None) -> Pace | None:
    """The pace of a past job that did the same work."""
    jobs = [entry.job for entry in app.board.entries()]
    return like_pace(app.store, jobs, profile, text, gpu, app.now())


def forecasts(
    app: TrainerApp, ref: JobRef, base: str | None, text: str
) -> tuple[Forecast | None, Forecast | None]:
    """What an edited job does by its old config, and by the new one."""
    entry = app.board.get(ref)
    job = entry.job if entry is not None else None
    gpu = job.gpu if job is not None else None
    pace = pace_for(app, ref) or _like(app, ref.profile, text, gpu)

    def of(config: str) -> Forecast | None:
        return forecast(
            config,
            start=job.checkpoint_step if job is not None else None,
            pace=pace,
            gpu=gpu,
            pricing=app.config.pricing,
        )

    return of(base) if base is not None else None, of(text)


def forecast_new(
    app: TrainerApp,
    text: str,
    profile: str,
    gpu_type: str | None,
    gpu_count: int | None,
    like: JobRef | None,
) -> Forecast | None:
    """What a new job does; at the pace of a past one of the same work on the same GPUs, else of
    the job that it was made from."""
    gpu = Gpu(gpu_type, gpu_count or 1) if gpu_type else None
    pace = _like(app, profile, text, gpu)
    entry = app.board.get(like) if like is not None else None
    if pace is None and entry is not None and (entry.job.gpu in (None, gpu) or gpu is None):
        found = pace_for(app, entry.job.ref)
        if found is not None:
            other = (
                " (its steps were other work)" if other_work(app.store, entry.job.ref, text) else ""
            )
            pace = Pace(found.seconds, f"as in {entry.job.name}{other}")
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
