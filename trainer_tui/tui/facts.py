"""A config's summary as a few labels and values."""

from __future__ import annotations

import re

from trainer_tui.core.yamlconfig import summary
from trainer_tui.sanitize import line

_NAME = re.compile(r"""^ *name:[ \t]+(["']?)([^"'#\r\n]+)\1""", re.MULTILINE)


def name_of(text: str) -> str:
    """What a config calls its job, also while a mistake keeps it from being read."""
    found = summary(text)["name"]
    if found is None and (first := _NAME.search(text)) is not None:
        found = line(first[2].strip(), limit=200)
    return str(found or "no name yet")


def facts_of(found: dict[str, object]) -> list[tuple[str, str]]:
    """A config's summary as short labels and values."""
    labels = (
        ("steps", "steps"),
        ("lr", "lr"),
        ("rank", "rank"),
        ("batch", "batch_size"),
        ("save every", "save_every"),
        ("sample every", "sample_every"),
        ("px", "resolution"),
    )
    out = []
    for label, name in labels:
        value = found.get(name)
        if value is None or value == []:
            continue
        if isinstance(value, list):
            shown = ", ".join(str(part) for part in value)
        elif isinstance(value, float):
            shown = f"{value:g}".replace("e-0", "e-")
        else:
            shown = f"{value:,}" if isinstance(value, int) else str(value)
        out.append((label, shown))
    return out
