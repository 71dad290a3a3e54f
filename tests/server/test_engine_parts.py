"""The engine's pure parts: pieces of logs, metrics, verdicts, slots, configs, records."""

from __future__ import annotations

import itertools
import json
import os
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer_tui.errors import NotFoundError
from trainer_tui.model import Gpu, JobError, Progress, Status
from trainer_tui.providers import _autostart
from trainer_tui.server.configs import parse
from trainer_tui.server.executors import process
from trainer_tui.server.executors.base import Phase
from trainer_tui.server.executors.process import ProcessExecutor
from trainer_tui.server.files import RangeError, inside, parse_range
from trainer_tui.server.reading import read_log, read_metrics
from trainer_tui.server.records import Ids, JobRecord, from_seconds
from trainer_tui.server.runners import files
from trainer_tui.server.runners.base import InvalidConfig, JobFolder
from trainer_tui.server.runners.progress_child import search
from trainer_tui.server.settings import ServerSettings
from trainer_tui.server.signing import Signer
from trainer_tui.server.slots import GpuInfo, Pool, find_gpus, parse_gpus
from trainer_tui.server.supervisor import MARK, read_json
from trainer_tui.server.verdict import error_line, vanished, verdict

LIMITS = st.integers(1, 5)
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ON_FILES = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


# -- logs and metrics ---------------------------------------------------------------------------


@ON_FILES
@given(text=st.text(max_size=200), limit=st.integers(1, 64))
def test_any_text_in_any_pieces_comes_out_whole(tmp_path: Path, text: str, limit: int) -> None:
    """Pieces put together are the text, and each step goes forward."""
    path = tmp_path / "log.txt"
    path.write_bytes(text.encode())
    found, offset = "", 0
    for _ in range(1000):
        piece = read_log(path, offset, limit, ended=True)
        found += piece.text
        if piece.complete:
            break
        assert piece.next_offset > offset
        offset = piece.next_offset
    assert found == text


@ON_FILES
@given(data=st.binary(max_size=100), limit=st.integers(1, 16), ended=st.booleans())
def test_any_bytes_are_read_to_the_end(
    tmp_path: Path, data: bytes, limit: int, ended: bool
) -> None:
    """What is no UTF-8 neither stops the reading nor is read twice."""
    path = tmp_path / "log.txt"
    path.write_bytes(data)
    offset = 0
    for _ in range(200):
        piece = read_log(path, offset, limit, ended=ended)
        assert piece.next_offset >= piece.offset >= offset
        if piece.next_offset == offset:
            break
        offset = piece.next_offset
    assert len(data) - offset <= (0 if ended else 3)


@ON_FILES
@given(text=st.text(max_size=50), back=st.integers(1, 80))
def test_a_tail_begins_at_a_character(tmp_path: Path, text: str, back: int) -> None:
    """Counted from the end, never more than was asked for, never half a character."""
    path = tmp_path / "log.txt"
    path.write_bytes(text.encode())
    piece = read_log(path, -back, 1 << 20, ended=True)
    assert text.endswith(piece.text)
    assert back - 3 <= len(piece.text.encode()) <= back or piece.text == text


@ON_FILES
@given(
    lines=st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b)), limit=st.integers(1, 5)
)
def test_any_metrics_file_is_read_to_its_last_whole_line(
    tmp_path: Path, lines: list[bytes], limit: int
) -> None:
    """Whatever is in it; good lines among it are found, in order."""
    path = tmp_path / "metrics.jsonl"
    lines += [b"[" * 5000, b'{"step": 1e308, "key": "k", "value": 0}', b"1" * 5000]
    lines += [b'{"step": 1, "key": "k", "value": %s}' % (b"9" * 400)]
    good = [json.dumps({"step": n, "key": "k", "value": n}).encode() for n in range(len(lines))]
    pairs = list(itertools.chain.from_iterable(zip(lines, good, strict=True)))
    path.write_bytes(b"".join(line + b"\n" for line in pairs) + b'{"step": 99')
    steps, since = [], 0
    for _ in range(500):
        points, following = read_metrics(path, since, limit)
        steps += [point["step"] for point in points if point["key"] == "k"]
        if following == since:
            break
        since = following
    assert [step for step in steps] == list(range(len(lines)))
    assert since == path.stat().st_size - len(b'{"step": 99')


