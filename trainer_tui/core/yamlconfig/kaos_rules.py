"""What kaos takes: not a training config, but a text that names a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trainer_tui import bundles
from trainer_tui.core.yamlconfig.local_rules import path_of
from trainer_tui.core.yamlconfig.nodes import AnyNode, Mapping, Scalar, resolve
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Problem
from trainer_tui.core.yamlconfig.wrong import refusal, unknown_keys
from trainer_tui.errors import UsageError
from trainer_tui.providers._kaos_bundle import KEYS
from trainer_tui.sanitize import line as clean

_SHAPE = "kaos is sent a folder: write `bundle: PATH`"


def kaos(document: Document, *, base: Path | None = None) -> Iterator[Problem]:
    """kaos's rules. Looks at the disk: whether the folder is there and what it lacks."""
    root = resolve(document.root)
    if not isinstance(root, Mapping):
        yield Problem("error", "provider-bundle", 1, 1, _SHAPE, "begin with `bundle:`")
        return
    yield from unknown_keys(document, root, KEYS, "kaos")
    bundle = root.pair("bundle")
    if bundle is None:
        yield refusal(document, "missing-key", root, _SHAPE, "add it")
    else:
        yield from _folder(document, bundle[1], base, code=True)
    data = root.pair("data")
    if data is not None:
        yield from _folder(document, data[1], base, code=False)
    params = root.pair("params")
    if params is not None and not isinstance(resolve(params[1]), Mapping):
        value = resolve(params[1])
        file = path_of(value.text, base) if isinstance(value, Scalar) and value.text else None
        if file is None or not file.is_file():
            message = "params is a mapping of names to lists, or the path of a JSON file"
            yield refusal(document, "type", params[1], message, "such as {lr: [0.1, 0.01]}")


def _folder(
    document: Document, node: AnyNode, base: Path | None, *, code: bool
) -> Iterator[Problem]:
    value = resolve(node)
    if not isinstance(value, Scalar) or not value.text.strip() or "\0" in value.text:
        yield refusal(document, "type", node, "a path is expected here", "name a folder or a zip")
        return
    try:
        path = ((base or Path()) / Path(value.text).expanduser()).absolute()
        if not path.exists():
            message = f"there is no {clean(path, limit=120)} on this machine"
            yield refusal(document, "provider-bundle", node, message, "name a folder or a zip")
        elif path.is_dir():
            if code:
                bundles.check_folder(path)
            else:
                bundles.files_of(path)
        elif code:
            bundles.source_root(path)
    except UsageError as error:
        yield refusal(document, "provider-bundle", node, error.message, error.hint)
    except (OSError, RuntimeError, ValueError) as error:
        message = f"it cannot be read: {clean(error, limit=120)}"
        yield refusal(document, "provider-bundle", node, message, None)
