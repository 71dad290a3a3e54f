"""A log of which only hits are shown, and a few lines around each."""

from __future__ import annotations

from trainer_tui.core.logfile.hits import Hits
from trainer_tui.core.logfile.lines import Line, Lines

_STEPS_KEPT = 4_096


class Filtered(Lines):
    """The lines that a search found, as far as it has.

    Positions and numbers are those of the log. Between groups of lines that do not follow each
    other stands, with context, a note ``--``; its position is one less than that of the line below
    it, where no line that is shown begins.

    Args:
        log: The lines that are searched.
        search: What was found in them.
        context: So many lines before and after each hit are shown too.
    """

    def __init__(self, log: Lines, search: Hits, context: int = 0) -> None:
        self._log = log
        self._search = search
        self._context = max(0, context)
        self._version = -1
        self._steps: dict[tuple[int, bool], int | None] = {}
        self._edges: dict[tuple[int, bool], int] = {}

    @property
    def complete(self) -> bool:  # type: ignore[override]
        return self._log.complete and self._search.settled

    def first(self) -> int | None:
        return self.after(-1)

    def last(self) -> int | None:
        last = self._log.last()
        return None if last is None else self.before(last + 1)

    def after(self, position: int) -> int | None:
        return self._step(position, True)

    def before(self, position: int) -> int | None:
        return self._step(position, False)

    def at(self, position: int) -> int | None:
        found = self.before(position + 1)
        return self.first() if found is None else found

    def line(self, position: int) -> Line:
        if self._context and not self._is_shown(position):
            return Line(position, "--", kind="note")
        return self._log.line(position)

    def part(self, position: int) -> float:
        count = self._search.count
        if not count:
            return 0.0
        hit = self._search.known_before(position + 1)
        rank = 0 if hit is None else self._search.rank(hit)
        return self._log.part(position) if rank is None else rank / count

    def near(self, part: float) -> int | None:
        count = self._search.count
        rank = min(count, max(1, round(min(1.0, max(0.0, part)) * count)))
        return self._search.nth(rank) if count else None

    def number(self, position: int) -> int | None:
        if self._context and not self._is_shown(position):
            return None
        return self._log.number(position)

    def numbered(self, number: int) -> int | None:
        position = self._log.numbered(number)
        return None if position is None else self.at(position)

    def count(self) -> int | None:
        return None if self._context or not self._search.done else self._search.count

    # -- steps --------------------------------------------------------------------------------

    def _step(self, position: int, down: bool) -> int | None:
        """The next line or note in one direction; remembered until more is known."""
        search = self._search
        if not self._context:
            return search.known_after(position) if down else search.known_before(position)
        if self._version != search.version or len(self._steps) > _STEPS_KEPT:
            self._steps.clear()
            self._edges.clear()
            self._version = search.version
        key = position, down
        if key not in self._steps:
            self._steps[key] = self._down(position) if down else self._up(position)
        return self._steps[key]

    def _down(self, position: int) -> int | None:
        below = self._next_shown(position)
        if below is None or below - 1 <= position:
            return below
        here = self._log.at(position) if position >= 0 else None
        if here is not None and self._is_shown(here):
            return below if self._log.after(here) == below else below - 1
        return below if self._search.known_before(position + 1) is None else below - 1

    def _up(self, position: int) -> int | None:
        above = self._last_shown(position)
        if above is None:
            return None
        below = self._next_shown(above)
        if below is None or below - 1 >= position or self._log.after(above) == below:
            return above
        return below - 1

    def _next_shown(self, position: int) -> int | None:
        """The next line below that is shown."""
        line = self._log.after(position)
        if line is None or self._is_shown(line):
            return line
        hit = self._search.known_after(line)
        return None if hit is None else self._moved(hit, False)

    def _last_shown(self, position: int) -> int | None:
        """The last line above that is shown."""
        line = self._log.before(position)
        if line is None or self._is_shown(line):
            return line
        hit = self._search.known_before(line)
        return None if hit is None else self._moved(hit, True)

    def _is_shown(self, position: int) -> bool:
        """Whether a line begins here and is a hit or near one."""
        if self._log.at(position) != position:
            return False
        search = self._search
        above = search.known_before(position + 1)
        if above is not None and (above == position or self._moved(above, True) >= position):
            return True
        below = search.known_after(position)
        return below is not None and self._moved(below, False) <= position

    def _moved(self, hit: int, down: bool) -> int:
        """The farthest line that is shown because of a hit."""
        key = hit, down
        if key not in self._edges:
            at = hit
            for _ in range(self._context):
                near = self._log.after(at) if down else self._log.before(at)
                if near is None:
                    break
                at = near
            self._edges[key] = at
        return self._edges[key]
