"""The command runner: any program as a job, on a real server."""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path

import pytest
import yaml

from tests.server.conftest import LocalServer, wait_for
from trainer_tui.server.runners import progress_log
from trainer_tui.server.runners.base import InvalidConfig, JobFolder
from trainer_tui.server.runners.command import RUNNER

EPOCHS = r"epoch (?P<current>\d+)/(?P<total>\d+) loss (?P<loss>\S+)"


def config(*argv: str, **more: object) -> str:
    """A config that runs an argv."""
    return yaml.safe_dump({"job": "command", "config": {"name": "run", "argv": list(argv), **more}})


def script(text: str, **more: object) -> str:
    """A config that runs a Python script."""
    return config(sys.executable, "-c", text, **more)


def test_progress_and_curve_come_from_the_output(server: LocalServer) -> None:
    """Named groups of the pattern give the progress, its unit, the loss and the curve, from lines
    that a carriage return rewrites too."""
    code = (
        "for i in range(1, 6):\n"
        "    print(f'epoch {i}/5 loss {1 / i:.3f}', end='\\r' if i < 4 else '\\n')"
    )
    job = server.submit(script(code, progress=EPOCHS, unit="epoch"))
    ended = server.wait(job["id"])
    assert ended["status"] == "succeeded"
    assert ended["runner"] == "command"
    assert ended["progress"] == {"current": 5, "total": 5, "unit": "epoch", "percent": 100}
    assert ended["loss"] == 0.2
    points = server.client.get(f"/v1/jobs/{job['id']}/metrics").json()["points"]
    assert [(p["step"], p["unit"], p["key"], p["value"]) for p in points] == [
        (i, "epoch", "loss", round(1 / i, 3)) for i in range(1, 6)
    ]


def read_all(
    reader: progress_log.Reader, position: progress_log.Position
) -> tuple[list[progress_log.Found], progress_log.Position, str | None]:
    """Read on to the end of the log; gives the last note too. Each read waits by itself."""
    found: list[progress_log.Found] = []
    while True:
        news = reader.read(position)
        found += news.found
        position = news.position
        if not news.behind:
            return found, position, news.note


def test_a_pattern_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """A line is passed over and told of; the third is the last, and nothing is read any more."""
    log, evil = tmp_path / "log.txt", "a" * 60 + "!\n"
    reader = progress_log.Reader(log, r"epoch (?P<current>\d+)|(a+)+$")
    log.write_text(f"epoch 1\n{evil}epoch 2\n{'epoch 3 ' * 200_000}\nepoch 4\repo")
    found, position, note = read_all(reader, progress_log.Position())
    assert [each.current for each in found if each.current != 3] == [1, 2, 4]
    assert position.offset == log.stat().st_size - len("epo")
    assert "which was passed over" in (note or "")
    with log.open("a") as file:
        file.write(f"ch 5\n{evil}epoch 6\n{evil}epoch 7\n")
    found, _, note = read_all(reader, position)
    assert [each.current for each in found] == [5, 6, 7]
    assert "is given up" in (note or "")
    with log.open("a") as file:
        file.write("epoch 8\n")
    assert read_all(reader, position)[0] == []


def test_points_that_find_no_room_are_read_once_more(tmp_path: Path) -> None:
    """On a full disk nothing is half written, and nothing is missing when there is room again."""
    folder = JobFolder(tmp_path)
    folder.work.mkdir()
    folder.log.write_text("".join(f"epoch {n}/9 loss 0.{n}\n" for n in range(1, 8)))
    reader, start = progress_log.Reader(folder.log, EPOCHS), progress_log.Position()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        found, after, _ = read_all(reader, start)
        held = progress_log.append(folder, found, after, start)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert (held, folder.metrics.read_bytes()) == (start, b"")
    found, after, _ = read_all(reader, held)
    assert progress_log.append(folder, found, after, held).step == 7
    steps = [json.loads(line)["step"] for line in folder.metrics.read_text().splitlines()]
    assert steps == list(range(1, 8))


