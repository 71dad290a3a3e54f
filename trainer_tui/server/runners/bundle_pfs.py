"""``/pfs`` for one process: where kaos's machines have a job's inputs and its output.

Where the system lets us, the process gets a mount namespace of its own in which the whole machine
is as it is, plus ``/pfs``; nothing of it is seen outside, and it is gone with the process. Where
not, there is a folder of links that ``KAOS_PFS`` names.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

MOUNTED = "/pfs"
_PROBE_SECONDS = 20.0
# A new root is put together from bind mounts of all that is at the old one: to make /pfs itself
# would leave it on the machine.
_SCRIPT = r"""
set -e
root=$1; shift
mount -t tmpfs -o size=1m,mode=755 none "$root"
for entry in /* /.[!.]*; do
  name=${entry#/}
  if [ "$name" = pfs ]; then continue; fi
  if [ -L "$entry" ]; then cp -P "$entry" "$root/$name"
  elif [ -d "$entry" ]; then mkdir "$root/$name"; mount --rbind "$entry" "$root/$name"
  elif [ -e "$entry" ]; then : > "$root/$name"; mount --bind "$entry" "$root/$name"
  fi
done
mkdir "$root/pfs"
while [ "$1" != -- ]; do
  mkdir "$root/pfs/$1"; mount --bind "$2" "$root/pfs/$1"; shift 2
done
shift
here=$(pwd)
exec chroot "$root" sh -c 'cd "$1"; shift; exec "$@"' sh "$here" "$@"
"""


def wrapped(argv: Sequence[str], places: Mapping[str, Path], scratch: Path) -> list[str]:
    """A command that runs another with ``/pfs/NAME`` being each of some folders.

    Args:
        scratch: An empty folder, which stays empty outside.
    """
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    found = ["unshare", "--mount", *user, "--propagation", "private"]
    found += ["sh", "-c", _SCRIPT, "sh", str(scratch)]
    for name, folder in places.items():
        found += [name, str(folder)]
    return [*found, "--", *argv]


def why_not(scratch: Path) -> str | None:
    """Why ``/pfs`` cannot be mounted here, or ``None`` when it can (tried out)."""
    if shutil.which("unshare") is None:
        return "there is no program `unshare`"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            wrapped(["test", "-d", "/pfs/probe"], {"probe": scratch.parent}, scratch),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return said[-1] if said else f"exit code {done.returncode}"


def linked(places: Mapping[str, Path], folder: Path) -> Path:
    """A folder of links to the places, in the stead of ``/pfs``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, place in places.items():
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(place)
    return folder
