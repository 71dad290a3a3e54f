"""What the engine knows of a job: one frozen record, and its form on the disk."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Literal

from trainer_tui.model import Gpu, JobError, Progress, Status

Act = Literal["stop", "cancel"]
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_EPOCH_MS = 1_577_836_800_000  # 2020-01-01; 40 bits of milliseconds last until 2054


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job as the engine has it."""

    id: str
    name: str
    runner: str
    status: Status
    created_at: datetime
    config_etag: str
    """The first 16 hex digits of the SHA-256 of the config's bytes."""
    config_name: str | None = None
    total: int | None = None
    """The last step, where the config tells."""
    gpu: Gpu | None = None
    """As it was asked for."""
    gpu_count: int = 0
    """How many GPUs it is given; 0: a CPU slot."""
    token: str | None = None
    """The submitter's own id of the request."""
    origin: str = "native"
    """The dialect that it came in by."""
    attempt: int = 1
    """Counts from 1; a resume makes the next."""
    launch: int = 0
    """Counts the starts of a supervisor, those that never came to be included."""
    queue_key: int = 0
    """The place in the queue: the smallest is next."""
    slot_gpus: tuple[int, ...] = ()
    requested: Act | None = None
    """What it is being ended for."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    pid: int | None = None
    error: JobError | None = None
    progress: Progress | None = None
    loss: float | None = None
    checkpoint_step: int = 0
    exit_code: int | None = None
    seq: int = 0
    """The number of its newest event."""
    rev: int = 0
    """Grows with every change that can be seen; for caches, not kept on the disk."""

    def replace(self, **changes: Any) -> JobRecord:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    @property
    def running(self) -> bool:
        """Whether a supervisor is, or may be, at work on it."""
        return self.status in (Status.PREPARING, Status.RUNNING, Status.STOPPING)

    @property
    def raw_status(self) -> str:
        """The status in this server's own words."""
        if self.status is Status.STOPPING and self.requested == "cancel":
            return "canceling"
        return str(self.status)

    def to_json(self) -> dict[str, object]:
        """The form on the disk."""
        kept: dict[str, object] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "rev":
                continue
            if isinstance(value, datetime):
                value = format_time(value)
            elif dataclasses.is_dataclass(value) and not isinstance(value, type):
                value = dataclasses.asdict(value)
            kept[field.name] = value
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> JobRecord:
        """From the form on the disk; fields that a later version added are passed over.

        Raises:
            ValueError, TypeError, KeyError: It is not such a record.
        """
        known = {field.name for field in dataclasses.fields(cls)} - {"rev"}
        values = {key: value for key, value in kept.items() if key in known}
        for key, kinds in _KINDS.items():
            if key in values and type(values[key]) not in kinds:
                raise ValueError(f"its {key} is {values[key]!r}")
        values["status"] = Status(values["status"])
        for key in ("created_at", "started_at", "finished_at"):
            if values.get(key) is not None:
                values[key] = parse_time(values[key])
        values["slot_gpus"] = tuple(values.get("slot_gpus") or ())
        for key, kind in (("gpu", Gpu), ("error", JobError), ("progress", Progress)):
            if values.get(key) is not None:
                values[key] = kind(**values[key])
        return cls(**values)


_TEXT, _MAYBE_TEXT = (str,), (str, NoneType)
_WHOLE, _MAYBE_WHOLE = (int,), (int, NoneType)
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "name", "runner", "config_etag", "origin", "created_at"), _TEXT),
    **dict.fromkeys(("config_name", "token", "requested"), _MAYBE_TEXT),
    **dict.fromkeys(("gpu_count", "attempt", "launch", "queue_key", "checkpoint_step"), _WHOLE),
    **dict.fromkeys(("seq",), _WHOLE),
    **dict.fromkeys(("total", "pid", "exit_code"), _MAYBE_WHOLE),
    "loss": (int, float, NoneType),
    "slot_gpus": (list, tuple, NoneType),
}
"""What the fields of a record may be on the disk."""


def format_time(moment: datetime) -> str:
    """RFC 3339, UTC, microseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """The reverse of :func:`format_time`. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def from_seconds(seconds: float) -> datetime:
    """A moment from epoch seconds; the epoch where a file's time is none that a calendar has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


class Ids:
    """Makes job ids: 12 characters, sorted by the moment they were made, hard to guess by hand."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last = 0

    def seen(self, job_id: str) -> None:
        """Never make an id that sorts before this one."""
        try:
            moment = 0
            for letter in job_id[:8]:
                moment = moment * 32 + _ALPHABET.index(letter)
        except ValueError:
            return
        self._last = max(self._last, moment)

    def new(self) -> str:
        """The next id."""
        moment = max(int(self._now().timestamp() * 1000) - _EPOCH_MS, self._last + 1)
        self._last = moment
        letters = []
        for _ in range(8):
            moment, digit = divmod(moment, 32)
            letters.append(_ALPHABET[digit])
        return "".join(reversed(letters)) + "".join(secrets.choice(_ALPHABET) for _ in range(4))
