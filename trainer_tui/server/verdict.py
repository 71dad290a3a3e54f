"""How a job ended, judged from what its supervisor wrote. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import Any

from trainer_tui import sanitize
from trainer_tui.model import JobError, Progress, Status
from trainer_tui.server.records import Act

TAIL = 16 * 1024
"""Bytes of a log's end that are looked through for an error."""
# Signals that come from outside: preemption, a closing session, a person.
_OUTSIDE = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
# "ValueError: …", "torch.cuda.OutOfMemoryError: …", "ERROR: …", "error: …", "fatal: …"
_ERROR = re.compile(
    r"^\s*(?:[\w.]*(?:Error|Exception|Interrupt|Exit)\b\s*:|(?:\S+:\s*)?(?:error|fatal)\b)", re.I
)


def verdict(
    state: Mapping[str, Any], progress: Progress | None, log_tail: str
) -> tuple[Status, JobError | None]:
    """The final status and, where there is one, the error.

    Args:
        state: A ``state.json`` whose ``finished_at`` is set.
        progress: As last observed.
        log_tail: The end of the log.
    """
    requested = state.get("requested")
    exit_code, number = state.get("exit_code"), state.get("signal")
    if requested == "cancel":
        return Status.CANCELED, None
    if exit_code == 0 and (requested is None or _complete(progress)):
        return Status.SUCCEEDED, None
    if requested == "stop":
        return Status.INTERRUPTED, None
    if state.get("error"):
        return Status.FAILED, JobError(sanitize.line(state["error"], limit=1000), "START")
    if isinstance(exit_code, int) and exit_code - 128 in _OUTSIDE:
        number = exit_code - 128
    if isinstance(number, int):
        name = _signal_name(number)
        if number in _OUTSIDE:
            return Status.INTERRUPTED, JobError(
                f"The process was ended from outside by {name}.", name
            )
        why = " This is mostly the system running out of memory." if name == "SIGKILL" else ""
        return Status.FAILED, JobError(f"The process was ended by {name}.{why}", name)
    said = error_line(log_tail)
    code = f"EXIT_{exit_code}"
    return Status.FAILED, JobError(said or f"The process ended with exit code {exit_code}.", code)


def vanished(requested: Act | None) -> tuple[Status, JobError | None]:
    """The end of a job whose supervisor is gone without a word."""
    if requested == "cancel":
        return Status.CANCELED, None
    if requested == "stop":
        return Status.INTERRUPTED, None
    return Status.INTERRUPTED, JobError(
        "The job's supervisor is gone and did not say how the job ended: the machine was restarted,"
        " or it was killed.",
        "SUPERVISOR_LOST",
    )


def error_line(log_tail: str) -> str | None:
    """The last line that reads like an error; else the last line that says anything."""
    lines = [line.rpartition("\r")[2] for line in log_tail.replace("\r\n", "\n").split("\n")]
    clean = [text for text in (sanitize.line(line, limit=1000) for line in lines) if text]
    for text in reversed(clean):
        if _ERROR.match(text):
            return text
    return clean[-1] if clean else None


def _complete(progress: Progress | None) -> bool:
    return (
        progress is not None and progress.total is not None and progress.current >= progress.total
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
