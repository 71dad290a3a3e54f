"""Datasets that were uploaded to this server: folders of images and captions, with a name.

On disk, below the server's ``datasets`` folder, one folder a dataset: ``dataset.json`` (name,
times, what is still expected, what went wrong), ``files/`` (what a trainer reads) and
``incoming/`` (uploads that are still on their way). The status follows from these.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from trainer_tui import sanitize
from trainer_tui.errors import NotFoundError, StateError, UsageError
from trainer_tui.paths import write_atomic
from trainer_tui.server import archives

MOUNT = "/app/ai-toolkit/datasets/"
"""Where a job sees datasets, by their names."""
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
_MAX_NAME = 128


class DatasetStatus(StrEnum):
    """Where a dataset is in its life."""

    DRAFT = "DRAFT"
    UPLOADING = "UPLOADING"
    READY = "READY"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as it is now."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    status: DatasetStatus = DatasetStatus.DRAFT
    error: str | None = None
    expected: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Files that signed URLs were given out for and that have not come yet: name → bytes."""
    files: tuple[tuple[str, int], ...] = ()
    """Name and bytes of each file that is there."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An upload on its way."""

    dataset_id: str
    name: str
    path: Path
    """Where its bytes are to be written."""


class Datasets:
    """The datasets of one server. Every call may be made from any thread.

    Args:
        root: The folder that holds them all; made when the first one is.
        now: The clock.
    """

    def __init__(self, root: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.root = root
        self._now = now
        self._lock = threading.RLock()
        self._arriving: dict[str, int] = {}
        for folder in _folders(root):  # uploads that an earlier server did not live to finish
            shutil.rmtree(folder / "incoming", ignore_errors=True)
        left = list(root.glob(".deleted-*"))
        if left:  # what it did not live to delete may be large
            clear = partial(shutil.rmtree, ignore_errors=True)
            threading.Thread(target=lambda: list(map(clear, left)), daemon=True).start()

    def create(self, name: str | None = None) -> Dataset:
        """Make an empty dataset.

        Raises:
            StateError: There is one of that name (code ``NAME_CONFLICT``).
            UsageError: The name cannot be a folder's.
        """
        made = str(uuid.uuid4())
        name = f"dataset-{made[:8]}" if name is None else name.strip()
        if not name or len(name) > _MAX_NAME or name.startswith(".") or _unfit(name):
            raise UsageError(
                f"A dataset's name is 1 to {_MAX_NAME} characters without slashes or control "
                "characters, and does not begin with a dot."
            )
        with self._lock:
            if any(each.name == name for each in self.list()):
                raise StateError(
                    f"There is a dataset named {name!r} already.", code="NAME_CONFLICT"
                )
            now = self._now()
            dataset = Dataset(made, name, now, now)
            (self.root / made / "files").mkdir(parents=True)
            self._write(dataset)
            return dataset

    def list(self) -> list[Dataset]:
        """All datasets, newest first."""
        kept = [dataset for folder in _folders(self.root) if (dataset := self._read(folder))]
        found = [self._complete(dataset) for dataset in kept]
        return sorted(found, key=lambda each: (each.created_at, each.id), reverse=True)

    def get(self, dataset_id: str) -> Dataset:
        """One dataset. Raises as :meth:`_kept`."""
        return self._complete(self._kept(dataset_id))

    def _kept(self, dataset_id: str) -> Dataset:
        """What is written down of one: its files are not looked at, and may be very many.

        Raises:
            UsageError: That is no id (code ``INVALID_ID``).
            NotFoundError: There is none.
        """
        try:
            fits = str(uuid.UUID(dataset_id)) == dataset_id.lower()
        except ValueError:
            fits = False
        if not fits:
            raise UsageError(f"{dataset_id[:64]!r} is not a dataset's id.", code="INVALID_ID")
        dataset = self._read(self.root / dataset_id.lower())
        if dataset is None:
            raise NotFoundError(f"There is no dataset {dataset_id}.")
        return dataset

    def named(self, name: str) -> Dataset | None:
        """The dataset of that name."""
        return next((each for each in self.list() if each.name == name), None)

    def folder(self, dataset: Dataset) -> Path:
        """Where its files are."""
        return self.root / dataset.id / "files"

    def delete(self, dataset_id: str) -> None:
        """Remove a dataset and its files. Raises as :meth:`get`."""
        with self._lock:
            dataset = self.get(dataset_id)
            gone = self.root / f".deleted-{dataset.id}"
            (self.root / dataset.id).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def expect(self, dataset_id: str, sizes: Mapping[str, int]) -> Dataset:
        """Note files that will be put to signed URLs. Raises as :meth:`get`, and UsageError."""
        for name in sizes:
            _plain_name(name)
        with self._lock:
            dataset = self._kept(dataset_id)
            expected = {**dataset.expected, **sizes}
            self._write(replace(dataset, expected=expected, error=None, updated_at=self._now()))
            return self.get(dataset_id)

    def begin(self, dataset_id: str, name: str) -> Arrival:
        """Make a place for an upload. It must be ended with :meth:`finish` or :meth:`abandon`.

        Raises:
            UsageError: That is no plain file name (code ``INVALID_FILE``).
            NotFoundError: There is no such dataset.
        """
        name = _plain_name(name)
        with self._lock:
            dataset = self._kept(dataset_id)
            incoming = self.root / dataset.id / "incoming"
            incoming.mkdir(exist_ok=True)
            self._arriving[dataset.id] = self._arriving.get(dataset.id, 0) + 1
        return Arrival(dataset.id, name, incoming / uuid.uuid4().hex)

    def abandon(self, arrival: Arrival) -> None:
        """Forget an upload that broke off."""
        arrival.path.unlink(missing_ok=True)
        with self._lock:
            self._arriving[arrival.dataset_id] -= 1

    def finish(self, arrival: Arrival) -> Dataset:
        """Take an upload in: a zip is unpacked, an image is looked at.

        Raises:
            UsageError: The file cannot be taken (``INVALID_FILE``); the dataset has ``FAILED`` and
                says why, until another upload succeeds.
            NotFoundError: The dataset was deleted meanwhile.
        """
        unpacked = arrival.path.with_suffix(".unpacked")
        problem: UsageError | None = None
        try:
            try:
                if arrival.name.lower().endswith(".zip"):
                    archives.unpack(arrival.path, unpacked)
                else:
                    _look_at(arrival.path, arrival.name)
            except UsageError as found:
                problem = UsageError(f"{arrival.name}: {found.message}", code="INVALID_FILE")
            with self._lock:
                self._take(arrival, unpacked, problem)
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
            self.abandon(arrival)
        if problem is not None:
            raise problem
        return self.get(arrival.dataset_id)

    def _take(self, arrival: Arrival, unpacked: Path, problem: UsageError | None) -> None:
        dataset = self._kept(arrival.dataset_id)
        files = self.folder(dataset)
        if problem is None and unpacked.is_dir():
            for path in unpacked.iterdir():
                path.replace(files / path.name)
        elif problem is None:
            arrival.path.replace(files / arrival.name)
        left = {name: size for name, size in dataset.expected.items() if name != arrival.name}
        said = problem.message if problem else None
        self._write(replace(dataset, expected=left, error=said, updated_at=self._now()))

    def _read(self, folder: Path) -> Dataset | None:
        try:
            kept = json.loads((folder / "dataset.json").read_bytes())
            found = Dataset(
                id=kept["id"],
                name=kept["name"],
                created_at=datetime.fromisoformat(kept["created_at"]),
                updated_at=datetime.fromisoformat(kept["updated_at"]),
                error=kept["error"],
                expected=kept["expected"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found

    def _complete(self, dataset: Dataset) -> Dataset:
        """With its files, and the status that follows from them."""
        try:
            with os.scandir(self.folder(dataset)) as entries:
                files = sorted((entry.name, entry.stat().st_size) for entry in entries)
        except OSError:
            files = []
        return self._judged(replace(dataset, files=tuple(files)))

    def _judged(self, dataset: Dataset) -> Dataset:
        if self._arriving.get(dataset.id) or (dataset.expected and dataset.error is None):
            return replace(dataset, status=DatasetStatus.UPLOADING)
        if dataset.error is not None:
            return replace(dataset, status=DatasetStatus.FAILED)
        if not dataset.files:
            return dataset
        if not any(Path(name).suffix.lower() in IMAGES for name, _ in dataset.files):
            error = "There is no image (png, jpg, jpeg, webp, bmp) among the files."
            return replace(dataset, status=DatasetStatus.FAILED, error=error)
        return replace(dataset, status=DatasetStatus.READY)

    def _write(self, dataset: Dataset) -> None:
        kept = {
            "id": dataset.id,
            "name": dataset.name,
            "created_at": dataset.created_at.isoformat(),
            "updated_at": dataset.updated_at.isoformat(),
            "error": dataset.error,
            "expected": dict(dataset.expected),
        }
        write_atomic(self.root / dataset.id / "dataset.json", json.dumps(kept))


def with_real_folders(config_text: str, root: Path) -> str | None:
    """A config with every path below :data:`MOUNT` made one on this machine.

    ``None`` when there is no such path, and the text can be used as it is.

    Raises:
        TrainerError: A dataset that it names is not there.
    """
    if MOUNT not in config_text:
        return None
    from trainer_tui.server import configs

    changed = False

    def walk(value: object) -> object:
        nonlocal changed
        if isinstance(value, str) and value.startswith(MOUNT):
            changed = True
            return str(_real_path(value, root))
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, Mapping):
            return {key: walk(item) for key, item in value.items()}
        return value

    placed = walk(configs.parse(config_text))
    if not changed:
        return None
    return configs.dump(placed)


def find_folder(root: Path, name: str) -> Path | None:
    """The folder with the files of the dataset of that name."""
    for folder in _folders(root):
        try:
            if json.loads((folder / "dataset.json").read_bytes())["name"] == name:
                return folder / "files"
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _real_path(mounted: str, root: Path) -> Path:
    """Where a path below :data:`MOUNT` is on this machine."""
    parts = PurePosixPath(mounted).parts[len(PurePosixPath(MOUNT).parts) :]
    folder = find_folder(root, parts[0]) if parts else None
    if folder is None or ".." in parts:
        raise NotFoundError(f"There is no dataset {'/'.join(parts)!r} on this server.")
    return folder.joinpath(*parts[1:])


def _folders(root: Path) -> list[Path]:
    try:
        return [each for each in root.iterdir() if not each.name.startswith(".")]
    except OSError:
        return []


def _unfit(name: str) -> bool:
    return "/" in name or "\\" in name or sanitize.line(name) != name


def _plain_name(name: str) -> str:
    """A file's name, if it is one and no path. Raises UsageError."""
    if (
        not name
        or name.startswith(".")
        or len(name.encode("utf-8", "replace")) > 200
        or _unfit(name)
    ):
        shown = sanitize.line(name, limit=80)
        raise UsageError(f"{shown!r} is not a plain file name.", code="INVALID_FILE")
    return name


def _look_at(path: Path, name: str) -> None:
    """Refuse a file that says it is an image and is none."""
    if Path(name).suffix.lower() not in IMAGES:
        return
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path):  # reads the header alone
            pass
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise UsageError("not an image that can be read.") from error
    except Image.DecompressionBombError as error:
        raise UsageError("an image with too many pixels.") from error
