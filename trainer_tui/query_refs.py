"""What a person calls a job: its ref, an id or the beginning of one, a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from trainer_tui.errors import NotFoundError, UsageError
from trainer_tui.model import Job, JobRef

_NAMED = 100
"""Characters of what was asked for that are repeated."""


def resolve_ref(text: str, jobs: Iterable[Job]) -> Job:
    """The one job that a person means: ``profile/id``, a unique id prefix, or a unique name.

    A whole ref or id wins over a name, a name over a beginning of an id; ``profile/`` before an
    id prefix or a name looks in that profile only.

    Raises:
        NotFoundError: No job is called that.
        UsageError: Several are; the message lists them.
    """
    everything = list(jobs)
    if not text.strip():
        raise UsageError("expected a job: profile/id, the beginning of an id, or a name")
    profile, slash, rest = text.partition("/")
    inside = [job for job in everything if job.ref.profile == profile] if slash and rest else []
    tiers: Sequence[Callable[[], list[Job]]] = (
        lambda: [job for job in everything if str(job.ref) == text],
        lambda: [job for job in everything if job.ref.id == text],
        lambda: [job for job in everything if job.name == text],
        lambda: [job for job in inside if job.name == rest],
        lambda: [job for job in everything if job.name.casefold() == text.casefold()],
        lambda: [job for job in inside if job.ref.id.startswith(rest)],
        lambda: [job for job in everything if job.ref.id.startswith(text)],
    )
    for tier in tiers:
        found = tier()
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(text, found)
    raise _unknown(text, everything)


def _ambiguous(text: str, found: Sequence[Job]) -> UsageError:
    shown = [f"{job.ref} ({job.name}, {job.status})" for job in found[:8]]
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    return UsageError(
        f"{text!r} could be {len(found)} jobs: {', '.join(shown)}{more}",
        hint="Say which, as profile/id.",
        code="AMBIGUOUS_REF",
    )


def _unknown(text: str, jobs: Sequence[Job]) -> NotFoundError:
    from difflib import get_close_matches

    known = [name for job in jobs for name in (job.name, str(job.ref))]
    begun = [name for name in known if name.casefold().startswith(text.casefold())]
    near = begun or get_close_matches(text[:_NAMED], known, n=1, cutoff=0.6)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    shown = text if len(text) <= _NAMED else f"{text[:_NAMED]}…"
    return NotFoundError(
        f"no job is called {shown!r}{guess}",
        hint="List them with: trainer-tui jobs --all. One made elsewhere: trainer-tui track.",
        code="JOB_NOT_FOUND",
    )


def ref_of(text: str) -> JobRef | None:
    """``profile/id`` as a ref, or ``None`` when it does not look like one."""
    try:
        return JobRef.parse(text)
    except ValueError:
        return None
