"""What has its lines searched by other processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Client(ABC):
    """Something that has lines searched. Everything is called with the scanner's lock held."""

    number: int = 0
    """Its name towards the processes; another one after what was sent became void."""
    changed = False
    """Whether ``notify`` is due."""
    notified = 0.0

    @abstractmethod
    def opening(self) -> tuple[Any, ...]:
        """What a process must know first."""

    def view(self) -> tuple[Any, ...] | None:
        """What it must know of the file's present state; ``None``: it searches in no file."""
        return None

    @abstractmethod
    def fail(self, why: str) -> None:
        """There will be no more."""

    @abstractmethod
    def notify(self) -> None:
        """Tell the interface; called without the lock."""


class Asker(Client):
    """A client that asks by itself, whenever a process has time."""

    @abstractmethod
    def go_on(self) -> None:
        """A process has time: ask."""


class Blockwise(Client):
    """A client of which processes search block after block."""

    later = 0.0
    """No work is given out before this moment of the monotonic clock."""

    @abstractmethod
    def next_work(self) -> tuple[int, int, bool] | None:
        """First block, one past the last, and whether the first hit is to be told at once."""

    @abstractmethod
    def waiting(self) -> int:
        """How many blocks nobody looks at yet."""

    @abstractmethod
    def took(
        self, first: int, counts: bytes, seconds: float, hits: bytes | None, skipped: int
    ) -> None:
        """Blocks were looked at."""

    @abstractmethod
    def returned(self, first: int, stop: int) -> None:
        """Blocks that were given out were not looked at."""
