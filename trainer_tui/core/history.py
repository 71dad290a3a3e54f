"""What happened to a job: as the service tells it, and what only this console knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from trainer_tui.model import Event, EventKind

_OURS = frozenset({EventKind.ACT, EventKind.ERROR, EventKind.NOTE})
"""Kinds that only we know, where the service tells its own history."""


def joined(theirs: Sequence[Event], ours: Iterable[Event]) -> list[Event]:
    """Both as one, by time.

    A service that tells its history knows better than we what happened when; of ours then only
    what was done or found from here is added, and no error that it tells itself.
    """
    if theirs:
        errors = [event.text for event in theirs if event.kind is EventKind.ERROR]
        ours = [e for e in ours if e.kind in _OURS and not _told(e, errors)]
    return sorted((*theirs, *ours), key=lambda event: event.time)


def _told(event: Event, errors: Sequence[str]) -> bool:
    """Whether an error of ours is one of these; ours may end with its code."""
    if event.kind is not EventKind.ERROR:
        return False
    bare = event.text.rpartition(" (")[0] or event.text
    return any(event.text in text or bare in text for text in errors)
