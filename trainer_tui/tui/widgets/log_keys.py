"""The keys of a log view."""

from __future__ import annotations

from textual.binding import Binding, BindingType


def _key(
    keys: str, action: str, word: str, id: str, tooltip: str, *, show: bool = False
) -> Binding:
    return Binding(keys, action, word, show=show, id=f"logs.{id}", tooltip=tooltip)


KEYS: list[BindingType] = [
    _key("down,j", "line(1)", "Down", "down",
         "One line down; while selecting, extend the selection."),
    _key("up,k", "line(-1)", "Up", "up", "One line up; the view stops following the end."),
    _key("pagedown,ctrl+f,space", "page(1)", "Page down", "page_down", "A screen down."),
    _key("pageup,ctrl+b,b", "page(-1)", "Page up", "page_up", "A screen up."),
    _key("home,g", "top", "Top", "top", "To the first line."),
    _key("end,G", "end", "End", "end", "To the last line, and follow."),
    _key("right", "sideways(1)", "Right", "right", "Show more of long lines."),
    _key("left", "sideways(-1)", "Left", "left", "Back to the beginning of long lines."),
    _key("f", "follow", "follow", "follow", "Follow the end of the log, or stop following.",
         show=True),
    _key("n", "hit(1)", "next", "next", "To the next line that matches the search."),
    _key("N", "hit(-1)", "previous", "previous", "To the previous line that matches the search."),
    _key("plus", "context(1)", "more context", "more_context",
         "While only matching lines are shown: one more line around each."),
    _key("minus", "context(-1)", "less context", "less_context",
         "While only matching lines are shown: one line less around each."),
    _key("E", "error(1)", "next error", "next_error", "To the next error or traceback.",
         show=True),
    _key("e", "error(-1)", "previous error", "previous_error",
         "To the previous error or traceback."),
    _key("w", "wrap", "wrap", "wrap", "Wrap long lines, or cut them.", show=True),
    _key("t", "times", "times", "times",
         "When lines were written: on the clock, since the job began, since the line before, not. "
         "~ marks when a line was seen, where it does not say."),
    _key("shift+down,right_parenthesis", "cursor(1)", "Next line", "cursor_down",
         "Mark the line below the marked one."),
    _key("shift+up,left_parenthesis", "cursor(-1)", "Line before", "cursor_up",
         "Mark the line above the marked one."),
    _key("enter", "open", "open", "open",
         "Show the fields of a JSON line below it, or fetch what a gap lacks: of the marked line, "
         "else of the nearest on the screen."),
    _key("J", "raw", "raw", "raw", "JSON lines as they were written, or folded."),
    _key("B", "bookmark", "bookmark", "bookmark",
         "Set a bookmark on the marked line (else the first on the screen), or take it away."),
    _key("full_stop", "to_bookmark(1)", "next bookmark", "next_bookmark",
         "To the next bookmark."),
    _key("comma", "to_bookmark(-1)", "bookmark before", "previous_bookmark",
         "To the bookmark before."),
    _key("v", "select", "select", "select", "Select lines from here; y copies them."),
    _key("y", "copy", "copy", "copy",
         "Copy the selected lines to your own clipboard (OSC 52)."),
    _key("escape", "leave", "leave", "leave",
         "End the selection, then the search, then the filter."),
]  # fmt: skip
