"""What a bundle's job is told, and the files in its folder that tell how far it is.

```
work/code/ROOT/    the bundle, unpacked            work/venv/     its environment, where it has one
work/data/         the data bundle, unpacked       work/inputs.json  data and grid that came late
work/grid.json     the partitions, once fixed      work/out/N/    what `train` wrote for partition N
work/parts/N.json  how partition N went; written when it succeeded
```
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trainer_tui import sanitize
from trainer_tui.errors import StateError, UsageError
from trainer_tui.paths import write_atomic
from trainer_tui.server.runners.base import InvalidConfig, JobFolder
from trainer_tui.server.runners.files import from_json, read_whole

MAX_PARTITIONS = 1000
MAX_METRICS = 200
_LOCK_SECONDS = 10.0
_MAX_METRIC_FILE = 1024 * 1024
_KEYS = frozenset(
    {"name", "bundle", "data", "params", "cpu", "memory", "user", "workspace", "commits"}
)
Grid = Mapping[str, Sequence[Any]]
"""Hyper-parameter → the values to try."""


@dataclass(frozen=True, slots=True)
class Options:
    """The config of a job::

    job: bundle
    config:
      name: mnist
      bundle: /path/to/bundle          # a folder, or a zip of one
      data: /path/to/data              # optional: the same
      params: {lr: [0.1, 0.01]}        # optional: every combination is one partition
    """

    bundle: Path
    data: Path | None = None
    params: Grid = field(default_factory=lambda: MappingProxyType({}))
    name: str | None = None
    cpu: float | None = None
    """Threads that numeric libraries are told to use; the slot's where it is not said."""
    memory: str | None = None
    user: str | None = None
    workspace: str | None = None
    commits: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """``code``, ``data``, ``hyper`` → what tells its versions apart."""


def read(config: Mapping[str, object]) -> Options:
    """The options in a config. Raises InvalidConfig."""
    inner = config.get("config")
    if not isinstance(inner, Mapping):
        raise InvalidConfig("config: missing; expected a mapping with `bundle`, a path.")
    for key in inner:
        if key not in _KEYS:
            shown = sanitize.line(key, limit=60)
            raise InvalidConfig(f"config.{shown}: unknown; known are {', '.join(sorted(_KEYS))}.")
    bundle, data = _path(inner, "bundle"), _path(inner, "data")
    if bundle is None:
        raise InvalidConfig("config.bundle: missing; expected the path of a bundle.")
    cpu = inner.get("cpu")
    if cpu is not None and (isinstance(cpu, bool) or not isinstance(cpu, int | float) or cpu <= 0):
        raise InvalidConfig("config.cpu: expected a number above 0.")
    commits = inner.get("commits") or {}
    if not isinstance(commits, Mapping):
        raise InvalidConfig("config.commits: expected a mapping.")
    try:
        params = grid(inner.get("params"))
    except UsageError as error:
        raise InvalidConfig(f"config.params: {error.message}") from error
    return Options(
        bundle=bundle,
        data=data,
        params=params,
        name=_text(inner, "name"),
        cpu=cpu,
        memory=_text(inner, "memory"),
        user=_text(inner, "user"),
        workspace=_text(inner, "workspace"),
        commits={str(key): str(value) for key, value in commits.items()},
    )


