"""Everything that is known of one key: for the help beside the cursor."""

from __future__ import annotations

from dataclasses import dataclass

from trainer_tui.core.yamlconfig import schema
from trainer_tui.core.yamlconfig.keyhelp import shown
from trainer_tui.core.yamlconfig.offers import default_of, takes, words_of
from trainer_tui.core.yamlconfig.place import Path


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a key is for and what it takes."""

    name: str
    """Its path, as ``--set`` takes it."""
    description: str
    facts: tuple[tuple[str, str], ...] = ()
    """A word and what it says: ``("takes", "whole number")``."""


def explain(path: Path) -> Explanation | None:
    """What is known of the key at a path; ``None`` when nobody knows it."""
    known = schema.at(path)
    if known is None:
        return None
    facts: list[tuple[str, str]] = []
    if words := takes(known):
        facts.append(("takes", words))
    for option in schema.options(known):
        if limits := _range(option):
            facts.append(("range", limits))
        if allowed := words_of(option):
            facts.append(("one of" if "enum" in option else "such as", ", ".join(allowed)))
        inner = option.get("properties")
        if inner:
            facts.append(("keys", ", ".join(inner)))
    if "default" in known:
        facts.append(("default", default_of(known)))
    elif usual := default_of(known):
        facts.append(("usually", usual))
    if known.get("deprecated"):
        instead = known.get("x-instead")
        facts.append(("older name", f"write {instead}" if instead else "not used any more"))
    return Explanation(shown(path), str(known.get("description", "")), tuple(dict.fromkeys(facts)))


def _range(option: schema.Schema) -> str:
    low, above = option.get("minimum"), option.get("exclusiveMinimum")
    high, under = option.get("maximum"), option.get("exclusiveMaximum")
    first = f"from {low}" if low is not None else f"above {above}" if above is not None else ""
    last = f"to {high}" if high is not None else f"below {under}" if under is not None else ""
    return f"{first} {last}".strip()
