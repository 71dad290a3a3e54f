"""Find and replace, below the editor's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from trainer_tui.core.yamlconfig.find import finder
from trainer_tui.errors import UsageError

if TYPE_CHECKING:
    from trainer_tui.tui.typeahead import TypeAhead
    from trainer_tui.tui.widgets.yaml_finding import FindingText


class FindBar(Vertical):
    """``Find steps        2 of 14``, and below it what to put there instead."""

    DEFAULT_CSS = """
    FindBar { height: auto; background: $panel; display: none; }
    FindBar > Horizontal { height: 1; }
    FindBar .lead { width: 10; color: $accent; text-style: bold; padding: 0 1; }
    FindBar Input { width: 1fr; height: 1; border: none; padding: 0; background: $panel; }
    FindBar .say { width: auto; max-width: 60%; padding: 0 1; color: $text-muted; }
    FindBar .say.-bad { color: $error; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,f3", "next(1)", "next", id="find.next", priority=True,
                tooltip="Go to the next place; Enter does too."),
        Binding("up,shift+f3,f15", "next(-1)", "previous", id="find.previous", priority=True,
                tooltip="Go to the place before."),
        Binding("alt+r", "regex", "regular expression", id="find.regex",
                tooltip="Take what is typed as a regular expression, or as it is."),
        Binding("alt+a,alt+enter", "replace_all", "replace all", id="find.replace_all",
                tooltip="Replace all places, as one step that can be undone."),
        Binding("ctrl+r", "replacing", "replace", id="find.replace", priority=True,
                tooltip="Show or hide what to put in its place."),
        Binding("ctrl+f", "first", "find", show=False, id="find.find", priority=True,
                tooltip="Back to what is looked for."),
        Binding("ctrl+z", "undo", "undo", show=False, id="find.undo", priority=True,
                tooltip="Undo the last replacement."),
        Binding("escape", "close", "close", id="find.close", tooltip="Back to the text."),
    ]  # fmt: skip

    def __init__(self, area: FindingText) -> None:
        super().__init__(id="find-bar")
        self.area = area
        self.regex = False
        self.wanted = Input(id="find-text", compact=True, select_on_focus=True)
        self.instead = Input(id="find-instead", compact=True, select_on_focus=True)
        self.count = Static("", classes="say", markup=False)
        self.keys = Static("", classes="say", markup=False)
        self.second = Horizontal(Static("Replace", classes="lead"), self.instead, self.keys)
        for field in (self.wanted, self.instead):
            field.cursor_blink = False
        self._open: tuple[str, bool] | None = None
        self._ready = False

    def compose(self) -> ComposeResult:
        yield Horizontal(Static("Find", classes="lead"), self.wanted, self.count)
        yield self.second

    def on_mount(self) -> None:
        """Show what was asked for before it was there."""
        self._ready = True
        if self._open is not None:
            self.open(self._open[0], replace=self._open[1])
        if (typed := self._typed) is not None:
            typed.release()

    def hold_keys(self) -> None:
        """What is typed from now on is meant for this bar: it waits until that is there."""
        if (typed := self._typed) is not None:
            typed.hold()

    @property
    def _typed(self) -> TypeAhead | None:
        return getattr(self.area.app, "typed", None)

    def open(self, text: str, *, replace: bool) -> None:
        """Ask for something to find; what is given is asked for at once."""
        if not self._ready:
            self._open = (text, replace)
            return
        self.display = True
        self.second.display = replace
        self.keys.update(Content("enter one  alt+a all"))
        if text:
            self.wanted.value = text
        self.wanted.focus()
        self.wanted.action_select_all()
        self._search(stay=True)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while typing."""
        event.stop()
        if event.input is self.wanted and self.display:
            self._search(stay=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on; in the second line it replaces."""
        event.stop()
        if event.input is self.wanted:
            self.action_next(1)
        else:
            self._replace(all_of_them=False)

    def _search(self, *, stay: bool) -> None:
        try:
            found = finder(self.wanted.value, regex=self.regex)
        except UsageError as error:
            self.area.look_for(None)
            self._say(error.message, bad=True)
            return
        self.area.look_for(found)
        if found is not None and stay:
            self.area.go_to_hit(1, stay=True)
        self.tell()

    def tell(self) -> None:
        """Say how many there are, and which this is."""
        words = "regex  " if self.regex else ""
        if not self.wanted.value:
            self._say(f"{words}alt+r regex")
            return
        hits, here = self.area.hits(), self.area.hit_here()
        if self.area.search_error:
            self._say(self.area.search_error, bad=True)
        elif not hits:
            self._say(f"{words}not found", bad=True)
        elif here is None:
            self._say(f"{words}{len(hits)} found")
        else:
            self._say(f"{words}{here + 1} of {len(hits)}")

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.count.set_class(bad, "-bad")
        self.count.update(Content(text))

    def _replace(self, *, all_of_them: bool) -> None:
        try:
            if all_of_them:
                count = self.area.replace_hits(self.instead.value)
                self._say(f"{count} replaced")
            else:
                self.area.replace_hit(self.instead.value)
                self.tell()
        except UsageError as error:
            self._say(error.message, bad=True)

    def action_next(self, step: int) -> None:
        """Go to the next place, or the one before."""
        self.area.go_to_hit(step)
        self.tell()

    def action_regex(self) -> None:
        """Regular expression or plain text."""
        self.regex = not self.regex
        self._search(stay=True)

    def action_replace_all(self) -> None:
        """Replace all places."""
        if self.second.display:
            self._replace(all_of_them=True)

    def action_replacing(self) -> None:
        """Show or hide the second line."""
        self.second.display = not self.second.display and not self.area.read_only
        (self.instead if self.second.display else self.wanted).focus()

    def action_first(self) -> None:
        """Back to the first line."""
        self.wanted.focus()

    def action_undo(self) -> None:
        """Undo in the text."""
        self.area.undo()
        self.tell()

    def action_close(self) -> None:
        """Back to the text; what was found stays selected."""
        self.area.close_bar()
