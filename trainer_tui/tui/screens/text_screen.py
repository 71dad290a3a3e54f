"""What editing a config and writing a new one share: text, problems, draft, own editor."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import Static, TextArea

from trainer_tui.core.drafts import WRITE_AFTER, Keeper, Spot, put_spot, spot_of
from trainer_tui.errors import TrainerError
from trainer_tui.tui.screens.text_checked import TextChecked
from trainer_tui.tui.screens.text_lines import Banner, KeyHelp, State, StateLine
from trainer_tui.tui.widgets.key_bar import Hint, KeyBar, width_of_hints

AGAIN_AFTER = 2.0
"""Seconds after which a draft that could not be written is tried again."""


class TextScreen(TextChecked):
    """A config being written: seen, checked, kept. What else happens to it is in `TextFlows`."""

    SEND: ClassVar[str] = "send"
    CSS_PATH = "editor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "send", "send", id="editor.send", priority=True,
                tooltip="See what changes, then send it."),
        Binding("f8", "next_problem(1)", "next problem", id="editor.next_problem",
                tooltip="Go to the next problem."),
        Binding("shift+f8,f20", "next_problem(-1)", "previous problem", show=False,
                id="editor.previous_problem", tooltip="Go to the problem before."),
        Binding("f2", "fix", "fix", id="editor.fix",
                tooltip="Make the change that the problem under the cursor proposes."),
        Binding("f4", "external", "$EDITOR", id="editor.external",
                tooltip="Edit the text in $VISUAL or $EDITOR and take it back."),
        Binding("f5", "difference", "difference", id="editor.difference",
                tooltip="See what you have changed so far."),
        Binding("ctrl+t", "choose", "choose", id="editor.choose",
                tooltip="Where somebody else changed the text too: keep, take or merge."),
        Binding("escape", "leave", "leave", id="editor.leave", priority=True,
                tooltip="Leave; what is not sent is kept as a draft."),
    ]  # fmt: skip
    AUTO_FOCUS = "YamlArea"

    def __init__(self) -> None:
        super().__init__()
        self.keeper: Keeper | None = None
        self._writing: Timer | None = None
        self._spot = Spot()
        self.note = Banner()
        self.waiting = Static("", id="waiting", markup=False)
        self.key_help = KeyHelp()
        self.state = StateLine()
        self.keys = KeyBar(self.hints)

    # Life -------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield self.heading
        yield self.note
        yield self.waiting
        yield self.area
        yield self.key_help
        yield self.problems_title
        yield self.problem_list
        yield self.state
        yield self.keys

    def on_mount(self) -> None:
        """Nothing to be wrong with yet."""
        self.note.display = self.problems_title.display = self.problem_list.display = False
        self.area.display = self.key_help.display = False
        self.heading.about = self.about()
        self.heading.renew()
        if not self.console.glyphs.unicode:
            self.area.styles.scrollbar_size_vertical = 0  # drawn with block characters
        self.started()

    def on_unmount(self) -> None:
        """Whatever still waits is written before the screen is gone."""
        self._checker.close()
        self.write()
        self.ended()

    def wait(self, text: str, hint: str = "", colour: str = "text-muted") -> None:
        """Say something in place of the text."""
        from textual.content import Content

        parts = Content.styled(text, f"${colour}")
        if hint:
            parts = parts + Content("\n\n") + Content.styled(hint, "$text-muted")
        self.waiting.update(parts)
        self.waiting.display, self.area.display = True, False

    def begin(self, text: str, keeper: Keeper) -> None:
        """There is a text: show it, check it, keep it."""
        self.keeper = keeper
        self.waiting.display, self.area.display, self.key_help.display = False, True, True
        self.area.read_only = False
        self.area.load_text(text)
        self.area.know(self.rules().provider, self.rules().extra_keys)
        self.began = True
        self.area.focus()
        self._come_back(keeper)
        self.check_soon()
        self.renew()

    def adopt(self, keeper: Keeper, text: str) -> None:
        """Go on with a draft: its text in place of what is shown, as one edit."""
        self.keeper = keeper
        self.area.replace_all(text)
        self.noted = self.area.text
        self._come_back(keeper)

    def _come_back(self, keeper: Keeper) -> None:
        """Go where one was in this draft."""
        try:
            spot = spot_of(self.console.store, keeper.draft.id)
        except TrainerError:
            return
        if spot is None:
            return
        self._spot = spot
        self.area.move_cursor((spot.row, spot.column))

        def scroll() -> None:
            y = max(0, spot.row - spot.below)
            self.area.scroll_to(0, y, animate=False, immediate=True)
            self.area.scroll_cursor_visible()

        self.call_after_refresh(scroll)

    def _where(self) -> Spot:
        row, column = self.area.cursor_location
        return Spot(row, column, self.area.view.y_of(row) - self.area.scroll_offset.y)

    # Typing -----------------------------------------------------------------------------------

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """A key was pressed in the text."""
        event.stop()
        if self.began:
            if not self.sending and self.area.text != self.noted:
                self.note.display = False
            self.changed()

    def changed(self) -> None:
        """The text, or what it is compared with, is another one."""
        text = self.area.text
        self.stop_waiting(text)
        if self.keeper is not None:
            self.keeper.change(text)
            self._save_soon()
        self._checker.ask(text, self.rules())
        self.renew()

    def _write_soon(self) -> None:
        self._writing = None
        self.run_worker(partial(self.write, self._where()), thread=True, group="draft")

    def write(self, spot: Spot | None = None) -> None:
        """Write the draft (on a thread of its own while the screen is up)."""
        keeper, spot = self.keeper, spot or self._where()
        if keeper is None:
            return
        failed = ""
        try:
            if keeper.flush() and spot != self._spot:
                put_spot(self.console.store, keeper.draft.id, spot)
                self._spot = spot
        except TrainerError as error:
            failed = error.message
        if self.is_attached and self.is_running:
            self.call_later(self._written, failed)

    def _written(self, failed: str) -> None:
        self.state.draft_error = failed
        if failed and self._writing is None:
            self._writing = self.set_timer(AGAIN_AFTER, self._write_soon)
        self.renew()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        """The cursor moved."""
        event.stop()
        if self.keeper is not None and self.keeper.on_disk:
            self._save_soon()  # where the cursor is
        self.renew()

    def _save_soon(self) -> None:
        if self._writing is None:
            self._writing = self.set_timer(WRITE_AFTER, self._write_soon)

    # Datasets -----------------------------------------------------------------------------------

    def ask_for_datasets(self) -> None:
        """Ask the service for the account's datasets; without an answer they are not checked."""
        profile = self.profile_of()
        facts = self.console.facts(profile)
        if facts is None or facts.name != "runcomfy":
            return
        runtime = self.console.runtime

        async def ask() -> Mapping[str, str] | None:
            from trainer_tui.providers.capabilities import HasDatasets

            provider = await runtime.provider(profile)
            return await provider.dataset_states() if isinstance(provider, HasDatasets) else None

        def done(future: Future[Mapping[str, str] | None]) -> None:
            self.app.call_later(self._datasets_told, future)

        runtime.run(ask).add_done_callback(done)

    def _datasets_told(self, future: Future[Mapping[str, str] | None]) -> None:
        try:
            self.datasets = future.result()
        except (TrainerError, CancelledError):
            return
        if self.datasets is not None and self.is_mounted and self.began:
            self.changed()

    # What is seen -----------------------------------------------------------------------------

    def renew(self) -> None:
        """Show where the editing stands."""
        if not self.is_mounted:
            return
        row, column = self.area.cursor_location
        path = self.area.key_path()
        self.key_help.show(path, self._at(row, column))
        keeper = self.keeper
        dirty = self.began and self.area.text != (self.base() or "")
        self.state.show(
            State(
                row + 1,
                column + 1,
                self.area.document.line_count,
                dirty,
                keeper.waiting if keeper is not None else False,
                tuple(self.checked.changes or ()) if self.checked.changes is not None else None,
                self.sending,
                self.waits,
            )
        )

    def hints(self) -> list[Hint]:
        """What the key bar offers: all that fits with the way out and to what is not named."""
        from trainer_tui.tui.commands import key_name

        found: dict[str, Hint] = {}
        commands: list[Hint] = []
        for key, active in self.active_bindings.items():
            binding = active.binding
            if binding.id == "editor.choose" and self.odds is None:
                continue
            if binding.id == "app.palette" and len(key) > 1 and key != "colon":  # that is text here
                commands = [Hint(key_name(key), "commands", binding.action)]
            if binding.show and (binding.id or "").startswith("editor."):
                label = self.SEND if binding.id == "editor.send" else binding.description
                found.setdefault(binding.id or "", Hint(key_name(key), label, binding.action))
        first = ("send", "choose")
        hints = sorted(
            found.values(),
            key=lambda hint: first.index(hint.action) if hint.action in first else len(first),
        )
        hints += commands
        for action in ("difference", "external", "fix"):
            if width_of_hints(hints) <= self.app.size.width:
                break
            hints = [hint for hint in hints if hint.action != action]
        return hints

    def on_resize(self, event: events.Resize) -> None:
        """Lines fit the width."""
        self.renew()