def test_files_in_its_folder_are_artifacts(server: LocalServer) -> None:
    """What the program leaves in TRAINER_TUI_OUT can be downloaded, by kind and with its step."""
    code = (
        "import os, pathlib\n"
        "out = pathlib.Path(os.environ['TRAINER_TUI_OUT'])\n"
        "assert pathlib.Path.cwd() == out.resolve()\n"
        "(out / 'deep').mkdir()\n"
        "(out / 'deep/model_000000020.safetensors').write_bytes(b'w')\n"
        "(out / 'model_9.pt').write_bytes(b'w')\n"
        "(out / 'look.png').write_bytes(b'p')\n"
        "(out / 'notes.txt').write_text('n')\n"
        "open(os.environ['TRAINER_TUI_METRICS'], 'a').write("
        '\'{"step": 3, "time": 1, "key": "accuracy", "value": 0.5}\\n\')\n'
    )
    job = server.submit(script(code))
    assert server.wait(job["id"])["status"] == "succeeded", server.log(job["id"])
    assert server.get(job["id"])["checkpoint_step"] == 20
    found = server.client.get(f"/v1/jobs/{job['id']}/artifacts").json()["artifacts"]
    assert [(a["name"], a["kind"], a["step"]) for a in found] == [
        ("config.yaml", "config", None),
        ("model_9.pt", "checkpoint", 9),
        ("model_000000020.safetensors", "checkpoint", 20),
        ("look.png", "sample", None),
        ("notes.txt", "other", None),
    ]
    assert server.client.get(found[-1]["path"]).text == "n"
    points = server.client.get(f"/v1/jobs/{job['id']}/metrics").json()["points"]
    assert [(p["step"], p["key"], p["value"]) for p in points] == [(3, "accuracy", 0.5)]


def test_no_shell_touches_the_words(server: LocalServer) -> None:
    """Words with spaces, stars, dollars and brackets arrive as they were written; env is set."""
    words = ["a b", "*", "$HOME", "[name]", "${X}", "'", "7"]
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['MODE']]))"
    argv = [sys.executable, "-c", code, *words[:-1], 7]
    text = yaml.safe_dump(
        {"job": "command", "config": {"name": "w", "argv": argv, "env": {"MODE": 1}}}
    )
    job = server.submit(text)
    server.wait(job["id"])
    assert json.loads(server.log(job["id"]).splitlines()[-1]) == [words, "1"]


def test_a_stopped_command_can_resume(server: LocalServer) -> None:
    """SIGINT reaches the program; started again it finds in its folder what it left there."""
    code = (
        "import os, pathlib, signal, time\n"
        "mark = pathlib.Path(os.environ['TRAINER_TUI_OUT']) / 'state_000007.pt'\n"
        "again = mark.exists()\n"
        "def stop(*_):\n"
        "    mark.write_bytes(b's'); raise SystemExit(130)\n"
        "signal.signal(signal.SIGINT, stop)\n"
        "print('again' if again else 'first', flush=True)\n"
        "while not again: time.sleep(0.02)\n"
    )
    job = server.submit(script(code, steps=10))
    wait_for(lambda: "first" in server.log(job["id"]), "the first start")
    server.client.post(f"/v1/jobs/{job['id']}/stop")
    ended = server.wait(job["id"])
    assert (ended["status"], ended["checkpoint_step"]) == ("interrupted", 7)
    server.client.post(f"/v1/jobs/{job['id']}/resume")
    assert server.wait(job["id"])["status"] == "succeeded"
    assert "again" in server.log(job["id"])


def test_a_missing_folder_fails_the_job_in_plain_words(server: LocalServer) -> None:
    """A cwd that is not there is named in the job's error."""
    job = server.submit(config("true", cwd="/nowhere/at/all"))
    ended = server.wait(job["id"])
    assert ended["status"] == "failed"
    assert "cwd is not a folder: /nowhere/at/all" in ended["error"]["message"]


@pytest.mark.parametrize(
    ("inner", "said", "line"),
    [
        ("argv: sh -c ls", "config.argv: expected a list of words, not one text", 4),
        ("argv: []", "config.argv: expected a list of words", 4),
        ("argv: [a, [b]]", "config.argv: expected a list of words", 4),
        ("argv: [a]\n  cwd: here", "config.cwd: expected an absolute path", 5),
        ("argv: [a]\n  env: [x]", "config.env: expected a mapping", 5),
        ("argv: [a]\n  progress: '('", "config.progress: not a regular expression", 5),
        (f"argv: [a]\n  progress: '{'(' * 900 + ')' * 900}'", "config.progress: not a regular", 5),
        ("argv: [a]\n  progress: 'a{99999999999}'", "config.progress: not a regular", 5),
        ("argv: [a]\n  progress: '(.)'", "config.progress: expected a named group", 5),
        ("argv: [a]\n  steps: 0", "config.steps: expected a whole number from 1", 5),
        ("argv: [a]\n  arg: b", "config.arg: unknown key", 5),
    ],
)
def test_a_wrong_config_is_refused_with_its_place(inner: str, said: str, line: int) -> None:
    """Each mistake names the key and the line."""
    text = f"job: command\nconfig:\n  name: x\n  {inner}\n"
    with pytest.raises(InvalidConfig) as caught:
        RUNNER.check(yaml.safe_load(text), text)
    assert said in caught.value.message
    assert caught.value.line == line
