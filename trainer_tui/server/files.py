"""Files of a job over HTTP: whole, in part, or only their head."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import re
from collections.abc import AsyncIterator
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from trainer_tui.errors import NotFoundError, TrainerError
from trainer_tui.server.records import from_seconds
from trainer_tui.server.runners.files import open_regular

CHUNK = 256 * 1024
# The engine's own files: they tell what a job's environment is, and are of no use to others.
_OWN = re.compile(r"(?:job|launch|request|state|claim-\d+)\.json\Z|events\.jsonl\Z|\.")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


class RangeError(TrainerError):
    """The range that is asked for is not in the file."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes; the range is not in it.", code="RANGE")
        self.size = size


def inside(root: Path, path: str) -> Path:
    """The real path of a file below a folder.

    Raises:
        NotFoundError: It leads out of the folder (by ``..`` or by a link), or is not to be had.
    """
    parts = path.split("/")
    bad = any(part in ("", ".", "..") or "\0" in part for part in parts)
    if bad or _OWN.match(parts[0]):
        raise _missing(path)
    try:
        base, real = root.resolve(strict=True), root.joinpath(*parts).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise _missing(path) from error
    if not real.is_relative_to(base):
        raise _missing(path)
    return real


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last; ``None``: all of it.

    Several ranges, other units and nonsense are answered with all of it, as RFC 9110 allows.

    Raises:
        RangeError: It begins at or after the end, or is empty.
    """
    found = _RANGE.match(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise RangeError(size)
        return max(0, size - int(last)), size
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise RangeError(size)
    return start, min(size, int(last) + 1) if last else size


async def serve_file(request: Request, root: Path, path: str) -> Response:
    """Answer GET or HEAD for a file below a folder, with Range, If-Range and If-None-Match.

    The ETag is that of :class:`~trainer_tui.server.runners.base.FileEntry`. A file that grows
    meanwhile is given as long as it was when it was asked for.

    Raises:
        NotFoundError: There is no such regular file below the folder (``FILE_NOT_FOUND``).
        RangeError: The range is not in it.
    """
    real = await asyncio.to_thread(inside, root, path)
    file = await asyncio.to_thread(_open, real, path)
    try:
        info = os.fstat(file.fileno())
        size, etag = info.st_size, f'"{info.st_mtime_ns:x}-{info.st_size:x}"'
        modified = from_seconds(int(info.st_mtime))
        headers = {
            "Accept-Ranges": "bytes",
            "ETag": etag,
            "Last-Modified": format_datetime(modified, usegmt=True),
            "Cache-Control": "private, no-cache",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": f"attachment; filename*=utf-8''{quote(real.name, safe='')}",
        }
        if _matches(request.headers.get("if-none-match"), etag):
            file.close()
            return Response(status_code=304, headers=headers)
        wanted = request.headers.get("range")
        if not _still(request.headers.get("if-range"), etag, modified):
            wanted = None
        part = parse_range(wanted, size)
    except BaseException:
        file.close()
        raise
    start, end = part or (0, size)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if part is None else 206
    kind = mimetypes.guess_type(real.name)[0] or "application/octet-stream"
    if request.method == "HEAD":
        file.close()
        return Response(status_code=status, headers=headers, media_type=kind)
    body = _pieces(file, start, end)
    return StreamingResponse(body, status_code=status, headers=headers, media_type=kind)


async def _pieces(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    with file:
        while start < end:
            data = await asyncio.to_thread(os.pread, file.fileno(), min(CHUNK, end - start), start)
            if not data:
                raise OSError("the file became shorter while it was sent")
            start += len(data)
            yield data


def _open(real: Path, path: str) -> BinaryIO:
    try:
        return open_regular(real, os.O_NOFOLLOW)
    except OSError as error:
        raise _missing(path) from error


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return any(each.strip().removeprefix("W/") in (etag, "*") for each in header.split(","))


def _still(if_range: str | None, etag: str, modified: datetime) -> bool:
    """Whether the part that the client holds is of this very file."""
    if if_range is None or if_range.strip() == etag:
        return True
    try:
        return parsedate_to_datetime(if_range) == modified
    except (TypeError, ValueError):
        return False


def _missing(path: str) -> NotFoundError:
    return NotFoundError(f"There is no file {path[:200]!r} in this job.", code="FILE_NOT_FOUND")
