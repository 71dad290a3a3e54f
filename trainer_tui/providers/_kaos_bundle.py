"""What is submitted to kaos: a small YAML text that names a folder, and the zip made of it.

::

    bundle: ~/code/mnist        # a folder with Dockerfile and model/, or a zip of one
    data: ~/data/mnist          # optional: a folder or a zip, the workspace's new data
    params: {lr: [0.1, 0.01]}   # optional: a grid, or the path of a JSON file with one
    cpu: 2                      # optional, as are memory, gpu and user
    memory: 4Gi
    gpu: 1
    user: ann
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer_tui import bundles, sanitize
from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.providers.base import Submission

KEYS = ("bundle", "data", "params", "cpu", "memory", "gpu", "user")
_MAX_TEXT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """A submission, read and checked."""

    bundle: Path
    data: Path | None
    params: bytes | None
    """The grid as JSON; ``None`` leaves the workspace's as it is."""
    query: Mapping[str, str | int]
    """``user``, ``cpu``, ``memory`` and ``gpu``, as far as they are told."""


def read(submission: Submission) -> Wanted:
    """Read a submission's text.

    Raises:
        UsageError: It is not such a text; the message names the key.
    """
    told = _mapping(submission.config_text)
    for key in told:
        if key not in KEYS:
            from trainer_tui.config_problem import did_you_mean

            near = did_you_mean(str(key), KEYS)
            shown = sanitize.line(key, limit=60)
            raise UsageError(f"{shown}: unknown key{near}", hint=f"Known are {', '.join(KEYS)}.")
    bundle = _path(told.get("bundle"), "bundle")
    if bundle is None:
        raise UsageError(
            "bundle: missing; kaos is given a folder, not a training config",
            hint="Write `bundle: PATH`, a folder with Dockerfile and model/train in it.",
        )
    query: dict[str, str | int] = {}
    for key in ("user", "cpu", "memory"):
        value = told.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise UsageError(f"{key}: expected a plain value")
        if value is not None:
            query[key] = str(value)
    gpu = submission.gpu_count if submission.gpu_count is not None else told.get("gpu")
    if isinstance(gpu, bool) or not isinstance(gpu, int | None) or (gpu or 0) < 0:
        raise UsageError("gpu: expected how many, a whole number")
    if gpu is not None:
        query["gpu"] = gpu
    return Wanted(bundle, _path(told.get("data"), "data"), _params(told.get("params")), query)


def _mapping(text: str) -> Mapping[str, Any]:
    import yaml

    if len(text) > _MAX_TEXT:
        raise UsageError("the text is too long; it should name a folder")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise UsageError("the text holds an alias (*name), which is not understood here")
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"the text is not valid YAML: {sanitize.line(error, limit=200)}") from None
    if not isinstance(found, dict):
        raise UsageError("the text should be a mapping with `bundle`", hint="Write `bundle: PATH`.")
    return found


def _path(value: object, key: str) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise UsageError(f"{key}: expected a path")
    path = Path(value).expanduser().absolute()
    if not path.exists():
        raise UsageError(f"{key}: there is no {sanitize.line(path)}")
    return path


def _params(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, str):
        path = _path(value, "params")
        try:
            value = json.loads(path.read_bytes()) if path else None
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"params: not a JSON file: {sanitize.line(error)}") from None
    if not isinstance(value, dict):
        raise UsageError("params: expected a mapping of names to lists of values")
    try:
        lists = {
            str(key): each if isinstance(each, list) else [each] for key, each in value.items()
        }
        return json.dumps(lists, allow_nan=False).encode()
    except (ValueError, TypeError):
        raise UsageError("params: expected numbers, texts and booleans") from None


@contextmanager
def zipped(source: Path, folder: Path, token: str, *, code: bool) -> Iterator[Path]:
    """A zip of a folder, checked first; or the zip that it is already.

    Args:
        source: The folder, or a zip.
        folder: For the zip while it is needed.
        token: Makes two zips of one folder differ.
        code: Whether it must be a source bundle.

    Raises:
        UsageError: Something is missing in it, or the zip is harmful.
        TrainerError: It cannot be read, or there is no room for the zip.
    """
    target: Path | None = None
    try:
        if source.is_dir():
            files = bundles.check_folder(source) if code else bundles.files_of(source)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            target = folder / f"bundle-{token}-{'code' if code else 'data'}.zip"
            root = sanitize.filename(source.name, fallback="bundle")
            bundles.pack(source, files, target, root=root, comment=token)
        elif code:
            bundles.source_root(source)
        else:
            with bundles.opened(source) as found:
                bundles.judge(found)
    except OSError as error:
        if target is not None:
            target.unlink(missing_ok=True)
        why = sanitize.line(error.strerror or error)
        raise TrainerError(f"{sanitize.line(source)} cannot be packed: {why}") from error
    try:
        yield target or source
    finally:
        if target is not None:
            target.unlink(missing_ok=True)
