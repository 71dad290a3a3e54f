"""How long the steps of past jobs took, and which work they were: what is known of the next one.

Which work a job does is noted when its config is seen: when it is submitted or edited here, or
looked at. Two jobs do the same work when a step of the one is to the trainer what a step of the
other is: the same model, resolutions, images and frames. Their time then differs by the GPU alone.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trainer_tui.core.estimate import Estimate
from trainer_tui.core.pace import Pace, pace_of
from trainer_tui.errors import TrainerError
from trainer_tui.model import Gpu, Job, JobRef, Metric

if TYPE_CHECKING:
    from trainer_tui.core.store import Store

_WORKS = "pace.works"
_MOST = 300
"""Jobs whose work is noted; the oldest note goes."""
_SEVERAL = ""
"""The note of a job whose config was changed so that its steps are other work: its time is of
some of each, and tells nothing of another job."""
_TRIED = 5
"""Past jobs of the same work that are asked for their pace, the newest first."""
_POINTS = 1000


def work_of(text: str) -> str | None:
    """What a step of a config is; ``None`` for one that is no AI Toolkit's."""
    from trainer_tui.core.forecast import forecast
    from trainer_tui.core.yamlconfig import Scalar, parsed, resolve

    will = forecast(text)
    if will is None:
        return None
    document = parsed(text)

    def value(*path: str | int) -> object:
        node = resolve(document.at("config", "process", 0, *path))
        return node.data if isinstance(node, Scalar) else None

    parts = (
        will.model, value("model", "arch"), will.network, sorted(will.resolution), will.images,
        value("datasets", 0, "num_frames"),
    )  # fmt: skip
    return json.dumps(parts, default=str)


def remember(store: Store, ref: JobRef, text: str) -> None:
    """Note which work a job does; that it cannot be noted stops nothing."""
    work, works = work_of(text), dict(_works(store))
    noted = works.pop(str(ref), None)
    if work is None or noted in (work, _SEVERAL):
        return
    works[str(ref)] = work if noted is None else _SEVERAL
    with contextlib.suppress(TrainerError):
        store.set_value(_WORKS, dict(list(works.items())[-_MOST:]))


def own_pace(store: Store, job: Job, estimate: Estimate | None, now: datetime) -> Pace | None:
    """A job's own seconds a step, as far as they are known here."""
    found = pace_of(job, estimate, _recent(store, job.ref), now)
    if found is not None and estimate is None and _works(store).get(str(job.ref)) == _SEVERAL:
        return Pace(found.seconds, "so far, partly of other work")
    return found


def _recent(store: Store, ref: JobRef) -> Sequence[Metric]:
    """The end of the job's longest known curve."""
    try:
        keys = store.metric_keys(ref)
        if not keys:
            return ()
        key = "loss" if "loss" in keys else next(iter(keys))
        return store.metrics(ref, key, since_step=max(-1, keys[key].last - _POINTS))
    except TrainerError:
        return ()  # the store says so itself where it is asked for more than a guess


def like_pace(
    store: Store, jobs: Iterable[Job], profile: str, text: str, gpu: Gpu | None, now: datetime
) -> Pace | None:
    """The pace of the newest past job of a profile that did the same work on the same GPUs."""
    works = _works(store)
    work = work_of(text) if works else None
    if work is None:
        return None
    same = [
        job
        for job in jobs
        if job.ref.profile == profile
        and works.get(str(job.ref)) == work
        and (gpu is None or job.gpu in (None, gpu))
    ]
    same.sort(key=_began, reverse=True)
    for job in same[:_TRIED]:
        found = own_pace(store, job, None, now)
        if found is not None:
            on = f" on {job.gpu.type}" if job.gpu is not None else ""
            return Pace(found.seconds, f"as in {job.name}{on}")
    return None


def other_work(store: Store, ref: JobRef, text: str) -> bool:
    """Whether a job is known to have done other work than a config asks for."""
    done = _works(store).get(str(ref))
    return done is not None and done != work_of(text)


def _works(store: Store) -> Mapping[str, str]:
    try:
        found: Mapping[str, str] = store.get_value(_WORKS, {})
    except TrainerError:
        return {}
    return found


def _began(job: Job) -> datetime:
    return job.started_at or job.created_at or datetime.min.replace(tzinfo=UTC)
