"""Where things are kept. Nothing is created on import; each folder is made by whoever writes.

One environment variable, ``TRAINER_TUI_HOME``, puts everything below one folder (the demo and
the tests use it). ``TRAINER_TUI_CONFIG`` names the config file alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APP = "trainer-tui"
# A Unix socket's path must fit sockaddr_un.sun_path: 108 bytes on Linux, 104 on macOS.
_MAX_SOCKET = 100


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one installation."""

    config_file: Path
    state: Path
    """The store, drafts, the session, the local server's jobs: what the user would miss."""
    cache: Path
    """Log spools, the first-frame cache: may be deleted at any time."""
    runtime: Path
    """Sockets and pid files of this boot; private to the user."""

    @classmethod
    def default(cls, env: Mapping[str, str] | None = None) -> Paths:
        """The platform's folders, or those that the environment names."""
        env = os.environ if env is None else env
        home = env.get("TRAINER_TUI_HOME")
        if home:
            found = cls.under(Path(home).expanduser())
        else:
            import platformdirs

            found = cls(
                config_file=Path(platformdirs.user_config_dir(APP)) / "config.toml",
                state=Path(platformdirs.user_state_dir(APP)),
                cache=Path(platformdirs.user_cache_dir(APP)),
                runtime=_runtime(env),
            )
        config = env.get("TRAINER_TUI_CONFIG")
        if config:
            found = cls(Path(config).expanduser(), found.state, found.cache, found.runtime)
        return found

    @classmethod
    def under(cls, home: Path) -> Paths:
        """Everything below one folder."""
        return cls(home / "config.toml", home / "state", home / "cache", home / "run")

    @property
    def managed_profiles(self) -> Path:
        """Profiles that the console itself added; beside the config, never inside it."""
        return self.config_file.with_name("profiles.toml")

    @property
    def themes(self) -> Path:
        """The user's own themes."""
        return self.config_file.with_name("themes")

    @property
    def store(self) -> Path:
        """The SQLite file of everything ever seen."""
        return self.state / "store.db"

    @property
    def server(self) -> Path:
        """The local server's own folder: its jobs, datasets and log."""
        return self.state / "server"

    @property
    def socket(self) -> Path:
        """The local server's Unix socket.

        Where the runtime folder's path is too long for a socket, a short private folder named
        after it is used instead.
        """
        path = self.runtime / "server.sock"
        if len(os.fsencode(path)) <= _MAX_SOCKET:
            return path
        import hashlib
        import tempfile

        tag = hashlib.sha256(os.fsencode(self.runtime)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"{APP}-{_uid()}-{tag}" / "server.sock"


def private_folder(folder: Path) -> Path:
    """Make a folder that only its owner may enter (0700), and prove that it is ours.

    Raises:
        PermissionError: It exists and belongs to someone else, or is a link.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or (hasattr(os, "getuid") and info.st_uid != os.getuid()):
        raise PermissionError(f"{folder} is not a folder of yours; remove it or name another")
    if stat.S_IMODE(info.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder


def write_atomic(path: Path, data: str | bytes, *, mode: int = 0o600) -> None:
    """Replace a file in one step: readers see the old content or the new, never half of it.

    Raises:
        OSError: The disk is full or the folder cannot be written; the old file is untouched.
    """
    import tempfile

    payload = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _runtime(env: Mapping[str, str]) -> Path:
    base = env.get("XDG_RUNTIME_DIR")
    if base and Path(base).is_dir():
        return Path(base) / APP
    import tempfile

    return Path(tempfile.gettempdir()) / f"{APP}-{_uid()}"


def _uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
