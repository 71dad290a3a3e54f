"""Reading the body of an answer: counted, and unpacked in bounded steps."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

import httpx

from trainer_tui.errors import ProtocolError


async def read(response: httpx.Response, limit: int) -> bytes:
    """The whole body, decompressed. Raises ProtocolError beyond the limit."""
    held: list[bytes] = []
    size = 0
    async for piece in pieces(response):
        size += len(piece)
        if size > limit:
            raise ProtocolError(
                f"the answer is larger than {limit / (1 << 20):g} MiB and was given up",
                hint="Is the base URL right? No answer of this service should be that long.",
                code="TOO_LARGE",
            )
        held.append(piece)
    return b"".join(held)


async def pieces(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body's pieces, decompressed in bounded steps (httpx would unpack a bomb at once)."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        async for piece in response.aiter_raw():
            yield piece
        return
    if encoding not in ("gzip", "x-gzip"):
        raise ProtocolError(f"the answer is compressed in a way that was not asked for: {encoding}")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        async for piece in response.aiter_raw():
            while piece:
                yield unpacker.decompress(piece, 1 << 20)
                piece = unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error:
        damaged = True
    else:
        damaged = not unpacker.eof
    if damaged:
        raise ProtocolError("the answer is compressed, and damaged")
