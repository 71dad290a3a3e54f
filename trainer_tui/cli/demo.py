"""``trainer-tui demo``: everything, on one machine, on no account.

A throw-away folder holds a config with four profiles, one for each dialect that the local server
speaks, the store, the server's state and a small dataset painted on the spot. Five jobs are
submitted, three of which fit on the server at once, and the console opens on them. Nothing of the
user's own config or state is read or written.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from trainer_tui.cli import demo_bundle
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.demo_jobs import DATASET, submissions
from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.paths import Paths, private_folder, write_atomic

WORKSPACE = "studio"
SLOTS = 3
# Nothing in the demo's folder may be of use to anyone else.
_PREFIX = "trainer-tui-demo-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it is kept and what becomes of it."""
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="a folder to keep it in, and to open it from"
    )
    after = parser.add_mutually_exclusive_group()
    after.add_argument("--keep", action="store_true", help="leave everything there afterwards")
    after.add_argument("--remove", action="store_true", help="remove everything afterwards")
    parser.add_argument(
        "--setup-only",
        action="store_true",
        help="set it up, say where it is, and leave it running without the console",
    )


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Set the demo up, open the console on it, and clear up after it."""
    needs_local_extra()
    if not args.setup_only and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the demo opens the console, and there is no terminal here",
            hint="Without a console: trainer-tui demo --setup-only",
        )
    home, ours = _home(args.folder)
    paths = Paths.under(home)
    demo = CliContext(paths, json=context.json, yes=True)
    with _hangup_clears_up():
        try:
            fresh = not paths.config_file.exists()
            if fresh:
                context.say(f"A throw-away demo in {home}")
                _write_config(paths)
                context.say("painting 24 small pictures with captions")
                _paint(home / "datasets" / DATASET)
                _lay_out(home)
            context.say("starting the local server")
            asyncio.run(_submit_all(demo, home, context, fresh=fresh))
        except BaseException:
            if ours:
                _remove(paths, home)
            raise
        finally:
            demo.close()
        if args.setup_only:
            _tell(context, home)
            return DONE
        try:
            code = _console(paths, args.ascii)
        except BaseException:
            if ours and not args.keep:
                _remove(paths, home)
            raise
    if args.keep or not (args.remove or _asked_to_remove(context, home)):
        _tell(context, home)
    else:
        context.say("ending the server and its jobs")
        _remove(paths, home)
        context.say("removed; nothing is left")
    return code


def needs_local_extra() -> None:
    """Raise UsageError where the packages of the extra ``local`` are missing."""
    import importlib.util

    wanted = ("starlette", "uvicorn", "numpy", "PIL", "safetensors")
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the demo trains here and needs packages that are missing: {', '.join(missing)}",
            hint="pip install 'trainer-tui[local]'",
        )


def _home(folder: Path | None) -> tuple[Path, bool]:
    """The demo's folder, and whether it was made here and now.

    Raises:
        UsageError: The folder holds something that is not a demo.
    """
    if folder is None:
        return Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve(), True
    home = folder.expanduser().resolve()
    if home.is_dir() and any(home.iterdir()) and not _is_demo(home):
        raise UsageError(
            f"{home} holds other things; the demo wants a folder of its own",
            hint="Name one that does not exist, or leave --folder away.",
        )
    fresh = not home.exists()
    try:
        private_folder(home)
    except OSError as error:
        raise UsageError(f"{home} cannot be used: {error.strerror or error}") from error
    return home, fresh


def _is_demo(home: Path) -> bool:
    return (home / "demo").is_file()


def _write_config(paths: Paths) -> None:
    home = paths.config_file.parent
    private_folder(home)
    write_atomic(home / "token", secrets.token_urlsafe(24) + "\n")
    port = _free_port()
    config = f"""\
# The demo's own config; yours is not touched.

[profiles.local]
provider = "local"
options.origin = "native"  # the jobs that came through RunComfy's dialect are listed below

[profiles.comfy-local]
provider = "runcomfy"
base_url = "http://127.0.0.1:{port}"
token = 'file:{home / "token"}'

[profiles.vision-local]
provider = "roboflow"
base_url = "http://127.0.0.1:{port}"
workspace = "{WORKSPACE}"
token = 'file:{home / "token"}'

[profiles.kaos-local]
provider = "kaos"
base_url = "http://127.0.0.1:{port}"
workspace = "{WORKSPACE}"
token = 'file:{home / "token"}'

[local]
projects = '{home / "projects"}'
cpu_slots = {SLOTS}
port = {port}
token = 'file:{home / "token"}'

