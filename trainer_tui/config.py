"""Profiles and settings, as the user wrote them.

(The shapes; reading and checking them is below.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

LOCAL = "local"
"""Name of the profile, and of the provider, of the local server. The profile needs no entry in
the config: asked for by name it is there."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential's *place*, never shown, resolved when it is used."""

    spec: str = field(repr=False)
    """``env:NAME``, ``file:PATH``, ``cmd:COMMAND``, ``keyring:SERVICE/USER`` or a literal."""

    @property
    def kind(self) -> str:
        """``env``, ``file``, ``cmd``, ``keyring`` or ``literal``."""
        raise NotImplementedError

    def resolve(self) -> str:
        """The credential itself. Raises ConfigError naming the place, never the value."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Profile:
    """One account on a provider."""

    name: str
    provider: str
    base_url: str | None = None
    token: Secret | None = None
    workspace: str | None = None
    socket: Path | None = None
    """Only ``local``: another server's Unix socket."""
    read_only: bool = False
    insecure: bool = False
    """Allow a plain-http base URL that is not loopback."""
    timeout: float = 20.0
    """Seconds without an answer before a request is given up."""
    extra: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """Keys that only this provider knows."""


@dataclass(frozen=True, slots=True)
class Config:
    """All that the config says."""

    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
