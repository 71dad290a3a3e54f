"""What the line below a log says: where the reader is, what was found, what still runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from trainer_tui.core.logfile.document import LogFile
from trainer_tui.tui.amounts import size
from trainer_tui.tui.widgets.log_times import WORDS

if TYPE_CHECKING:
    from trainer_tui.core.logfile.hits import Hits
    from trainer_tui.tui.widgets.log_question import Question
    from trainer_tui.tui.widgets.log_view import LogView

Words = list[tuple[str, str]]
"""Texts, each with its theme colour."""


def told(view: LogView, question: Question | None, trouble: str) -> Words:
    """The words for a view, most important first; fewer while a question is open."""
    words: Words = []
    if trouble:
        words.append((trouble, "status-failed"))
    if question is None:
        words.append(_place(view))
    if view.search is not None and question != "filter":
        words.append(_search(view, view.search, question is not None))
    if view.filter is not None:
        words.append(_filter(view, view.filter, question is not None))
    if view.waiting and view.errors is not None and not view.errors.done:
        words.append((f"looking for errors {_percent(view.errors.searched)}", "text-muted"))
    if question is None:
        words += _more(view)
    return words


def _place(view: LogView) -> tuple[str, str]:
    glyphs = view.glyphs
    if view.selection is not None:
        count = view.selected()
        lines = "many lines" if count is None else _lines(count)
        return f"{lines} selected {glyphs.dot} y copies", "accent"
    if view.following:
        if view.document.complete:
            return "end of log", "text-muted"
        return f"{glyphs.follow} following", "status-running"
    behind = view.behind
    follow = f"below {glyphs.dot} f follows"
    if behind.lines is None:
        return f"{size(behind.bytes)} {follow}", "status-stopping"
    if behind.lines:
        lines = f"{behind.lines:,}+ lines" if behind.more else _lines(behind.lines)
        return f"{lines} {follow}", "status-stopping"
    return f"at the end {glyphs.dot} f follows", "text-muted"


def _search(view: LogView, search: Hits, asking: bool) -> tuple[str, str]:
    shown = "" if asking else f"/{_text(search)} "
    if search.failed:
        return f"{shown}{search.failed}", "status-failed"
    running = "" if search.done else f" {_percent(search.searched)}"
    if not search.count:
        found = "no match" if search.done else f"searching{running}"
        return f"{shown}{found}", "status-failed" if search.done else "text-muted"
    place = view.position
    more = "" if search.done else "+"
    found = f"{f'{place:,}/' if place else ''}{search.count:,}{more}{running}"
    return f"{shown}{found}", "warning"


def _filter(view: LogView, filter: Hits, asking: bool) -> tuple[str, str]:
    shown = "" if asking else f"&{_text(filter)} "
    if filter.failed:
        return f"{shown}{filter.failed}", "status-failed"
    count = view.document.count()
    of = f" of {count:,}" if count is not None else ""
    around = f" {view.glyphs.plus_minus}{view.context}" if view.context else ""
    running = "" if filter.done else f"+ {_percent(filter.searched)}"
    return f"{shown}{filter.count:,}{running}{of} lines{around}", "accent"


def _more(view: LogView) -> Words:
    words: Words = []
    count = view.document.count()
    if view.filter is None and count is not None:
        words.append((_lines(count), "text-faint"))
    elif count is None and isinstance(view.document, LogFile):
        total = f"{size(view.document.size)} {view.glyphs.dot} "
        words.append((f"{total}counting lines {_percent(view.document.indexed)}", "text-faint"))
    if view.wrapping:
        words.append(("wrapped", "text-faint"))
    if view.rows.raw:
        words.append(("raw", "text-faint"))
    if word := WORDS[view.times.kind]:
        words.append((word, "text-faint"))
    if view.bookmarks:
        mark = f"{view.glyphs.mark} {len(view.bookmarks)}"
        words.append((mark, "text-faint"))
    if view.left:
        words.append((f"from column {view.left + 1}", "text-faint"))
    return words


def as_text(view: LogView, words: Words, *, indent: bool) -> Text:
    """The words in one line."""
    text = Text(no_wrap=True, overflow="ellipsis")
    if indent:
        text.append(" ")
    for index, (word, colour) in enumerate(words):
        text.append("   " if index else "").append(word, view.paint(colour))
    return text


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def _percent(part: float) -> str:
    return f"{int(part * 100)}%"


def _text(search: Hits) -> str:
    return search.pattern.text if search.pattern is not None else ""