[downloads]
folder = '{home / "downloads"}'
"""
    write_atomic(home / "demo", "made by trainer-tui demo; the whole folder may be removed\n")
    write_atomic(paths.config_file, config)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _paint(folder: Path) -> None:
    from trainer_tui.server.sampledata import make_dataset

    make_dataset(folder, count=24, size=96)


def _lay_out(home: Path) -> None:
    """The pictures once more as a project's version, and a source bundle."""
    version = home / "projects" / WORKSPACE / DATASET / "1" / "train"
    version.mkdir(parents=True)
    for picture in sorted((home / "datasets" / DATASET).iterdir()):
        with contextlib.suppress(OSError):
            os.link(picture, version / picture.name)
            continue
        shutil.copyfile(picture, version / picture.name)
    demo_bundle.write(home / "bundles" / demo_bundle.NAME)


async def _submit_all(demo: CliContext, home: Path, context: CliContext, *, fresh: bool) -> None:
    """Start the server by asking it; on a fresh demo, upload the dataset and submit the jobs."""
    from trainer_tui.cli.service import Service
    from trainer_tui.model import JobRef
    from trainer_tui.providers.base import Submission
    from trainer_tui.providers.capabilities import CanSubmit

    async with Service(demo) as service:
        await service.provider("local").check()
        if not fresh:
            return
        await _upload(service.provider("comfy-local"), home / "datasets" / DATASET)
        for profile, text in submissions(home):
            provider = service.provider(profile)
            assert isinstance(provider, CanSubmit)

            def accepted(job_id: str, profile: str = profile) -> None:
                ref = JobRef(profile, job_id)
                demo.store.track(ref, service.facts(profile).name, source="submitted")

            made = await provider.submit(Submission(text), accepted=accepted)
            demo.store.save_jobs([made], service.now())
            context.say(f"submitted {made.ref.profile}/{made.name}: {made.status}")


async def _upload(provider: object, dataset: Path) -> None:
    """Put the pictures where RunComfy's dialect wants them: a dataset, asked for by name."""
    from trainer_tui.providers.runcomfy import RunComfy

    assert isinstance(provider, RunComfy)
    made = await provider.create_dataset(DATASET)
    packed = await asyncio.to_thread(
        shutil.make_archive, str(dataset), "zip", root_dir=str(dataset)
    )
    await provider.upload_to_dataset(made.id, Path(packed))
    state = await provider.dataset_status(made.id)
    if not state.ready:
        raise TrainerError(f"the demo's dataset was not accepted: {state.status}")


def _console(paths: Paths, ascii: bool | None) -> int:
    from trainer_tui.tui.start import start

    return start(paths, ascii=ascii)


def _asked_to_remove(context: CliContext, home: Path) -> bool:
    if not context.can_ask:
        return True
    size = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    context.stderr.write(
        f"The demo's jobs, downloads and server are in {home} ({size / 1e6:.1f} MB).\n"
        "Remove all of it? [Y/n] "
    )
    context.stderr.flush()
    return context.stdin.readline().strip().lower() not in {"n", "no", "k", "keep"}


def _tell(context: CliContext, home: Path) -> None:
    if context.json:
        context.print_json({"folder": str(home)})
        return
    context.say(
        f"kept in {home}\n"
        f"  open it again   trainer-tui demo --folder {home}\n"
        f"  use it          TRAINER_TUI_HOME={home} trainer-tui jobs\n"
        f"  end its server  TRAINER_TUI_HOME={home} trainer-tui serve --stop --jobs"
    )


def _remove(paths: Paths, home: Path) -> None:
    """End the server and its jobs, then remove the folder; nothing may break that off."""
    for sign in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.SIG_IGN)
    subprocess.run(
        [sys.executable, "-m", "trainer_tui", "serve", "--stop", "--jobs", "--yes"],
        env={**os.environ, "TRAINER_TUI_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=60,
        start_new_session=True,  # a closed terminal is not for it
    )
    shutil.rmtree(home, ignore_errors=True)
    with contextlib.suppress(OSError):
        if paths.socket.parent != paths.runtime:
            shutil.rmtree(paths.socket.parent)


@contextlib.contextmanager
def _hangup_clears_up() -> Iterator[None]:
    """A closed terminal or a SIGTERM ends the demo as ctrl-C does, so that it is cleared up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {sign: signal.signal(sign, interrupt) for sign in (signal.SIGHUP, signal.SIGTERM)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
