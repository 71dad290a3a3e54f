"""What the commands do that ask something of a job: why not, confirm, ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from trainer_tui.core.acts import Act, consequence
from trainer_tui.core.drafts import not_used
from trainer_tui.errors import ConfigError, TrainerError
from trainer_tui.model import Artifact, Capability, Job, JobRef, Status

if TYPE_CHECKING:
    from concurrent.futures import Future

    from trainer_tui.core.board import Entry
    from trainer_tui.tui.app import TrainerApp

_NO_JOB = "There is no job under the cursor."
_WORD = "cancel"


def stop(app: TrainerApp) -> None:
    """End early, keep what was made."""
    _ask(app, Act.STOP)


def cancel(app: TrainerApp) -> None:
    """Cancel; several running jobs ask for the word."""
    _ask(app, Act.CANCEL)


def resume(app: TrainerApp) -> None:
    """Run again from the newest checkpoint."""
    _ask(app, Act.RESUME)


def delete(app: TrainerApp) -> None:
    """Delete at the service where that can be, else drop from this console."""
    _ask(app, Act.DELETE, Act.FORGET)


def _ask(app: TrainerApp, *wanted: Act) -> None:
    """Ask an act of the marked jobs: of each the first that it allows."""
    entries = app.targets()
    if not entries:
        app.say(_NO_JOB, "warning")
        return
    acts: dict[JobRef, Act] = {}
    refused: dict[JobRef, str] = {}
    for job in (entry.job for entry in entries):
        reasons = {act: app.why_not(job, act) for act in wanted}
        act = next((act for act, reason in reasons.items() if reason is None), None)
        if act is not None:
            acts[job.ref] = act
        else:
            refused[job.ref] = reasons[wanted[0]] or ""
    asked = set(acts.values())
    title = asked.pop() if len(asked) == 1 else wanted[0]
    _confirm(app, title.value.capitalize(), entries, acts, refused)


def _confirm(
    app: TrainerApp,
    title: str,
    entries: Sequence[Entry],
    acts: dict[JobRef, Act],
    refused: Mapping[JobRef, str],
) -> None:
    if not acts:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        reason = next(iter(refused.values()))
        app.say(f"{sentence(app, reason, [entry.job for entry in entries])}{more}", "warning")
        return
    from trainer_tui.tui.screens.confirm import ConfirmScreen, Item

    jobs = [entry.job for entry in entries if entry.job.ref in acts]
    items = [Item(_name(job), _consequence(app, job, acts[job.ref]), _state(job)) for job in jobs]
    running = sum(1 for job in jobs if job.status in {Status.RUNNING, Status.STOPPING})
    word = ""
    if title == "Cancel" and running > 1 and app.config.ui.confirm_word:
        word = _WORD
    many = f" {len(jobs)} jobs" if len(jobs) > 1 else ""

    def answered(yes: bool | None) -> None:
        if not yes:
            return
        by_act: dict[Act, list[JobRef]] = {}
        for ref, act in acts.items():
            by_act.setdefault(act, []).append(ref)
        for act, refs in by_act.items():
            if act is Act.FORGET:
                for ref in refs:
                    app.runtime.forget(ref)
                app.say(f"Forgot {len(refs)} job{'s' if len(refs) > 1 else ''} here.", "success")
            else:
                app.perform(act, refs)
        if app.main is not None and app.main.table.marks:
            app.main.table.unmark_all()
            app.main.renew()

    app.push_screen(
        ConfirmScreen(
            f"{title}{many}",
            items,
            question=f"{title}{many or ' this job'}?",
            word=word,
            left_out=_left_out([e.job for e in entries if e.job.ref in refused], refused),
            left_out_count=len(refused),
        ),
        answered,
    )


def sentence(app: TrainerApp, reason: str, jobs: Sequence[Job]) -> str:
    """A reason as a sentence of its own; the names of jobs and services stay as they are."""
    names = {job.name for job in jobs}
    names |= {facts.title for job in jobs if (facts := app.facts(job.ref.profile)) is not None}
    if any(reason.startswith(name) for name in names if name):
        return reason
    return f"{reason[:1].upper()}{reason[1:]}"


def _left_out(jobs: Sequence[Job], refused: Mapping[JobRef, str]) -> list[tuple[str, str]]:
    """Which jobs an act leaves alone and why, those with the same reason together.

    A reason that begins with the job's name needs no names before it.
    """
    groups: dict[str, list[str]] = {}
    for job in jobs:
        groups.setdefault(refused[job.ref], []).append(job.name or job.ref.id)
    out = []
    for reason, names in groups.items():
        own = len(names) == 1 and reason.startswith(names[0])
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        out.append(("" if own else shown, reason))
    return out


def _name(job: Job) -> str:
    return f"{job.name or job.ref.id}  {job.ref.profile}"


def _state(job: Job) -> str:
    done = job.progress.percent if job.progress else None
    return job.status.value + (f" {done:.0f}%" if done is not None else "")


def _consequence(app: TrainerApp, job: Job, act: Act) -> str:
    facts = app.facts(job.ref.profile)
    said = consequence(job, act, facts) if facts is not None else ""
    if act is Act.RESUME:
        from trainer_tui.tui.forecasting import before_resume

        edited = app.unsent.edits.get(job.ref)
        unsent = not_used(edited, app.now()) if edited is not None else ""
        said = " ".join(part for part in (unsent, said, before_resume(app, job)) if part)
    return said


# -- configs -------------------------------------------------------------------------------------


def edit(app: TrainerApp) -> None:
    """Edit the config of the job under the cursor."""
    entry = app.selected
    if entry is None:
        app.say(_NO_JOB, "warning")
        return
    reason = app.why_not(entry.job, Act.EDIT)
    if reason is not None:
        app.say(sentence(app, reason, [entry.job]), "warning")
        return
    app.command_screen("editor", "EditorScreen", entry.job.ref)


def new(app: TrainerApp) -> None:
    """Write a new job."""
    app.command_screen("new_job", "NewJobScreen")


def drafts(app: TrainerApp) -> None:
    """All drafts."""
    app.command_screen("drafts", "DraftsScreen")


def new_from(app: TrainerApp) -> None:
    """Begin a new job with the config of the one under the cursor."""
    if app.selected is None:
        app.say(_NO_JOB, "warning")
        return
    app.command_screen("new_job", "NewJobScreen", app.selected.job.ref)


# -- downloads -----------------------------------------------------------------------------------


def download(app: TrainerApp) -> None:
    """Queue all artifacts of the marked jobs, or of the one under the cursor."""
    entries = app.targets()
    if not entries:
        app.say(_NO_JOB, "warning")
        return
    for entry in entries:
        facts = app.facts(entry.job.ref.profile)
        if facts is not None and Capability.ARTIFACTS not in facts.capabilities:
            app.say(facts.why_not(Capability.ARTIFACTS), "warning")
            continue
        queue_downloads(app, entry.job.ref, None)


def queue_downloads(app: TrainerApp, ref: JobRef, artifacts: Sequence[Artifact] | None) -> None:
    """Queue artifacts; where none are named, ask the service for all of the job."""
    if artifacts is not None:
        _queued(app, ref, artifacts)
        return
    runtime = app.runtime

    async def ask() -> Sequence[Artifact]:
        from trainer_tui.providers.capabilities import HasArtifacts

        provider = await runtime.provider(ref.profile)
        if not isinstance(provider, HasArtifacts):
            raise ConfigError(f"{ref.profile} gives no artifacts")
        return await provider.artifacts(ref.id)

    def done(future: Future[Sequence[Artifact]]) -> None:
        app.call_later(_listed, app, ref, future)

    runtime.run(ask).add_done_callback(done)


def _listed(app: TrainerApp, ref: JobRef, future: Future[Sequence[Artifact]]) -> None:
    try:
        found = future.result()
    except TrainerError as error:
        app.say_error(error, about=str(ref))
        return
    _queued(app, ref, found)


def _queued(app: TrainerApp, ref: JobRef, artifacts: Sequence[Artifact]) -> None:
    if not artifacts:
        app.say(f"{ref} has nothing to download yet.", "warning")
        return
    rows = app.runtime.download(ref, artifacts)
    targets = [row.target.parent for row in app.runtime.downloads() if row.id in set(rows)]
    where = f" to {targets[0]}" if targets else ""
    noun = "file" if len(artifacts) == 1 else "files"
    app.say(f"Downloading {len(artifacts)} {noun}{where}", hint="D shows the queue")


# -- the rest ------------------------------------------------------------------------------------


def watch(app: TrainerApp) -> None:
    """Tell when the jobs end, or tell no more."""
    entries = app.targets()
    if not entries:
        app.say(_NO_JOB, "warning")
        return
    on = not all(entry.watched for entry in entries)
    if on and all(entry.job.status.ended for entry in entries):
        app.say(f"{entries[0].job.name} has ended already.", "warning")
        return
    for entry in entries:
        app.runtime.set_watched(entry.job.ref, on and not entry.job.status.ended)
    noun = entries[0].job.name if len(entries) == 1 else f"{len(entries)} jobs"
    app.say(f"You will be told when {noun} ends." if on else f"{noun}: you will not be told.")


def copy_ref(app: TrainerApp) -> None:
    """The ref on the clipboard."""
    _copy(app, [str(entry.job.ref) for entry in app.targets()], "ref")


def copy_id(app: TrainerApp) -> None:
    """The service's own id on the clipboard."""
    _copy(app, [entry.job.ref.id for entry in app.targets()], "id")


