"""What Roboflow takes: not a training config, but a few keys that name a version of a dataset."""

from __future__ import annotations

from collections.abc import Iterator

from trainer_tui.core.yamlconfig.nodes import Mapping, Scalar, resolve
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Problem
from trainer_tui.core.yamlconfig.wrong import refusal, unknown_keys
from trainer_tui.providers._roboflow_config import KEYS

_SHAPE = "Roboflow trains a version of a project: write project and version"
_PLACEHOLDER = "my-project"


def roboflow(document: Document) -> Iterator[Problem]:
    """Roboflow's rules: the keys that there are, which are needed, and what they hold."""
    root = resolve(document.root)
    if not isinstance(root, Mapping):
        yield Problem("error", "provider-roboflow", 1, 1, _SHAPE, "begin with `project:`")
        return
    yield from unknown_keys(document, root, KEYS, "Roboflow")
    for name in ("project", "version"):
        if root.pair(name) is None:
            yield refusal(document, "missing-key", root, f"{name} is missing: {_SHAPE}", "add it")
    for name, node in ((key.text, value) for key, value in root.pairs()):
        value = resolve(node)
        if name in ("project", "workspace", "model_type", "speed", "checkpoint"):
            if value is None or (isinstance(value, Scalar) and value.data is None):
                if name == "project":
                    yield refusal(document, "type", node, "the id of a project is expected", None)
            elif not isinstance(value, Scalar) or not isinstance(value.data, str):
                yield refusal(document, "type", node, f"{name}: a text is expected", "quote it")
            elif name == "project" and value.text == _PLACEHOLDER:
                message = "this is the template's word: name a project of your workspace"
                yield refusal(
                    document, "provider-roboflow", node, message, "see its URL in the app"
                )
        elif name == "version":
            data = value.data if isinstance(value, Scalar) else None
            if isinstance(data, bool) or not isinstance(data, int | str) or not str(data).strip():
                yield refusal(document, "type", node, "version: a number is expected", "such as 3")
        elif name == "epochs":
            data = value.data if isinstance(value, Scalar) else None
            if isinstance(data, bool) or not isinstance(data, int | None):
                yield refusal(document, "type", node, "epochs: a whole number is expected", None)
            elif data is not None and not 0 < data <= 100_000:
                yield refusal(document, "range", node, "epochs: from 1 to 100,000", None)
