"""The server as a process of its own: ``python -m trainer_tui.server``.

Exits with 0 after SIGTERM or SIGINT, with 3 when a server already runs on this socket or folder
(whoever lost the race then talks to the winner), else as the errors say.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_tui.config import Secret
from trainer_tui.errors import ConfigError, TrainerError, UsageError
from trainer_tui.paths import Paths
from trainer_tui.server.settings import ServerSettings

if TYPE_CHECKING:
    from trainer_tui.server.runners.base import Runner
    from trainer_tui.server.service import Options

TOKEN_VARIABLE = "TRAINER_TUI_TOKEN"
MISSING_EXTRA = "The local server needs a few packages more: pip install 'trainer-tui[local]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a server, also those of ``trainer-tui serve``."""
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="folder of jobs, datasets and the server's log"
    )
    parser.add_argument("--socket", type=Path, metavar="PATH", help="Unix socket to listen on")
    parser.add_argument(
        "--port", type=_port, metavar="N", help="listen on 127.0.0.1:N too (0: any free port)"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"token for TCP (or ${TOKEN_VARIABLE})"
    )
    parser.add_argument(
        "--cpu-slots", type=_count, metavar="N", help="jobs without a GPU at once (cores / 2)"
    )
    parser.add_argument(
        "--gpus", type=_gpus, metavar="LIST", help="GPUs to use: auto, none, or 0,1,…"
    )
    parser.add_argument("--grace", type=_seconds, metavar="S", help="seconds SIGINT to SIGTERM")
    parser.add_argument(
        "--kill-after", type=_seconds, metavar="S", help="seconds SIGTERM to SIGKILL"
    )
    parser.add_argument("--ai-toolkit", type=Path, metavar="DIR", help="AI Toolkit checkout")
    parser.add_argument(
        "--ai-toolkit-python", type=Path, metavar="FILE", help="the Python to run it with"
    )
    parser.add_argument(
        "--projects",
        type=Path,
        metavar="DIR",
        help="images as DIR/WORKSPACE/PROJECT/VERSION/…, served to Roboflow's clients",
    )
    parser.add_argument(
        "--bundle-venv",
        action="store_true",
        default=None,
        help="install what a kaos bundle's requirements ask for, into the job's own environment",
    )


_SETTINGS = (
    "cpu_slots",
    "ai_toolkit",
    "ai_toolkit_python",
    "projects",
    "bundle_venv",
    "grace",
    "kill_after",
)


def options_from(args: argparse.Namespace, paths: Paths) -> Options:
    """What the arguments ask for; what they leave open is as in the config, or the default.

    Raises:
        TrainerError: The token file cannot be read.
        ModuleNotFoundError: The extra ``local`` is not installed.
    """
    from trainer_tui.server.service import Options

    local = _configured(paths)

    def pick(name: str, fallback: object = None) -> object:
        given = getattr(args, name, None)
        return given if given is not None else getattr(local, name, fallback)

    gpus = pick("gpus", "auto")
    known: dict[str, object] = {
        name: value for name in _SETTINGS if (value := pick(name)) is not None
    }
    settings = ServerSettings(
        folder=(args.state or paths.server).absolute(),
        gpus="auto" if gpus == "auto" else tuple(gpus),  # type: ignore[arg-type]
        **known,  # type: ignore[arg-type]
    )
    return Options(
        settings=settings,
        socket=(args.socket or paths.socket).absolute(),
        port=pick("port"),  # type: ignore[arg-type]
        token=getattr(args, "token", None) or _token(args.token_file) or _secret(pick("token")),
        ready_fd=getattr(args, "ready_fd", None),
    )


def main(argv: Sequence[str] | None = None, *, runners: Mapping[str, Runner] | None = None) -> int:
    """Run a server; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer_tui.server", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--ready-fd", type=int, metavar="N", help="write a line there when ready")
    args = parser.parse_args(argv)
    try:
        from trainer_tui.server.service import serve

        serve(options_from(args, Paths.default()), runners=runners)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "trainer_tui":
            raise
        print(f"{MISSING_EXTRA} ({error})", file=sys.stderr)
        return 2
    except TrainerError as error:
        print(error.message, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _configured(paths: Paths) -> object:
    """The ``[local]`` part of the config; mistakes in the config are no reason not to serve."""
    from trainer_tui import config

    try:
        return config.load(paths).local
    except ConfigError as error:
        print(f"{error.message} (the defaults are used)", file=sys.stderr)
        return None


def _secret(token: object) -> str | None:
    """The token that the config names; a command line's own is a plain text already."""
    return token.resolve() if isinstance(token, Secret) else None


def _token(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"The token file {path} cannot be read: {why}.") from error
    if not token:
        raise UsageError(f"The token file {path} is empty.")
    return token


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError("a whole number from 0 on is needed")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("a number of seconds is needed")
    return seconds


def _gpus(text: str) -> str | tuple[int, ...]:
    if text in ("auto", "none"):
        return "auto" if text == "auto" else ()
    if not all(part.strip().isdigit() for part in text.split(",")):
        raise argparse.ArgumentTypeError("auto, none, or indexes like 0,1 are needed")
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