def _copy(app: TrainerApp, texts: Sequence[str], what: str) -> None:
    if not texts:
        app.say(_NO_JOB, "warning")
        return
    shown = texts[0] if len(texts) == 1 else f"{len(texts)} {what}s"
    app.copy("\n".join(texts), f"{what} {shown}" if len(texts) == 1 else shown)


def track(app: TrainerApp) -> None:
    """Follow a job made elsewhere: ask which profile and which id."""
    names = list(app.runtime.states()) or list(app.config.profiles)
    if not names:
        app.say("There is no profile yet; P adds one.", "warning")
        return
    from trainer_tui.tui.screens.prompt import TrackScreen

    selected = app.selected
    first = selected.job.ref.profile if selected else names[0]

    def answered(answer: tuple[str, str] | None) -> None:
        if answer is None:
            return
        profile, job_id = answer
        app.say(f"Asking {profile} for {job_id}{app.glyphs.ellipsis}")

        def done(future: Future[Job]) -> None:
            app.call_later(_tracked, app, future)

        app.runtime.track(profile, job_id).add_done_callback(done)

    app.push_screen(TrackScreen(names, first), answered)


def _tracked(app: TrainerApp, future: Future[Job]) -> None:
    try:
        job = future.result()
    except TrainerError as error:
        app.say_error(error)
        return
    app.say(f"Tracking {job.name} ({job.ref}).", "success")
    if app.main is not None:
        app.main.table.select(job.ref)
