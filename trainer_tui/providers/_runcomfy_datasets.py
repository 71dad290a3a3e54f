"""RunComfy's datasets: a training job can mount only one that is READY, by its name."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer_tui import sanitize
from trainer_tui.errors import ProtocolError, UsageError
from trainer_tui.providers import _complaints, _wire
from trainer_tui.providers._counted import Counted, Moved
from trainer_tui.providers.base import Dataset

if TYPE_CHECKING:
    from trainer_tui.providers.http import Http

_DATASETS = "/prod/v1/trainers/datasets"
FORM_LIMIT = 150_000_000
"""Bytes that RunComfy takes in one form; larger files go to a signed URL."""

_UPLOAD_TIME = 3600.0


class Datasets:
    """The calls about datasets, mixed into the provider."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def list_datasets(self) -> Sequence[Dataset]:
        """All datasets of the account."""
        answer = await self._http.json("GET", _DATASETS)
        if isinstance(answer, dict):
            found = (answer.get(key) for key in ("datasets", "items", "data", "results"))
            answer = next((value for value in found if isinstance(value, list)), answer)
        entries = _wire.sequence(answer, "the list of datasets")
        return [_dataset(entry) for entry in entries if _is_dataset(entry)]

    async def dataset_states(self) -> dict[str, str]:
        """Name → status of all datasets; of several of one name a READY one counts."""
        states: dict[str, str] = {}
        for dataset in await self.list_datasets():
            if states.get(dataset.name) != "READY":
                states[dataset.name] = dataset.status.upper()
        return states

    async def create_dataset(self, name: str | None = None) -> Dataset:
        """Make an empty dataset (DRAFT); RunComfy names it when no name is given."""
        body = {"name": name} if name else {}
        return _dataset(await self._http.json("POST", _DATASETS, body=body))

    async def dataset_status(self, dataset_id: str) -> Dataset:
        """One dataset, asked for afresh."""
        path = f"{_DATASETS}/{_wire.path_id(dataset_id, 'dataset')}/status"
        answer = _wire.mapping(await self._http.json("GET", path), "the status of a dataset")
        return _dataset({"id": dataset_id, **answer})

    async def upload_to_dataset(
        self, dataset_id: str, file: Path, *, moved: Moved | None = None
    ) -> None:
        """Send one file, through a form or, when it is large, to a signed URL.

        Raises:
            UsageError: The file cannot be read.
        """
        path = f"{_DATASETS}/{_wire.path_id(dataset_id, 'dataset')}"
        size, unreadable = await asyncio.to_thread(_size, file)
        if unreadable:
            raise UsageError(f"{sanitize.line(file)}: {unreadable}")
        if size <= FORM_LIMIT:
            with await asyncio.to_thread(file.open, "rb") as body:
                form = {"file": (file.name, Counted(body, size, moved))}
                await self._ask("POST", f"{path}/upload", files=form, total=_UPLOAD_TIME)
            return
        asked = {"filenameToByteSize": {file.name: size}}
        answer = await self._http.json("POST", f"{path}/get-upload-endpoint", body=asked)
        url, headers = _signed_url(answer, file.name)
        await self._http.upload(url, file, headers, moved=moved)

    async def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset and its files."""
        await self._ask("DELETE", f"{_DATASETS}/{_wire.path_id(dataset_id, 'dataset')}")

    async def _ask(self, method: str, path: str, **request: Any) -> None:
        """A request whose answer need not say anything, but for an error inside a 200 answer."""
        answer = await self._http.ask(method, path, **request)
        with contextlib.suppress(ProtocolError):
            self._http.parse(answer)


def _size(file: Path) -> tuple[int, str | None]:
    """The size of a file, and why it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.seek(0, 2), None
    except OSError as problem:
        return 0, problem.strerror or "cannot be read"


def _is_dataset(value: object) -> bool:
    return isinstance(value, dict) and _wire.is_id(value.get("id") or value.get("dataset_id"))


def _dataset(value: object) -> Dataset:
    fields = _wire.mapping(value, "a dataset")
    if not _is_dataset(fields):
        raise ProtocolError("RunComfy answers with a dataset that has no usable id")
    dataset_id = str(fields.get("id") or fields.get("dataset_id"))
    said = _complaints.complaint_in(fields.get("error") or fields.get("error_message"))
    return Dataset(
        id=dataset_id,
        name=_wire.line(fields.get("name"), limit=300) or dataset_id,
        status=_wire.line(fields.get("status"), limit=40) or "?",
        created_at=_wire.moment(fields.get("created_at")),
        error=said.message or None if said else None,
        files=_files(fields.get("files")),
    )


def _files(value: object) -> dict[str, int] | None:
    """Name and size of each file, where they are told; one without a size is as good as not."""
    if not isinstance(value, list):
        return None
    found: dict[str, int] = {}
    for entry in value:
        told = _wire.optional_mapping(entry)
        name = told.get("filename") or told.get("name")
        size = _wire.integer(told.get("size_bytes", told.get("size")))
        if isinstance(name, str) and size is not None:
            found[name] = size
    return found


def _signed_url(answer: object, name: str) -> tuple[str, dict[str, str]]:
    """The URL for one file out of the answer, and the headers that were signed with it.

    The shape is not in the published reference: a mapping of names to URLs (or to objects that
    hold one) is read, directly or one level down.
    """
    top = _wire.mapping(answer, "the upload endpoints")
    for level in (top, *(value for value in top.values() if isinstance(value, dict))):
        found, headers = level.get(name), {}
        if isinstance(found, dict):
            headers = _signed_headers(found.get("headers"))
            found = found.get("url") or found.get("upload_url") or found.get("signed_url")
        if isinstance(found, str) and found.startswith(("https://", "http://")):
            return found, headers
    raise ProtocolError("RunComfy gave no address to send the file to")


def _signed_headers(value: object) -> dict[str, str]:
    """Headers that a store signs: its own, and the content type. No others are taken from there."""
    return {
        name: text
        for name, given in _wire.optional_mapping(value).items()
        if re.fullmatch(r"(?i)content-type|x-(amz|goog|ms)-[a-z0-9-]{1,60}", name)
        and (text := _wire.header_value(given)) is not None
    }
