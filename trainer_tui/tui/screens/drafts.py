"""All drafts: edits that were not sent, new jobs, what was sent, what was not chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.core.acts import Act
from trainer_tui.core.drafts import ago, place_of
from trainer_tui.core.messages import Aspect, ConfigArrived
from trainer_tui.core.rows import Draft
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef
from trainer_tui.tui.facts import name_of
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.present import fit
from trainer_tui.tui.screens.diff import Heading
from trainer_tui.tui.screens.text_lines import fit_to
from trainer_tui.tui.widgets.draft_list import (
    LARGE,
    DraftList,
    Nothing,
    WholeLine,
    first_change,
    kind_of,
)
from trainer_tui.tui.widgets.key_bar import Hint, KeyBar
from trainer_tui.tui.widgets.line import Piece

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message

_ASKED = 20
"""Services are asked for the configs of so many jobs, to tell whether they have changed."""
_WIDE = 110
"""Columns from which on a row has room for the job's id and for what became of the base."""
_WHOLE = 184
"""Columns from which on it has room for all that is said of a change as well."""
_READ = 200
"""Drafts whose difference is worked out for the list; older ones show without."""
_COLOURS = {
    "edit": "accent", "new": "accent", "sent": "text-muted", "submitted": "text-muted",
    "set aside": "warning",
}  # fmt: skip


