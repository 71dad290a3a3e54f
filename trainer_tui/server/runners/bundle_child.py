"""The process of a bundle's job: unpack, prepare, then ``train OUT`` once a partition.

Everything that is printed, here or by ``train``, becomes a line ``[YYYY-MM-DD HH:MM:SS] message``
of the log. SIGINT reaches ``train`` too; no further partition is begun then. Started again, it goes
on with the first partition that has not succeeded.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from trainer_tui import bundles
from trainer_tui.errors import TrainerError
from trainer_tui.server import configs
from trainer_tui.server.runners import bundle_config, bundle_pfs
from trainer_tui.server.runners.base import JobFolder
from trainer_tui.server.runners.progress_log import point

BUILT = "Build finished."
"""The message that parts the build from the training in the log."""
SETTLE = 1.0
"""Seconds after the submission for which data and hyper-parameters may still come: kaos's own
client sends them right after the code."""
INTERRUPTED = 130
_MAX_LINE = 64 * 1024
_LAST_WORDS = 300
_DRAIN = 2.0


class Failed(Exception):
    """The job cannot go on; with the exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Log:
    """Lines with their time, from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last = ""

    def say(self, message: str) -> None:
        """One line."""
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with self._lock:
            self.last = message.strip() or self.last
            sys.stdout.write(f"[{stamp}] {message}\n")
            sys.stdout.flush()

    def take(self, pipe: IO[bytes]) -> None:
        """All that comes out of a pipe, line by line; of a progress bar its last state."""
        for line in iter(lambda: pipe.readline(_MAX_LINE), b""):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.say(text.rpartition("\r")[2])


class Child:
    """One attempt at a job."""

    def __init__(self, folder: JobFolder, *, venv: bool) -> None:
        self.folder = folder
        self.options = bundle_config.read(configs.parse(folder.config.read_text(encoding="utf-8")))
        self.log = Log()
        self.stopping = False
        self._venv = venv
        self._python = Path(sys.executable)

    def run(self) -> int:
        """Gives the exit code."""
        signal.signal(signal.SIGINT, self._stop)
        try:
            code = self._build()
            self._settle()
            inputs = bundle_config.fix(self.folder, self.options)
            data = self._data(inputs.data)
            self._train(code, data)
        except Failed as error:
            if self.stopping:
                return INTERRUPTED
            self.log.say(str(error))
            return error.code
        except (TrainerError, OSError) as error:
            self.log.say(f"Error: {error}")
            return 1
        return INTERRUPTED if self.stopping else 0

    def _stop(self, number: int, frame: object) -> None:
        self.stopping = True

    def _check(self) -> None:
        if self.stopping:
            raise Failed("stopped", INTERRUPTED)

    # -- the build -----------------------------------------------------------------------------

    def _build(self) -> Path:
        """Have the code and what it needs in place; gives the bundle's root."""
        commit = self.options.commits.get("code")
        self.log.say(f"Build of {self.options.bundle.name}" + (f", {commit}" if commit else ""))
        root = self._code()
        self.log.say("The Dockerfile is not used here: train runs as a process of this machine.")
        wanted = _requirements(root / "model" / "requirements.txt")
        if wanted and self._venv:
            self._environment(root)
        elif wanted:
            shown = ", ".join(wanted[:8]) + (", …" if len(wanted) > 8 else "")
            self.log.say(
                f"requirements.txt asks for {shown}; nothing is installed, train runs with the "
                f"server's Python ({sys.executable}). `bundle_venv = true` in [local] of the "
                "config, or --bundle-venv of the server, installs it."
            )
        else:
            self.log.say("requirements.txt asks for nothing.")
        self._check()
        self.log.say(BUILT)
        return root

    def _code(self) -> Path:
        target = self.folder.work / "code"
        if not target.is_dir():
            source = self.options.bundle
            if source.is_dir():
                _copy(source, bundles.check_folder(source), target, source.name)
            else:
                bundles.source_root(source)
                bundles.unpack(source, target)
        root = next(path for path in sorted(target.iterdir()) if path.is_dir())
        train = root / bundles.TRAIN
        train.chmod(train.stat().st_mode | 0o111)
        return root

    def _data(self, source: Path | None) -> Path:
        """The data bundle, unpacked; an empty folder where there is none."""
        target = self.folder.work / "data"
        if target.is_dir():
            return target
        if source is None:
            target.mkdir()
        elif source.is_dir():
            _copy(source, bundles.files_of(source), target)
        else:
            bundles.unpack(source, target)
        return target

    def _environment(self, root: Path) -> None:
        venv = self.folder.work / "venv"
        self._python = venv / "bin" / "python"
        if (venv / "complete").exists():
            return
        shutil.rmtree(venv, ignore_errors=True)
        self.log.say("Making an environment for requirements.txt.")
        steps = (
            [sys.executable, "-m", "venv", "--system-site-packages", str(venv)],
            [str(self._python), "-m", "pip", "install", "--disable-pip-version-check",
             "--no-input", "--progress-bar", "off", "-r", "model/requirements.txt"],
        )  # fmt: skip
        for argv in steps:
            code = self._run(argv, root, {})
            if code != 0:
                raise Failed(f"Build failed (exit code {code}): {self._last_words()}", _code(code))
        (venv / "complete").touch()

    def _settle(self) -> None:
        until = self.folder.config.stat().st_mtime + SETTLE
        while not self.stopping and 0 < (left := until - time.time()) <= SETTLE:
            time.sleep(min(left, 0.1))
        self._check()

    # -- the training --------------------------------------------------------------------------

    def _train(self, root: Path, data: Path) -> None:
        grid = bundle_config.fixed(self.folder) or []
        scratch = self.folder.work / "root"
        reason = bundle_pfs.why_not(scratch)
        if reason is None:
            self.log.say("Inputs and output are mounted at /pfs, for train alone.")
        else:
            self.log.say(
                f"/pfs cannot be mounted here ({reason}): KAOS_PFS names a folder with the same."
            )
        there = set(bundle_config.done(self.folder))
        for index, params in enumerate(grid):
            if index in there:
                continue
            self._check()
            name = f"Partition {index + 1} of {len(grid)}"
            self.log.say(f"{name}" + (f": {json.dumps(params)}" if params else ""))
            self._partition(index, params, root, data, mounted=reason is None)
        self.log.say("Training finished.")

    def _partition(
        self, index: int, params: Mapping[str, object], root: Path, data: Path, *, mounted: bool
    ) -> None:
        out = bundle_config.out(self.folder, index)
        shutil.rmtree(out, ignore_errors=True)
        hyper = self.folder.work / "hyper"
        shutil.rmtree(hyper, ignore_errors=True)
        for made in (out, hyper):
            made.mkdir(parents=True)
        (hyper / "params.json").write_text(json.dumps(params), encoding="utf-8")
        places = {"code": root, "data": data, "hyper": hyper, "out": out}
        began = time.monotonic()
        if mounted:
            pfs = Path(bundle_pfs.MOUNTED)
            argv = bundle_pfs.wrapped(
                [str(pfs / "code" / bundles.TRAIN), str(pfs / "out")],
                places,
                self.folder.work / "root",
            )
        else:
            pfs = bundle_pfs.linked(places, self.folder.work / "pfs")
            argv = [str(root / bundles.TRAIN), str(out)]
        env = {
            "KAOS_PFS": str(pfs),
            "KAOS_PARAMS": str(pfs / "hyper" / "params.json"),
            "PATH": os.pathsep.join([str(self._python.parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": str(pfs / "code" if mounted else root),
        }
        code = self._run(argv, root, env)
        self._check()
        if code != 0:
            where = f"Partition {index + 1}: " if params else ""
            raise Failed(
                f"{where}train failed (exit code {code}): {self._last_words()}", _code(code)
            )
        metrics = bundle_config.read_metrics(out / "metrics")
        self._tell(index, metrics)
        seconds = round(time.monotonic() - began, 3)
        bundle_config.keep(self.folder, bundle_config.Part(index, params, metrics, seconds))

    def _tell(self, index: int, metrics: Mapping[str, float]) -> None:
        """The metrics in the log, and as points of the job's curves."""
        for name, value in metrics.items():
            self.log.say(f"{name} = {value:g}")
        now = round(time.time(), 3)
        lines = [point(index + 1, now, name, value, "partition") for name, value in metrics.items()]
        with self.folder.metrics.open("a", encoding="utf-8") as file:
            file.write("".join(lines))

    def _run(self, argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> int:
        """Run a program to its end, its output in the log; the exit code, negative for a signal."""
        self._check()
        self.log.last = ""
        try:
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            raise Failed(f"{argv[0]} cannot be run: {error.strerror or error}") from error
        assert process.stdout is not None
        reader = threading.Thread(target=self.log.take, args=[process.stdout], daemon=True)
        reader.start()
        code = process.wait()
        # What it started and left running may hold its output open: that is not waited for.
        reader.join(_DRAIN)
        return code

    def _last_words(self) -> str:
        return self.log.last[-_LAST_WORDS:] or "it said nothing"


def _code(code: int) -> int:
    return 128 - code if code < 0 else code


def _requirements(file: Path) -> list[str]:
    """The lines of a requirements file that ask for something."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = (line.partition("#")[0].strip() for line in lines)
    return [line for line in found if line]


def _copy(source: Path, files: Sequence[Path], target: Path, root: str = "") -> None:
    """Copy files into a new folder, which is there only when all of them are."""
    growing = target.with_name(f".{target.name}.new")
    shutil.rmtree(growing, ignore_errors=True)
    for path in files:
        copy = growing / root / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    growing.rename(target)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job in a folder; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--venv", action="store_true", help="install what the bundle asks for")
    args = parser.parse_args(argv)
    return Child(JobFolder(args.folder), venv=args.venv).run()


if __name__ == "__main__":
    status = main()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    # The thread that reads the output of what train left running must not hold this one back.
    os._exit(status)
