"""The server's folder: jobs are made whole or not at all, replaced in one step, moved to go.

```
jobs/ID/          one job (see runners/base.py JobFolder); ``.new-…`` is one being made
trash/            what is being deleted
datasets/         uploads
```
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer_tui.paths import private_folder, write_atomic
from trainer_tui.server.records import JobRecord
from trainer_tui.server.runners.base import JobFolder
from trainer_tui.server.runners.files import read_whole
from trainer_tui.server.settings import ServerSettings

_log = logging.getLogger("trainer_tui.server")
# New texts of these files before they take their place; a supervisor writes others.
_BEGUN = (".job.json.", ".config.yaml.", ".request.json.", ".launch.json.")
_MAX_EVENTS = 64 * 1024 * 1024
_ID = re.compile(r"[0-9a-z]{4,32}\Z")


def config_etag(data: bytes) -> str:
    """What tells two configs apart."""
    return hashlib.sha256(data).hexdigest()[:16]


class Disk:
    """All reading and writing of job folders that is the engine's to do."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings

    def prepare(self) -> None:
        """Make the folders, and clear away what an interrupted act left."""
        private_folder(self._settings.folder)
        for folder in (self._settings.jobs, self._settings.trash, self._settings.datasets):
            private_folder(folder)
        for left in self._settings.jobs.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)

    def folder(self, job_id: str) -> JobFolder:
        """The folder of a job, which need not exist.

        Raises:
            ValueError: This is no job id at all.
        """
        if not _ID.match(job_id):
            raise ValueError(f"{job_id!r} is not a job id")
        return JobFolder(self._settings.jobs / job_id)

    def load(self) -> Iterator[JobRecord]:
        """All jobs there are. What cannot be read is left alone and named in the log."""
        for path in sorted(self._settings.jobs.iterdir()):
            if path.name.startswith("."):
                continue
            try:
                kept = json.loads((path / "job.json").read_bytes())
                record = JobRecord.from_json(kept)
                if record.id != path.name or not _ID.match(record.id):
                    raise ValueError(f"it says that its id is {record.id!r}")
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                _log.warning("%s is not a readable job: %s", path, error)
                continue
            _clear(path)
            yield record

    def create(self, record: JobRecord, config: bytes) -> JobFolder:
        """Write a new job completely, then let it appear."""
        folder = self.folder(record.id)
        new = folder.root.with_name(f".new-{record.id}")
        new.mkdir(mode=0o700)
        try:
            write_atomic(new / folder.config.name, config)
            write_atomic(new / folder.record.name, json.dumps(record.to_json()))
            new.rename(folder.root)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        _sync_folder(self._settings.jobs)
        return folder

    def save(self, record: JobRecord) -> None:
        """Replace what is kept of a job."""
        write_atomic(self.folder(record.id).record, json.dumps(record.to_json()))

    def write_config(self, job_id: str, data: bytes) -> None:
        """Replace a job's config."""
        write_atomic(self.folder(job_id).config, data)

    def read_config(self, job_id: str) -> bytes:
        return read_whole(self.folder(job_id).config)

    def add_event(self, job_id: str, event: dict[str, object]) -> None:
        """Append to a job's history. A full disk loses the line, not the act."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        with contextlib.suppress(OSError):
            handle = os.open(self.folder(job_id).events, flags, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")

    def events(self, job_id: str) -> list[dict[str, object]]:
        """A job's history, oldest first; half-written lines are passed over."""
        try:
            lines = read_whole(self.folder(job_id).events, _MAX_EVENTS).splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    found.append(event)
        return found

    def discard(self, job_id: str) -> Path:
        """Take a job away in one step; gives what is left to be deleted."""
        source = self.folder(job_id).root
        target = self._settings.trash / f"{job_id}-{os.urandom(4).hex()}"
        source.rename(target)
        return target

    def empty_trash(self, only: Sequence[Path] | None = None) -> None:
        """Delete for good; may take a while."""
        for path in self._settings.trash.iterdir() if only is None else only:
            shutil.rmtree(path, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Delete what a server that was killed had begun to write in a job's folder."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_BEGUN):
                os.unlink(entry.path)  # noqa: PTH108 (a path per job would double the time)


def _sync_folder(folder: Path) -> None:
    """Have a rename on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass  # some file systems cannot; the rename is still in order
    finally:
        os.close(handle)