class DraftsScreen(Screen[None], InConsole):
    """The list; enter opens the right editor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", id="drafts.open",
                tooltip="Go on with it: in the editor of its job, or as a new job."),
        Binding("d", "difference", "difference", id="drafts.difference",
                tooltip="What it changes, against what it began from, or the service's text."),
        Binding("x,delete", "discard", "discard", id="drafts.discard",
                tooltip="Drop it for good, after a question."),
        Binding("escape,q", "leave", "back", id="drafts.back", tooltip="Back to the jobs."),
    ]  # fmt: skip
    AUTO_FOCUS = "DraftList"

    def __init__(self) -> None:
        super().__init__()
        self._heading = Heading("Drafts")
        self.list = DraftList()
        self._whole = WholeLine(self._of_the_row)
        self._keys = KeyBar(self._hints)
        self._now: dict[JobRef, str] = {}
        """Configs as the services have them, as far as they were told."""
        self._asked: set[JobRef] = set()
        self._first: dict[str, str] = {}
        self._failed = ""

    def compose(self) -> ComposeResult:
        yield self._heading
        yield self.list
        yield Nothing(self.nothing)
        yield self._whole
        yield self._keys

    def on_mount(self) -> None:
        """Read them; ask the services whether they have changed what was edited."""
        self._read()
        refs = dict.fromkeys(
            d.ref for d in self.list.drafts if d.ref is not None and kind_of(d) == "edit"
        )
        for ref in list(refs)[:_ASKED]:
            if self.console.board.get(ref) is not None:
                self._asked.add(ref)
                self.console.runtime.watch(ref, {Aspect.CONFIG})

    def on_unmount(self) -> None:
        """Nothing is asked any more."""
        for ref in self._asked:
            self.console.runtime.unwatch(ref, {Aspect.CONFIG})

    def on_screen_resume(self) -> None:
        """Back from an editor: they are others now."""
        if self.list.is_mounted:
            self._read()

    def on_resize(self) -> None:
        """Columns fit the width."""
        self._renew()

    def receive(self, message: Message) -> None:
        """A config as the service has it."""
        if isinstance(message, ConfigArrived) and message.ref in self._asked:
            self._asked.discard(message.ref)
            self.console.runtime.unwatch(message.ref, {Aspect.CONFIG})
            self._now[message.ref] = message.text
            self._renew()

    # What is seen -----------------------------------------------------------------------------

    def _read(self) -> None:
        held = self.list.draft
        try:
            found, self._failed = self.console.store.drafts(), ""
        except TrainerError as error:
            found, self._failed = [], error.message
        # A text that is what it began from was opened and nothing more.
        self.list.drafts = [
            d for d in found if d.text != d.base_text or d.sent_at is not None or d.kind == "kept"
        ]
        ids = [draft.id for draft in self.list.drafts]
        if held is not None and held.id in ids:
            self.list.cursor = ids.index(held.id)
        self.list.cursor = min(self.list.cursor, max(0, len(ids) - 1))
        self._renew()

    def _renew(self) -> None:
        if not self.list.is_mounted:
            return
        drafts = self.list.drafts
        open_ = sum(1 for draft in drafts if kind_of(draft) in ("edit", "new"))
        self._heading.right = f"{open_} not sent, {len(drafts)} in all" if drafts else ""
        self._heading.renew()
        self.list.display = bool(drafts)
        self.query_one(Nothing).display = not drafts
        wide = self.app.size.width >= _WIDE
        self._whole.display = bool(drafts) and self.app.size.width < _WHOLE
        self._whole.renew()
        self.list.lines = {
            draft.id: self._pieces(draft, wide, number < _READ)
            for number, draft in enumerate(drafts)
        }
        self.list.refresh_all()
        self.query_one(Nothing).refresh()
        self._keys.renew()

    def _pieces(self, draft: Draft, wide: bool, read: bool) -> list[Piece]:
        app = self.console
        kind = kind_of(draft)
        when = ago(draft.sent_at or draft.updated_at, app.now())
        base, colour = self._base(draft)
        title = self._title(draft, wide)
        pieces = [
            Piece(f"{kind:<10}", _COLOURS[kind], kind in ("edit", "new")),
            Piece(fit(title, 40 if wide else 26, app.glyphs), "foreground", True),
            Piece(f"  {when:<8}", "text-muted"),
        ]
        if self._now and wide:
            pieces.append(Piece(f"  {base:<12}", colour))
        elif colour == "warning":
            pieces.append(Piece(f"  {base}", colour))
        if read:
            pieces.append(Piece(f"  {self._changed(draft)}", "text-muted"))
        return pieces

    def _title(self, draft: Draft, full: bool = True) -> str:
        entry = self.console.board.get(draft.ref) if draft.ref is not None else None
        name = entry.job.name if entry is not None else self._first.get(f"name {draft.id}")
        if not name:
            name = name_of(draft.text) if len(draft.text) < LARGE else "a large one"
            self._first[f"name {draft.id}"] = name
        if draft.ref is None:
            return f"{name}  {draft.profile}"
        return f"{name}  {draft.ref if full else draft.ref.profile}"

    def _base(self, draft: Draft) -> tuple[str, str]:
        """Whether the service still has what the edit began from."""
        if draft.ref is None or kind_of(draft) != "edit":
            return "", "text-muted"
        now = self._now.get(draft.ref)
        if now is None:
            return "", "text-muted"
        if now == draft.base_text:
            return "same base", "success"
        return ("sent already", "text-muted") if now == draft.text else ("base changed", "warning")

    def _changed(self, draft: Draft) -> str:
        key = f"{draft.id} {draft.updated_at}"
        if key not in self._first:
            self._first[key] = first_change(draft, self.console.glyphs.right)
        return self._first[key]

    def _of_the_row(self) -> list[Piece]:
        draft = self.list.draft
        if draft is None:
            return []
        width = self.app.size.width
        base, colour = self._base(draft) if width < _WIDE else ("", "")
        said = Piece(f"  {base}", colour) if base else Piece("")
        room = max(1, width - said.width - 2)
        changed = fit_to(self._changed(draft), room, self.console.glyphs)
        return [Piece(f" {changed}", "foreground"), said]

    def _hints(self) -> Sequence[Hint]:
        some = bool(self.list.drafts)
        return [
            Hint("enter", "open", "screen.open", some),
            Hint("d", "difference", "screen.difference", some),
            Hint("x", "discard", "screen.discard", some),
            Hint("esc", "back", "screen.leave"),
        ]

    def nothing(self) -> tuple[str, str]:
        """What stands in the place of an empty list."""
        if self._failed:
            return "error", f"The drafts cannot be read: {self._failed}"
        return "text-muted", (
            "No drafts. What you type in an editor and do not send is kept here.\n"
            "In the jobs table, e edits a job's config and n writes a new one."
        )

    # Keys -------------------------------------------------------------------------------------

    def on_draft_list_moved(self) -> None:
        """The line below is of the draft under the cursor."""
        self._whole.renew()

    def on_draft_list_opened(self) -> None:
        """Enter on the list."""
        self.action_open()

    def action_open(self) -> None:
        """Go on with the draft."""
        draft, app = self.list.draft, self.console
        if draft is None:
            return
        if draft.ref is None:
            self._open_new(draft)
            return
        entry = app.board.get(draft.ref)
        if entry is None:
            app.say(f"{draft.ref} is gone: its text begins a new job.", "warning")
            self._open_new(draft)
            return
        reason = app.why_not(entry.job, Act.EDIT)
        if reason is not None:
            app.say(f"It cannot be sent now: {reason}. d shows the text.", "warning")
            return
        from trainer_tui.tui.screens.editor import EditorScreen

        app.push_screen(EditorScreen(draft.ref, draft))

    def _open_new(self, draft: Draft) -> None:
        from trainer_tui.tui.screens.new_job_parts import Target
        from trainer_tui.tui.screens.new_text import NewTextScreen

        app = self.console
        facts = app.facts(draft.profile)
        if facts is None:
            app.say(f"There is no profile {draft.profile} any more; d shows the text.", "warning")
            return
        place = place_of(app.store, draft.id)
        target = Target(
            draft.profile,
            facts.name,
            place.gpu_type or (facts.gpu_types[0] if facts.gpu_types else None),
            place.gpu_count,
            place.runner,
        )
        again = draft if kind_of(draft) == "new" else None  # what was submitted begins a new one
        app.push_screen(NewTextScreen(target, draft.text, again, place=place))

    def action_difference(self) -> None:
        """What it changes."""
        from trainer_tui.tui.screens.diff import DiffScreen, Other

        draft = self.list.draft
        if draft is None:
            return
        others = []
        if draft.ref is not None and (now := self._now.get(draft.ref)) is not None:
            others.append(Other(f"{draft.profile} has", now))
        self.app.push_screen(
            DiffScreen(
                "Draft",
                self._title(draft),
                draft.base_text or "",
                draft.text,
                names=("when it was begun", "the draft"),
                others=others,
            )
        )

    def action_discard(self) -> None:
        """Drop it, after a question."""
        from trainer_tui.tui.screens.confirm import ConfirmScreen, Item

        draft = self.list.draft
        if draft is None:
            return
        said = "This text is dropped for good; nothing changes at the service."
        item = Item(self._title(draft), f"{said}\n{self._changed(draft)}".strip(), kind_of(draft))

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            try:
                self.console.store.discard_draft(draft.id)
            except TrainerError as error:
                self.console.say_error(error)
            self._read()

        self.app.push_screen(
            ConfirmScreen("Discard", [item], question="Discard this draft?"), answered
        )

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)
