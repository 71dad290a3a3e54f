"""A log as a search saw it last."""

from __future__ import annotations

from trainer_tui.core.logfile.document import LogFile

_MARK = 64


class Seen:
    """Its size, its gaps, and by what it is told from another one.

    Args:
        log: As it is now.
    """

    def __init__(self, log: LogFile) -> None:
        self.size = log.size
        self.gaps = tuple((gap.start, gap.stop) for gap in log.gaps)
        self.file = log.identity
        """The file's device and inode."""
        self._generation = log.source.generation
        self._marks = [
            (start, log.read(start, start + _MARK))
            for start in (0, max(0, self.size - _MARK))
            if not any(low < start + _MARK and start < high for low, high in self.gaps)
        ]

    def is_another(self, log: LogFile) -> bool:
        """Whether the log was replaced, cut or written anew since."""
        if log.size < self.size or log.source.generation != self._generation:
            return True
        if log.identity != self.file:
            return True
        return any(log.read(at, at + len(data)) != data for at, data in self._marks)

    def moved(self, log: LogFile) -> tuple[int, int] | None:
        """The range in which gaps came or went since."""
        gaps = set(self.gaps) ^ {(gap.start, gap.stop) for gap in log.gaps}
        if not gaps:
            return None
        return min(start for start, _ in gaps), min(log.size, max(stop for _, stop in gaps))
