"""Whether an act may be asked of a job, and what it brings about: pure, in whole sentences."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trainer_tui.core.board import GONE, Pending
from trainer_tui.errors import TrainerError
from trainer_tui.model import Capability, Job, JobRef, Status
from trainer_tui.providers.base import Facts


class Act(StrEnum):
    """Everything that changes something."""

    CANCEL = "cancel"
    STOP = "stop"
    RESUME = "resume"
    EDIT = "edit"
    SUBMIT = "submit"
    DELETE = "delete"
    FORGET = "forget"
    STAR = "star"

    @property
    def capability(self) -> Capability | None:
        """What the provider must be able to do; ``None`` for what concerns only our own store."""
        return None if self is Act.FORGET else Capability(self.value)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an act went: accepted by the service, or not."""

    ref: JobRef
    act: Act
    ok: bool
    message: str
    """One sentence for the person."""
    error: TrainerError | None = None
    job: Job | None = None
    """As known right after."""
    model_id: str | None = None
    """The model that a star was asked for."""


_HAS = {
    Status.SUCCEEDED: "has already succeeded",
    Status.FAILED: "has already failed",
    Status.CANCELED: "has already been canceled",
    Status.INTERRUPTED: "has already been interrupted",
}
_IS = {
    Status.QUEUED: "is queued",
    Status.PREPARING: "is preparing",
    Status.RUNNING: "is running",
    Status.STOPPING: "is stopping",
}


def why_not(job: Job, act: Act, facts: Facts, *, read_only: bool | str = False) -> str | None:
    """Why an act cannot be asked of a job, or ``None`` when it can.

    Args:
        read_only: Whether writing is switched off; a text says why in place of the usual sentence.
    """
    if read_only:
        return (
            read_only if isinstance(read_only, str) else "this console is read-only (--read-only)"
        )
    if act is Act.FORGET:
        return _why_not_forget(job, facts)
    capability = Capability(act.value)
    if capability not in facts.capabilities:
        return facts.why_not(capability)
    if act is Act.SUBMIT or capability in job.allowed:
        return None
    if job.raw_status == GONE:
        return f"{job.name} is gone at the service: forget it here"
    if job.status is Status.UNKNOWN:
        return f"the state of {job.name} is not known yet: refresh to ask the service"
    return _why_not_now(job, act, facts)


def asked_already(job: Job, act: Act, pending: Pending | None) -> str | None:
    """Why an act that is on its way is not asked once more, or ``None`` when none is."""
    if pending is None or pending.phase != "asked" or pending.act != act.capability:
        return None
    return f"{job.name}: {act} is being asked already; the service has not answered yet"


def consequence(job: Job, act: Act, facts: Facts) -> str:
    """What an act brings about on this job at this provider, to be read before it is confirmed."""
    parts = []
    told = facts.consequences.get(act.capability) if act.capability else None
    if act.capability and job.status is Status.QUEUED:
        told = facts.waiting.get(act.capability, told)
    if told:
        parts.append(told)
    if act is Act.RESUME:
        parts.append(resume_point(job))
    elif not told:
        parts.append(_usual_consequence(job, act, facts))
    return " ".join(_sentence(part, facts.title) for part in parts if part)


def resume_point(job: Job) -> str:
    """Where a resume would begin."""
    if job.extra.get("Runner") == "command":
        return "runs its command again, which finds in the job's folder what it left there"
    if job.checkpoint_step is None:
        return f"continues from its newest checkpoint, or from {job.counts} 0 when it has none"
    if job.checkpoint_step == 0:
        return f"has no checkpoint: starts again at {job.counts} 0"
    return f"continues from {job.counts} {job.checkpoint_step:,}"


def ended_already(job: Job) -> str:
    """What to say when an act came too late."""
    return f"{job.name}: it had already finished ({job.status})"


NO_REFUND = "NO_REFUND"
"""Code of a refused cancel that would be accepted once no refund is insisted on."""


def star_refused(model_id: str, error: TrainerError) -> str:
    """What to say when a model could not be starred."""
    if error.code == "MODEL_NOT_NAS":
        return (
            f"{model_id} cannot be starred: stars are for the children of a NAS training, "
            "and this model is not one"
        )
    return error.message


def _why_not_forget(job: Job, facts: Facts) -> str | None:
    if not facts.lists or job.status is Status.UNKNOWN:
        return None
    if Capability.DELETE in facts.capabilities:
        return f"{facts.title} lists {job.name}, so it would come back: delete it instead"
    return f"{facts.title} lists {job.name}, so it would come back: filter it out instead"


def _why_not_now(job: Job, act: Act, facts: Facts) -> str:
    name, status = job.name, job.status
    if status.ended:
        has = f"{name} {_HAS[status]}"
        if act in {Act.CANCEL, Act.STOP}:
            return f"{has}: nothing to {act}"
        if act is Act.RESUME:
            ways = ["edit its steps to go on"] if Capability.EDIT in job.allowed else []
            if Capability.SUBMIT in facts.capabilities:
                ways.append("submit its config as a new job")
            return f"{has}: nothing to resume" + (f"; {', or '.join(ways)}" if ways else "")
        return f"{facts.title} does not {act} a job that {_HAS[status].replace(' already', '')}"
    is_ = f"{name} {_IS[status]}"
    if act is Act.RESUME:
        return f"{is_}: nothing to resume"
    if act in {Act.EDIT, Act.DELETE}:
        doing = "editing" if act is Act.EDIT else "deleting"
        ends = [a.value for a in (Capability.CANCEL, Capability.STOP) if a in job.allowed]
        if not ends:
            return f"{is_}: wait until it has ended before {doing}"
        return f"{is_}: {' or '.join(ends)} it before {doing}"
    if status is Status.STOPPING:
        return f"{name} is already stopping"
    if act is Act.STOP and Capability.CANCEL in job.allowed:
        return f"{is_}, nothing of it runs yet: cancel it instead"
    return f"{is_}: {facts.title} does not {act} it now"


def _usual_consequence(job: Job, act: Act, facts: Facts) -> str:
    match act:
        case Act.CANCEL:
            return "ends the job; what it has made so far stays"
        case Act.STOP:
            return "ends the job early and keeps what it has made"
        case Act.EDIT:
            again = "; resume it to run with it" if Capability.RESUME in facts.capabilities else ""
            return f"replaces its config{again}"
        case Act.DELETE:
            return f"deletes the job and its files at {facts.title}"
        case Act.FORGET:
            if job.raw_status == GONE:
                return f"drops what is kept of it here; {facts.title} has it no longer"
            goes_on = " (it goes on at the service)" if job.status.active else ""
            return f"drops it from this console{goes_on}; its id {job.ref.id} brings it back"
        case Act.STAR:
            return "marks one of its models as a favourite"
        case Act.SUBMIT:
            return f"starts a new job at {facts.title}"
        case _:
            return ""


def _sentence(text: str, name: str) -> str:
    """With a capital and a full stop; a service's name stays as its makers write it."""
    head = text if text.startswith(name) else text[:1].upper() + text[1:]
    return head if head.endswith((".", "!", "?")) else head + "."
