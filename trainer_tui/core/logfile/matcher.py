"""Which of many lines match. Used in the process that searches."""

from __future__ import annotations

import re

from trainer_tui.core.logfile.neighbours import Finder
from trainer_tui.core.logfile.plan import Plan
from trainer_tui.core.logfile.runs import longest_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Watch(Protocol):
        """Breaks off what takes too long."""

        def begin(self) -> None:
            """One thing to do begins; when it takes too long :class:`TooSlow` is raised."""

        def end(self) -> None:
            """It is done."""


MAX_SPANS = 200
MOST_SLOW = 40
"""So many lines may take too long."""
_SPARSE = 4
_MOST_BROKEN = 24
_USELESS = 16  # pieces of a log in a row that were not ruled out

# What an ASCII letter also matches when case does not matter: ſ for s, the Kelvin sign, dotted
# and dotless i.
_OTHERS = ("ſ", "\u212a", "İ", "ı")
_OTHER_CASES = tuple(other.encode() for other in _OTHERS)
_HAVE_OTHERS = frozenset("iks")
# What resolving a line can take out from between two letters, or puts between them.
_C1_LEAD = re.compile(rb"\xc2[\x80-\x9f]")


class TooSlow(Exception):
    """An expression took too long."""


# The re module itself fails on some odd expressions ("span of capturing group is wrong").
_GIVEN_UP = (TooSlow, SystemError, RecursionError, MemoryError)


class _Required:
    """Strings of which a line must hold one."""

    __slots__ = ("broken", "others", "raw", "spaces")

    def __init__(self, needles: tuple[str, ...], folds: bool) -> None:
        self.raw = [needle.encode("utf-8", "surrogatepass") for needle in needles]
        self.broken = [
            raw[:length] + b"\x1b" for raw in self.raw for length in range(1, len(raw))
        ] or self.raw
        """How one begins that an escape sequence interrupts; none when these are too many."""
        if len(self.broken) > _MOST_BROKEN:
            self.broken = []
        self.spaces = any(" " in needle for needle in needles)
        """A tab may stand for some of it."""
        self.others = folds and any(_HAVE_OTHERS & set(needle) for needle in needles)
        """Characters beyond ASCII may stand for some of it."""


class Hopeless(Exception):
    """An expression takes too long on too many lines."""


