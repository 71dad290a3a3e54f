"""Paths that are meant from the folder of the config's file, written out whole.

A job runs in another folder than the one where its config was written. What is there, seen from
the file, is therefore named whole before the text goes to a server on this machine; what is not
there stays as it is, for the check to tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from trainer_tui.core.yamlconfig.local_rules import path_of
from trainer_tui.core.yamlconfig.nodes import AnyNode, Mapping, Scalar, resolve, value_start
from trainer_tui.core.yamlconfig.parse import Document, parsed
from trainer_tui.core.yamlconfig.problems import Edit
from trainer_tui.core.yamlconfig.provider_rules import beside, datasets_of, processes
from trainer_tui.core.yamlconfig.render import render
from trainer_tui.core.yamlconfig.wrong import VARIABLE


def whole_paths(text: str, base: Path) -> tuple[str, list[tuple[str, str]]]:
    """A config with the paths of datasets and of a model written out whole, where they are there.

    Args:
        text: The config.
        base: The folder that relative paths are meant from.

    Gives the text, every other byte as it was, and old and new path of each that was changed.
    """
    document = parsed(text)
    edits: dict[int, Edit] = {}
    moved: list[tuple[str, str]] = []
    for scalar in _paths(document):
        if scalar.style in ("|", ">") or VARIABLE.search(scalar.text):
            continue
        start = value_start(text, scalar)
        found = path_of(scalar.text, base)
        if start in edits or found is None or _whole(scalar.text) or not found.exists():
            continue
        path = os.path.normpath(base.absolute() / scalar.text)
        written = render(path, style=scalar.style or None, flow=True, wants_text=True)
        edits[start] = Edit(start, scalar.end, written)
        moved.append((scalar.text, path))
    for _, edit in sorted(edits.items(), reverse=True):
        text = edit.apply(text)
    return text, moved


def _whole(path: str) -> bool:
    return path.startswith("~") or Path(path).is_absolute()


def _paths(document: Document) -> Iterator[Scalar]:
    """Values that are the path of something to be read."""
    nodes: list[AnyNode | None] = []
    for process in processes(document):
        for dataset in datasets_of(process):
            nodes += [dataset.get("folder_path"), dataset.get("dataset_path")]
            nodes += [node for node, _ in beside(dataset)]
        model = resolve(process.get("model"))
        name = resolve(model.get("name_or_path")) if isinstance(model, Mapping) else None
        if isinstance(name, Scalar) and name.text.startswith(("./", "../")):
            nodes.append(name)
    for node in nodes:
        value = resolve(node)
        if isinstance(value, Scalar) and value.text and isinstance(value.data, str):
            yield value
