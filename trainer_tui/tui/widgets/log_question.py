"""The line below a log that asks: what to search, what to show only, where to go, where to save."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from textual import events, on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from trainer_tui.tui.widgets.instead import InsteadPane
from trainer_tui.tui.widgets.log_view import LogView

if TYPE_CHECKING:
    from trainer_tui.core.logfile.pattern import Pattern
    from trainer_tui.model import Job
    from trainer_tui.tui.widgets.log_saving import Part

Question = Literal["search", "filter", "line", "save"]
SIGNS: dict[Question, str] = {"search": "/", "filter": "&", "line": ":", "save": "save {} as "}
_HINTS: dict[Question, str] = {
    "search": "regular expression; small letters match both cases",
    "filter": "show only lines that match; + and - show lines around them",
    "line": "1200, 50%, 14:03, 2026-11-20 14:03, -5m, +5m",
    "save": "file",
}


class Sign(Static):
    """Which question it is."""

    DEFAULT_CSS = """
    Sign { width: auto; height: 1; color: $accent; display: none; padding: 0 0 0 1; }
    .asking Sign { display: block; }
    """
    SCOPED_CSS = False


class Answer(Input):
    """The input of a question.

    Keys that were typed ahead arrive here before the keys' focus has moved, or after it should
    have: those that answer the question are handled at once, those that come later go back.
    """

    DEFAULT_CSS = """
    Answer {
        display: none; height: 1; width: 1fr; border: none; padding: 0; background: transparent;
    }
    .asking Answer { display: block; }
    """
    SCOPED_CSS = False

    async def _on_key(self, event: events.Key) -> None:
        pane = next(node for node in self.ancestors if isinstance(node, AskingPane))
        mine = ("enter", "escape", "backspace", "tab")
        if pane.question is not None and event.key not in mine:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        if pane.question is None:
            hand_on(event, pane.view)
        elif event.key == "backspace":
            # As a binding it would run after letters that were typed later.
            self.action_delete_left()
        elif event.key == "tab":
            pane.turn_part()
        elif event.key == "enter":
            pane.answered(self.value)
        else:
            pane.take_back()


def hand_on(event: events.Key, target: Widget) -> None:
    """Give a key to another widget, as if the app had given it there."""
    again = events.Key(event.key, event.character)
    again._set_forwarded()
    target.post_message(again)


class AskingPane(InsteadPane):
    """A pane with a log view and questions about it.

    A child composes a :class:`LogView` with the id ``log-view``, and a line with the id
    ``log-line`` in which ``log-told`` stands where questions are asked.
    """

    KEYS_GO_TO = "#log-view"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask('search')", "search", id="logs.search",
                tooltip="Search the log: a regular expression, found while you type."),
        Binding("ampersand", "ask('filter')", "filter", id="logs.filter",
                tooltip="Show only lines that match, under their own numbers; "
                "then + and - show more or fewer lines around each."),
        Binding("colon", "ask('line')", "line", show=False, id="logs.line",
                tooltip="Go to a line by its number, a percentage (50%) or a time: 14:03, "
                "2026-11-20 14:03, -5m before the end, +5m after the start."),
        Binding("ctrl+s", "ask('save')", "save", show=False, id="logs.save",
                tooltip="Save the log to a file, never over another one; "
                "tab chooses between all, what the filter shows, and what is selected."),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.job: Job | None = None
        self.question: Question | None = None
        self.trouble = ""
        self.part: Part = "all"
        """What is saved."""
        self._origin: tuple[int, tuple[int, int] | None, bool] = (0, None, True)
        self._kept: Pattern | None = None
        self._sought = ""
        """What was typed as of the last look."""

    @property
    def view(self) -> LogView:
        """The view of the lines."""
        return self.query_one("#log-view", LogView)

    @property
    def answer(self) -> Input:
        """The input of the line below, made when it is first needed."""
        found = self.query("#log-answer")
        if found:
            return found.first(Input)
        made = Answer(id="log-answer", compact=True, select_on_focus=False)
        made.cursor_blink = False
        sign = Sign(id="log-sign", markup=False)
        self.query_one("#log-line").mount(sign, made, before="#log-told")
        return made

    def tell(self) -> None:
        """Say where the reader is."""
        raise NotImplementedError

    # Questions

    def action_ask(self, question: Question) -> None:
        """Open the line below for an answer."""
        view, answer = self.view, self.answer
        if self.empty:
            return
        from trainer_tui.tui.widgets.log_saving import parts

        if question in ("search", "filter"):
            from trainer_tui.core.logfile.search import warm

            warm()
        self.question, self.trouble = question, ""
        self._origin = (view.here, view.top, view.following)
        held = {"search": view.search, "filter": view.filter}.get(question)
        self._kept = held.pattern if held else None
        self.part = parts(view)[0]
        with self.prevent(Input.Changed):
            answer.value = self._suggestion(question)
            answer.cursor_position = len(answer.value)
        self._sought = answer.value
        answer.placeholder = _HINTS[question]
        self._sign()
        self.add_class("asking")
        self.screen.set_focus(answer)
        self.tell()

    def _sign(self) -> None:
        assert self.question is not None
        sign = SIGNS[self.question].format(self.part)
        self.query_one("#log-sign", Static).update(sign)

    def turn_part(self) -> None:
        """Save another part of the log."""
        if self.question == "save":
            from trainer_tui.tui.widgets.log_saving import parts

            choice = parts(self.view)
            self.part = choice[(choice.index(self.part) + 1) % len(choice)]
            self._sign()

    def _suggestion(self, question: Question) -> str:
        if question == "filter" and self._kept:
            return self._kept.text
        if question == "save":
            from trainer_tui.tui.widgets.log_saving import unused

            return unused(self.file_name)
        return ""

    @property
    def file_name(self) -> str:
        """What a file is called that the log is saved to, unless there is one."""
        from trainer_tui.sanitize import filename

        name = (self.job.name or self.job.ref.id) if self.job else ""
        return f"{filename(name, fallback='job')}.log"

    def close_question(self) -> None:
        """Close the line and give the keys back to the view."""
        if self.question is not None:
            self.question, self.trouble = None, ""
            self.remove_class("asking")
            self.screen.set_focus(self.view)
            self.tell()

    @on(Input.Changed, "#log-answer")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.question is not None:
            self._seek(event.value)

    def _seek(self, text: str) -> None:
        """Search or filter for what was typed so far."""
        self._sought, self.trouble = text, ""
        if self.question in ("search", "filter"):
            from trainer_tui.core.logfile.pattern import PatternError, compile_pattern

            try:
                pattern = compile_pattern(text) if text else None
            except PatternError as error:
                self.trouble = str(error)
            else:
                if self.question == "search":
                    self._back()
                    self.view.set_search(pattern, self._origin[0])
                else:
                    self.view.set_filter(pattern)
        self.tell()

    def answered(self, text: str) -> None:
        """The answer is complete: do it, and close the line, unless it cannot be done."""
        value = text.strip()
        if text != self._sought:
            self._seek(text)  # typed ahead or pasted: told of only after this key
        if self.question == "line" and value:
            from trainer_tui.tui.widgets.log_going import where

            found = where(self.view, value, self.console.now())
            if isinstance(found, str):
                self.trouble = found
                return self.tell()
            self.view.go(found)
        elif self.question == "save":
            from trainer_tui.tui.widgets.log_saving import save

            if trouble := save(self.view, self.part, text.strip(), self.console.say):
                self.trouble = trouble
                return self.tell()
        elif self.question == "search" and not text and self._kept:
            # As in less: an empty search is the last one again.
            self.view.set_search(self._kept)
        self.close_question()

    def take_back(self) -> None:
        """Close the line and undo what the question has done so far."""
        if self.question == "search":
            self.view.set_search(self._kept, None)
            self.view.forget_wanted()
            self._back()
        elif self.question == "filter":
            self.view.set_filter(self._kept)
        self.close_question()

    def take_key(self, event: events.Key) -> bool:
        """A key that the view got: whether it opens a question or belongs to an open one.

        Done here and not by the binding, which runs a few steps later: by then the next keys
        are already under way, and an ``s`` of a search must never be the ``s`` that stops a job.
        """
        if self.question is not None:
            hand_on(event, self.answer)
            return True
        active = self.screen.active_bindings.get(event.key)
        if active is None or active.node is not self or not active.enabled:
            return False
        for question in SIGNS:
            if active.binding.action == f"ask('{question}')":
                self.action_ask(question)
                return True
        return False

    def _back(self) -> None:
        """To where the search was begun."""
        _, top, following = self._origin
        self.view.put_back(top, following=following)
