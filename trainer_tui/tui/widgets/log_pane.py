"""The log of a job: the view, one line below it that tells and asks, and what stands instead of a
log where there is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from trainer_tui.core.logsearch import PatternError, compile_pattern
from trainer_tui.core.messages import Aspect, AspectFailed, EventsArrived, LogArrived
from trainer_tui.model import Capability, Event, EventKind, Job, Status
from trainer_tui.sanitize import filename
from trainer_tui.tui.present import clock
from trainer_tui.tui.widgets.log_view import LogView
from trainer_tui.tui.widgets.pane import JobPane

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message
    from trainer_tui.errors import TrainerError

Question = Literal["search", "filter", "line", "save"]
_SIGNS: dict[Question, str] = {"search": "/", "filter": "&", "line": ":", "save": "save as "}
_HINTS: dict[Question, str] = {
    "search": "regular expression; small letters match both cases",
    "filter": "show only lines that match",
    "line": "line number",
    "save": "file",
}
_EVENT_COLOURS = {
    EventKind.ERROR: "status-failed",
    EventKind.CHECKPOINT: "status-succeeded",
    EventKind.STATUS: "accent",
    EventKind.ACT: "status-stopping",
}


class Answer(Input):
    """The input of a question.

    Keys that were typed ahead arrive here before the keys' focus has moved, or after it should
    have: those that answer the question are handled at once, those that come later go back.
    """

    async def _on_key(self, event: events.Key) -> None:
        pane = next(node for node in self.ancestors if isinstance(node, LogPane))
        mine = ("enter", "escape", "backspace")
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
        elif event.key == "enter":
            pane.answered(self.value)
        else:
            pane.take_back()


def hand_on(event: events.Key, target: Widget) -> None:
    """Give a key to another widget, as if the app had given it there."""
    again = events.Key(event.key, event.character)
    again._set_forwarded()
    target.post_message(again)


class LogPane(JobPane):
    """Logs of the shown job."""

    TAB = "logs"
    ASPECTS = frozenset({Aspect.LOGS, Aspect.EVENTS})

    DEFAULT_CSS = """
    LogPane {
        & #log-instead { display: none; padding: 1 2; scrollbar-size-vertical: 1; }
        & #log-line { height: 1; }
        & #log-told {
            width: 1fr; height: 1; color: $text-muted;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
        & #log-sign { width: auto; height: 1; color: $accent; display: none; padding: 0 0 0 1; }
        & #log-answer {
            display: none; height: 1; width: 1fr; border: none; padding: 0;
            background: transparent;
        }
        &.asking #log-sign, &.asking #log-answer { display: block; }
        &.asking #log-told { width: auto; max-width: 50%; padding-right: 1; }
        &.instead LogView, &.instead #log-line { display: none; }
        &.instead #log-instead { display: block; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask('search')", "search", id="logs.search",
                tooltip="Search the log: a regular expression, found while you type."),
        Binding("ampersand", "ask('filter')", "only", id="logs.filter",
                tooltip="Show only lines that match; their numbers stay."),
        Binding("colon", "ask('line')", "line", show=False, id="logs.line",
                tooltip="Go to a line by its number."),
        Binding("ctrl+s", "ask('save')", "save", show=False, id="logs.save",
                tooltip="Save the log to a file; never over another one."),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.job: Job | None = None
        self._error: TrainerError | None = None
        self._events: tuple[Event, ...] = ()
        self.question: Question | None = None
        self._origin: tuple[int, int, bool] = (0, 0, True)
        self._trouble = ""
        self._told = ""
        self._kept: re.Pattern[str] | None = None
        self._instead = Text()

    def compose(self) -> ComposeResult:
        """The view, what stands instead of it, and the line below."""
        yield LogView(id="log-view")
        with VerticalScroll(id="log-instead"):
            yield Static(id="log-reason", markup=False)
        with Horizontal(id="log-line"):
            yield Static(id="log-sign", markup=False)
            yield Answer(id="log-answer", compact=True, select_on_focus=False)
            yield Static(id="log-told", markup=False)

    def on_mount(self) -> None:
        """No blinking; a first look at what there is to say."""
        self.answer.cursor_blink = False
        self.view.first_look = self.take_key
        self._settle()

    @property
    def view(self) -> LogView:
        """The view of the lines."""
        return self.query_one("#log-view", LogView)

    @property
    def answer(self) -> Input:
        """The input of the line below."""
        return self.query_one("#log-answer", Input)

    def focus(self, scroll_visible: bool = True, **_: object) -> LogPane:
        """The view takes the keys."""
        target = "#log-instead" if self.has_class("instead") else "#log-view"
        self.query_one(target).focus(scroll_visible)
        return self

    # What arrives

    def show(self, entry: Entry | None) -> None:
        """Another job: begin anew. The same: its state may have changed what stands instead."""
        job = entry.job if entry else None
        if (job and job.ref) != (self.job and self.job.ref):
            self._error = None
            self._events = tuple(self.console.runtime.store.events(job.ref)) if job else ()
            self.close_question()
            self.view.clear()
        self.job = job
        self._settle()

    def receive(self, message: Message) -> None:
        """Lines, events, or the reason why there are none."""
        if isinstance(message, LogArrived):
            self._error = None
            self.view.feed(message.chunk)
        elif isinstance(message, EventsArrived):
            self._events = tuple(message.events)
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.LOGS:
            self._error = message.error
        else:
            return
        self._settle()

    def _settle(self) -> None:
        """Show the lines, or the reason that there are none and what was seen to happen."""
        instead = not len(self.view.buffer)
        if instead != self.has_class("instead"):
            focused = self.has_focus_within
            self.set_class(instead, "instead")
            self.view.can_focus = not instead
            if focused:
                self.focus()
        if instead:
            text = self._reason()
            if text != self._instead:
                self._instead = text
                self.query_one("#log-reason", Static).update(text)
        self._tell()

    def _reason(self) -> Text:
        view = self.view
        muted, faint = view.paint("text-muted"), view.paint("text-faint")
        text = Text()
        job = self.job
        if job is None:
            return text.append("No job is selected.", muted)
        if (missing := self._missing(job)) is not None:
            text.append(f"{missing}\n", muted)
        elif self._error is not None:
            text.append(f"{view.glyphs.warn} {self._error.title}\n", view.paint("status-failed"))
            text.append(f"{self._error.message}\n", muted)
            if self._error.hint:
                text.append(f"{self._error.hint}\n", faint)
        elif job.status is Status.QUEUED:
            text.append("The job waits for its turn; its log begins when it runs.\n", muted)
        elif job.status.active:
            text.append("Nothing has been written to the log yet.\n", muted)
        else:
            text.append("The log is empty.\n", muted)
        if self._events:
            text.append("\nHistory\n", view.paint("foreground", extra="bold"))
            now = self.console.now()
            times = [clock(event.time, now) for event in self._events]
            width = max(map(len, times))
            for time, event in zip(times, self._events, strict=True):
                colour = _EVENT_COLOURS.get(event.kind, "foreground")
                text.append(f"{time:>{width}}  ", faint)
                text.append(f"{event.text}\n", view.paint(colour))
        return text

    def _missing(self, job: Job) -> str | None:
        """Why the provider has no logs at all; ``None`` where it has."""
        runtime = getattr(self.app, "runtime", None)
        if runtime is None:
            return None
        facts = runtime.facts(job.ref.profile)
        if Capability.LOGS in facts.capabilities:
            return None
        reason = facts.reasons.get(Capability.LOGS)
        return reason or f"{facts.title} has no logs to read."

    # The line below

    @on(LogView.Changed)
    def _changed(self, event: LogView.Changed) -> None:
        event.stop()
        self._tell()

    def _tell(self) -> None:
        """Say where the reader is; repaint only when that differs."""
        view, glyphs = self.view, self.view.glyphs
        parts: list[tuple[str, str]] = []
        if self._trouble:
            parts.append((self._trouble, "status-failed"))
        if self.question is None:
            if view.selection is not None:
                count = (
                    abs(view.rows.item_of(view.selection[1]) - view.rows.item_of(view.selection[0]))
                    + 1
                )
                lines = "1 line" if count == 1 else f"{count:,} lines"
                parts.append((f"{lines} selected {glyphs.dot} y copies", "accent"))
            elif view.following:
                word = "end of log" if view.buffer.complete else f"{glyphs.follow} following"
                parts.append((word, "status-running" if word != "end of log" else "text-muted"))
            elif view.behind:
                lines = "1 line" if view.behind == 1 else f"{view.behind:,} lines"
                parts.append((f"{lines} below {glyphs.dot} f follows", "status-stopping"))
            else:
                parts.append((f"at the end {glyphs.dot} f follows", "text-muted"))
        if view.search and self.question != "filter":
            hits = len(view.search.hits)
            more = "" if view.search.done else "+"
            place = f"{view.position}/" if view.position else ""
            found = f"{place}{hits:,}{more}" if hits else "no match" if not more else "searching"
            shown = "" if self.question else f"/{view.search.pattern.pattern} "
            parts.append((f"{shown}{found}", "warning" if hits else "status-failed"))
        if view.filter:
            kept = f"{len(view.filter.hits):,} of {len(view.buffer):,} lines"
            shown = "" if self.question else f"&{view.filter.pattern.pattern} "
            parts.append((f"{shown}{kept}", "accent"))
        elif self.question is None:
            count = view.buffer.end
            parts.append(("1 line" if count == 1 else f"{count:,} lines", "text-faint"))
        if view.wrapping and self.question is None:
            parts.append(("wrapped", "text-faint"))
        if view.left and self.question is None:
            parts.append((f"from column {view.left + 1}", "text-faint"))
        text = Text(no_wrap=True, overflow="ellipsis")
        if self.question is None:
            text.append(" ")
        for index, (part, colour) in enumerate(parts):
            text.append("   " if index else "").append(part, view.paint(colour))
        if (marked := text.markup) != self._told:
            self._told = marked
            self.query_one("#log-told", Static).update(text)

    # Questions

    def action_ask(self, question: Question) -> None:
        """Open the line below for an answer."""
        view, answer = self.view, self.answer
        if self.has_class("instead"):
            return
        self.question, self._trouble = question, ""
        self._origin = (view.here, view.top, view.following)
        held = {"search": view.search, "filter": view.filter}.get(question)
        self._kept = held.pattern if held else None
        with self.prevent(Input.Changed):
            answer.value = self._suggestion(question)
            answer.cursor_position = len(answer.value)
        answer.placeholder = _HINTS[question]
        self.query_one("#log-sign", Static).update(_SIGNS[question])
        self.add_class("asking")
        self.screen.set_focus(answer)
        self._tell()

    def _suggestion(self, question: Question) -> str:
        if question == "filter" and self.view.filter:
            return self.view.filter.pattern.pattern
        if question == "save" and self.job:
            return f"{filename(self.job.name or self.job.ref.id, fallback='job')}.log"
        return ""

    def close_question(self) -> None:
        """Close the line and give the keys back to the view."""
        if self.question is not None:
            self.question, self._trouble = None, ""
            self.remove_class("asking")
            self.screen.set_focus(self.view)
            self._tell()

    @on(Input.Changed, "#log-answer")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._trouble = ""
        if self.question in ("search", "filter"):
            try:
                pattern = compile_pattern(event.value) if event.value else None
            except PatternError as error:
                self._trouble = str(error)
            else:
                if self.question == "search":
                    self._back()
                    self.view.set_search(pattern, self._origin[0])
                else:
                    self.view.set_filter(pattern)
        self._tell()

    def answered(self, text: str) -> None:
        """The answer is complete: do it, and close the line, unless it cannot be done."""
        value = text.strip()
        if self.question == "line" and value:
            if not value.isdecimal():
                self._trouble = "a line number, please"
                return self._tell()
            number = int(value[:12]) - 1
            view = self.view
            view.go(min(max(number, view.buffer.first), view.buffer.end - 1))
        elif self.question == "save" and not self._save(text):
            return self._tell()
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
        for question in _SIGNS:
            if active.binding.action == f"ask('{question}')":
                self.action_ask(question)
                return True
        return False

    def _back(self) -> None:
        """To where the search was begun."""
        _, top, following = self._origin
        self.view.move_to(top)
        self.view.following = following

    def _save(self, name: str) -> bool:
        """Write the log, cleaned, to a new file; whether that worked."""
        path = Path(name.strip()).expanduser()
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(self.view.buffer.text())
        except FileExistsError:
            self._trouble = "that file exists; another name, please"
        except OSError as error:
            self._trouble = error.strerror or str(error)
        except ValueError:
            self._trouble = "that is not a file name"
        else:
            self.console.say(f"log saved to {path.resolve()}")
            return True
        return False

    @on(LogView.Copied)
    def _copied(self, event: LogView.Copied) -> None:
        event.stop()
        lines = "1 line" if event.lines == 1 else f"{event.lines:,} lines"
        self.console.copy(event.text, lines)
