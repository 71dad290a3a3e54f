"""What a config needs to run on this machine: folders that are there, with images in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from trainer_tui.core.yamlconfig.nodes import AnyNode, Mapping, Scalar, resolve
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Problem
from trainer_tui.core.yamlconfig.provider_rules import beside, datasets_of, processes, say
from trainer_tui.core.yamlconfig.wrong import VARIABLE
from trainer_tui.sanitize import line as clean

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
VIDEOS = frozenset({".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".wmv", ".flv"})
_MAX_LISTED = 20_000


def local(document: Document, *, base: Path | None = None) -> Iterator[Problem]:
    """The local server's rules: dataset folders are there and have images.

    ``base`` is the folder that relative paths are looked up from (where the process runs when
    not given). Looks at the disk, at most some thousands of names a folder.
    """
    for process in processes(document):
        for dataset in datasets_of(process):
            node = dataset.get("folder_path") or dataset.get("dataset_path")
            value = resolve(node)
            if node is None or not isinstance(value, Scalar) or not value.text:
                code, message = "provider-dataset-path", "the dataset has no folder_path"
                where = dataset if node is None else node
                yield say(document, "error", code, where, message, "add the folder of your images")
            elif not VARIABLE.search(value.text):
                yield from _dataset(document, node, value, dataset, base)
            for item, text in beside(dataset):
                folder = path_of(text, base)
                if folder is None or not folder.is_dir():
                    message = f"there is no folder {clean(text, limit=120)} on this machine"
                    fix = "name the folder that goes with the images"
                    yield say(document, "error", "provider-control-path", item, message, fix)
        model = resolve(process.get("model"))
        if isinstance(model, Mapping):
            yield from _model(document, model.get("name_or_path"), base)


def _dataset(
    document: Document, node: AnyNode, value: Scalar, dataset: Mapping, base: Path | None
) -> Iterator[Problem]:
    shown = clean(value.text, limit=120)
    folder = path_of(value.text, base)
    if folder is None or not folder.is_dir():
        if folder is not None and folder.exists():
            if "dataset_path" in [k.text for k, _ in dataset.pairs()]:
                return
            message = f"{shown} is a file, not a folder"
        else:
            message = f"there is no folder {shown} on this machine"
        fix = "name the folder of your images"
        yield say(document, "error", "provider-dataset-missing", node, message, fix)
        return
    images, captions = _listed(folder, dataset)
    if not images:
        message = f"no images in {shown}"
        fix = "put .jpg, .png or .webp files there"
        yield say(document, "error", "provider-dataset-empty", node, message, fix)
    elif captions < images and resolve(dataset.get("default_caption")) is None:
        missing = images - captions
        message = f"{missing} of {images} images have no caption beside them"
        fix = "add caption files, or default_caption"
        yield say(document, "info", "provider-captions", node, message, fix)


def _model(document: Document, node: AnyNode | None, base: Path | None) -> Iterator[Problem]:
    """A model that is written as a path; ``owner/name`` is looked up at Hugging Face."""
    value = resolve(node)
    if node is None or not isinstance(value, Scalar) or VARIABLE.search(value.text):
        return
    if value.text.startswith(("/", "~", "./", "../")):
        path = path_of(value.text, base)
        if path is None or not path.exists():
            message = f"there is no {clean(value.text, limit=120)} on this machine"
            fix = "name a folder, a file or a model of Hugging Face"
            yield say(document, "error", "provider-model-missing", node, message, fix)


def path_of(text: str, base: Path | None) -> Path | None:
    """The path that a text names, or ``None`` for one that cannot be one."""
    try:
        path = (base or Path()) / Path(text).expanduser()
        path.exists()
    except (OSError, ValueError, RuntimeError):
        return None
    return path


def _listed(folder: Path, dataset: Mapping) -> tuple[int, int]:
    """How many images and videos there are, and how many of them have a caption."""
    ending = resolve(dataset.get("caption_ext"))
    suffix = "." + (ending.text.lstrip(".") if isinstance(ending, Scalar) else "txt")
    pictures: set[str] = set()
    texts: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                stem, dot, last = entry.name.rpartition(".")
                if f"{dot}{last}".lower() in IMAGES | VIDEOS:
                    pictures.add(stem)
                elif f"{dot}{last}" == suffix:
                    texts.add(stem)
                if count >= _MAX_LISTED:
                    break
    except OSError:
        return 0, 0
    return len(pictures), len(pictures & texts)
