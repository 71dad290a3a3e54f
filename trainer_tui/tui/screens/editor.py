"""The editor: a config's text, what is wrong with it while it is typed, and sending it: what
changes and what it will do, the question, the answer.

Writing a new job's config (``screens/new_text.py``) is a child of the same :class:`TextFlows`.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from trainer_tui.core.acts import Act, Outcome, resume_point
from trainer_tui.core.drafts import ago, sent_before
from trainer_tui.core.forecast import Forecast
from trainer_tui.core.messages import Aspect, Message
from trainer_tui.core.rows import Draft
from trainer_tui.errors import TrainerError
from trainer_tui.model import Capability, Job, JobRef, Status
from trainer_tui.tui.checking import Checked
from trainer_tui.tui.forecasting import forecasts, told
from trainer_tui.tui.screens.diff import DiffScreen, Other
from trainer_tui.tui.screens.edited_job import EditedJob
from trainer_tui.tui.screens.text_screen import TextScreen


@dataclass(frozen=True, slots=True)
class Asking:
    """The question that is on the screen."""

    screen: DiffScreen
    question: str


class EditorScreen(EditedJob):
    """Edits the config of a job and sends it."""

    BINDINGS: ClassVar[list[BindingType]] = TextScreen.BINDINGS  # listed with the editor's name

    def __init__(self, ref: JobRef, draft: Draft | None = None) -> None:
        """As :class:`EditedJob`."""
        super().__init__(ref, draft)
        self._asking: Asking | None = None

    def may_send(self) -> bool:
        """Whether it can be sent now: there is something to send, and nothing to choose before."""
        if not super().may_send():
            return False
        if self.edit_base is None:
            self.console.say("The config has not come yet.", "warning")
            return False
        if self.area.text == self.edit_base:
            self.console.say("Nothing has changed: the text is what the service has.")
            return False
        return True

    def ask_to_send(self, checked: Checked) -> None:
        """Show what changes, then ask."""
        text, base = self.area.text, self.edit_base
        assert base is not None
        notes = self.notes(checked)
        try:
            if (sent := sent_before(self.console.store, self.ref, text)) is not None:
                when = f", {ago(sent.sent_at, self.console.now())}" if sent.sent_at else ""
                notes.append(("warning", f"This very text was sent for this job before{when}."))
        except TrainerError:
            pass  # a store that cannot be read has said so already
        if notes:
            notes.append(("foreground", ""))
        was, will = forecasts(self.console, self.ref, base, text)
        notes += told(was, will)
        entry = self.console.board.get(self.ref)
        if entry is not None:
            notes.append(("text-muted", self._what_follows(entry.job, will)))
        errors = checked.errors
        question = "Send it all the same?" if errors else f"Send it to {self.ref.profile}?"
        screen = DiffScreen(
            "Send the edit",
            self.about(),
            base,
            text,
            names=(self.base_name(), "yours"),
            others=self.others(),
            notes=notes,
            question=question,
        )

        def answered(yes: bool | None) -> None:
            self._asking = None
            if yes and self.may_send():
                self._perform(text, base)

        self.app.push_screen(screen, answered)
        self._asking = Asking(screen, question)
        # Somebody else may have changed it since it was opened: better to know before the answer.
        self.console.runtime.watch(self.ref, {Aspect.CONFIG})

    def receive(self, message: Message) -> None:
        """As before; and what is being asked may be another question now."""
        before = self.odds
        super().receive(message)
        if self._asking is None or self.odds is before:
            return
        question, warning = self._asking.question, ""
        if self.odds is not None:
            question = "Choose between the two?"
            warning = f"{self.odds.said} Yes shows both: keep yours, take theirs, or merge."
        texts = [Other(self.base_name(), self.base() or ""), *self.others()]
        self._asking.screen.ask_anew(texts, question, warning)

    def tells(self, outcome: Outcome) -> bool:
        """Of the edit of this job."""
        return outcome.act is Act.EDIT and outcome.ref == self.ref

    def _what_follows(self, job: Job, will: Forecast | None) -> str:
        reason = self.console.why_not(job, Act.RESUME)
        facts = self.console.facts(self.ref.profile)
        if (  # it ran all of its steps, and will have more of them
            job.status is Status.SUCCEEDED
            and facts is not None
            and Capability.RESUME in facts.capabilities
            and will is not None
            and will.left
        ):
            reason = None
        if reason is not None:
            return f"Nothing runs by itself then: {reason}."
        return "It runs only when the job is resumed; you will be asked."

    def _perform(self, text: str, base: str) -> None:
        self.busy(f"Sending to {self.ref.profile}{self.console.glyphs.ellipsis}")
        future = self.console.runtime.perform(Act.EDIT, self.ref, config_text=text, base_text=base)

        def done(future: Future[Outcome]) -> None:
            self.app.call_later(self._sent, future, text)

        future.add_done_callback(done)

    def _sent(self, future: Future[Outcome], text: str) -> None:
        """The service has answered."""
        outcome = self.answer_of(future, "the edit was not sent")
        if outcome is None:
            return
        if not outcome.ok:
            if self.service_text != self.edit_base:  # it came while the edit was on its way
                self.pressed = True
                self.at_odds()
            elif outcome.error is not None and outcome.error.code == "CONFLICT":
                self.pressed = True
                self.console.runtime.watch(self.ref, {Aspect.CONFIG})
            return
        self.service_text = self.edit_base = text
        self.accepted()
        self._offer_resume()

    def _offer_resume(self) -> None:
        entry = self.console.board.get(self.ref)
        reason = self.console.why_not(entry.job, Act.RESUME) if entry is not None else ""
        _, will = forecasts(self.console, self.ref, None, self.service_text or "")
        if reason is None and will is not None and will.left == 0:
            reason = "no step is left to run"
        if entry is None or reason is not None:
            self.leave(f"The edit is in{': ' + reason if reason else ''}.", "success")
            return
        from trainer_tui.tui.screens.confirm import ConfirmScreen, Item

        job = entry.job
        words = resume_point(job)
        said = f"{words[:1].upper()}{words[1:]}."
        if will is not None:
            said = " ".join([said, *will.words()[:2]])
        item = Item(job.name or job.ref.id, said, job.status.value)

        def answered(yes: bool | None) -> None:
            if yes:
                self.console.perform(Act.RESUME, [self.ref])
            self.leave()

        self.app.push_screen(
            ConfirmScreen("Resume", [item], question="The edit is in. Resume the job now?"),
            answered,
        )
