"""Paths that are meant from the folder of the config's file, written out whole.

A job runs in another folder than the one where its config was written. What is there, seen from
the file, is therefore named whole before the text goes to a server on this machine; what is not
there stays as it is, for the check to tell.
"""

from __future__ import annotations

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
    """A config with the paths of datasets, of a model or of a source bundle written out whole,
    where they are there.

    Args:
        text: The config.
        base: The folder that relative paths are meant from.

    Gives the text, every other byte as it was, and old and new path of each that was changed.
    """
    edits: dict[int, Edit] = {}
    moved: list[tuple[str, str]] = []
    nodes = list(_paths(parsed(text)))
    named = {id(node) for node in nodes if isinstance(node, Scalar)}
    for node in nodes:
        scalar = resolve(node)
        if node is not scalar and id(scalar) in named:
            continue  # `*x`, and what it stands for is written out itself
        if not isinstance(scalar, Scalar) or not (path := _whole(scalar, base)):
            continue
        start = value_start(text, node)
        style = node.style if isinstance(node, Scalar) else ""
        if start not in edits:
            written = render(path, style=style or None, flow=True, wants_text=True)
            edits[start] = Edit(start, node.end, written)
            moved.append((scalar.text, path))
    for _, edit in sorted(edits.items(), reverse=True):
        text = edit.apply(text)
    return text, moved


def _whole(scalar: Scalar, base: Path) -> str:
    """The whole path of what a value names from a folder; empty where it names nothing there."""
    text = scalar.text
    if not text or not isinstance(scalar.data, str) or scalar.style in ("|", ">"):
        return ""
    if VARIABLE.search(text) or text.startswith("~") or Path(text).is_absolute():
        return ""
    found = path_of(text, base.absolute())
    if found is None or not found.exists():
        return ""
    # What lies above a link is not what its name says: only the disk knows.
    return str(found.resolve() if ".." in found.parts else found)


def _paths(document: Document) -> Iterator[AnyNode]:
    """Values that are the path of something to be read."""
    nodes: list[AnyNode | None] = []
    for process in processes(document):
        for dataset in datasets_of(process):
            nodes += [dataset.get("folder_path"), dataset.get("dataset_path")]
            nodes += [node for node, _ in beside(dataset)]
        model = resolve(process.get("model"))
        node = model.get("name_or_path") if isinstance(model, Mapping) else None
        name = resolve(node)
        if isinstance(name, Scalar) and name.text.startswith(("./", "../")):
            nodes.append(node)
    root = resolve(document.root)
    if isinstance(root, Mapping):  # what kaos is given
        nodes += [root.get(key) for key in ("bundle", "data", "params")]
    yield from (node for node in nodes if node is not None)
