"""The local server's list of jobs, page by page: one that has not changed is not read again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainer_tui.errors import ProtocolError
from trainer_tui.model import Job
from trainer_tui.providers import _native_answers as answers
from trainer_tui.providers import _wire

if TYPE_CHECKING:
    from trainer_tui.providers.http import Answer

FIRST = 100
"""Jobs on the first page: the newest, of which some run, so that it is what is sent again."""
PAGE = 2000
_PAGES = 1000


@dataclass(frozen=True, slots=True)
class _Page:
    """A page as last answered, to be used again when it has not changed."""

    etag: str | None
    jobs: tuple[Job, ...]
    following: str | None


class Pages:
    """The pages of one profile.

    Args:
        ask: Asks the server.
        parse: The JSON of an answer.
        profile: Whose jobs these are.
    """

    def __init__(
        self,
        ask: Callable[..., Awaitable[Answer]],
        parse: Callable[[Answer], Any],
        profile: str,
    ) -> None:
        self._ask = ask
        self._parse = parse
        self._profile = profile
        self._held: dict[str, _Page] = {}

    async def read(self) -> list[Job]:
        """Every job once, newest first. Raises ProtocolError for a list without end."""
        jobs: list[Job] = []
        pages: dict[str, _Page] = {}
        cursor = ""
        while cursor not in pages and len(pages) < _PAGES:
            page = pages[cursor] = await self._page(cursor)
            jobs += page.jobs
            if page.following is None:
                self._held = pages
                # The list may have grown between two pages and shown a job on both.
                return list({job.ref: job for job in jobs}.values())
            cursor = page.following
        raise ProtocolError("the local server's list of jobs has no end")

    async def _page(self, cursor: str) -> _Page:
        held = self._held.get(cursor)
        headers = {"If-None-Match": held.etag} if held is not None and held.etag else {}
        params: dict[str, str | int] = {"limit": PAGE if cursor else FIRST}
        if cursor:
            params["cursor"] = cursor
        answer = await self._ask("GET", "/v1/jobs", params=params, headers=headers)
        if answer.status == 304:
            if held is None:
                raise ProtocolError("the local server says 'unchanged' to a first question")
            return held
        body = _wire.mapping(self._parse(answer), "the list of jobs")
        entries = _wire.sequence(body.get("jobs"), "the list of jobs")
        following = body.get("next")
        return _Page(
            _wire.header_value(answer.headers.get("etag")),
            tuple(answers.job(entry, self._profile) for entry in entries),
            following if isinstance(following, str) and following else None,
        )
