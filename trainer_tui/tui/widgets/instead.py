"""Words in the place of what a pane would show: nothing yet, nothing here, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from trainer_tui.tui.widgets.bar_view import BarView
from trainer_tui.tui.widgets.pane import JobPane

if TYPE_CHECKING:
    from trainer_tui.errors import TrainerError


class Instead(VerticalScroll):
    """Some words, scrolled where they are many; painted again only when they read otherwise."""

    DEFAULT_CSS = """
    Instead { padding: 1 2; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = Text()
        self._static = Static(markup=False)

    def compose(self) -> ComposeResult:
        """The words."""
        yield self._static

    def say(self, text: Text) -> None:
        """Say this."""
        if text != self.text:
            self.text = text
            self._static.update(text)


class InsteadPane(JobPane):
    """A pane that shows its content, or words where there is none.

    A child yields its content and one :class:`Instead` in ``compose``, names in ``KEYS_GO_TO``
    what takes the keys while there is content, and calls :meth:`settle` whenever that may have
    changed: with ``None`` where there is content, with the words where there is not. Everything in
    the pane but the words is hidden meanwhile, and the keys go to what is seen.
    """

    KEYS_GO_TO: ClassVar[str]
    """A selector."""

    DEFAULT_CSS = """
    InsteadPane {
        & > Instead { display: none; }
        &.instead > * { display: none; }
        &.instead > Instead { display: block; }
    }
    """

    @property
    def instead(self) -> Instead:
        """The words."""
        return self.query_one(Instead)

    @property
    def empty(self) -> bool:
        """Whether words stand in the place of the content."""
        return self.has_class("instead")

    def focus(self, scroll_visible: bool = True, **_: object) -> InsteadPane:
        """What is seen takes the keys."""
        target = self.instead if self.empty else self.query_one(self.KEYS_GO_TO)
        target.focus(scroll_visible)
        return self

    def settle(self, words: Text | None) -> None:
        """Show the content, or the words."""
        if (words is not None) != self.empty:
            focused = self.has_focus_within
            self.set_class(words is not None, "instead")
            self.query_one(self.KEYS_GO_TO).can_focus = words is None
            if focused:
                self.focus()
        if words is not None:
            self.instead.say(words)


def trouble(view: BarView, error: TrainerError) -> Text:
    """What an error says, in the colours of a pane's view: what happened, why, what to do."""
    text = Text()
    text.append(f"{view.glyphs.warn} {error.title}\n", view.paint("status-failed"))
    text.append(f"{error.message}\n", view.paint("text-muted"))
    return text.append(f"{error.hint}\n" if error.hint else "", view.paint("text-faint"))
