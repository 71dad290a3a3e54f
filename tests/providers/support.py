"""What the provider tests share: contexts, a token to look for, and ways to wait."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from trainer_tui.config import Profile, Secret
from trainer_tui.paths import Paths
from trainer_tui.providers.base import Context

TOKEN = "sk-secret/with+odd=chars%20&more"
T = TypeVar("T")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def profile(provider: str = "runcomfy", **fields: Any) -> Profile:
    """A profile with a token."""
    fields = {"token": Secret(TOKEN), "timeout": 60.0, **fields}
    return Profile(fields.pop("name", "comfy"), provider, **fields)


def context(
    home: Path, provider: str = "runcomfy", autostart: bool = False, **fields: Any
) -> Context:
    """A context at a fixed time, with everything below one folder."""
    return Context(profile(provider, **fields), Paths.under(home), lambda: NOW, autostart)


async def eventually(
    ask: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 60.0
) -> T:
    """Ask until the answer is good; TimeoutError with the last answer when it never is."""
    last: T | None = None
    try:
        async with asyncio.timeout(seconds):
            while not good(last := await ask()):  # noqa: ASYNC110 - the thing is in another process
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise TimeoutError(f"still {last!r}") from None
    return last


def all_that_it_shows(problem: BaseException) -> str:
    """Everything that a log, a traceback with locals or a dialog could show of an error."""
    from urllib.parse import unquote

    parts = [repr(problem), str(problem), repr(getattr(problem, "__dict__", ""))]
    seen: BaseException | None = problem
    while seen is not None:
        whole = traceback.TracebackException.from_exception(seen, capture_locals=True)
        for frame in whole.stack:
            if "/tests/" not in frame.filename:  # a test's own variables hold the token openly
                parts += [str(frame.line), *(frame.locals or {}).values()]
        parts += [str(seen), repr(seen)]
        seen = seen.__cause__ or seen.__context__
    shown = "\n".join(parts)
    return shown + unquote(shown)