def test_what_a_job_leaves_in_the_place_of_a_file_holds_nobody_up(tmp_path: Path) -> None:
    """A pipe is not waited for; a checkpoint's header may nest without end."""
    pipe, odd = tmp_path / "log.txt", tmp_path / "lora.safetensors"
    os.mkfifo(pipe)
    assert read_log(pipe, 0, 100, ended=True).text == ""
    assert read_metrics(pipe, 0, 100) == ([], 0)
    assert files.read_new(pipe, 0) == (b"", 0)
    assert search(str(pipe), 0, "(?P<current>.)")["found"] == []
    assert read_json(pipe) is None
    opened = len(list(Path("/dev/fd").iterdir()))
    assert read_json(tmp_path) is None
    assert len(list(Path("/dev/fd").iterdir())) == opened
    odd.write_bytes((5000).to_bytes(8, "little") + b"[" * 5000)
    assert files.checkpoint_entries(JobFolder(tmp_path), [odd])[0].step is None
    assert from_seconds(1e13).year == 1970  # some file systems keep times of no year


def test_a_job_is_not_over_where_no_file_can_be_opened(tmp_path: Path) -> None:
    """What cannot be read then tells nothing; it is looked at again."""
    folder, executor = JobFolder(tmp_path), ProcessExecutor()
    claimed = {"supervisor": {"pid": 1 << 30, "start_time": "then"}}
    (tmp_path / "claim-1.json").write_text(json.dumps(claimed))
    executor._started[folder.id, 1] = Mock()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            executor.look(folder, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    folder.state.write_text(json.dumps({"launch": 1, "finished_at": "now"}))
    assert executor.look(folder, 1).phase is Phase.ENDED


def test_what_is_started_within_a_job_for_others_is_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that a job's terminal was the first to need, and the supervisors of that server's
    jobs: they do not bear the mark by which a job's daemons are found."""
    monkeypatch.setenv(MARK, "outer")
    started = Mock()
    monkeypatch.setattr(process, "subprocess", started)
    ProcessExecutor().start(JobFolder(tmp_path), 1)
    assert MARK not in started.Popen.call_args.kwargs["env"]
    assert MARK not in _autostart._environment(Mock())


def test_files_that_are_not_there_yet_are_empty(tmp_path: Path) -> None:
    """A job that has written nothing is no error."""
    piece = read_log(tmp_path / "log.txt", 0, 100, ended=False)
    assert (piece.text, piece.size, piece.complete) == ("", 0, False)
    assert read_metrics(tmp_path / "metrics.jsonl", 5, 10) == ([], 0)


# -- ranges and paths ---------------------------------------------------------------------------


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,12}-\d{0,12}"), st.integers(0, 10_000))
def test_any_range_header_is_answered(header: str, size: int) -> None:
    """With a part of the file, with all of it, or with 416."""
    try:
        part = parse_range(header, size)
    except RangeError as error:
        assert error.size == size
    else:
        assert part is None or 0 <= part[0] < part[1] <= size


@ON_FILES
@given(st.text(alphabet="./\\ab%\0é", max_size=12))
def test_any_path_is_inside_or_refused(tmp_path: Path, path: str) -> None:
    """No path, however it is put together, leads out of the folder."""
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True, exist_ok=True)
    (root / "a" / "b").touch()
    (tmp_path / "b").touch()
    try:
        found = inside(root, path)
    except NotFoundError:
        return
    assert found.is_relative_to(root)


def test_a_signature_is_for_one_path_one_purpose_and_a_time() -> None:
    """Anything else about it makes it bad."""
    signer = Signer(b"k" * 32)
    query = signer.sign("/files/é/a b", 100).partition("?")[2]
    found = dict(part.split("=") for part in query.split("&"))
    good = ("/files/é/a b", found["exp"], found["sig"])
    assert signer.check(*good, now=99.0)
    assert not signer.check(*good, now=101.0)
    assert not signer.check(*good, now=99.0, purpose="put")
    assert not signer.check("/files/é/a", *good[1:], now=99.0)
    assert not signer.check(good[0], "101", good[2], now=99.0)
    assert not Signer(b"o" * 32).check(*good, now=99.0)
    assert not signer.check(good[0], "١٢٣", good[2], now=1.0)
    assert not signer.check(good[0], None, None, now=1.0)


# -- verdicts -----------------------------------------------------------------------------------

DONE = Progress.of(10, 10)


