"""A config's summary as a few labels and values."""

from __future__ import annotations


def facts_of(summary: dict[str, object]) -> list[tuple[str, str]]:
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
        value = summary.get(name)
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
