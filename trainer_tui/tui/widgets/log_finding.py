"""Finding things in a log: a search, a filter, errors. Another process looks; here one asks it.

What is looked for may be found later than it was asked for: where to go then is remembered in
``_wanted`` until it is known or something else is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.lines import Line
from trainer_tui.core.logfile.merge import Merged
from trainer_tui.tui.pulse import PAUSE, Pulse
from trainer_tui.tui.widgets.log_motion import LogMotion

if TYPE_CHECKING:
    from trainer_tui.core.logfile.filtered import Filtered
    from trainer_tui.core.logfile.hits import Hits
    from trainer_tui.core.logfile.pattern import Pattern

MOST_CONTEXT = 9
_AT_ONCE = 0.03
"""Seconds between two looks while the reader waits for the first hit."""
_TRIES = 200
"""Hits that are tried, when the filter hides some of them."""


class Wanted(NamedTuple):
    """Where to go as soon as it is known."""

    what: Literal["search", "errors", "filter"]
    origin: int
    direction: int = 1


class LogFinding(LogMotion):
    """Search, filter and errors of a log view."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.files: list[LogFile] = []
        """The files that a merged log is made of, in its order."""
        self.search: Hits | None = None
        self.filter: Hits | None = None
        """What decides which lines are shown; ``None``: all."""
        self.context = 0
        """Lines shown around those that the filter finds."""
        self.errors: Hits | None = None
        """Begun when it is first asked for."""
        self._wanted: Wanted | None = None
        self._marks: dict[int, list[tuple[int, int]]] = {}
        self._pulse = Pulse(self, self._stirred)

    # Beginning and ending

    def begin_anew(self) -> None:
        """The log is another: what was found is void, what is looked for is looked for again."""
        super().begin_anew()
        search, filter = self.search, self.filter
        self._end()
        if search is not None:
            self.search = self._begin(search.pattern)
        if filter is not None:
            self.filter = self._begin(filter.pattern)
            self.rows.lines = self._filtered()

    def _end(self) -> None:
        for held in (self.search, self.filter, self.errors):
            if held is not None:
                held.close()
        self.search = self.filter = self.errors = None
        self._wanted = None
        self._marks.clear()
        self.rows.lines = self.document

    def on_unmount(self) -> None:
        """Let go of the processes that search."""
        self._end()

    def forget_finding(self) -> None:
        """Look for nothing any more."""
        self._end()

    def _begin(self, pattern: Pattern | None, origin: int | None = None) -> Hits:
        """Look for a pattern (``None``: errors) from now on."""
        from trainer_tui.core.logfile.listsearch import ListSearch
        from trainer_tui.core.logfile.search import Search

        document = self.document
        if isinstance(document, LogFile):
            return Search(document, pattern, notify=self._pulse, origin=origin)
        if isinstance(document, Merged):
            from trainer_tui.core.logfile.mergedsearch import MergedSearch

            files = self.files
            return MergedSearch(document, files, pattern, notify=self._pulse, origin=origin)
        return ListSearch(document, pattern, notify=self._pulse)

    def _filtered(self) -> Filtered:
        from trainer_tui.core.logfile.filtered import Filtered

        assert self.filter is not None
        return Filtered(self.document, self.filter, self.context)

    def grown(self, first: int | None, *, reset: bool = False) -> None:
        """The log went on: look at what is new."""
        if not reset:
            for held in (self.search, self.filter, self.errors):
                if held is not None:
                    held.grown()
        super().grown(first, reset=reset)

    # Search and filter

    def set_search(self, pattern: Pattern | None, origin: int | None = None) -> None:
        """Mark what matches, and go to the first hit at or below ``origin``."""
        if self.search is not None:
            self.search.close()
        self.search, self._wanted = None, None
        if pattern is not None:
            here = self.here if origin is None else origin
            self.search = self._begin(pattern, here)
            self._want(Wanted("search", here - 1), begun=True)
        self._repaint_marks()
        self.tell()

    def set_filter(self, pattern: Pattern | None) -> None:
        """Show only lines that match; ``None``: all again, the same line in sight."""
        held = self._held
        if self.filter is not None:
            self.filter.close()
        self.filter, self.rows.lines = None, self.document
        if pattern is not None:
            self.filter = self._begin(pattern, held)
            self.rows.lines = self._filtered()
        self._refilter(held)

    def action_context(self, step: int) -> None:
        """More or fewer lines around those that match."""
        context = min(MOST_CONTEXT, max(0, self.context + step))
        if self.filter is not None and context != self.context:
            self.context = context
            held = self._held
            self.rows.lines = self._filtered()
            self._refilter(held)

    @property
    def _held(self) -> int | None:
        """The line that shall stay in sight; ``None`` while following."""
        return None if self.following or self.top is None else self.top[0]

    def _refilter(self, held: int | None) -> None:
        self._wanted = None
        if held is not None and self.filter is not None and not self.filter.done:
            self._want(Wanted("filter", held))
        self._strips.clear()
        self.rows.forget()
        self.times.forget()
        self._put_top(held)
        self.lay(all=True)

    def _put_top(self, held: int | None) -> None:
        found = None if held is None else self.lines.at(held)
        if found is not None:
            self.top = (found, 0)

    # What comes later

    def _want(self, wanted: Wanted, *, begun: bool = False) -> None:
        self._wanted = wanted
        self._pulse.pause = _AT_ONCE
        if not begun:  # a search that was begun just now tells when it knows something
            self._arrive()

    def forget_wanted(self) -> None:
        """Stay here, whatever a search that still runs will find."""
        self._wanted = None

    def move_to(self, place: tuple[int, int]) -> None:
        """The reader moves: what a filter finds later must not take the place away."""
        if self._wanted is not None and self._wanted.what == "filter":
            self._wanted = None
        super().move_to(place)

    def _stirred(self) -> None:
        """A search came further."""
        if not isinstance(self.document, LogFile | Merged):
            # Lines in memory are handed over a slice at a time.
            for held in (self.search, self.filter, self.errors):
                if held is not None and not held.settled:
                    held.grown()
        if self.filter is not None:
            self.rows.forget()
            if self._wanted is not None and self._wanted.what == "filter":
                self._put_top(self._wanted.origin)
            self.lay()
            if self.filter.count and not self._seen:
                self._pulse()  # which lines they are is known a moment later
        self._arrive(patience=0.0)  # what is not known yet stirs again
        self._repaint_marks()
        self.tell()

    def _arrive(self, *, patience: float = 1.0) -> None:
        """Go to what is wanted, as soon as it is known."""
        if self._wanted is None:
            self._pulse.pause = PAUSE
            return
        what, origin, direction = self._wanted
        finder = getattr(self, what)
        if finder is None:
            self._wanted = None
        elif what == "filter":
            if finder.done:
                self._wanted = None
        else:
            finder.patience = patience
            hit = self._hit(finder, origin, direction)
            finder.patience = 1.0
            if hit is not None:
                self._wanted = None
                self.go(hit)
            elif (finder.done and finder.sure) or finder.failed:
                self._wanted = None
                if what == "errors":
                    self.say("no error and no traceback in this log")

    def _hit(self, finder: Hits, origin: int, direction: int) -> int | None:
        """The next hit that the filter shows; past the last one, the first."""
        here = origin
        for _ in range(_TRIES):
            found = finder.after(here) if direction > 0 else finder.before(here)
            if found is None or self.filter is None or self.lines.at(found) == found:
                return found
            here = found
        return None

    @property
    def waiting(self) -> bool:
        """Whether the reader waits for a hit that is not found yet."""
        return self._wanted is not None and self._wanted.what != "filter"

    # Keys

    def action_hit(self, direction: int) -> None:
        """To the next or previous hit of the search."""
        if self.search is not None:
            self._want(Wanted("search", self.here, direction))

    def action_error(self, direction: int) -> None:
        """To the next or previous error."""
        begun = self.errors is None
        if self.errors is None:
            self.errors = self._begin(None, self.here)
        # At first, while following, the last line itself may be the error.
        origin = self.here + (1 if direction < 0 and self.current is None else 0)
        self._want(Wanted("errors", origin, direction), begun=begun)
        self.tell()

    # What is marked

    @property
    def position(self) -> int | None:
        """Which hit of the search the current line is, from 1; ``None`` where that is not known."""
        if self.search is None or self.current is None:
            return None
        return self.search.rank(self.current)

    def matches(self, line: Line) -> list[tuple[int, int]]:
        """The parts of a line's text that search and filter found."""
        if line.kind != "text":
            return []
        out: list[tuple[int, int]] = []
        for held in (self.filter, self.search):
            if held is not None:
                out += held.spans(line.position)
        self._marks[line.position] = out
        return out

    def _repaint_marks(self) -> None:
        """Paint the lines on the screen again whose marks are others than they were painted."""
        for position in dict.fromkeys(seen[0][0] for seen in self._seen):
            before = self._marks.get(position, [])
            if self.matches(self.rows.shown(position).line) != before:
                self.repaint_line(position)
        shown = {seen[0][0] for seen in self._seen}
        for position in [position for position in self._marks if position not in shown]:
            del self._marks[position]
        for key in [key for key in self._strips if key[0][0] not in shown]:
            del self._strips[key]