@pytest.mark.parametrize(
    ("state", "progress", "status", "code"),
    [
        ({"exit_code": 0}, None, Status.SUCCEEDED, None),
        ({"exit_code": 0}, Progress.of(3, 10), Status.SUCCEEDED, None),
        ({"exit_code": 0, "requested": "stop"}, Progress.of(3, 10), Status.INTERRUPTED, None),
        ({"exit_code": 0, "requested": "stop"}, None, Status.INTERRUPTED, None),
        ({"exit_code": 0, "requested": "stop"}, DONE, Status.SUCCEEDED, None),
        ({"exit_code": 130, "requested": "stop"}, None, Status.INTERRUPTED, None),
        ({"signal": 9, "requested": "stop"}, None, Status.INTERRUPTED, None),
        ({"exit_code": 0, "requested": "cancel"}, DONE, Status.CANCELED, None),
        ({"signal": 9, "requested": "cancel"}, None, Status.CANCELED, None),
        ({"requested": "cancel"}, None, Status.CANCELED, None),
        ({"exit_code": 1}, DONE, Status.FAILED, "EXIT_1"),
        ({"signal": 9}, None, Status.FAILED, "SIGKILL"),
        ({"signal": 11}, None, Status.FAILED, "SIGSEGV"),
        ({"signal": 63}, None, Status.FAILED, "signal 63"),
        ({"signal": 15}, None, Status.INTERRUPTED, "SIGTERM"),
        ({"exit_code": 130}, None, Status.INTERRUPTED, "SIGINT"),
        ({"exit_code": 143}, None, Status.INTERRUPTED, "SIGTERM"),
        ({"exit_code": 137}, None, Status.FAILED, "EXIT_137"),
        ({"error": "The process could not be started: x"}, None, Status.FAILED, "START"),
    ],
    ids=range(19),
)
def test_how_an_end_is_judged(
    state: dict[str, object], progress: Progress | None, status: Status, code: str | None
) -> None:
    """By what was asked, how it ended, and how far it was."""
    found, error = verdict(state, progress, "")
    assert found is status
    assert (error.code if error else None) == code


def test_a_vanished_job_ends_as_what_was_asked_of_it() -> None:
    """And as interrupted, with the reason, when nothing was."""
    assert vanished("cancel") == (Status.CANCELED, None)
    assert vanished("stop") == (Status.INTERRUPTED, None)
    status, error = vanished(None)
    assert status is Status.INTERRUPTED and error is not None


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("", None),
        ("\n \n", None),
        ("all is well\n", "all is well"),
        ("Traceback:\n  File x\nKeyError: 'a'\nbye\n", "KeyError: 'a'"),
        ("torch.cuda.OutOfMemoryError: CUDA out\n\n", "torch.cuda.OutOfMemoryError: CUDA out"),
        ("ERROR: one\nerror: two\nstep 3\n", "error: two"),
        ("python: fatal: no\n", "python: fatal: no"),
        ("no errors so far\nlast words\n", "last words"),
        (" 10%|#\r 20%|##\rValueError: x\r\n", "ValueError: x"),
        ("\x1b[31mRuntimeError: \x1b]0;evil\x07red\x1b[0m", "RuntimeError: red"),
        ("E" * 20_000, "E" * 100),
    ],
    ids=range(11),
)
def test_the_line_that_says_what_went_wrong(tail: str, expected: str | None) -> None:
    """The last that reads like an error, else the last that says anything; safe, and not long."""
    found = error_line(tail)
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith(expected) and len(found) < 1100


# -- slots --------------------------------------------------------------------------------------


def test_nvidia_smi_is_read_line_by_line() -> None:
    """Names with commas are quoted by nobody and never seen; odd lines are passed over."""
    text = (
        "0, NVIDIA H200, 143771\n1, NVIDIA A100-SXM4-80GB, [N/A]\nNo devices were found\n\nx, y\n"
    )
    assert parse_gpus(text) == (
        GpuInfo(0, "NVIDIA H200", 143771),
        GpuInfo(1, "NVIDIA A100-SXM4-80GB", None),
    )


