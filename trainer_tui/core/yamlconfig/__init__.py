"""Training configs as text: read with places, checked, compared, and changed one value at a time.

Headless; used by the editor, by ``check``, ``submit --set`` and ``edit``. PyYAML is imported when
a text is first read. What is sent to a service is always the text itself, never a tree that was
written out again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trainer_tui.core.yamlconfig.changes import (
    Change,
    DiffLine,
    changes,
    diff,
    in_words,
    summary,
)
from trainer_tui.core.yamlconfig.nodes import Alias, Mapping, Scalar, Sequence, resolve
from trainer_tui.core.yamlconfig.parse import Document, parse
from trainer_tui.core.yamlconfig.problems import Edit, Problem, in_order, worst
from trainer_tui.core.yamlconfig.setvalue import get_value, set_value, written

__all__ = [
    "Alias",
    "Change",
    "DiffLine",
    "Document",
    "Edit",
    "Mapping",
    "Problem",
    "Scalar",
    "Sequence",
    "changes",
    "check",
    "check_document",
    "diff",
    "get_value",
    "in_words",
    "parse",
    "resolve",
    "set_value",
    "summary",
    "worst",
    "written",
]

_AI_TOOLKIT = frozenset({"local", "runcomfy"})
"""Providers whose configs are AI Toolkit's."""


def check(
    text: str,
    *,
    provider: str | None = None,
    base_text: str | None = None,
    extra_keys: Iterable[str] = (),
    gpu_type: str | None = None,
    gpu_count: int | None = None,
    checkpoint_step: int | None = None,
    base_folder: Path | None = None,
) -> list[Problem]:
    """Everything worth saying about a config, in the order of the text.

    Args:
        text: The config.
        provider: Whose rules hold too: ``runcomfy``, ``local``, ``roboflow`` or ``kaos``; ``None``
            for the trainer's only.
        base_text: The config before an edit, for rules about what may not change.
        extra_keys: Keys (``my_key`` or ``train.my_key``) that are known besides the schema's.
        gpu_type: What the job will be submitted with, where that is known.
        gpu_count: The same.
        checkpoint_step: The step that a resume would continue from, for an edit of a job.
        base_folder: Where relative dataset folders are looked up, for ``local``.
    """
    return check_document(
        parse(text),
        provider=provider,
        base_text=base_text,
        extra_keys=extra_keys,
        gpu_type=gpu_type,
        gpu_count=gpu_count,
        checkpoint_step=checkpoint_step,
        base_folder=base_folder,
    )


def check_document(
    document: Document,
    *,
    provider: str | None = None,
    base_text: str | None = None,
    extra_keys: Iterable[str] = (),
    gpu_type: str | None = None,
    gpu_count: int | None = None,
    checkpoint_step: int | None = None,
    base_folder: Path | None = None,
) -> list[Problem]:
    """As :func:`check`, for a text that has been parsed already."""
    from trainer_tui.core.yamlconfig import advice, provider_rules, schema

    problems = list(document.problems)
    if document.broken:
        return in_order(problems)
    if document.root is None:
        problems.append(Problem("error", "yaml-empty", 1, 1, "the config is empty"))
        return in_order(problems)
    if provider == "kaos":
        from trainer_tui.core.yamlconfig.kaos_rules import kaos

        return in_order([*problems, *kaos(document)])
    if provider == "roboflow":
        from trainer_tui.core.yamlconfig.roboflow_rules import roboflow

        return in_order([*problems, *roboflow(document)])
    if not _is_ai_toolkit(document, provider):
        return in_order(problems)
    problems += schema.Walk(document, frozenset(extra_keys)).run()
    problems += advice.advise(document, checkpoint_step=checkpoint_step)
    if provider == "runcomfy":
        problems += provider_rules.runcomfy(
            document, base_text=base_text, gpu_type=gpu_type, gpu_count=gpu_count
        )
    elif provider == "local":
        problems += provider_rules.local(document, base=base_folder)
    # What a service refuses need not be advised against as well.
    refused = {(p.line, p.column) for p in problems if p.code.startswith("provider-dataset")}
    return in_order(
        p for p in problems if p.code != "advice-path" or (p.line, p.column) not in refused
    )


def _is_ai_toolkit(document: Document, provider: str | None) -> bool:
    """Other services have configs of their own, and the local server runs any command."""
    root = resolve(document.root)
    if isinstance(root, Mapping) and root.get("config") is None and root.get("command") is not None:
        return provider not in (None, "local")
    return provider is None or provider in _AI_TOOLKIT
