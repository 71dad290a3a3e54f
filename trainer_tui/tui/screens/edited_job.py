"""The config of a job that exists, being edited: where its text comes from, what draft there was,
what happens when the service has another text meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from textual.app import App
from textual.document._history import EditHistory

from trainer_tui.core.drafts import Keeper, ago, last_sent, set_aside, unsent_edit
from trainer_tui.core.messages import Aspect, AspectFailed, ConfigArrived
from trainer_tui.core.rows import Draft
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef
from trainer_tui.tui.checking import Rules
from trainer_tui.tui.screens.diff import Other
from trainer_tui.tui.screens.odds import Odds
from trainer_tui.tui.screens.text_flows import TextFlows

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message


@dataclass(frozen=True, slots=True)
class Past:
    """What an editor leaves behind for the next one of the same job."""

    text: str
    history: EditHistory
    cursor: tuple[int, int]


_PASTS: WeakKeyDictionary[App[object], dict[JobRef, Past]] = WeakKeyDictionary()


class EditedJob(TextFlows):
    """The text of a job's config; :class:`EditorScreen` sends it."""

    VERB = "Edit"

    def __init__(self, ref: JobRef, draft: Draft | None = None) -> None:
        """With a draft that one is gone on with, and nothing is asked."""
        super().__init__()
        self.ref = ref
        self.service_text: str | None = None
        """The config as the service has it now."""
        self.edit_base: str | None = None
        """The config that the edit is of; another one only while the two are at odds."""
        self.pressed = False
        """Whether somebody waits for the choice between two texts: it is shown at once."""
        self._wanted = draft

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
        return self.edit_base

    def base_name(self) -> str:
        """What that is called."""
        return f"{self.ref.profile} has" if self.odds is None else "when you began"

    def others(self) -> list[Other]:
        """The service's present text, the last sent, files."""
        found = []
        if self.odds is not None:
            found.append(Other(self.odds.name, self.odds.theirs))
        try:
            sent = last_sent(self.console.store, self.ref)
        except TrainerError:
            sent = None
        if sent is not None and sent.sent_at is not None:
            found.append(Other(f"last sent, {ago(sent.sent_at, self.console.now())}", sent.text))
        return [*found, *(Other(file.name, file.text) for file in self.files)]

    def ref_of(self) -> JobRef | None:
        """The job."""
        return self.ref

    def profile_of(self) -> str:
        """Its profile."""
        return self.ref.profile

    def file_name(self) -> str:
        """What a file with this text is called."""
        return self.ref.id

    def rules(self) -> Rules:
        """The trainer's rules and the service's."""
        entry = self.console.board.get(self.ref)
        facts = self.console.facts(self.ref.profile)
        return Rules(
            provider=facts.name if facts is not None else None,
            base_text=self.edit_base,
            extra_keys=self.console.config.schema_extra_keys,
            checkpoint_step=entry.job.checkpoint_step if entry is not None else None,
            datasets=self.datasets,
        )

    # Getting the text ---------------------------------------------------------------------------

    def started(self) -> None:
        """Ask for the config; a follower brings it."""
        self.wait(f"Asking {self.ref.profile} for the config{self.console.glyphs.ellipsis}")
        self.console.runtime.watch(self.ref, {Aspect.CONFIG})
        self.ask_for_datasets()

    def ended(self) -> None:
        """Nothing is followed any more; the way back is kept for when it is opened again."""
        self.console.runtime.unwatch(self.ref, {Aspect.CONFIG})
        if self.began:
            _PASTS.setdefault(self.app, {})[self.ref] = Past(
                self.area.text, self.area.history, self.area.cursor_location
            )

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
        elif text == self.edit_base:
            if self.odds is not None:  # it is again what it was
                self.odds, self.note.display = None, False
                self.renew()
        elif self.odds is None or self.odds.theirs != text:
            self._changed_there(text)

    def _changed_there(self, text: str) -> None:
        """Somebody else has changed the config."""
        mine = self.area.text
        if self.sending:
            return  # the service refuses what it was not based on
        if mine == text:
            self._rebase(text)
            self.changed()
        elif mine == self.edit_base:
            self._rebase(text)
            self.area.replace_all(text)
            self.banner("accent", f"The config at {self.ref.profile} has changed: this is it now.")
        else:
            self.at_odds()

    def _rebase(self, text: str) -> None:
        self.edit_base = text
        if self.keeper is not None:
            self.keeper.rebase(text)

    def at_odds(self) -> None:
        """The service has another text than the one that was edited."""
        assert self.edit_base is not None and self.service_text is not None
        profile = self.ref.profile
        self.be_at_odds(
            Odds(
                self.edit_base,
                self.service_text,
                f"{profile} has",
                f"The config at {profile} is not what it was when you began.",
                self._rebase,
            )
        )
        if self.pressed:
            self.pressed = False
            self.action_choose()

    def _open(self, text: str) -> None:
        self.edit_base = text
        self.begin(text, Keeper(
            self.console.store, self.console.now, profile=self.ref.profile, kind="edit",
            ref=self.ref, base_text=text,
        ))  # fmt: skip
        past = _PASTS.get(self.app, {}).get(self.ref)
        if past is not None and past.text == text:
            self.area.history = past.history
            self.area.move_cursor(past.cursor, center=True)
        if self._wanted is not None:
            self._go_on(self._wanted)
            return
        draft = self._draft()
        if draft is not None and draft.text != text:
            self._offer(draft)
        elif draft is not None:
            self._drop(draft)

    def _set_aside(self, draft: Draft) -> bool:
        """Keep an edit as one that is not gone on with, or say why that is not possible."""
        app = self.console
        try:
            set_aside(
                app.store, app.now(), profile=draft.profile, ref=self.ref, text=draft.text,
                base_text=draft.base_text,
            )  # fmt: skip
        except TrainerError as error:
            app.say_error(error)
            return False
        return self._drop(draft)

    def _drop(self, draft: Draft) -> bool:
        """Drop a draft, or say why that is not possible."""
        try:
            self.console.store.discard_draft(draft.id)
        except TrainerError as error:
            self.console.say_error(error)
            return False
        return True

    def _go_on(self, draft: Draft) -> None:
        """Go on with a draft, of the text that it was begun from."""
        if draft.kind != "edit" or draft.sent_at is not None:
            self.area.replace_all(draft.text)  # another edit; that one stays what it is
            return
        self.edit_base = draft.base_text if draft.base_text is not None else self.service_text
        self.adopt(self._keeper(draft), draft.text)
        if self.edit_base != self.service_text and self.service_text is not None:
            if draft.text == self.service_text:
                self._rebase(self.service_text)
                self.changed()
                return
            self.pressed = True
            self.at_odds()

    def _failed(self, error: TrainerError) -> None:
        """Without the service's text there is nothing to edit but one's own draft."""
        draft = self._draft()
        if draft is None or draft.base_text is None:
            self.wait(error.message, error.hint or "esc goes back.", "warning")
            return
        self.edit_base = self.service_text = draft.base_text
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
        """An unsent edit is there: restore it, see it, or begin anew."""
        from trainer_tui.tui.screens.choose import Answer, ChooseScreen

        when = ago(draft.updated_at, self.console.now())
        words = [("foreground", f"There is an unsent edit of this config, {when}.")]
        if draft.base_text is not None and draft.base_text != self.service_text:
            words.append(("warning", "The config at the service has changed since it was begun."))
        answers = [
            Answer("r", "Restore", "go on where it was left", "restore"),
            Answer("d", "Show difference", "against what the service has now", "diff"),
            Answer("x", "Set aside", "begin anew; :drafts keeps it", "aside"),
        ]

        def answered(choice: str | None) -> None:
            if choice == "restore":
                self._go_on(draft)
            elif choice == "diff":
                self._show_draft(draft)
            elif choice == "aside" and self._set_aside(draft):
                self.console.say("The unsent edit is set aside; :drafts has it.")

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
