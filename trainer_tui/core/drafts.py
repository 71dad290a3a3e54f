"""Configs being written, kept on disk while they are: what a crash must not lose.

A :class:`Keeper` belongs to one editor. ``change`` may be called at every key; ``flush`` writes
what was said last, from any thread, and never an older text over a newer one. A text that loses
where two are at odds is set aside (:func:`set_aside`), and the last few that were sent stay.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Literal, Protocol

from trainer_tui.core.rows import Draft, Values
from trainer_tui.model import JobRef

WRITE_AFTER = 0.3
"""Seconds between the last key and the draft on disk: a crash loses at most so much typing."""
_KEEP_SENT = 5
"""Sent drafts that stay, newest first, to notice that the same is sent twice."""
_KEEP_ASIDE = 20
"""Texts set aside that stay, for each job."""
_PLACES = "drafts.places"
_SPOTS, _KEEP_SPOTS = "drafts.spots", 50
"""Of so many drafts it is kept where the cursor was; those that were written last."""


class DraftTable(Protocol):
    """The part of the store that is needed here."""

    def put_draft(self, draft: Draft) -> None: ...
    def drafts(self, ref: JobRef | None = None) -> list[Draft]: ...
    def discard_draft(self, draft_id: str) -> None: ...


class PlaceTable(Values, Protocol):
    """Another part of it."""

    def drafts(self, ref: JobRef | None = None) -> list[Draft]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new job is to run, and the file that its text came from."""

    gpu_type: str | None = None
    gpu_count: int | None = None
    runner: str | None = None
    file: str | None = None
    like: str | None = None
    """The job whose config it began from."""


def put_place(store: PlaceTable, draft_id: str, place: Place) -> None:
    """Keep a new job's place beside its draft; those of drafts that are gone are dropped."""
    held = store.get_value(_PLACES, {})
    known = {draft.id for draft in store.drafts()}
    places = {name: value for name, value in held.items() if name in known}
    places[draft_id] = asdict(place)
    store.set_value(_PLACES, places)


def place_of(store: PlaceTable, draft_id: str) -> Place:
    """The place that was kept for a draft."""
    held = store.get_value(_PLACES, {}).get(draft_id)
    names = {field.name for field in fields(Place)}
    return Place(**{k: v for k, v in held.items() if k in names}) if held else Place()


@dataclass(frozen=True, slots=True)
class Spot:
    """Where somebody was in a text: the cursor, and how far below the first row shown it stood."""

    row: int = 0
    column: int = 0
    below: int = 0


def put_spot(store: PlaceTable, draft_id: str, spot: Spot) -> None:
    """Keep where somebody is in a draft."""
    held = store.get_value(_SPOTS, {})
    held.pop(draft_id, None)
    kept = list(held.items())[1 - _KEEP_SPOTS :]
    store.set_value(_SPOTS, dict(kept) | {draft_id: [spot.row, spot.column, spot.below]})


def spot_of(store: PlaceTable, draft_id: str) -> Spot | None:
    """Where somebody was in a draft, where that was kept."""
    held = store.get_value(_SPOTS, {}).get(draft_id)
    return Spot(*held) if held else None


def unsent(store: DraftTable, ref: JobRef | None = None) -> list[Draft]:
    """Edits and new jobs that were begun and never sent, newest first: all, or one job's."""
    return [
        draft
        for draft in store.drafts(ref)
        if draft.kind != "kept" and draft.sent_at is None and draft.text != draft.base_text
    ]


def unsent_edit(store: DraftTable, ref: JobRef) -> Draft | None:
    """The newest edit of a job's config that was begun and never sent."""
    return next((draft for draft in unsent(store, ref) if draft.kind == "edit"), None)


def unsent_new(store: DraftTable) -> list[Draft]:
    """Configs for new jobs that were begun and never submitted, newest first."""
    return [draft for draft in unsent(store) if draft.kind == "new"]


def not_used(edited: datetime, now: datetime) -> str:
    """What is to be said before a job runs again while an edit of its config was not sent."""
    return f"An edit of its config ({ago(edited, now)}) was not sent: it runs without that."


def sent_before(store: DraftTable, ref: JobRef, text: str) -> Draft | None:
    """The edit of this job with the very same text that was sent already, if there is one."""
    for draft in store.drafts(ref):
        if draft.kind == "edit" and draft.sent_at is not None and draft.text == text:
            return draft
    return None


