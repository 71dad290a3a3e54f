"""What RunComfy demands of a config beyond what the trainer does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as StringMapping
from difflib import get_close_matches

from trainer_tui.core.yamlconfig.nodes import AnyNode, Mapping, Scalar, Sequence, resolve
from trainer_tui.core.yamlconfig.pairs import with_pair
from trainer_tui.core.yamlconfig.parse import Document, parsed
from trainer_tui.core.yamlconfig.problems import Edit, Problem, Severity
from trainer_tui.core.yamlconfig.wrong import VARIABLE, problem_at
from trainer_tui.sanitize import filename
from trainer_tui.sanitize import line as clean

# https://docs.runcomfy.com, Trainer API: the folders that its machines mount.
RUNCOMFY_OUTPUT = "/app/ai-toolkit/output"
RUNCOMFY_DATASETS = "/app/ai-toolkit/datasets"
_READY = "READY"
"""The only status in which a job can mount a dataset."""
_DATASET = re.compile(re.escape(RUNCOMFY_DATASETS) + r"/([^/\s][^/]*)\Z")
_BESIDE = ("control_path", "control_path_1", "control_path_2", "control_path_3", "mask_path",
           "inpaint_path", "unconditional_path", "clip_image_path")  # fmt: skip
_MAX_BESIDE = 10
_MAX_LOOKED_AT = 50
"""Processes, and datasets of one; configs have one process and a few datasets."""


def runcomfy(
    document: Document,
    *,
    base_text: str | None = None,
    gpu_type: str | None = None,
    gpu_count: int | None = None,
    datasets: StringMapping[str, str] | None = None,
) -> Iterator[Problem]:
    """RunComfy's rules.

    Args:
        document: The config.
        base_text: The config before an edit, whose name must stay.
        gpu_type: What the job will be submitted with, where that is known.
        gpu_count: The same.
        datasets: Name → status of the account's datasets, where they are known.
    """
    for process in processes(document):
        yield from _folder(document, process)
        for dataset in datasets_of(process):
            yield from _dataset(document, dataset, datasets)
    if base_text is not None:
        yield from _name(document, base_text)
    if gpu_count is not None and gpu_count not in (1, 8):
        message = f"RunComfy gives 1 GPU or 8, not {gpu_count}"
        yield Problem("error", "provider-gpu-count", 1, 1, message, "ask for 1 or 8")
    elif gpu_count == 8 and gpu_type not in (None, "ADA_80_PLUS"):
        message = f"8 GPUs come only as ADA_80_PLUS, not as {clean(gpu_type)}"
        yield Problem("error", "provider-gpu-count", 1, 1, message, "choose ADA_80_PLUS, or 1 GPU")


def _folder(document: Document, process: Mapping) -> Iterator[Problem]:
    node = process.get("training_folder")
    value = resolve(node)
    code = "provider-training-folder"
    if node is None:
        message = f"RunComfy needs training_folder: {RUNCOMFY_OUTPUT}"
        add = with_pair(document, process, "training_folder", quoted(RUNCOMFY_OUTPUT))
        fix = f"add it: {RUNCOMFY_OUTPUT}"
        yield say(document, "error", code, process, message, fix, add)
    elif not isinstance(value, Scalar) or value.text != RUNCOMFY_OUTPUT:
        message = f"on RunComfy training_folder is {RUNCOMFY_OUTPUT}"
        fix = f"write {RUNCOMFY_OUTPUT}"
        yield say(document, "error", code, node, message, fix, quoted(RUNCOMFY_OUTPUT))


def _dataset(
    document: Document, dataset: Mapping, known: StringMapping[str, str] | None
) -> Iterator[Problem]:
    node = dataset.get("folder_path")
    value = resolve(node)
    code = "provider-dataset-path"
    match = _DATASET.match(value.text) if isinstance(value, Scalar) else None
    if node is None:
        message = f"RunComfy needs folder_path: {RUNCOMFY_DATASETS}/NAME"
        ready = [name for name, status in (known or {}).items() if status == _READY]
        only = quoted(f"{RUNCOMFY_DATASETS}/{ready[0]}") if len(ready) == 1 else None
        add = with_pair(document, dataset, "folder_path", only) if only else None
        yield say(document, "error", code, dataset, message, "add it", add)
    elif match is None:
        guess = None
        if isinstance(value, Scalar) and value.text.strip("/ "):
            name = filename(value.text.rstrip("/ "), fallback="NAME")
            near = get_close_matches(name, known or (), n=1, cutoff=0.6)
            guess = f"{RUNCOMFY_DATASETS}/{near[0] if near else name}"
        message = f"on RunComfy a dataset is {RUNCOMFY_DATASETS}/ and its name"
        fix = f"write {guess}" if guess else f"write {RUNCOMFY_DATASETS}/NAME"
        yield say(document, "error", code, node, message, fix, quoted(guess) if guess else None)
    elif known is not None:
        yield from _known(document, node, match[1], known)
    for item, text in beside(dataset):
        code = "provider-control-path"
        inside = text.startswith(RUNCOMFY_DATASETS + "/")
        if not inside:
            message = f"on RunComfy only what is below {RUNCOMFY_DATASETS}/ is there"
            yield say(document, "warning", code, item, message, "upload it as a dataset")
        elif known is not None:
            name = text.removeprefix(RUNCOMFY_DATASETS + "/").split("/", 1)[0]
            yield from _known(document, item, name, known)


def _known(
    document: Document, node: AnyNode, name: str, known: StringMapping[str, str]
) -> Iterator[Problem]:
    """A dataset that can be mounted: it is there, and READY."""
    shown = clean(name, limit=80)
    status = known.get(name)
    if status == _READY:
        return
    ready = [one for one, state in known.items() if state == _READY]
    near = get_close_matches(name, ready, n=1, cutoff=0.6)
    meant = near or (ready if len(ready) == 1 else [])
    edit = quoted(f"{RUNCOMFY_DATASETS}/{meant[0]}") if meant and status is None else None
    if status is not None:
        word = clean(status, limit=40)
        message = f"the dataset '{shown}' is {word}; a job can mount only one that is {_READY}"
        again = f"upload it again: {_upload(shown)}"
        fix = again if status == "FAILED" else f"wait until it is {_READY}"
        yield say(document, "error", "provider-dataset-status", node, message, fix)
        return
    if near:
        fix = f"did you mean '{clean(near[0], limit=80)}'?"
    elif meant:
        fix = f"there is only '{clean(meant[0], limit=80)}'; to upload it: {_upload(shown)}"
    elif ready:
        fix = "there are " + ", ".join(f"'{clean(one, limit=40)}'" for one in ready[:5])
        fix += f"; to upload it: {_upload(shown)}"
    else:
        fix = f"upload it first: {_upload(shown)}"
    message = f"RunComfy has no dataset '{shown}'"
    yield say(document, "error", "provider-dataset-unknown", node, message, fix, edit)


def _upload(name: str) -> str:
    import shlex

    return f"trainer-tui datasets upload {shlex.quote(name)} FOLDER"


def _name(document: Document, base_text: str) -> Iterator[Problem]:
    before = resolve(parsed(base_text).at("config", "name"))
    node = document.at("config", "name")
    now = resolve(node)
    if node is None or not isinstance(before, Scalar):
        return
    if not isinstance(now, Scalar) or now.text != before.text:
        name = clean(before.text, limit=100)
        yield say(
            document,
            "error",
            "provider-name-changed",
            node,
            f"RunComfy keeps the name of a job: config.name was '{name}'",
            f"write {name}, or submit a new job",
            quoted(before.text),
        )


def processes(document: Document) -> list[Mapping]:
    """The processes of a config, the first few."""
    found = resolve(document.at("config", "process"))
    items = found.items[:_MAX_LOOKED_AT] if isinstance(found, Sequence) else []
    return [m for m in (resolve(item) for item in items) if isinstance(m, Mapping)]


def datasets_of(process: Mapping) -> list[Mapping]:
    """The datasets, whether a list or (as RunComfy's own page has it) one mapping; some of them."""
    found = resolve(process.get("datasets"))
    items: list[AnyNode] = found.items if isinstance(found, Sequence) else []
    if isinstance(found, Mapping):
        values = [resolve(value) for _, value in found.items[:_MAX_LOOKED_AT]]
        if values and all(isinstance(value, Mapping) for value in values):
            return [value for value in values if isinstance(value, Mapping)]
        return [found]
    return [m for m in (resolve(i) for i in items[:_MAX_LOOKED_AT]) if isinstance(m, Mapping)]


def beside(dataset: Mapping) -> Iterator[tuple[AnyNode, str]]:
    """The folders beside a dataset's images, such as control images and masks: node and path."""
    for key in _BESIDE:
        node = dataset.get(key)
        real = resolve(node)
        for item in real.items[:_MAX_BESIDE] if isinstance(real, Sequence) else [node]:
            value = resolve(item)
            if item is None or not isinstance(value, Scalar) or not isinstance(value.data, str):
                continue
            if value.text and not VARIABLE.search(value.text):
                yield item, value.text


def say(
    document: Document,
    severity: Severity,
    code: str,
    node: AnyNode,
    message: str,
    fix: str | None,
    edit: Edit | str | None = None,
) -> Problem:
    """A problem with a value; with a section it stands at the first key of it."""
    if isinstance(node, Mapping) and node.items:
        node = node.items[0][0]
    return problem_at(document, severity, code, node, message, fix, edit)


def quoted(text: str) -> str:
    """A text in double quotes, as YAML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
