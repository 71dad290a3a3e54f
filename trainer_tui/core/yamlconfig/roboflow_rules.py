"""What Roboflow takes: not a training config, but a few keys that name a version of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from trainer_tui.config import did_you_mean
from trainer_tui.core.yamlconfig.nodes import AnyNode, Mapping, Scalar, resolve, value_start
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Problem
from trainer_tui.providers._roboflow_config import KEYS
from trainer_tui.sanitize import line as clean

_SHAPE = "Roboflow trains a version of a project: write project and version"
_PLACEHOLDER = "my-project"


def roboflow(document: Document) -> Iterator[Problem]:
    """Roboflow's rules: the keys that there are, which are needed, and what they hold."""
    root = resolve(document.root)
    if not isinstance(root, Mapping):
        yield Problem("error", "provider-roboflow", 1, 1, _SHAPE, "begin with `project:`")
        return
    for key, _ in islice(root.pairs(), 1_000):
        if key.text not in KEYS:
            near = did_you_mean(key.text, KEYS)
            message = f"Roboflow takes no {clean(key.text, limit=60)!r}{near}"
            yield _say(document, "unknown-key", key, message, f"known are {', '.join(KEYS)}")
    for name in ("project", "version"):
        if root.pair(name) is None:
            yield _say(document, "missing-key", root, f"{name} is missing: {_SHAPE}", "add it")
    for name, node in ((key.text, value) for key, value in root.pairs()):
        value = resolve(node)
        if name in ("project", "workspace", "model_type", "speed", "checkpoint"):
            if value is None or (isinstance(value, Scalar) and value.data is None):
                if name == "project":
                    yield _say(document, "type", node, "the id of a project is expected", None)
            elif not isinstance(value, Scalar) or not isinstance(value.data, str):
                yield _say(document, "type", node, f"{name}: a text is expected", "quote it")
            elif name == "project" and value.text == _PLACEHOLDER:
                message = "this is the template's word: name a project of your workspace"
                yield _say(document, "provider-roboflow", node, message, "see its URL in the app")
        elif name == "version":
            data = value.data if isinstance(value, Scalar) else None
            if isinstance(data, bool) or not isinstance(data, int | str) or not str(data).strip():
                yield _say(document, "type", node, "version: a number is expected", "such as 3")
        elif name == "epochs":
            data = value.data if isinstance(value, Scalar) else None
            if isinstance(data, bool) or not isinstance(data, int | None):
                yield _say(document, "type", node, "epochs: a whole number is expected", None)
            elif data is not None and not 0 < data <= 100_000:
                yield _say(document, "range", node, "epochs: from 1 to 100,000", None)


def _say(document: Document, code: str, node: AnyNode, message: str, fix: str | None) -> Problem:
    if isinstance(node, Mapping) and node.items:
        node = node.items[0][0]
    start = value_start(document.text, node)
    return document.problem("error", code, start, message, fix, end=node.end)
