"""The points of all of a job's metrics, by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trainer_tui.core.points import Points, better
from trainer_tui.core.series import Origin, Series
from trainer_tui.model import Metric


class SeriesSet:
    """All metrics of one job."""

    def __init__(self) -> None:
        self._held: dict[str, Series] = {}
        self._origin = Origin()
        self.version = 0
        """Grows with each change."""

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def __getitem__(self, key: str) -> Series:
        return self._held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    @property
    def points(self) -> int:
        """How many there are of all keys."""
        return sum(map(len, self._held.values()))

    def clear(self) -> None:
        """Another job."""
        self._held.clear()
        self._origin = Origin()
        self.version += 1

    def add(self, metrics: Iterable[Metric | Points], *, reset: bool = False) -> bool:
        """Take points, all of them anew or only more; whether anything came."""
        if reset:
            self.clear()
        came = reset
        for one in metrics:
            series = self._held.get(one.key)
            if series is None:
                series = self._held[one.key] = Series(one.key, self._origin)
            series.unit = one.unit
            if isinstance(one, Points):
                series.extend(one)
            else:
                series.add(one.step, one.value, one.time.timestamp() if one.time else None)
            came = True
        self.version += came
        return came

    def keys(self) -> list[str]:
        """The loss first, then what else is better smaller or larger, then the rest."""

        def rank(key: str) -> tuple[int, str]:
            if key == "loss":
                return (0, key)
            if "loss" in key.lower():
                return (1, key)
            return (2 if better(key) else 3, key)

        return sorted(self._held, key=rank)
