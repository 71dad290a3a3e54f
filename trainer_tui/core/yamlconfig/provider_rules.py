"""What a service demands of a config beyond what the trainer does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from trainer_tui.core.yamlconfig.nodes import (
    AnyNode,
    Mapping,
    Scalar,
    Sequence,
    resolve,
    value_start,
)
from trainer_tui.core.yamlconfig.parse import Document, parse
from trainer_tui.core.yamlconfig.problems import Edit, Problem, Severity
from trainer_tui.sanitize import filename
from trainer_tui.sanitize import line as clean

# https://docs.runcomfy.com, Trainer API: the folders that its machines mount.
RUNCOMFY_OUTPUT = "/app/ai-toolkit/output"
RUNCOMFY_DATASETS = "/app/ai-toolkit/datasets"
IMAGES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
_MAX_LISTED = 20_000


def runcomfy(
    document: Document,
    *,
    base_text: str | None = None,
    gpu_type: str | None = None,
    gpu_count: int | None = None,
) -> Iterator[Problem]:
    """RunComfy's rules. ``base_text`` is the config before an edit, whose name must stay."""
    for index, process in enumerate(_processes(document)):
        path = ("config", "process", index, "training_folder")
        node = document.at(*path)
        value = resolve(node)
        fix = f"write {RUNCOMFY_OUTPUT}"
        code = "provider-training-folder"
        if node is None:
            message = f"RunComfy needs training_folder: {RUNCOMFY_OUTPUT}"
            yield _say(document, "error", code, process, message, f"add it: {RUNCOMFY_OUTPUT}")
        elif not isinstance(value, Scalar) or value.text != RUNCOMFY_OUTPUT:
            message = f"on RunComfy training_folder is {RUNCOMFY_OUTPUT}"
            yield _say(document, "error", code, node, message, fix, _quoted(RUNCOMFY_OUTPUT))
        for dataset in _datasets(process):
            yield from _runcomfy_dataset(document, dataset)
    if base_text is not None:
        yield from _runcomfy_name(document, base_text)
    if gpu_count is not None and gpu_count not in (1, 8):
        message = f"RunComfy gives 1 GPU or 8, not {gpu_count}"
        yield Problem("error", "provider-gpu-count", 1, 1, message, "ask for 1 or 8")
    elif gpu_count == 8 and gpu_type not in (None, "ADA_80_PLUS"):
        message = f"8 GPUs come only as ADA_80_PLUS, not as {clean(gpu_type)}"
        yield Problem("error", "provider-gpu-count", 1, 1, message, "choose ADA_80_PLUS, or 1 GPU")


def _runcomfy_dataset(document: Document, dataset: Mapping) -> Iterator[Problem]:
    pattern = re.compile(re.escape(RUNCOMFY_DATASETS) + r"/[^/\s][^/]*\Z")
    node = dataset.get("folder_path")
    value = resolve(node)
    code = "provider-dataset-path"
    if node is None:
        message = f"RunComfy needs folder_path: {RUNCOMFY_DATASETS}/NAME"
        yield _say(document, "error", code, dataset, message, "add it")
    elif not isinstance(value, Scalar) or not pattern.match(value.text):
        guess = None
        if isinstance(value, Scalar) and value.text.strip("/ "):
            guess = f"{RUNCOMFY_DATASETS}/{filename(value.text.rstrip('/ '), fallback='NAME')}"
        message = f"on RunComfy a dataset is {RUNCOMFY_DATASETS}/ and its name"
        fix = f"write {guess}" if guess else f"write {RUNCOMFY_DATASETS}/NAME"
        yield _say(document, "error", code, node, message, fix, _quoted(guess) if guess else None)
    for key in ("control_path", "mask_path", "inpaint_path"):
        other = dataset.get(key)
        text = resolve(other)
        path = text.text if isinstance(text, Scalar) else ""
        if other is not None and path and not path.startswith(RUNCOMFY_DATASETS + "/"):
            message = f"on RunComfy only what is below {RUNCOMFY_DATASETS}/ is there"
            yield _say(document, "warning", code, other, message, "upload it as a dataset")


