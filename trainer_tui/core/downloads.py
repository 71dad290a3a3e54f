"""The artifact queue: a few files at once, each as a row that outlives a crash."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from trainer_tui.core import schedule
from trainer_tui.core.clock import Clock
from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.core.store import Store
from trainer_tui.core.transfer import (
    URL_EXPIRED,
    Transfer,
    free_bytes,
    numbered,
    part_of,
    remove_part,
)
from trainer_tui.errors import NetworkError, NotFoundError, ServiceError, TrainerError
from trainer_tui.model import Artifact, JobRef
from trainer_tui.providers.base import Provider
from trainer_tui.sanitize import filename

TRIES = 5
"""In a row without a single new byte; then the person decides."""
_GOING = frozenset({DownloadPhase.WAITING, DownloadPhase.RUNNING})


class Downloads:
    """Rows and the tasks that carry them out.

    Rows may be added and steered from any thread; :meth:`run` is the network loop's. The rows of
    a program that has died are taken over, those of one that lives are left to it.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        provider: Callable[[str], Awaitable[Provider]],
        on_change: Callable[[DownloadRow], None] = lambda row: None,
        on_bug: Callable[[BaseException], None] = lambda error: None,
        parallel: int = 3,
        room: Callable[[Path], int] = free_bytes,
        chance: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self.parallel = parallel
        self._store = store
        self._clock = clock
        self._provider = provider
        self._on_change = on_change
        self._on_bug = on_bug
        self._room = room
        self._chance = chance
        self._lock = threading.RLock()
        self._rows: dict[int, DownloadRow] = {}
        self._artifacts: dict[int, Artifact] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell = asyncio.Event()
        for row in store.downloads():
            self._adopt(row)

    def rows(self) -> list[DownloadRow]:
        """All rows, oldest first."""
        with self._lock:
            return list(self._rows.values())

    def add(self, ref: JobRef, artifacts: Iterable[Artifact], folder: Path) -> list[DownloadRow]:
        """Queue files into a folder; gives a row for each.

        A file that is there already is not fetched again; another of the same name is left alone
        and the new one gets a number.
        """
        with self._lock:
            rows = [self._add(ref, artifact, folder) for artifact in artifacts]
        for row in rows:
            self._on_change(row)
        self._ring()
        return rows

    def pause(self, row_id: int) -> None:
        """Hold a download; what is there stays."""
        self._steer(row_id, _GOING, DownloadPhase.PAUSED)

    def retry(self, row_id: int) -> None:
        """Go on from the byte that is held."""
        over = frozenset({DownloadPhase.PAUSED, DownloadPhase.FAILED, DownloadPhase.CANCELED})
        self._steer(row_id, over, DownloadPhase.WAITING)

    def cancel(self, row_id: int) -> None:
        """Give it up, with what is there of it."""
        gone = _GOING | {DownloadPhase.PAUSED, DownloadPhase.FAILED}
        self._steer(row_id, gone, DownloadPhase.CANCELED)

    def clear(self) -> None:
        """Forget the rows that have ended; the files stay."""
        with self._lock:
            for row in [row for row in self._rows.values() if row.phase.ended]:
                del self._rows[row.id]
                self._artifacts.pop(row.id, None)
                try:
                    self._store.drop_download(row.id)
                except TrainerError as error:  # it is on the list again next time
                    self._on_bug(error)

    async def run(self, *, until_idle: bool = False) -> None:
        """Carry out what is queued; until canceled, or until nothing is left to do."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._bell.clear()
                self._begin_waiting()
                if until_idle and not self._tasks:
                    return
                await self._bell.wait()
        finally:
            self._loop = None
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._disown()

    # Rows.

    def _adopt(self, row: DownloadRow) -> None:
        if row.phase in _GOING:
            if row.owner not in {0, os.getpid()} and _alive(row.owner):
                return
            held = part_of(row.target).stat().st_size if part_of(row.target).exists() else 0
            row = row.replace(phase=DownloadPhase.WAITING, owner=os.getpid(), held=held, rate=None)
            self._store.put_download(row)
        self._rows[row.id] = row

    def _disown(self) -> None:
        """Leave what is not done for the next program to take over."""
        with self._lock:
            for row in list(self._rows.values()):
                if row.phase in _GOING:
                    with contextlib.suppress(TrainerError):
                        self._store.put_download(row.replace(owner=0))

    def _add(self, ref: JobRef, artifact: Artifact, folder: Path) -> DownloadRow:
        wanted = folder / filename(artifact.name)
        fresh = DownloadRow(
            0,
            ref,
            artifact.name,
            artifact.kind,
            wanted,
            size=artifact.size,
            etag=artifact.etag,
            step=artifact.step,
            created_at=self._clock.now(),
            owner=os.getpid(),
        )
        for n in range(1, 10_000):
            target = numbered(wanted, n)
            row = self._placed(fresh.replace(target=target))
            if row is not None:
                self._artifacts[row.id] = artifact
                return row
        raise TrainerError(f"there are too many files named {wanted.name} in {folder}")

    def _placed(self, fresh: DownloadRow) -> DownloadRow | None:
        """A row for this target, or ``None`` when the place is another file's."""
        target = fresh.target
        claims = [row for row in self._rows.values() if row.target == target]
        for row in claims:
            if row.phase is not DownloadPhase.DONE:
                if (row.ref, row.name) != (fresh.ref, fresh.name):
                    return None
                if row.phase in _GOING:
                    return row
                return self._keep(row.replace(phase=DownloadPhase.WAITING, note=""))
        if not target.exists():
            return self._keep(fresh)
        same_size = fresh.size is not None and target.stat().st_size == fresh.size
        claim = claims[-1] if claims else None
        if not same_size or (claim is not None and not _same_file(claim, fresh)):
            return None
        done = fresh.replace(phase=DownloadPhase.DONE, held=fresh.size, note="already there")
        return self._keep(done)

    def _keep(self, row: DownloadRow) -> DownloadRow:
        row = self._store.put_download(row)
        self._rows[row.id] = row
        return row

    def _change(self, row_id: int, **fields: object) -> None:
        """Show a row as it now is; on a full disk it goes on without having been written."""
        with self._lock:
            row = self._rows[row_id] = self._rows[row_id].replace(**fields)
            try:
                self._store.put_download(row)
            except TrainerError as error:
                self._on_bug(error)
        self._on_change(row)

    def _steer(self, row_id: int, from_: frozenset[DownloadPhase], to: DownloadPhase) -> None:
        with self._lock:
            row = self._rows.get(row_id)
            if row is None or row.phase not in from_:
                return
            self._change(row_id, phase=to, rate=None, note="", owner=os.getpid())
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._enforce, row_id)
        else:
            self._enforce(row_id)

    def _enforce(self, row_id: int) -> None:
        """Make what runs agree with what the row says."""
        row, task = self._rows.get(row_id), self._tasks.get(row_id)
        if row is None:
            return
        if task is not None and row.phase not in _GOING:
            task.cancel()
        elif task is None and row.phase is DownloadPhase.CANCELED:
            remove_part(row.target)
        self._bell.set()

    def _ring(self) -> None:
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._bell.set)

    # Carrying out.

    def _begin_waiting(self) -> None:
        waiting = [row for row in self.rows() if row.phase is DownloadPhase.WAITING]
        for row in waiting:
            if len(self._tasks) >= self.parallel:
                break
            if row.id not in self._tasks:
                self._tasks[row.id] = asyncio.ensure_future(self._carry_out(row.id))

    async def _carry_out(self, row_id: int) -> None:
        self._change(row_id, phase=DownloadPhase.RUNNING, note="")
        row = self._rows[row_id]
        transfer = Transfer(
            row, self._artifacts.get(row_id), self._provider, self._clock, self._moved, self._room
        )
        try:
            done = await self._persist(transfer)
            self._change(
                row_id,
                phase=DownloadPhase.DONE,
                rate=None,
                note=done.note
                or ("" if done.target == row.target else f"saved as {done.target.name}"),
                target=done.target,
                held=done.held,
                size=done.size,
                etag=done.etag,
            )
        except asyncio.CancelledError:
            self._let_go(row_id, transfer)
            raise
        except TrainerError as error:
            self._break_off(row_id, transfer, error.message)
        except Exception as error:
            self._on_bug(error)
            self._break_off(row_id, transfer, f"a fault of this program: {type(error).__name__}")
        finally:
            del self._tasks[row_id]
            self._bell.set()

    async def _persist(self, transfer: Transfer) -> DownloadRow:
        """Try again after what may pass by itself, as long as bytes keep coming."""
        idle, held = 0, transfer.moved
        while True:
            try:
                return await transfer.run()
            except TrainerError as error:
                if transfer.moved > held:
                    idle, held = 0, transfer.moved
                idle += 1
                expired = isinstance(error, NotFoundError) and error.code == URL_EXPIRED
                passing = isinstance(error, NetworkError | ServiceError)
                if idle >= TRIES or not (expired or (passing and error.code != "BROKEN_FILE")):
                    raise
                if not expired or idle > 1:
                    seconds = schedule.retry_after(error, idle, self._chance())
                    note = f"{error.message}; trying again"
                    self._change(transfer.row.id, held=transfer.moved, rate=None, note=note)
                    await self._clock.wait(asyncio.Event(), seconds)
                    self._change(transfer.row.id, note="")

    def _let_go(self, row_id: int, transfer: Transfer) -> None:
        row = self._rows.get(row_id)
        if row is None:
            return
        if row.phase is DownloadPhase.CANCELED:
            remove_part(row.target)
            self._change(row_id, held=0)
        else:
            self._change(row_id, held=transfer.moved, rate=None)

    def _break_off(self, row_id: int, transfer: Transfer, note: str) -> None:
        self._change(row_id, phase=DownloadPhase.FAILED, held=transfer.moved, rate=None, note=note)

    def _moved(self, moved: DownloadRow) -> None:
        """Progress: shown, not written; the part's length says it after a crash."""
        with self._lock:
            row = self._rows.get(moved.id)
            if row is None or row.phase is not DownloadPhase.RUNNING:
                return
            row = row.replace(held=moved.held, size=moved.size, etag=moved.etag, rate=moved.rate)
            self._rows[row.id] = row
        self._on_change(row)


def folder_of(root: Path, ref: JobRef, name: str, rows: Iterable[DownloadRow]) -> Path:
    """A folder of the job's own name; with its id where another job's files are there.

    Args:
        root: The configured folder.
        rows: What was downloaded before.
    """
    named = root / filename(name.replace("/", "-"), fallback="job")
    if any(row.target.parent == named for row in rows if row.ref != ref):
        return named.with_name(filename(f"{named.name}-{ref.id}"))
    return named


def _same_file(claim: DownloadRow, fresh: DownloadRow) -> bool:
    """Whether what was once downloaded to a place is the file that is now asked for."""
    if (claim.ref, claim.name) != (fresh.ref, fresh.name):
        return False
    return claim.etag is None or fresh.etag is None or claim.etag == fresh.etag


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
