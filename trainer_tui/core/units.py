"""What the places of points count, in words: steps, epochs, partitions … Pure."""

from __future__ import annotations

from collections.abc import Iterable

from trainer_tui.model import EPOCH_PARTS, POINTS

_PARTS = 1000
"""How many of :data:`EPOCH_PARTS` are an epoch."""


def at(unit: str, place: float) -> str:
    """``step 1,234``, ``epoch 12``, ``epoch 1.234``, ``37%``."""
    if unit == EPOCH_PARTS:
        return f"epoch {place / _PARTS:,.3f}"
    if unit == "percent":
        return f"{round(place):,}%"
    return f"{unit} {round(place):,}"


def whole(unit: str, amount: float) -> tuple[str, float]:
    """What a person counts in, and the amount of that: 1,500 parts are 1.5 epochs."""
    return ("epoch", amount / _PARTS) if unit == EPOCH_PARTS else (unit, amount)


def noun(unit: str) -> str:
    """One of what is counted, where only that it came counts: ``no step for 5m``."""
    return POINTS if unit in {EPOCH_PARTS, "percent"} else unit


def plural(unit: str) -> str:
    """``steps``, ``epochs``."""
    if unit in {EPOCH_PARTS, "percent"}:
        return "parts of epochs" if unit == EPOCH_PARTS else unit
    return unit if unit.endswith("s") else f"{unit}s"


def article(noun: str) -> str:
    """``a step``, ``an epoch``."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def together(units: Iterable[str]) -> str:
    """What curves on one axis count: ``step``, or ``step / epoch`` where they differ."""
    return " / ".join(dict.fromkeys(units)) or "step"


def axis(
    units: Iterable[str], left: float, right: float, count: int
) -> tuple[list[float], list[str], str]:
    """Places of about so many ticks on an axis that counts these, their labels, its own word."""
    from trainer_tui.core import ticks  # not before the first frame

    unit = together(units)
    if unit == EPOCH_PARTS:
        values = ticks.ticks(left / _PARTS, right / _PARTS, count)
        return [value * _PARTS for value in values], ticks.labels(values), "epoch"
    values = ticks.step_ticks(left, right, count)
    return values, ticks.labels(values), unit