def last_sent(store: DraftTable, ref: JobRef) -> Draft | None:
    """The edit of a job that was sent last."""
    sent = [d for d in store.drafts(ref) if d.kind == "edit" and d.sent_at is not None]
    return max(sent, key=_sent_at, default=None)


def submitted_before(store: DraftTable, text: str) -> Draft | None:
    """A new job with the very same text that was submitted already, if there is one."""
    for draft in store.drafts():
        if draft.kind == "new" and draft.sent_at is not None and draft.text == text:
            return draft
    return None


def set_aside(
    store: DraftTable,
    now: datetime,
    *,
    profile: str,
    ref: JobRef | None,
    text: str,
    base_text: str | None,
) -> Draft:
    """Keep a text that another one was chosen over; the same text is kept once.

    Raises TrainerError when it cannot be written: then the other must not be taken.
    """
    kept = [d for d in store.drafts(ref) if d.kind == "kept" and d.ref == ref]
    for draft in kept:
        if draft.text == text:
            store.discard_draft(draft.id)
    draft = Draft(uuid.uuid4().hex, profile, text, now, "kept", ref, base_text)
    store.put_draft(draft)
    for old in [d for d in kept if d.text != text][_KEEP_ASIDE - 1 :]:
        store.discard_draft(old.id)
    return draft


def ago(then: datetime, now: datetime) -> str:
    """How long ago, in one rough unit: ``12m ago``."""
    seconds = max(0.0, (now - then).total_seconds())
    for size, word in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{word} ago"
    return "just now"


def _sent_at(draft: Draft) -> datetime:
    return draft.sent_at or draft.updated_at


class Keeper:
    """Keeps one draft."""

    def __init__(
        self,
        store: DraftTable,
        now: Callable[[], datetime],
        *,
        profile: str,
        kind: Literal["edit", "new"],
        base_text: str | None,
        ref: JobRef | None = None,
        draft: Draft | None = None,
        draft_id: str | None = None,
    ) -> None:
        """``draft``: one that is gone on with; ``draft_id``: what a new one shall be called."""
        self._store, self._now = store, now
        self._lock = threading.Lock()
        self._on_disk = draft is not None
        self._pending: str | None = None
        self._draft = draft or Draft(
            id=draft_id or uuid.uuid4().hex,
            profile=profile,
            text=base_text or "",
            updated_at=now(),
            kind=kind,
            ref=ref,
            base_text=base_text,
        )

    @property
    def draft(self) -> Draft:
        """The draft as last written, or as it will be."""
        return self._draft

    @property
    def waiting(self) -> bool:
        """Whether there is something that is not on disk yet."""
        return self._pending is not None

    @property
    def on_disk(self) -> bool:
        """Whether there is a draft on disk."""
        return self._on_disk

    def change(self, text: str) -> None:
        """Take the present text; it is written at the next :meth:`flush`."""
        self._pending = text

    def rebase(self, base_text: str | None) -> None:
        """The text that the edit is compared with is another one now."""
        with self._lock:
            self._draft = replace(self._draft, base_text=base_text)
            if self._pending is None and self._on_disk:
                self._pending = self._draft.text

    def flush(self) -> bool:
        """Write what is waiting. A text that is the base again needs no draft: it is dropped.

        Gives whether a draft is on disk now. Raises TrainerError when it cannot be written; it
        is tried again at the next flush.
        """
        with self._lock:
            text = self._pending
            if text is None:
                return self._on_disk
            if text == self._draft.base_text:
                if self._on_disk:
                    self._store.discard_draft(self._draft.id)
                    self._on_disk = False
                self._draft = replace(self._draft, text=text)
            else:
                draft = replace(self._draft, text=text, updated_at=self._now())
                self._store.put_draft(draft)
                self._draft, self._on_disk = draft, True
            if self._pending is text:
                self._pending = None
            return self._on_disk

    def sent(self) -> None:
        """The service has accepted the text: it is no draft any more."""
        self.flush()
        with self._lock:
            self._draft = replace(self._draft, sent_at=self._now())
            self._store.put_draft(self._draft)
            ref, kind = self._draft.ref, self._draft.kind
            sent = [
                d
                for d in self._store.drafts(ref)
                if d.sent_at is not None and d.kind == kind and d.ref == ref
            ]
            for old in sorted(sent, key=_sent_at, reverse=True)[_KEEP_SENT:]:
                self._store.discard_draft(old.id)

    def discard(self) -> None:
        """Drop the draft for good."""
        with self._lock:
            self._pending = None
            if self._on_disk:
                self._store.discard_draft(self._draft.id)
                self._on_disk = False
