"""The editor: a config's text, what is wrong with it while it is typed, and sending it.

:class:`EditorScreen` edits the config of a job. Writing a new job's config
(``screens/new_job.py``) is a child of the same :class:`TextScreen`.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from trainer_tui.core.acts import Act, Outcome, resume_point
from trainer_tui.core.drafts import Keeper, ago, sent_before, unsent_edit
from trainer_tui.core.messages import Aspect, AspectFailed, ConfigArrived
from trainer_tui.core.rows import Draft
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef
from trainer_tui.tui.checking import Rules
from trainer_tui.tui.screens.text_screen import TextScreen

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message


class EditorScreen(TextScreen):
    """Edits the config of a job that exists."""

    VERB = "Edit"
    BINDINGS: ClassVar[list[BindingType]] = TextScreen.BINDINGS  # listed with the editor's name

    def __init__(self, ref: JobRef) -> None:
        super().__init__()
        self.ref = ref
        self.service_text: str | None = None
        """The config as the service has it; the edit is compared with it and based on it."""
        self._offered = False

    # What it is about ---------------------------------------------------------------------------

    def about(self) -> str:
        """The job, for the heading."""
        entry = self.console.board.get(self.ref)
        name = entry.job.name if entry is not None else self.ref.id
        dot = self.console.glyphs.dot
        state = f" {dot} {entry.job.status}" if entry is not None else ""
        return f"{name}  {self.ref.profile}{state}"

    def base(self) -> str | None:
        """What the text is compared with."""
        return self.service_text

    def file_name(self) -> str:
        """What a file with this text is called."""
        return self.ref.id

    def rules(self) -> Rules:
        """The trainer's rules and the service's."""
        entry = self.console.board.get(self.ref)
        facts = self.console.facts(self.ref.profile)
        return Rules(
            provider=facts.name if facts is not None else None,
            base_text=self.service_text,
            extra_keys=self.console.config.schema_extra_keys,
            checkpoint_step=entry.job.checkpoint_step if entry is not None else None,
        )

    # Getting the text ---------------------------------------------------------------------------

    def started(self) -> None:
        """Ask for the config; a follower brings it."""
        self.wait(f"Asking {self.ref.profile} for the config{self.console.glyphs.ellipsis}")
        self.console.runtime.watch(self.ref, {Aspect.CONFIG})

    def ended(self) -> None:
        """Nothing is followed any more."""
        self.console.runtime.unwatch(self.ref, {Aspect.CONFIG})

    def receive(self, message: Message) -> None:
        """The config as the service has it, or why it cannot be had."""
        if isinstance(message, ConfigArrived) and message.ref == self.ref:
            self._arrived(message.text)
        elif (
            isinstance(message, AspectFailed)
            and message.ref == self.ref
            and message.aspect is Aspect.CONFIG
            and self.service_text is None
        ):
            self._failed(message.error)

    def _arrived(self, text: str) -> None:
        before, self.service_text = self.service_text, text
        if before is None:
            self._open(text)
        elif before != text and not self.sending:
            if self.keeper is not None:
                self.keeper.rebase(text)
            self.banner(
                "warning",
                "The config at the service is not what it was when you began.",
                "ctrl+s shows your text against the present one; nothing of yours is lost.",
            )
            self.changed()

    def _open(self, text: str) -> None:
        self.begin(text, Keeper(
            self.console.store, self.console.now, profile=self.ref.profile, kind="edit",
            ref=self.ref, base_text=text,
        ))  # fmt: skip
        draft = self._draft()
        if draft is not None and draft.text != text:
            self._offer(draft)
        elif draft is not None:
            self.console.store.discard_draft(draft.id)

    def _failed(self, error: TrainerError) -> None:
        """Without the service's text there is nothing to edit but one's own draft."""
        draft = self._draft()
        if draft is None or draft.base_text is None:
            self.wait(error.message, error.hint or "esc goes back.", "warning")
            return
        self.service_text = draft.base_text
        self.begin(draft.base_text, self._keeper(draft))
        self.banner(
            "warning",
            f"{error.message}",
            "Shown is the config as it was when your unsent edit began.",
        )
        self._offer(draft)

    def _keeper(self, draft: Draft) -> Keeper:
        return Keeper(
            self.console.store,
            self.console.now,
            profile=self.ref.profile,
            kind="edit",
            ref=self.ref,
            base_text=self.service_text,
            draft=draft,
        )

    def _draft(self) -> Draft | None:
        try:
            return unsent_edit(self.console.store, self.ref)
        except TrainerError as error:
            self.console.say_error(error)
            return None

    def _offer(self, draft: Draft) -> None:
        """An unsent edit is there: restore it, see it, or drop it on purpose."""
        from trainer_tui.tui.screens.choose import Answer, ChooseScreen

        when = ago(draft.updated_at, self.console.now())
        words = [("foreground", f"There is an unsent edit of this config, {when}.")]
        if draft.base_text is not None and draft.base_text != self.service_text:
            words.append(("warning", "The config at the service has changed since it was begun."))
        answers = [
            Answer("r", "Restore", "go on where it was left", "restore"),
            Answer("d", "Show difference", "against what the service has now", "diff"),
            Answer("x", "Discard", "drop it for good", "discard"),
        ]

        def answered(choice: str | None) -> None:
            if choice == "restore":
                self.adopt(self._keeper(draft), draft.text)
            elif choice == "diff":
                self._show_draft(draft)
            elif choice == "discard":
                self.console.store.discard_draft(draft.id)
                self.console.say("The unsent edit is gone.")

        self.app.push_screen(ChooseScreen("Unsent edit", words, answers), answered)

    def _show_draft(self, draft: Draft) -> None:
        from trainer_tui.tui.screens.diff import DiffScreen

        screen = DiffScreen(
            "Unsent edit",
            self.about(),
            self.service_text or "",
            draft.text,
            names=(f"{self.ref.profile} has", "the unsent edit"),
        )
        self.app.push_screen(screen, lambda _: self._offer(draft))

    # Sending ------------------------------------------------------------------------------------

    def send(self) -> None:
        """Show what changes, then ask."""
        from trainer_tui.tui.screens.diff import DiffScreen

        text, base = self.area.text, self.service_text
        if base is None:
            self.console.say("The config has not come yet.", "warning")
            return
        if text == base:
            self.console.say("Nothing has changed: the text is what the service has.")
            return
        checked = self.check_now()
        notes = self.notes(checked)
        entry = self.console.board.get(self.ref)
        if entry is not None:
            notes.append(("text-muted", self._what_follows()))
        try:
            if sent_before(self.console.store, self.ref, text) is not None:
                notes.append(("warning", "This very text was sent for this job before."))
        except TrainerError:
            pass  # a store that cannot be read has said so already
        errors = checked.errors
        question = "Send it all the same?" if errors else f"Send it to {self.ref.profile}?"

        def answered(yes: bool | None) -> None:
            if yes:
                self._perform(text, base)

        self.app.push_screen(
            DiffScreen(
                "Send the edit",
                self.about(),
                base,
                text,
                names=(f"{self.ref.profile} has", "yours"),
                notes=notes,
                question=question,
            ),
            answered,
        )

    def _what_follows(self) -> str:
        entry = self.console.board.get(self.ref)
        reason = self.console.why_not(entry.job, Act.RESUME) if entry is not None else None
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
        """The service has answered. The draft stays until it has accepted."""
        if future.cancelled():
            self.refused(TrainerError("the edit was not sent: the console is closing"))
            return
        broken = future.exception()
        if broken is not None:
            if not isinstance(broken, TrainerError):
                raise broken
            self.refused(broken)
            return
        outcome = future.result()
        if not outcome.ok:
            error = outcome.error or TrainerError(outcome.message)
            self.refused(error)
            if error.code == "CONFLICT":
                self.console.runtime.watch(self.ref, {Aspect.CONFIG})
            return
        self.service_text = text
        self.accepted()
        self._offer_resume()

    def _offer_resume(self) -> None:
        entry = self.console.board.get(self.ref)
        reason = self.console.why_not(entry.job, Act.RESUME) if entry is not None else ""
        if entry is None or reason is not None:
            self.console.say(f"The edit is in{': ' + reason if reason else ''}.", "success")
            self.leave()
            return
        from trainer_tui.tui.screens.confirm import ConfirmScreen, Item

        job = entry.job
        words = resume_point(job)
        item = Item(job.name or job.ref.id, f"{words[:1].upper()}{words[1:]}.", job.status.value)

        def answered(yes: bool | None) -> None:
            if yes:
                self.console.perform(Act.RESUME, [self.ref])
            self.leave()

        self.app.push_screen(
            ConfirmScreen("Resume", [item], question="The edit is in. Resume the job now?"),
            answered,
        )
