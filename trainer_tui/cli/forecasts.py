"""What an edit, a resume or a new job will do, for the question before it and for ``--json``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer_tui.cli.service import Service
from trainer_tui.model import Gpu, Job

if TYPE_CHECKING:
    from trainer_tui.core.forecast import Forecast


def of_edit(
    service: Service, job: Job, base: str | None, text: str
) -> tuple[Forecast | None, Forecast | None]:
    """What a job does by its old config, and by the new one."""
    from trainer_tui.core.forecast import forecast
    from trainer_tui.core.pastwork import like_pace, own_pace

    store, now = service.context.store, service.now()
    pace = own_pace(store, job, None, now) or like_pace(
        store, service.known(), job.ref.profile, text, job.gpu, now
    )
    old, new = (
        forecast(
            config,
            start=job.checkpoint_step,
            pace=pace,
            gpu=job.gpu,
            pricing=service.context.config.pricing,
        )
        for config in (base or "", text)
    )
    return old, new


def of_new(service: Service, profile: str, text: str, gpu: Gpu | None) -> Forecast | None:
    """What a new job does, at the pace of a past one of the same work."""
    from trainer_tui.core.forecast import forecast
    from trainer_tui.core.pastwork import like_pace

    pace = like_pace(service.context.store, service.known(), profile, text, gpu, service.now())
    return forecast(text, pace=pace, gpu=gpu, pricing=service.context.config.pricing)


def of_resume(service: Service, job: Job) -> str:
    """What a resume will run, by what is known of the job without its config; and that an edit
    of it was not sent."""
    from trainer_tui.core.drafts import not_used, unsent_edit
    from trainer_tui.core.forecast import resume_words
    from trainer_tui.core.pastwork import own_pace

    store, now = service.context.store, service.now()
    pace = own_pace(store, job, None, now)
    words = resume_words(job, pace, service.context.config.pricing)
    draft = unsent_edit(store, job.ref)
    return f"{not_used(draft.updated_at, now)} {words}".strip() if draft is not None else words
