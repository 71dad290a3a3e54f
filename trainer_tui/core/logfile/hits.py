"""What every search answers, wherever the lines are."""

from __future__ import annotations

from abc import ABC, abstractmethod

from trainer_tui.core.logfile.pattern import Pattern

Spans = tuple[tuple[int, int], ...]


class Hits(ABC):
    """The lines that match, as far as they are known.

    Nothing here waits for longer than a tenth of a second; what is not known by then is ``None``,
    no spans or no hit, and ``notify`` is called when it is.
    """

    pattern: Pattern | None
    """What is looked for; ``None``: errors."""
    failed: str | None = None
    """Why it does not go on, for the reader."""
    skipped: int = 0
    """Lines that were given up because the expression took too long on them."""
    sure: bool = True
    """Whether the last question was answered for good; not when its answer did not come in time."""
    patience: float = 1.0
    """Which part of that tenth a question may wait; 0: not at all."""
    version: int = 0
    """Another number after each change of what is known."""

    @property
    @abstractmethod
    def count(self) -> int:
        """How many hits are known so far."""

    @property
    @abstractmethod
    def done(self) -> bool:
        """Whether all lines were looked at, but for a few that came just now."""

    @property
    @abstractmethod
    def settled(self) -> bool:
        """Whether all lines were looked at, of the log as of the last :meth:`grown`."""

    @property
    @abstractmethod
    def searched(self) -> float:
        """How much was looked at, 0 to 1."""

    @abstractmethod
    def grown(self) -> None:
        """The log changed: look at what is new."""

    @abstractmethod
    def cancel(self) -> None:
        """Look no further; what is known stays."""

    @abstractmethod
    def close(self) -> None:
        """Forget everything; nothing may be asked afterwards."""

    @abstractmethod
    def after(self, position: int, *, wrap: bool = True) -> int | None:
        """The next hit below a position; past the last, with ``wrap``, the first."""

    @abstractmethod
    def before(self, position: int, *, wrap: bool = True) -> int | None:
        """The last hit above a position; past the first, with ``wrap``, the last."""

    @abstractmethod
    def known_after(self, position: int) -> int | None:
        """The next hit below a position of those that are known."""

    @abstractmethod
    def known_before(self, position: int) -> int | None:
        """The last hit above a position of those that are known."""

    @abstractmethod
    def is_hit(self, position: int) -> bool:
        """Whether the line at a position is one."""

    @abstractmethod
    def spans(self, position: int) -> Spans:
        """Where the pattern matches in a hit's :attr:`Line.text`; at most 200."""

    @abstractmethod
    def rank(self, position: int) -> int | None:
        """Which hit this is, from 1; ``None`` when it is none or that is not known yet."""

    @abstractmethod
    def nth(self, rank: int) -> int | None:
        """The hit of a rank, from 1, among those that are known."""