def grid(value: object) -> Grid:
    """A hyper-parameter grid: a mapping of names to lists; a single value is a list of one.

    Raises:
        UsageError: It is something else, or has too many combinations.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UsageError("Hyper-parameters must be a mapping of names to lists of values.")
    found = {str(key): list(v) if isinstance(v, list) else [v] for key, v in value.items()}
    for key, values in found.items():
        if not values:
            raise UsageError(f"The list of {sanitize.line(key, limit=60)!r} is empty.")
    try:
        json.dumps(found, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        message = "Hyper-parameters must be what JSON has a word for: no NaN, infinity or date."
        raise UsageError(message) from None
    count = math.prod(len(values) for values in found.values())
    if count > MAX_PARTITIONS:
        raise UsageError(f"{count:,} combinations are too many; at most {MAX_PARTITIONS} are run.")
    return found


def combinations(params: Grid) -> list[dict[str, Any]]:
    """Every combination of a grid, the last name changing fastest; one empty one for none."""
    names = list(params)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*params.values())]


# -- the job's folder ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is trained on: told with the job, or a moment later."""

    data: Path | None
    params: Grid
    commits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A partition that succeeded."""

    index: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    seconds: float


def grid_file(folder: JobFolder) -> Path:
    """There as soon as training begins, and never changed then."""
    return folder.work / "grid.json"


def out(folder: JobFolder, index: int) -> Path:
    """What ``train`` writes for a partition."""
    return folder.work / "out" / str(index)


def inputs(folder: JobFolder, options: Options) -> Inputs:
    """What the job is to be trained on, as far as it is known now."""
    told = _read_json(folder.work / "inputs.json") or {}
    data = told.get("data", str(options.data) if options.data else None)
    return Inputs(
        data=Path(data) if data else None,
        params=told.get("params", options.params),
        commits={**options.commits, **told.get("commits", {})},
    )


def offer(folder: JobFolder, changes: Mapping[str, object]) -> bool:
    """Change the data or the grid of a job; ``False``: too late, its training has begun.

    Args:
        changes: Any of ``data`` (a path), ``params`` (a grid) and ``commits``.
    """
    with _lock(folder):
        if grid_file(folder).exists():
            return False
        told = _read_json(folder.work / "inputs.json") or {}
        commits = {**told.get("commits", {}), **changes.get("commits", {})}  # type: ignore[dict-item]
        write_atomic(
            folder.work / "inputs.json", json.dumps({**told, **changes, "commits": commits})
        )
        return True


def fix(folder: JobFolder, options: Options) -> Inputs:
    """Take the inputs as they are now, for good."""
    with _lock(folder):
        found = inputs(folder, options)
        if not grid_file(folder).exists():
            write_atomic(grid_file(folder), json.dumps(combinations(found.params)))
        return found


def fixed(folder: JobFolder) -> list[dict[str, Any]] | None:
    """The partitions, or ``None`` before training has begun."""
    found = _read_json(grid_file(folder))
    return found if isinstance(found, list) else None


def keep(folder: JobFolder, part: Part) -> None:
    """Write down that a partition succeeded."""
    said = {"params": part.params, "metrics": part.metrics, "seconds": part.seconds}
    write_atomic(folder.work / "parts" / f"{part.index}.json", json.dumps(said))


def done(folder: JobFolder) -> list[int]:
    """The partitions that succeeded."""
    try:
        names = [path.stem for path in (folder.work / "parts").iterdir() if path.suffix == ".json"]
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isdigit())


def parts(folder: JobFolder) -> list[Part]:
    """All partitions that succeeded, in their order."""
    found = []
    for index in done(folder):
        said = _read_json(folder.work / "parts" / f"{index}.json")
        if isinstance(said, dict):
            found.append(Part(index, said["params"], said["metrics"], said["seconds"]))
    return found


def read_metrics(folder: Path) -> dict[str, float]:
    """The metrics in ``OUT/metrics``: a number per file, or flat mappings of names to numbers."""
    found: dict[str, float] = {}
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError:
        return found
    for path in files:
        try:
            if path.is_symlink() or path.stat().st_size > _MAX_METRIC_FILE:
                continue
            value = json.loads(read_whole(path))
        except (OSError, ValueError, RecursionError):
            continue
        told = value if isinstance(value, dict) else {path.stem: value}
        for name, number in told.items():
            plain = isinstance(number, int | float) and not isinstance(number, bool)
            key = sanitize.line(name, limit=80)
            if plain and key and len(found) < MAX_METRICS:
                with contextlib.suppress(OverflowError):
                    found[key] = float(number)
    return found


@contextlib.contextmanager
def _lock(folder: JobFolder) -> Iterator[None]:
    """Keep the job's process and the server from changing the inputs at once."""
    folder.work.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + _LOCK_SECONDS
    with (folder.work / "inputs.lock").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:  # stopped in the middle, mostly: not to be waited for
                    raise StateError("The job's inputs are being taken; try again.") from None
            time.sleep(0.02)
        yield


def _read_json(path: Path) -> Any:
    try:
        return from_json(read_whole(path))
    except (OSError, ValueError):
        return None


def _path(inner: Mapping[str, object], key: str) -> Path | None:
    value = inner.get(key)
    if value is None:
        return None
    path = Path(value).expanduser() if isinstance(value, str) else None
    if path is None or not path.is_absolute():
        raise InvalidConfig(f"config.{key}: expected an absolute path, not {value!r}.")
    return path


def _text(inner: Mapping[str, object], key: str) -> str | None:
    value = inner.get(key)
    return None if value is None else sanitize.line(value, limit=200) or None
