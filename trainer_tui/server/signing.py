"""URLs that are good by themselves, for a while: what an artifact host would give out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from urllib.parse import quote

from trainer_tui.paths import write_atomic


class Signer:
    """Signs URL paths with a key that is kept beside the jobs, so that URLs outlive the server."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, path: Path) -> Signer:
        """Read the key, or make one (0600). Raises OSError."""
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = b""
        if len(key) < 32:
            key = secrets.token_bytes(32)
            write_atomic(path, key)
        return cls(key)

    def sign(self, path: str, expires: int, *, purpose: str = "get") -> str:
        """A path (not yet percent-encoded) as a URL with ``exp`` (epoch seconds) and ``sig``."""
        return f"{quote(path)}?exp={expires}&sig={self._signature(path, expires, purpose)}"

    def check(
        self,
        path: str,
        expires: str | None,
        signature: str | None,
        now: float,
        *,
        purpose: str = "get",
    ) -> bool:
        """Whether the signature is ours, for this path and purpose, and not out of date."""
        if expires is None or signature is None or not expires.isascii() or not expires.isdigit():
            return False
        if len(expires) > 15 or int(expires) < now:
            return False
        expected = self._signature(path, int(expires), purpose)
        return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))

    def _signature(self, path: str, expires: int, purpose: str) -> str:
        said = f"{purpose}\n{path}\n{expires}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()
