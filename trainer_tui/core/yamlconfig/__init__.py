"""Training configs as text: read with places, checked, compared, and changed one value at a time.

Headless; used by the editor, by ``check``, ``submit --set`` and ``edit``. PyYAML is imported when
a text is first read. What is sent to a service is always the text itself, never a tree that was
written out again.

Other parts import what is listed here from the package, not from the module that it is made in:
threads that import both for the first time would wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as StringMapping
from pathlib import Path

from trainer_tui.core.yamlconfig.changes import (
    Change,
    DiffLine,
    changes,
    diff,
    summary,
)
from trainer_tui.core.yamlconfig.nodes import (
    Lines,
    Mapping,
    Scalar,
    plain_kind,
    resolve,
)
from trainer_tui.core.yamlconfig.parse import MAX_SIZE, Document, parse, parsed
from trainer_tui.core.yamlconfig.problems import Found, Problem, Severity, told, worst
from trainer_tui.core.yamlconfig.setvalue import get_value, set_value
from trainer_tui.core.yamlconfig.values import Path as ValuePath
from trainer_tui.core.yamlconfig.values import paths, written

__all__ = [
    "MAX_SIZE",
    "Change",
    "DiffLine",
    "Document",
    "Lines",
    "Problem",
    "Scalar",
    "Severity",
    "ValuePath",
    "changes",
    "check",
    "diff",
    "get_value",
    "parse",
    "parsed",
    "paths",
    "plain_kind",
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
    datasets: StringMapping[str, str] | None = None,
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
        datasets: The account's datasets, name → status, where RunComfy was asked for them.

    Gives at most ``MAX_TOLD`` problems, and then one that says how many more there are.
    """
    document = parsed(text)
    found = Found(list(document.problems), document.more)
    if document.broken:  # why it is broken is the last of them, and must not be left out
        return told(found.kept[:-1], found.more, found.kept[-1])
    if document.root is None:
        found.add(Problem("error", "yaml-empty", 1, 1, "the config is empty", "write one"))
    elif provider == "kaos":
        from trainer_tui.core.yamlconfig.kaos_rules import kaos

        found.extend(kaos(document, base=base_folder))
    elif provider == "roboflow":
        from trainer_tui.core.yamlconfig.roboflow_rules import roboflow

        found.extend(roboflow(document))
    elif _is_ai_toolkit(document, provider):
        from trainer_tui.core.yamlconfig import advice, local_rules, provider_rules, validate

        compared = validate.compare(document, extra_keys)
        found.extend(compared.kept)
        found.more += compared.more
        found.endless = compared.endless
        found.extend(advice.advise(document, checkpoint_step=checkpoint_step))
        if provider == "runcomfy":
            found.extend(
                provider_rules.runcomfy(
                    document,
                    base_text=base_text,
                    gpu_type=gpu_type,
                    gpu_count=gpu_count,
                    datasets=datasets,
                )
            )
        elif provider == "local":
            found.extend(local_rules.local(document, base=base_folder))
    # What a service refuses need not be advised against as well.
    refused = {(p.line, p.column) for p in found.kept if p.code.startswith("provider-dataset")}
    kept = [p for p in found.kept if p.code != "advice-path" or (p.line, p.column) not in refused]
    return told(kept, found.more, endless=found.endless)


def _is_ai_toolkit(document: Document, provider: str | None) -> bool:
    """Other services have configs of their own, and the local server runs any command."""
    root = resolve(document.root)
    if isinstance(root, Mapping) and root.get("config") is None and root.get("command") is not None:
        return provider not in (None, "local")
    return provider is None or provider in _AI_TOOLKIT
