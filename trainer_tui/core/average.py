"""A moving average over numbers that are appended to, taken up where it was left."""

from __future__ import annotations

from array import array

_SAVED = 4096
"""Numbers between the states that are kept, to go on from when later numbers change."""


class Average:
    """The debiased exponential moving average of an array that somebody else appends to.

    What is not finite stays as it is and does not enter the average.

    Args:
        weight: Of what was before, less than 1.
        out: Gets one number for each.
    """

    def __init__(self, weight: float, out: array[float]) -> None:
        self._weight, self._out = weight, out
        self._saved: list[tuple[float, float]] = [(0.0, 1.0)]
        """Before each ``_SAVED``-th number: the biased average, and the weight that it lacks."""
        self._tip = (0, 0.0, 1.0)
        """The numbers taken in, and the same after them."""

    def cut(self, at: int) -> int:
        """The numbers from there on are others, or none; gives how many averages still hold."""
        keep = min(at // _SAVED, len(self._saved) - 1)
        del self._saved[keep + 1 :], self._out[keep * _SAVED :]
        self._tip = (keep * _SAVED, *self._saved[keep])
        return keep * _SAVED

    def update(self, values: array[float]) -> None:
        """Take in what was appended since."""
        at, mean, missing = self._tip
        weight, rest, out = self._weight, 1.0 - self._weight, self._out
        while at < len(values):
            block, inside = divmod(at, _SAVED)
            if not inside and block == len(self._saved):
                self._saved.append((mean, missing))
            stop = min((block + 1) * _SAVED, len(values))
            for value in values[at:stop]:
                if value - value == 0.0:
                    mean = mean * weight + value * rest
                    missing *= weight
                    value = mean / (1.0 - missing)
                out.append(value)
            at = stop
        self._tip = (at, mean, missing)