class Matcher:
    """Finds the lines that match an expression.

    Texts that are passed in are lines as they are shown, each with its newline.

    Args:
        text: A regular expression.
        flags: Its flags.
        watch: Told before and after each use of the expression.
        needles: Every match holds one of each set; found out where that is left out.
    """

    def __init__(
        self, text: str, flags: int, watch: Watch, needles: list[tuple[str, ...]] | None = None
    ) -> None:
        self.plan = Plan(text, flags)
        self.plan.needles = self.plan.needles if needles is None else needles
        self.watch = watch
        self.skipped = 0
        """Lines that were given up because the expression took too long on them."""
        self._slow: set[int] = set()
        """Hashes of lines that took too long; they need not be tried again."""
        self._careful = False
        self._run = longest_run(text, self.plan.regex.flags)
        self._held_runs = 0
        self._neighbours = Finder(text, self.plan.regex.flags)
        self._required = [_Required(needles, self.plan.folds) for needles in self.plan.needles]
        self._folds_others = any(required.others for required in self._required)

    def rules_out(self, data: bytes) -> bool:
        """Whether none of these lines, as they are in the file, can match."""
        if not (self._required or self._run):
            return False
        if b"\x07" in data or b"\x08" in data:
            return False
        escapes = b"\x1b" in data
        others = False
        if not data.isascii():
            if b"\xc2" in data and _C1_LEAD.search(data):
                return False
            others = self._folds_others and any(other in data for other in _OTHER_CASES)
        tabs = b"\t" in data
        if self.plan.folds:
            data = data.lower()
        for index, required in enumerate(self._required):
            if (tabs and required.spaces) or (others and required.others):
                continue
            if escapes and (not required.broken or any(part in data for part in required.broken)):
                continue
            if not any(needle in data for needle in required.raw):
                # What is missing here is likely to be missing in what comes next.
                self._required.insert(0, self._required.pop(index))
                return True
        return not escapes and self._lacks_run(data, tabs)

    def _lacks_run(self, data: bytes, tabs: bool) -> bool:
        run = self._run
        if run is None or (tabs and run.spaces):
            return False
        if run.needle not in data.translate(run.table):
            self._held_runs = 0
            return True
        self._held_runs += 1
        if self._held_runs > _USELESS:
            self._run = None
        return False

    def lines(self, text: str, before: Iterable[str]) -> list[int]:
        """A place in each line that matches; ``before``: the lines before, the nearest first."""
        if not self._careful:
            self.watch.begin()
            try:
                return self._found(text)
            except _GIVEN_UP:
                self._careful = True
            finally:
                self.watch.end()
        return self._one_by_one(text)

    def matches(self, line: str) -> bool:
        """Whether a line matches; not when it cannot be told in time.

        Raises:
            Hopeless: That was so too often.
        """
        if hash(line) not in self._slow:
            self.watch.begin()
            try:
                return self.plan.regex.search(line) is not None
            except _GIVEN_UP:
                self._slow.add(hash(line))
                if len(self._slow) > MOST_SLOW:
                    raise Hopeless("the pattern takes too long on too many lines") from None
            finally:
                self.watch.end()
        self.skipped += 1
        return False

    def spans(self, line: str, limit: int) -> list[tuple[int, int]]:
        """Where it matches in a line, as far as ``limit``."""
        found: list[tuple[int, int]] = []
        if hash(line) in self._slow:
            return found
        self.watch.begin()
        try:
            for match in self.plan.regex.finditer(line):
                start, stop = match.span()
                if start >= limit or len(found) >= MAX_SPANS:
                    break
                if start < stop:
                    found.append((start, min(stop, limit)))
        except _GIVEN_UP:
            pass
        finally:
            self.watch.end()
        return found

    # -- many lines ---------------------------------------------------------------------------

    def _found(self, text: str) -> list[int]:
        sets = self.plan.needles
        simple = text.isascii()
        hay = text
        if self.plan.folds:
            if simple:
                hay = text.lower()
            elif self._folds_others and any(other in text for other in _OTHERS):
                sets = []  # a letter of ASCII may be written in a third way
            else:
                hay = text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
        if sets:
            counts = [sum(map(hay.count, needles)) for needles in sets]
            least = min(counts)
            if not least:
                return []
            if least * _SPARSE < hay.count("\n"):
                return self._verified(text, hay, sets[counts.index(least)])
        if (places := self._near(text)) is not None:
            return places
        if simple and self.plan.quick is not None:
            return [match.start() for match in self.plan.quick.finditer(hay)]
        if self.plan.blocks is not None:
            return [match.start() for match in self.plan.blocks.finditer(text)]
        found: list[int] = []
        at = 0
        search = self.plan.regex.search
        for line in text.split("\n")[:-1]:
            if search(line):
                found.append(at)
            at += len(line) + 1
        return found

    def _near(self, text: str) -> list[int] | None:
        """The same, where what every match holds side by side is rare; ``None``: it is not."""
        data = text.encode("utf-8", "surrogatepass")
        lines = self._neighbours.lines(data)
        if lines is None:
            return None
        search = self.plan.regex.search
        found: list[int] = []
        place = at = 0
        for start, stop in lines:
            place += len(_decoded(data[at:start]))
            at = start
            if search(_decoded(data[start:stop])):
                found.append(place)
        return found

    def _verified(self, text: str, hay: str, needles: tuple[str, ...]) -> list[int]:
        """The lines that hold a needle and match."""
        sure = self.plan.literal
        search = self.plan.regex.search
        found: set[int] = set()
        for needle in needles:
            at = hay.find(needle)
            while at >= 0:
                start, stop = hay.rfind("\n", 0, at) + 1, hay.index("\n", at)
                if sure or (start not in found and search(text[start:stop])):
                    found.add(start)
                at = hay.find(needle, stop)
        return sorted(found)

    def _one_by_one(self, text: str) -> list[int]:
        """The same, giving up lines that take too long."""
        found: list[int] = []
        at = 0
        for line in text.split("\n")[:-1]:
            if self.matches(line):
                found.append(at)
            at += len(line) + 1
        return found


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def numbers(text: str, places: list[int]) -> list[int]:
    """Which lines, from 0, places in a text are in; ``places`` rise."""
    found: list[int] = []
    number = at = 0
    for place in places:
        number += text.count("\n", at, place)
        at = place
        found.append(number)
    return found
