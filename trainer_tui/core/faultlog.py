"""Where faults of the program itself are written: ``console.log`` in the state folder."""

from __future__ import annotations

import os
import re
import threading
import traceback
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from trainer_tui import sanitize

_LIMIT = 1 << 20
"""Bytes; then the file is kept once as ``console.log.1`` and begun anew."""
_SECRET = re.compile(
    r"(?i)\b(bearer|basic|token|api[_-]?key|authorization|password|secret|sig|signature)"
    r"(\s*[=:]\s*|\s+)['\"]?[^\s'\"&]+"
)


class FaultLog:
    """Appends tracebacks, without secrets and escape sequences; never raises.

    Args:
        secrets: Texts that must not be written, asked at each fault.
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], datetime],
        secrets: Callable[[], Iterable[str]] = lambda: (),
    ) -> None:
        self.path = path
        self._now = now
        self._secrets = secrets
        self._lock = threading.Lock()

    def write(self, error: BaseException) -> None:
        """Keep a traceback with the time."""
        text = sanitize.text(self.clean("".join(traceback.format_exception(error))))
        with self._lock:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self.path.exists() and self.path.stat().st_size > _LIMIT:
                    self.path.replace(self.path.with_name(self.path.name + ".1"))
                handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                with os.fdopen(handle, "a", encoding="utf-8", errors="replace") as file:
                    file.write(f"{self._now().isoformat()}\n{text}\n")
            except OSError:
                return  # a log that cannot be written must not stop what it tells about

    def clean(self, text: str) -> str:
        """The text with everything that looks like, or is, a credential taken out."""
        for secret in self._secrets():
            if len(secret) >= 4:
                text = text.replace(secret, "[secret]")
        return _SECRET.sub(r"\1\2[secret]", text)
