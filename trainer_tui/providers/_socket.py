"""The local server's Unix socket: whose folder it lies in, and who listens there."""

from __future__ import annotations

import os
import socket
import stat
import struct
from pathlib import Path

from trainer_tui.errors import ConfigError


def own_folder(folder: Path) -> None:
    """Make sure that the socket's folder, if there is one, is not someone else's trap.

    Raises:
        ConfigError: It belongs to another user, or is a link.
    """
    try:
        info = folder.lstat()
    except OSError:
        return  # there is none yet: whoever starts the server makes it
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise ConfigError(
            f"{folder} is not a folder of yours, so the server in it is not asked",
            hint="Remove it, or set XDG_RUNTIME_DIR or TRAINER_TUI_HOME to a folder of yours.",
        )


def listener(path: Path) -> int | None:
    """The process that listens at a Unix socket; ``None`` where the system does not tell.

    A socket that is forwarded from another machine is listened at by who forwards it.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as here:
            here.settimeout(1.0)
            here.connect(os.fspath(path))
            told = here.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    except OSError:
        return None
    return int(struct.unpack("3i", told)[0])
