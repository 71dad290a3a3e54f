"""Submitting to kaos, which does not say which job an upload becomes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from trainer_tui.errors import (
    NetworkError,
    NotFoundError,
    ServiceError,
    StateError,
    TrainerError,
)
from trainer_tui.model import Job
from trainer_tui.providers import _kaos_answers as answers
from trainer_tui.providers import _kaos_bundle, _wire
from trainer_tui.providers._counted import Counted
from trainer_tui.providers._kaos_calls import Calls
from trainer_tui.providers.base import Submission

SLOWEST = 64 * 1024
"""Bytes a second below which an upload is given up."""
LOOKS = (0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
"""Seconds between looks for the job that was just made."""
SURE_AFTER = 4
"""Looks after which a lone new job is taken for ours though nothing in its log says so."""


class Submitting:
    """One submission.

    Args:
        folder: For the zip while it is sent.
    """

    def __init__(self, calls: Calls, folder: Path, submission: Submission) -> None:
        self._calls = calls
        self._folder = folder
        self._submission = submission
        self._token = os.urandom(6).hex()

    async def run(self) -> tuple[Job, TrainerError | None]:
        """Pack, upload, and find the job; with what went wrong after the code was accepted.

        Raises:
            UsageError: The submission, or the folder that it names, is not right.
            StateError: It was accepted, and which job it is cannot be told.
        """
        calls = self._calls
        wanted = await asyncio.to_thread(_kaos_bundle.read, self._submission)
        before = set(await calls.jobs())
        user = {"user": wanted.query["user"]} if "user" in wanted.query else {}
        try:
            commit = await self._upload(await calls.path(), wanted.bundle, wanted.query, code=True)
        except TrainerError as error:
            raise _perhaps_submitted(error) from None
        problem: TrainerError | None = None
        try:
            # In the order of kaos's own client: what comes after the code is for this job.
            if wanted.data is not None:
                path = await calls.path("features", below="/data")
                await self._upload(path, wanted.data, user, code=False)
            if wanted.params is not None:
                path = await calls.path("params", below="/data")
                form = {"data": ("params.json", wanted.params, "application/json")}
                calls.http.parse(await calls.http.ask("POST", path, files=form, params=user))
        except TrainerError as error:
            problem = error
        return await self._new_job(before, commit), problem

    async def _upload(
        self, path: str, source: Path, query: Mapping[str, str | int], *, code: bool
    ) -> str:
        """Send a folder as a zip, from the disk; gives what tells this version of it apart."""
        packing = _kaos_bundle.zipped(source, self._folder, self._token, code=code)
        archive = await asyncio.to_thread(packing.__enter__)
        try:
            with archive.open("rb") as file:
                size = archive.stat().st_size
                counted = Counted(file, size, self._submission.moved)
                form = {"data": (f"{source.stem}.zip", counted, "application/zip")}
                seconds = self._calls.profile.timeout * 3 + size / SLOWEST
                answer = await self._calls.http.ask(
                    "POST", path, files=form, params=query, total=seconds
                )
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise TrainerError(f"the bundle cannot be read: {why}") from error
        finally:
            await asyncio.to_thread(packing.__exit__, None, None, None)
        told = _wire.optional_mapping(self._calls.http.parse(answer)).get("glob_name")
        return str(told).rpartition(":")[2] if isinstance(told, str) else ""

    async def _new_job(self, before: set[str], commit: str) -> Job:
        """The job that was not there before; of several, the one whose log names the upload."""
        fresh: list[answers.Listed] = []
        for look, pause in enumerate(LOOKS):
            await asyncio.sleep(pause)
            try:
                listed = await self._calls.jobs()
            except ServiceError:
                continue  # it has our bundle: a hiccup now must not make it seem lost
            fresh = [each for key, each in listed.items() if key not in before]
            ours = [each for each in fresh if await self._names(each, commit)]
            if ours:
                # Data or parameters that came too late for the first have made a second.
                return max(ours, key=lambda each: each.job.ref.id).job
            if len(fresh) == 1 and look >= SURE_AFTER:
                return fresh[0].job
        if fresh:
            ids = ", ".join(each.job.ref.id for each in fresh[:5])
            raise StateError(
                f"the bundle was accepted; several new jobs are there now: {ids}",
                title="Submitted; which one is it?",
                hint="Others submitted at the same time. Look at their logs before you kill one.",
                code="SEVERAL_NEW_JOBS",
            )
        raise StateError(
            "the bundle was accepted, and no new job has appeared in the list yet",
            title="Submitted, not seen yet",
            hint="It will be listed when kaos begins with it; do not submit it again.",
            code="NO_NEW_JOB",
        )

    async def _names(self, listed: answers.Listed, commit: str) -> bool:
        """Whether a job's log names what was uploaded."""
        if len(commit) < 8:
            return False
        with contextlib.suppress(NotFoundError, StateError, ServiceError):
            return commit.encode() in await self._calls.log(listed)
        return False


def _perhaps_submitted(problem: TrainerError) -> TrainerError:
    """The error of an upload; where it may have been carried out it says so."""
    lost = isinstance(problem, NetworkError) and problem.code in ("LOST", "TIMEOUT")
    gateway = isinstance(problem, ServiceError) and problem.status in (502, 503, 504)
    if not (lost or gateway):
        return problem
    return NetworkError(
        f"{problem.message}. The job may have been made all the same.",
        title="Submitted, perhaps",
        hint="Look at the list of jobs before you submit it again.",
        code="PERHAPS_SUBMITTED",
    )
