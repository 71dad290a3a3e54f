"""What the network thread told, brought to the widgets that show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer_tui.core.acts import NO_REFUND, Act, Outcome
from trainer_tui.core.health import WORDS
from trainer_tui.core.messages import (
    ActDone,
    Ailing,
    BoardChanged,
    JobEnded,
    Message,
    ProfileChanged,
    Trouble,
)
from trainer_tui.model import JobRef, Status
from trainer_tui.tui.present import gerund
from trainer_tui.tui.refund import ask_without_refund

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp


def take(app: TrainerApp, batch: Sequence[Message]) -> None:
    """Hand a batch on: the board's changes as one, the rest one by one."""
    changed: dict[JobRef, None] = {}
    removed: dict[JobRef, None] = {}
    profiles = False
    main = app.main
    if main is None or not main.is_mounted:
        return
    for message in batch:
        match message:
            case BoardChanged(delta):
                for ref in (*delta.added, *delta.changed):
                    changed[ref] = None
                    removed.pop(ref, None)
                for ref in delta.removed:
                    removed[ref] = None
                    changed.pop(ref, None)
            case ProfileChanged():
                profiles = True
            case ActDone():
                _act_done(app, message)
            case JobEnded():
                _ended(app, message)
            case Ailing():
                _ailing(app, message)
            case Trouble(text):
                app.say(text, "error")
    if changed or removed:
        entries = [entry for ref in changed if (entry := app.board.get(ref)) is not None]
        main.apply(entries, list(removed))
        main.keys.renew()
    elif profiles:
        main.renew()
    for screen in app.screen_stack:
        receive = getattr(screen, "receive", None)
        if receive is None:
            continue
        for message in batch:
            if screen is not main or not isinstance(message, (BoardChanged, ProfileChanged)):
                receive(message)


def _act_done(app: TrainerApp, message: ActDone) -> None:
    outcome = message.outcome
    act = str(outcome.act)
    error = outcome.error
    if outcome.act is Act.CANCEL and error is not None and error.code == NO_REFUND:
        app.unrefunded.append(outcome.ref)
    tally = app.bulk.get(act)
    if tally is not None:
        tally[1 if outcome.ok else 2] += 1
        if not outcome.ok:
            app.say(outcome.message, "error", hint=outcome.error.hint if outcome.error else None)
        if tally[1] + tally[2] >= tally[0]:
            del app.bulk[act]
            if not tally[2]:
                app.say(f"{gerund(act).capitalize()} {tally[0]} jobs: all accepted.", "success")
            else:
                app.say(
                    f"{gerund(act).capitalize()} {tally[0]} jobs: {tally[1]} accepted, "
                    f"{tally[2]} refused. {outcome.message if not outcome.ok else ''}".strip(),
                    "warning",
                    hint="The Events tab of each job says why.",
                )
            ask_without_refund(app)
        return
    if outcome.ok:
        app.say(outcome.message, "success")
    elif app.unrefunded:
        ask_without_refund(app)
    elif not any(getattr(screen, "tells", _never)(outcome) for screen in app.screen_stack):
        app.say(outcome.message, "error", hint=error.hint if error else None)


def _never(outcome: Outcome) -> bool:
    return False


def _ended(app: TrainerApp, message: JobEnded) -> None:
    job = message.job
    entry = app.board.get(job.ref)
    watched = entry is not None and entry.watched
    if not (watched or app.config.notify.all):
        return
    good = job.status is Status.SUCCEEDED
    app.say(f"{job.name} {job.status.value}", "success" if good else "warning", seconds=20)
    from trainer_tui.tui.notify import sequence

    _ring(app, sequence(f"{job.name} {job.status}", job, app.config.notify, app.env))


def _ailing(app: TrainerApp, message: Ailing) -> None:
    entry = app.board.get(message.ref)
    if entry is None:
        return
    job, finding = entry.job, message.finding
    app.say(f"{job.name or job.ref.id}: {finding.text}", "warning", seconds=20)
    if entry.watched or app.config.notify.all:
        from trainer_tui.tui.notify import sequence

        title = f"{job.name} {WORDS[finding.ailment]}"
        _ring(app, sequence(title, job, app.config.notify, app.env))


def _ring(app: TrainerApp, text: str) -> None:
    """Bell and desktop notification, on a real terminal."""
    if app._driver is not None and not app.is_headless:
        app._driver.write(text)
        app._driver.flush()
