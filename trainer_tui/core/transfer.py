"""One file on its way: a ``.part`` beside its target, continued by Range, put in place at the end.

Beside the ``.part`` lies a small JSON file that says what it is a part of (job, artifact, ETag,
size; never a URL, which may be signed). Its length is the position to go on from.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import json
import os
import shutil
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from trainer_tui.core.clock import Clock
from trainer_tui.core.links import in_thread
from trainer_tui.core.rows import DownloadRow
from trainer_tui.errors import NetworkError, NotFoundError, ProtocolError, TrainerError
from trainer_tui.model import Artifact
from trainer_tui.paths import write_atomic
from trainer_tui.providers.base import DownloadHead, Provider
from trainer_tui.providers.capabilities import HasArtifacts
from trainer_tui.sanitize import filename

URL_EXPIRED = "URL_EXPIRED"
HEADROOM = 64 << 20
"""Bytes left free on the disk: a full one breaks more than a download."""
_BUFFER = 1 << 20
_TELL_EVERY = 0.25
_RATE_WINDOW = 20
_HEADER_LIMIT = 100 << 20
"""The safetensors library itself refuses longer headers."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a partial file is a part of."""

    ref: str
    name: str
    etag: str | None
    size: int | None

    def write(self, path: Path) -> None:
        """Replace the file in one step."""
        said = {"ref": self.ref, "name": self.name, "etag": self.etag, "size": self.size}
        write_atomic(path, json.dumps(said))

    @classmethod
    def read(cls, path: Path) -> Sidecar | None:
        """``None`` when there is none, or it cannot be understood."""
        try:
            said = json.loads(path.read_bytes())
            return cls(str(said["ref"]), str(said["name"]), said["etag"], said["size"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def part_of(target: Path) -> Path:
    """Where a file grows until it is whole."""
    return target.with_name(target.name + ".part")


def sidecar_of(target: Path) -> Path:
    """Beside it, what it is a part of."""
    return target.with_name(target.name + ".part.json")


def remove_part(target: Path) -> None:
    """Give up what is there of a file."""
    part_of(target).unlink(missing_ok=True)
    sidecar_of(target).unlink(missing_ok=True)


def numbered(target: Path, n: int) -> Path:
    """``name (2).ending`` for the second of a name, and so on."""
    return target if n < 2 else target.with_name(f"{target.stem} ({n}){target.suffix}")


def free_bytes(folder: Path) -> int:
    """Room on the disk that the folder is on."""
    return shutil.disk_usage(folder).free


def safetensors_problem(path: Path) -> str | None:
    """What is wrong with a ``.safetensors`` file's header, or ``None``.

    The format: eight bytes of length (little endian), a JSON object of that length that tells
    each tensor's place, then the tensors, to the last byte.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if len(head) < 8:
            return "it is too short to be one"
        (length,) = struct.unpack("<Q", head)
        if length > min(size - 8, _HEADER_LIMIT):
            return "its header is longer than the file"
        try:
            header = json.loads(file.read(length))
            tensors = [v["data_offsets"] for k, v in header.items() if k != "__metadata__"]
            end = max((int(e) for _, e in tensors), default=0)
        except (ValueError, TypeError, KeyError, AttributeError):
            return "its header cannot be read"
    if 8 + length + end != size:
        return f"it holds {size} bytes where its header tells of {8 + length + end}"
    return None


class Transfer:
    """Fetches one row's file from the byte that is held to the end.

    Args:
        artifact: As listed; ``None``: the list is asked first.
        tell: Called with the row as it moves, at most four times a second.
        room: Free bytes of a folder.
    """

    def __init__(
        self,
        row: DownloadRow,
        artifact: Artifact | None,
        provider: Callable[[str], Awaitable[Provider]],
        clock: Clock,
        tell: Callable[[DownloadRow], None],
        room: Callable[[Path], int] = free_bytes,
    ) -> None:
        self.row = row
        self._sizeless = row.size is None
        self._artifact = artifact
        self._provider = provider
        self._clock = clock
        self._tell = tell
        self._room = room
        self._told_at = float("-inf")
        self._seen: deque[tuple[float, int]] = deque(maxlen=_RATE_WINDOW)

    @property
    def moved(self) -> int:
        """Bytes on disk."""
        return self.row.held

    async def run(self) -> DownloadRow:
        """One try: gives the row with its file in place.

        Raises:
            TrainerError: It broke off; what is there stays, but for a file that is not whole.
        """
        target = self.row.target
        if target.name != filename(target.name):
            raise ProtocolError(f"{self.row.name!r} is no name to save a file under")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part_of(target).open("ab") as part:
                _lock(part)
                await self._fill(part)
                await in_thread(lambda: os.fsync(part.fileno()))
                self._prove(part_of(target))
                twin = await in_thread(self._twin)
                placed = twin or _put_in_place(target)
        except OSError as error:
            raise _in_words(error, target) from error
        if twin is not None:
            remove_part(target)
            self.row = self.row.replace(note="already there")
        self.row = self.row.replace(target=placed, size=self.row.held, rate=None)
        return self.row

    def _twin(self) -> Path | None:
        """The very same file, fetched before; for a service that does not tell sizes beforehand."""
        if not self._sizeless:
            return None
        wanted = self.row.target.with_name(filename(self.row.name))
        for n in range(1, 10_000):
            place = numbered(wanted, n)
            if not place.is_file():
                return None
            if filecmp.cmp(part_of(self.row.target), place, shallow=False):
                return place
        return None

    async def _fill(self, part: IO[bytes]) -> None:
        provider = await self._provider(self.row.ref.profile)
        held, side = self._held(part)
        if side is not None and side.size is not None and held == side.size:
            self.row = self.row.replace(held=held, size=side.size, etag=side.etag)
            return  # whole already: the program ended before it was put in place
        artifact = self._artifact or await self._listed(provider)
        etag = side.etag if side else None
        try:
            again = await self._receive(part, provider, artifact, held, etag, side)
            if again:
                await self._receive(part, provider, artifact, 0, None, None)
        except NotFoundError as error:
            if error.code == URL_EXPIRED:
                self._artifact = None
            raise

    async def _listed(self, provider: Provider) -> Artifact:
        ref, name = self.row.ref, self.row.name
        for artifact in await cast(HasArtifacts, provider).artifacts(ref.id):
            if artifact.name == name and artifact.kind is self.row.kind:
                self._artifact = artifact
                return artifact
        raise NotFoundError(f"{ref} no longer offers {name}")

    def _held(self, part: IO[bytes]) -> tuple[int, Sidecar | None]:
        """How much is there that belongs to this artifact."""
        held = part.seek(0, os.SEEK_END)
        side = Sidecar.read(sidecar_of(self.row.target))
        ours = side is not None and (side.ref, side.name) == (str(self.row.ref), self.row.name)
        too_long = side is not None and side.size is not None and held > side.size
        if not ours or too_long:
            part.truncate(0)
            return 0, None
        return held, side

    async def _receive(
        self,
        part: IO[bytes],
        provider: Provider,
        artifact: Artifact,
        held: int,
        etag: str | None,
        side: Sidecar | None,
    ) -> bool:
        """Whether it must begin anew, because the file there is another than the one begun."""
        stream = cast(HasArtifacts, provider).download(artifact, offset=held, etag=etag)
        async with contextlib.aclosing(cast(Any, stream)) as items:
            head = await anext(items, None)
            if not isinstance(head, DownloadHead):
                raise ProtocolError(f"{self.row.name}: the download began without a head")
            if head.offset != held or _another(head, side):
                part.truncate(0)
                held = 0
                if head.offset != 0:
                    return True
            size = head.size if head.size is not None else artifact.size
            Sidecar(str(self.row.ref), self.row.name, head.etag, head.size).write(
                sidecar_of(self.row.target)
            )
            self.row = self.row.replace(held=held, size=size, etag=head.etag)
            self._check_room(held, size)
            self._progress(0)
            await self._pour(part, items, head.size)
        return False

    async def _pour(self, part: IO[bytes], items: Any, size: int | None) -> None:
        buffer = bytearray()
        try:
            async for piece in items:
                buffer += piece
                late = self._clock.monotonic() - self._told_at >= _TELL_EVERY
                if len(buffer) < _BUFFER and not late:
                    continue
                full, buffer = bytes(buffer), bytearray()
                if len(full) < _BUFFER:
                    _append(part, full)
                else:  # many at once come from a quick line: the disk may be the slower one
                    await in_thread(lambda data=full: _append(part, data))  # type: ignore[misc]
                self._progress(len(full))
        finally:
            _append(part, bytes(buffer))
            self._progress(len(buffer))
        held = self.row.held
        if size is not None and held < size:
            raise NetworkError(f"{self.row.name} broke off after {held} of {size} bytes")
        if size is not None and held > size:
            part.truncate(0)
            raise ProtocolError(f"{self.row.name}: more bytes came than the {size} promised")

    def _check_room(self, held: int, size: int | None) -> None:
        if size is None:
            return
        free = self._room(self.row.target.parent)
        if free < size - held + HEADROOM:
            raise TrainerError(
                f"{self.row.name} needs {(size - held) / 1e6:.0f} MB,"
                f" {self.row.target.parent} has {free / 1e6:.0f} MB free",
                title="Not enough room",
                hint="make room, then retry: it goes on from what is there",
            )

    def _progress(self, count: int) -> None:
        now = self._clock.monotonic()
        held = self.row.held + count
        self._seen.append((now, held))
        (then, was) = self._seen[0]
        rate = (held - was) / (now - then) if now > then else None
        self.row = self.row.replace(held=held, rate=rate)
        if now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            self._tell(self.row)

    def _prove(self, part: Path) -> None:
        if not self.row.target.name.endswith(".safetensors"):
            return
        problem = safetensors_problem(part)
        if problem is not None:
            remove_part(self.row.target)
            self.row = self.row.replace(held=0)
            raise ProtocolError(
                f"{self.row.name} is not a whole safetensors file: {problem}",
                hint="retry fetches it again from the first byte",
                code="BROKEN_FILE",
            )


def _another(head: DownloadHead, side: Sidecar | None) -> bool:
    """Whether what is offered differs from what the held part was begun from."""
    if side is None or head.offset == 0:
        return False
    etags = side.etag is not None and head.etag is not None and side.etag != head.etag
    sizes = side.size is not None and head.size is not None and side.size != head.size
    return etags or sizes


def _append(part: IO[bytes], data: bytes) -> None:
    part.write(data)
    part.flush()


def _lock(part: IO[bytes]) -> None:
    """Keep a second program from writing the same file."""
    try:
        import fcntl
    except ImportError:  # no such locks on this platform
        return
    try:
        fcntl.flock(part.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise TrainerError(
            f"{part.name} is being downloaded by another program",
            code="BUSY",
        ) from error


def _put_in_place(target: Path) -> Path:
    """Give the finished part its name, or the first free number after it; never over a file."""
    part = part_of(target)
    for n in range(1, 10_000):
        place = numbered(target, n)
        try:
            os.link(part, place)  # unlike a rename, this fails where a file is
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links
            if place.exists():
                continue
            part.rename(place)
        remove_part(target)
        return place
    raise FileExistsError(errno.EEXIST, "too many files of this name", str(target))


def _in_words(error: OSError, target: Path) -> TrainerError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TrainerError(
            f"the disk of {target.parent} is full",
            title="Not enough room",
            hint="make room, then retry: it goes on from what is there",
        )
    return TrainerError(
        f"{target.name} cannot be written to {target.parent}: {error.strerror or error}",
        hint="check the folder's permissions, or name another in [downloads]",
    )