def _runcomfy_name(document: Document, base_text: str) -> Iterator[Problem]:
    before = resolve(parse(base_text).at("config", "name"))
    node = document.at("config", "name")
    now = resolve(node)
    if node is None or not isinstance(before, Scalar):
        return
    if not isinstance(now, Scalar) or now.text != before.text:
        name = clean(before.text, limit=100)
        yield _say(
            document,
            "error",
            "provider-name-changed",
            node,
            f"RunComfy keeps the name of a job: config.name was '{name}'",
            f"write {name}, or submit a new job",
            _quoted(before.text),
        )


def local(document: Document, *, base: Path | None = None) -> Iterator[Problem]:
    """The local server's rules: dataset folders are there and have images.

    ``base`` is the folder that relative paths are looked up from (where the process runs when
    not given). Looks at the disk, at most some thousands of names a folder.
    """
    for process in _processes(document):
        for dataset in _datasets(process):
            node = dataset.get("folder_path") or dataset.get("dataset_path")
            value = resolve(node)
            if node is None or not isinstance(value, Scalar) or not value.text:
                yield _say(
                    document, "error", "provider-dataset-path", dataset,
                    "the dataset has no folder_path", "add the folder of your images",
                )  # fmt: skip
            elif "${" not in value.text:
                yield from _local_dataset(document, node, value, dataset, base)


def _local_dataset(
    document: Document, node: AnyNode, value: Scalar, dataset: Mapping, base: Path | None
) -> Iterator[Problem]:
    try:
        folder = (base or Path()) / Path(value.text).expanduser()
        is_folder, exists = folder.is_dir(), folder.exists()
    except (OSError, ValueError, RuntimeError):
        is_folder = exists = False
    shown = clean(value.text, limit=120)
    if not is_folder:
        if exists:
            if "dataset_path" in [k.text for k, _ in dataset.pairs()]:
                return
            message = f"{shown} is a file, not a folder"
        else:
            message = f"there is no folder {shown} on this machine"
        fix = "name the folder of your images"
        yield _say(document, "error", "provider-dataset-missing", node, message, fix)
        return
    images, captions = _listed(folder, dataset)
    if not images:
        message = f"no images in {shown}"
        fix = "put .jpg, .png or .webp files there"
        yield _say(document, "error", "provider-dataset-empty", node, message, fix)
    elif captions < images and resolve(dataset.get("default_caption")) is None:
        missing = images - captions
        message = f"{missing} of {images} images have no caption beside them"
        fix = "add caption files, or default_caption"
        yield _say(document, "info", "provider-captions", node, message, fix)


def _listed(folder: Path, dataset: Mapping) -> tuple[int, int]:
    ending = resolve(dataset.get("caption_ext"))
    suffix = "." + (ending.text.lstrip(".") if isinstance(ending, Scalar) else "txt")
    pictures: set[str] = set()
    texts: set[str] = set()
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                stem, dot, last = entry.name.rpartition(".")
                if f"{dot}{last}".lower() in IMAGES:
                    pictures.add(stem)
                elif f"{dot}{last}" == suffix:
                    texts.add(stem)
                if count >= _MAX_LISTED:
                    break
    except OSError:
        return 0, 0
    return len(pictures), len(pictures & texts)


def _processes(document: Document) -> list[Mapping]:
    found = resolve(document.at("config", "process"))
    items = found.items if isinstance(found, Sequence) else []
    return [m for m in (resolve(item) for item in items) if isinstance(m, Mapping)]


def _datasets(process: Mapping) -> list[Mapping]:
    """The datasets, whether a list or (as RunComfy's own page has it) one mapping."""
    found = resolve(process.get("datasets"))
    items: list[AnyNode] = found.items if isinstance(found, Sequence) else []
    if isinstance(found, Mapping):
        values = [resolve(value) for _, value in found.items]
        if values and all(isinstance(value, Mapping) for value in values):
            return [value for value in values if isinstance(value, Mapping)]
        return [found]
    return [m for m in (resolve(item) for item in items) if isinstance(m, Mapping)]


def _say(
    document: Document,
    severity: Severity,
    code: str,
    node: AnyNode,
    message: str,
    fix: str | None,
    text: str | None = None,
) -> Problem:
    if isinstance(node, Mapping) and node.items:
        node = node.items[0][0]
    start = value_start(document.text, node)
    edit = None if text is None else Edit(start, node.end, text)
    return document.problem(severity, code, start, message, fix, end=node.end, edit=edit)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
