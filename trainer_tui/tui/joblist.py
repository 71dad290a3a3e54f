"""The rows of the jobs table: which jobs are shown, in which order. No widget, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from trainer_tui.model import JobRef, Status

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.query import Query

_STATUS_ORDER = {status: place for place, status in enumerate(
    (
        Status.RUNNING,
        Status.STOPPING,
        Status.PREPARING,
        Status.QUEUED,
        Status.FAILED,
        Status.INTERRUPTED,
        Status.CANCELED,
        Status.SUCCEEDED,
        Status.UNKNOWN,
    )
)}  # fmt: skip


def sort_key(entry: Entry, column: str) -> Any:
    """What a column sorts by; ties go to the newest job. Smaller comes first."""
    job = entry.job
    born = -(job.created_at.timestamp() if job.created_at else 0.0)
    match column:
        case "name":
            return (job.name.casefold(), born)
        case "profile":
            return (job.ref.profile, born)
        case "status":
            return (_STATUS_ORDER[job.status], born)
        case "progress":
            done = job.progress.percent if job.progress else None
            return (-1.0 if done is None else done, born)
        case "step":
            return (job.progress.current if job.progress else -1, born)
        case "eta":
            left = entry.estimate.eta if entry.estimate and job.status.active else None
            return (left is None, left or 0.0, born)
        case "loss":
            loss = job.loss
            missing = loss is None or loss != loss
            return (missing, 0.0 if missing else loss, born)
        case _:
            return (born, str(job.ref))


class Filter:
    """The filter in force: the last text that could be read."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.text = ""
        self.query: Query | None = None
        self.matches: Callable[[Entry], bool] | None = None
        self.by_age = False
        """Whether time alone may change what it keeps."""

    def set(self, text: str) -> None:
        """Take another text. Raises UsageError where it cannot be read; the old one stays."""
        text = text.strip()
        if not text:
            self.text, self.query, self.matches, self.by_age = "", None, None, False
            return
        from trainer_tui.query import parse

        self.query = query = parse(text)
        now = self._now
        self.text, self.matches = text, lambda entry: query.matches(entry.job, now())
        self.by_age = re.search(r"\bage[<>]", str(query)) is not None


class JobList:
    """Shown jobs in order, kept up to date from what changed alone.

    ``matches`` decides which entries are shown; ``sort`` and ``reverse`` give the order.
    """

    def __init__(self) -> None:
        self.entries: dict[JobRef, Entry] = {}
        self.order: list[JobRef] = []
        self.sort = "age"
        self.reverse = False
        self._matches: Callable[[Entry], bool] | None = None
        self._keys: dict[JobRef, Any] = {}
        """What each shown job is sorted by."""
        self._keyed_by = ""
        self._index: dict[JobRef, int] | None = None
        self.profiles: set[str] = set()
        """Those that have jobs."""

    def __len__(self) -> int:
        return len(self.order)

    @property
    def total(self) -> int:
        """How many jobs there are, shown or not."""
        return len(self.entries)

    def index(self, ref: JobRef | None) -> int | None:
        """The row of a job, or ``None`` when it is not shown."""
        if ref is None:
            return None
        if self._index is None:
            self._index = {ref: row for row, ref in enumerate(self.order)}
        return self._index.get(ref)

    def at(self, row: int) -> Entry | None:
        """The entry of a row."""
        if 0 <= row < len(self.order):
            return self.entries[self.order[row]]
        return None

    def load(self, entries: Iterable[Entry]) -> None:
        """Begin anew with these entries."""
        self.entries = {entry.job.ref: entry for entry in entries}
        self._keys.clear()
        self.profiles = {ref.profile for ref in self.entries}
        self.arrange()

    def arrange(
        self,
        *,
        matches: Callable[[Entry], bool] | str | None = "same",
        sort: str | None = None,
        reverse: bool | None = None,
    ) -> None:
        """Filter and sort everything anew, with another rule where one is given."""
        if not isinstance(matches, str):
            self._matches = matches
        if sort is not None:
            self.sort = sort
        if reverse is not None:
            self.reverse = reverse
        keep = self._matches
        if self._keyed_by != self.sort:
            self._keys.clear()
            self._keyed_by = self.sort
        held = self._keys.get
        self._keys = {
            ref: held(ref) or sort_key(entry, self.sort)
            for ref, entry in self.entries.items()
            if keep is None or keep(entry)
        }
        self._reorder()

    def update(self, changed: Sequence[Entry], removed: Sequence[JobRef] = ()) -> bool:
        """Take new and changed entries, drop removed ones.

        Returns:
            Whether rows moved, came or went; where not, only these entries' texts may differ.
        """
        moved = False
        for ref in removed:
            self.entries.pop(ref, None)
            moved |= self._keys.pop(ref, None) is not None
        for entry in changed:
            ref = entry.job.ref
            self.profiles.add(ref.profile)
            self.entries[ref] = entry
            if self._matches is None or self._matches(entry):
                key = sort_key(entry, self.sort)
                if self._keys.get(ref) != key:
                    self._keys[ref] = key
                    moved = True
            elif self._keys.pop(ref, None) is not None:
                moved = True
        if moved:
            before = self.order
            self._reorder()
            moved = before != self.order
        return moved

    def _reorder(self) -> None:
        pairs = sorted(self._keys.items(), key=itemgetter(1), reverse=self.reverse)
        self.order = [ref for ref, _ in pairs]
        self._index = None