def fake_smi(folder: Path, script: str) -> str:
    """A PATH on which nvidia-smi is that script."""
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("chosen", "visible", "expected"),
    [
        ("auto", None, [0, 1, 2]),
        ("auto", "2,0", [0, 2]),
        ("auto", "", []),
        ("auto", "-1", []),
        ("auto", "GPU-abc", [0, 1, 2]),
        ((1, 7), None, [1]),
        ((), None, []),
    ],
    ids=range(7),
)
def test_gpus_are_those_that_are_there_and_allowed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chosen: object,
    visible: str | None,
    expected: list[int],
) -> None:
    """By the settings, and by the CUDA_VISIBLE_DEVICES that the server was given."""
    path = fake_smi(tmp_path, "printf '0, A, 1\\n1, B, 1\\n2, C, 1\\n'")
    monkeypatch.setenv("PATH", path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    options = ServerSettings(tmp_path, gpus=chosen)  # type: ignore[arg-type]
    assert [gpu.index for gpu in find_gpus(options)] == expected


@pytest.mark.parametrize("script", ["echo 'no driver' >&2; exit 9", "printf '\\000\\377'"])
def test_a_broken_nvidia_smi_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """Nor one that is not there."""
    monkeypatch.setenv("PATH", fake_smi(tmp_path, script))
    assert find_gpus(ServerSettings(tmp_path)) == ()
    (tmp_path / "nvidia-smi").unlink()
    assert find_gpus(ServerSettings(tmp_path)) == ()


def test_without_known_gpus_nothing_is_hidden() -> None:
    """Where no GPU is known of, a job may still find one that nvidia-smi does not tell of."""
    pool = Pool(1, (), 2)
    slot = pool.take(0)
    assert slot is not None
    assert (slot.threads, pool.environment(slot)) == (2, {})
    assert pool.take(0) is None


# -- configs ------------------------------------------------------------------------------------


def test_numbers_are_read_as_ai_toolkit_reads_them() -> None:
    """1e-4 is a number; dates, hex and yes are as ever."""
    found = parse("lr: 1e-4\nb: 1E5\nc: -2.5e+3\nd: 1_000\ne: .5\nf: 1e\n")
    assert found == {"lr": 1e-4, "b": 1e5, "c": -2500.0, "d": 1000, "e": 0.5, "f": "1e"}
    assert parse('{"lr": 1e-4, "two": "\\ud83d\\ude00"}') == {"lr": 1e-4, "two": "\U0001f600"}


# Each list holds the one before it ten times: 10⁸ entries in a few lines.
LAUGHS = "a: &a [1]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, after in itertools.pairwise("abcdefghi")
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [", 1),
        ("\n\n  a: 1\n b: 2", 4),
        ("!!python/object/apply:os.system [ls]", 1),
        ("a: &x [*x]", None),
        ("[" * 200 + "]" * 200, 1),
        (
            "a: &a [1,1]\n"
            + "\n".join(
                f"{n}: &{n} [*{p}{f',*{p}' * 9}]" for p, n in itertools.pairwise("abcdefgh")
            ),
            None,
        ),
        ("a: \x00", None),
        ("x" * 3_000_000, None),
        ("? {a: 1}\n: 2", 1),
        ("just text", 1),
        ('{"a":' * 200 + "1" + "}" * 200, None),
        # Each line merges the one before it twice: 2⁶⁰ pairs in two kilobytes.
        (
            "a0: &a0 {x: 1}\n"
            + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60)),
            None,
        ),
        ("\na: 1" + ":1" * 100_000, 2),
        ("a: 1" + ":1" * 190 + ".5", 1),
        ("a: 0x" + "f" * 5000, 1),
        ('{"a": ' + "9" * 400 + "}", None),
    ],
    ids=range(16),
)
def test_what_is_no_config_is_refused(text: str, line: int | None) -> None:
    """Not YAML, not safe, not small: with its line where there is one."""
    with pytest.raises(InvalidConfig) as caught:
        parse(text)
    if line is not None:
        assert caught.value.line == line


@settings(deadline=None)
@given(st.text(alphabet="ab: -[]{}&*!|>'\"#\n\t%@,?<=0.e", max_size=60))
def test_any_text_is_a_mapping_or_refused(text: str) -> None:
    """The parser never fails in any other way."""
    try:
        assert isinstance(parse(text), dict)
    except InvalidConfig as error:
        assert error.message


# -- records ------------------------------------------------------------------------------------


def test_a_record_comes_back_from_the_disk_as_it_was() -> None:
    """All of it but the cache's number; fields of a later version are passed over."""
    record = JobRecord(
        id="abc",
        name="ü",
        runner="smoke",
        status=Status.FAILED,
        created_at=NOW,
        config_etag="e",
        gpu=Gpu("H100", 2),
        gpu_count=2,
        slot_gpus=(1, 2),
        requested="stop",
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=1),
        error=JobError("m", "c"),
        progress=Progress.of(3, 4),
        loss=0.5,
        rev=7,
    )
    kept = json.loads(json.dumps(record.to_json() | {"later": 1}))
    assert JobRecord.from_json(kept) == record.replace(rev=0)


def test_ids_grow_whatever_the_clock_does() -> None:
    """Made in the same millisecond, or after the clock was set back, or by an earlier server."""
    times = iter([NOW, NOW, NOW - timedelta(days=1), NOW + timedelta(seconds=1)])
    ids = Ids(lambda: next(times))
    made = [ids.new() for _ in range(4)]
    assert made == sorted(made)
    assert all((len(each) == 12 and each.isalnum() and each.islower()) or each for each in made)
    other = Ids(lambda: NOW - timedelta(days=9))
    other.seen(made[-1])
    other.seen("no id at all")
    assert other.new() > made[-1]
