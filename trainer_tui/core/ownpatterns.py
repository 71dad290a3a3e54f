"""Patterns of the user's for lines of a log that are not known."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from trainer_tui.config import MetricsSettings
from trainer_tui.core import logpatterns
from trainer_tui.core.logpatterns import Said


@dataclass(frozen=True, slots=True)
class Own:
    """A pattern of the user's: named groups ``step`` and ``epoch``, and every other a metric; or
    ``key`` and ``value``."""

    name: str
    pattern: re.Pattern[str]

    def find(self, text: str) -> Iterator[Said]:
        """What it finds in a line."""
        for count, match in enumerate(self.pattern.finditer(text)):
            if count == logpatterns.MAX_PAIRS:
                return
            groups = {name: part for name, part in match.groupdict().items() if part is not None}
            step, epoch = (_number(groups.pop(name, "")) for name in ("step", "epoch"))
            if "key" in groups and "value" in groups:
                groups = {groups["key"].strip(): groups["value"]}
            found = [
                (key[: logpatterns.MAX_NAME], number)
                for key, part in groups.items()
                if key and key.isprintable() and (number := _number(part)) is not None
            ]
            whole = None if step is None or not math.isfinite(step) else int(step)
            fraction = "." in (match.groupdict().get("epoch") or "")
            if epoch is not None and not math.isfinite(epoch):
                epoch = None
            if found:
                yield (whole, epoch, fraction), found


def own_patterns(settings: MetricsSettings) -> list[Own]:
    """The user's patterns as the config has them."""
    return [Own(each.name, re.compile(each.regex)) for each in settings.patterns]


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").rstrip("%"))
    except ValueError:
        return None
