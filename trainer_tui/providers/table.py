"""What each provider can do, as a table: for the help of the console and for the documents.

``python -m trainer_tui.providers.table > docs/providers/README.md`` writes the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainer_tui.config import provider_names
from trainer_tui.model import Capability
from trainer_tui.providers.base import Facts, facts

ORDER = ("local", "runcomfy", "roboflow", "kaos")
"""Providers in the order to show them; others follow by name."""

WORDS: dict[Capability, str] = {
    Capability.SUBMIT: "start a job",
    Capability.CANCEL: "cancel",
    Capability.STOP: "stop early, keep what was made",
    Capability.RESUME: "resume",
    Capability.EDIT: "edit the config",
    Capability.DELETE: "delete at the service",
    Capability.LOGS: "logs",
    Capability.METRICS: "metrics",
    Capability.CONFIG: "config",
    Capability.ARTIFACTS: "artifacts",
    Capability.MODELS: "models",
    Capability.STAR: "star a model",
    Capability.PROVENANCE: "provenance",
    Capability.PIPELINE: "pipeline",
    Capability.BUNDLE: "bundle",
}
"""Every capability in words, in the order to show them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One capability: who has it."""

    capability: Capability
    word: str
    has: tuple[bool, ...]
    """For each provider, in the order of the table."""


def in_order(providers: Iterable[str]) -> list[str]:
    """Names of providers, each once, in the order to show them."""
    found = set(providers)
    return [name for name in ORDER if name in found] + sorted(found.difference(ORDER))


def rows(providers: Sequence[Facts]) -> list[Row]:
    """The table: a row a capability, a cell a provider."""
    return [
        Row(capability, word, tuple(capability in each.capabilities for each in providers))
        for capability, word in WORDS.items()
    ]


def document() -> str:
    """``docs/providers/README.md``."""
    found = [facts(name) for name in in_order(provider_names())]
    lines = [
        "# Providers",
        "",
        "Made from the code by `python -m trainer_tui.providers.table > docs/providers/README.md`.",
        "",
        "| | " + " | ".join(f"[{each.title}]({each.name}.md)" for each in found) + " |",
        "|---|" + ":-:|" * len(found),
    ]
    lines += [
        f"| {row.word} | " + " | ".join("●" if has else "–" for has in row.has) + " |"
        for row in rows(found)
    ]
    lines += [
        "",
        "What a provider cannot do is greyed in the console, with the reason; the command line",
        "says the reason and ends with 3. What one job allows depends on its state as well.",
    ]
    for each in found:
        lines += ["", f"## {each.title}", "", f'`provider = "{each.name}"`. ' + _finding(each)]
        if each.credential_help:
            lines[-1] += f" Credential: {_ended(each.credential_help)}"
        told = [
            f"| {WORDS[capability]} | {_ended(each.consequences[capability])} |"
            for capability in WORDS
            if capability in each.consequences and capability in each.capabilities
        ]
        told += [
            f"| {WORDS[capability]}, while queued | {_ended(each.waiting[capability])} |"
            for capability in WORDS
            if capability in each.waiting
        ]
        if told:
            lines += ["", "| act | what it does here |", "|---|---|", *told]
        lacks = [
            f"| {WORDS[capability]} | {_ended(each.why_not(capability))} |"
            for capability in WORDS
            if capability not in each.capabilities
        ]
        if lacks:
            lines += ["", "| not possible | why, and what to do instead |", "|---|---|", *lacks]
    return "\n".join(lines) + "\n"


def _finding(each: Facts) -> str:
    if each.lists:
        return "Its jobs are found by themselves."
    return "It has no list of jobs: those started from here are known, `track` adds others."


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


if __name__ == "__main__":
    import sys

    sys.stdout.write(document())
