"""Jobs of a real local server, from submit to download, as a script would drive them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.server.conftest import WAITS, python, shell, wait_for
from trainer_tui.core.rows import Draft
from trainer_tui.core.store import Store
from trainer_tui.model import JobRef
from trainer_tui.paths import Paths

JOB_KEYS = [
    "ref", "profile", "provider", "id", "name", "status", "raw_status", "progress", "eta_seconds",
    "created_at", "started_at", "finished_at", "error", "gpu", "config_name", "allowed",
]  # fmt: skip


@pytest.fixture(scope="module")
def done(local: Cli) -> dict[str, object]:
    """A job that has succeeded: it wrote a log, curves and files."""
    script = (
        "import json, os, pathlib, sys\n"
        "out = pathlib.Path(os.environ['TRAINER_TUI_OUT'])\n"
        "(out / 'model_000000010.safetensors').write_bytes("
        "(2).to_bytes(8, 'little') + b'{}')\n"
        "(out / 'note.txt').write_text('hello')\n"
        "with open(os.environ['TRAINER_TUI_METRICS'], 'a') as file:\n"
        "    for step in range(1, 6):\n"
        "        value = 1 / step if step < 5 else float('nan')\n"
        "        print(json.dumps({'step': step, 'time': 1e9 + step, 'key': 'loss',"
        " 'value': value if value == value else 'nan'}), file=file)\n"
        "print('one')\n"
        "sys.stdout.write('10%\\r20%\\r100%\\n')\n"
        "print('\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07end \\u202e')\n"
        "sys.stdout.write('unfinished')\n"
    )
    job = local.submit(python(script, "finished"))
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    return job


def test_a_submitted_job_is_printed_listed_and_shown(local: Cli, done: dict[str, object]) -> None:
    """``submit`` prints the job, ``jobs`` an array of the same shape, ``show`` more."""
    assert list(done) == JOB_KEYS
    listed = {job["ref"]: job for job in local("jobs", "--json").json}
    job = listed[done["ref"]]
    assert list(job) == JOB_KEYS
    assert (job["profile"], job["provider"], job["status"]) == ("local", "local", "succeeded")
    assert job["created_at"].endswith("Z") and job["finished_at"].endswith("Z")
    assert job["allowed"] == sorted(job["allowed"])
    full = local("show", done["ref"], "--json").json
    assert list(full)[: len(JOB_KEYS)] == JOB_KEYS
    assert {"loss", "checkpoint_step", "extra", "events"} <= set(full)
    text = local("show", done["ref"])
    assert "status" in text.out and "succeeded" in text.out and "events" in text.out


def test_a_ref_may_be_an_id_prefix_or_a_name(local: Cli, done: dict[str, object]) -> None:
    """The whole id, most of it, and the unique name lead to the same job."""
    for ref in (str(done["id"]), str(done["id"])[:-1], "finished", f"local/{done['id']}"):
        assert local("show", ref, "--json").json["ref"] == done["ref"]
    assert local("show", "nothing-like-it").code == 4
    assert local("show", "local/zzzzzzzzzz").code == 4


def test_two_that_could_be_meant_are_told(local: Cli) -> None:
    """A name that two jobs have is refused with both refs, and nothing is done."""
    first, second = local.ended_job("twin"), local.ended_job("twin")
    ran = local("show", "twin")
    assert ran.code == 2
    assert first["ref"] in ran.err and second["ref"] in ran.err


def test_filters_choose(local: Cli, done: dict[str, object]) -> None:
    """The filter language of the console, with a table for people."""
    ran = local.process("jobs", "name=finished", "status:ended")
    lines = ran.out.splitlines()
    assert len(lines) == 2
    assert lines[0].split() == ["REF", "NAME", "STATUS", "DONE", "STEP", "ETA", "LOSS", "AGE"]
    assert str(done["ref"]) in lines[1]
    assert local("jobs", "name=finished", "status:active", "--json").json == []
    assert "no job matches" in local("jobs", "name=finished", "status:active").err


def test_the_log_is_clean_lines(local: Cli, done: dict[str, object]) -> None:
    """Progress bars in their last state, no escape sequence, the unfinished line included."""
    ran = local("logs", "finished")
    assert ran.out.splitlines() == ["one", "100%", "red end \ufffd", "unfinished"]
    assert local("logs", "finished", "--tail", "2").out.splitlines()[-1] == "unfinished"
    assert local("logs", "finished", "--tail", "0").out.strip() in {"", "unfinished"}
    lines = local("logs", "finished", "--json").json_lines
    assert lines[1] == {"line": "100%"}
    raw = local("logs", "finished", "--raw")
    assert "\x1b[31m" in raw.out and "10%\r20%" in raw.out
    assert local.on_terminal("logs", "finished", "--raw").code == 2
    shown = local.on_terminal("logs", "finished")
    assert "\x1b]0" not in shown.out and "red end" in shown.out


def test_the_last_lines_of_a_long_log(local: Cli) -> None:
    """``--tail`` gives exactly so many lines, however long they are."""
    job = local.ended_job("chatty", "seq 1 5000; printf '%3000s\\n' x; echo last")
    assert local("logs", job["ref"], "--tail", "3").out.split() == ["5000", "x", "last"]
    assert local("logs", job["ref"]).out.split()[:3] == ["1", "2", "3"]
    assert len(local("logs", job["ref"]).out.splitlines()) == 5002


def test_following_goes_on_to_the_end(local: Cli) -> None:
    """``logs -f`` prints what is there, then what comes, and ends with the job."""
    script = f"{WAITS}; echo released"
    job = local.started_job("followed", script)
    with local.started("logs", job["ref"], "-f") as process:
        assert process.stdout.readline() == "started\n"
        local.release(job)
        rest = process.stdout.read()
        assert process.wait(60) == 0
    assert rest == "released\n"


def test_metrics_by_step_and_as_json(local: Cli, done: dict[str, object]) -> None:
    """One line a step and a column a curve; JSON has no NaN, so it is the text ``nan``."""
    ran = local("metrics", "finished")
    assert [line.split() for line in ran.out.splitlines()][:2] == [["STEP", "loss"], ["1", "1"]]
    points = local("metrics", "finished", "--json").json
    assert [point["step"] for point in points] == [1, 2, 3, 4, 5]
    assert points[1]["value"] == 0.5 and points[4]["value"] == "nan"
    assert points[0]["time"] == "2001-09-09T01:46:41Z"
    tail = local("metrics", "finished", "--tail", "1", "--since", "2", "--json").json
    assert [point["step"] for point in tail] == [5]
    assert local("metrics", "finished", "--tail", "0", "--json").json == []
    ran = local("metrics", "finished", "--key", "acc")
    assert (ran.code, "It has: loss" in ran.err) == (2, True)


def test_metrics_are_fetched_once(local: Cli) -> None:
    """What was read before is in the store: the service is asked for what came since."""
    step = '{"step": %d, "time": 1000000000, "key": "loss", "value": 0.5}'
    lines = "".join(f"{step % n}\\n" for n in (1, 2))
    script = f"printf '{lines}' >> $TRAINER_TUI_METRICS; {WAITS}; "
    job = local.started_job("growing", script + f"echo '{step % 3}' >> $TRAINER_TUI_METRICS")
    wait_for(lambda: local("metrics", job["ref"], "--csv").out.count("loss") == 2, "two points")
    local.release(job)
    assert local("wait", job["ref"]).code == 0
    for _ in range(2):
        points = local("metrics", job["ref"], "--json").json
        assert [(point["step"], point["value"]) for point in points] == [
            (1, 0.5),
            (2, 0.5),
            (3, 0.5),
        ]


def test_metrics_as_a_table_in_a_file(local: Cli, done: dict[str, object]) -> None:
    """``--csv`` gives a line a point; what is left out of the table is left out here too."""
    ran = local("metrics", "finished", "--csv", "--since", "3")
    assert ran.out.splitlines() == [
        "step,time,key,value",
        "4,2001-09-09T01:46:44.000+00:00,loss,0.25",
        "5,2001-09-09T01:46:45.000+00:00,loss,nan",
    ]
    assert local("metrics", "finished", "--csv", "--json").code == 2


def test_metrics_as_a_picture(local: Cli, done: dict[str, object], tmp_path: Path) -> None:
    """``--svg`` draws into a new file, says where, and never writes over another."""
    path = tmp_path / "curves.svg"
    ran = local("metrics", "finished", "--svg", str(path))
    assert (ran.code, ran.out) == (0, "")
    assert f"Saved {path}" in ran.err
    picture = path.read_text()
    assert picture.startswith("<svg") and "best 0.25 at step 4" in picture
    assert local("metrics", "finished", "--svg", str(path)).code == 2
    assert path.read_text() == picture
    assert local("metrics", "finished", "--svg", str(tmp_path / "no" / "x.svg")).code == 1
    assert local("metrics", "finished", "--svg", str(tmp_path / "x.svg"), "--csv").code == 2


def test_every_checkpoint_is_a_tick_of_the_picture(local: Cli, tmp_path: Path) -> None:
    """Below a curve drawn with ``--svg`` all checkpoints have a tick, not the newest alone, unless
    it counts something else than the job."""
    script = (
        "import json, os, pathlib\n"
        "out = pathlib.Path(os.environ['TRAINER_TUI_OUT'])\n"
        "for step in (2, 4, 6):\n"
        "    (out / f'model_{step:09}.safetensors').write_bytes("
        "(2).to_bytes(8, 'little') + b'{}')\n"
        "with open(os.environ['TRAINER_TUI_METRICS'], 'a') as file:\n"
        "    for step in range(1, 8):\n"
        "        print(json.dumps({'step': step, 'time': 1e9 + step, 'key': 'loss',"
        " 'value': 1 / step}), file=file)\n"
        "        print(json.dumps({'step': step, 'unit': 'epoch', 'key': 'mAP', 'value': 0.5}),"
        " file=file)\n"
    )
    job = local.submit(python(script, "checkpoints"))
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    path = tmp_path / "curve.svg"
    assert local("metrics", job["ref"], "--svg", str(path)).code == 0
    drawn = path.read_text()
    assert drawn.count("<title>checkpoint at") == 3 and "epoch</text>" in drawn


def test_metrics_that_are_only_in_the_log(local: Cli) -> None:
    """What the service does not tell is taken from what the job printed, progress bars too; epochs
    are not told as steps."""
    script = (
        "printf 'a: |x| 1/9 [00:01<00:01,  1.95it/s, fid=9.5]\\ra: |x| 2/9 [00:01<00:01,"
        "  1.95it/s, fid=8.5]\\n'; echo step 2 val_loss: 0.5; echo epoch 2 f1: 0.25"
    )
    job = local.ended_job("printing", script)
    points = local("metrics", job["ref"], "--json").json
    assert sorted((p["key"], p["step"], p["unit"], p["value"]) for p in points) == [
        ("f1", 2, "epoch", 0.25),
        ("fid", 1, "step", 9.5),
        ("fid", 2, "step", 8.5),
        ("val_loss", 2, "step", 0.5),
    ]
    shown = [line.split() for line in local("metrics", job["ref"], "--tail", "1").out.splitlines()]
    assert shown == [
        ["STEP", "val_loss", "fid"],
        ["2", "0.5", "8.5"],
        [],
        ["EPOCH", "f1"],
        ["2", "0.25"],
    ]
    assert local("metrics", job["ref"], "--csv").out.startswith("step,time,key,value,unit\n")
    assert local("metrics", job["ref"], "--json").json == points


def test_downloads_arrive_and_are_not_fetched_twice(
    local: Cli, done: dict[str, object], tmp_path: Path
) -> None:
    """Files land in ``-o`` with their paths on standard output; again, they are there already."""
    ran = local("download", "finished", "-o", tmp_path, "--only", "checkpoints,other,config")
    assert ran.code == 0, ran.err
    names = {Path(line).name for line in ran.out.splitlines()}
    assert {"model_000000010.safetensors", "note.txt"} <= names
    assert (tmp_path / "note.txt").read_text() == "hello"
    again = local("download", "finished", "-o", tmp_path, "--match", "note*", "--json")
    assert again.json_lines == [
        {
            "name": "note.txt", "kind": "other", "path": str(tmp_path / "note.txt"), "size": 5,
            "step": None, "ok": True, "note": "already there",
        }
    ]  # fmt: skip
    (tmp_path / "note.txt").write_text("mine, do not touch")
    ran = local("download", "finished", "-o", tmp_path, "--match", "note.txt")
    assert (tmp_path / "note.txt").read_text() == "mine, do not touch"
    assert (tmp_path / "note (2).txt").read_text() == "hello"
    assert local("download", "finished", "-o", tmp_path, "--only", "samples").code == 4
    listed = local("download", "finished", "--list", "--json").json
    assert {"name", "kind", "size", "step", "created_at"} == set(listed[0])


def test_a_bar_on_a_terminal_only(local: Cli, done: dict[str, object], tmp_path: Path) -> None:
    """The bar is for eyes: drawn on a terminal, absent in a pipe and on a dumb one."""

    def bar(out: str) -> bool:
        return "\r\x1b[K" in out

    args = ("download", "finished", "--match", "note.txt", "-o")
    assert bar(local.on_terminal(*args, tmp_path / "a").out)
    assert not bar(local.on_terminal(*args, tmp_path / "b", TERM="dumb").out)
    assert not bar(local(*args, tmp_path / "c").err)


@pytest.mark.parametrize(
    ("script", "code", "status"),
    [("exit 0", 0, "succeeded"), ("echo bad >&2; exit 3", 1, "failed")],
)
def test_wait_tells_how_it_ended(local: Cli, script: str, code: int, status: str) -> None:
    """0 for success, 1 for failure; a line for each status that was seen."""
    job = local.submit(shell(script, f"w{code}"))
    ran = local("wait", job["ref"], "--timeout", "60", "--json")
    assert ran.code == code
    assert ran.json_lines[-1]["status"] == status
    if code:
        error = local("show", job["ref"], "--json").json["error"]
        assert error["message"]
        assert error["message"] in local("show", job["ref"]).out


def test_stop_wait_resume_cancel(local: Cli) -> None:
    """Stopped it is 7 for ``wait``; it is resumed; canceled it is 1; then nothing is left."""
    job = local.started_job("steered")
    ran = local("stop", job["ref"], "--yes")
    assert ran.code == 0, ran.err
    assert local("wait", job["ref"], "--timeout", "60").code == 7
    ran = local("resume", job["ref"], "--yes", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["ref"] == job["ref"]
    wait_for(lambda: local.in_status(job["ref"], "running"), "it to run again")
    assert local("resume", job["ref"], "--yes").code == 3
    assert local("cancel", job["ref"], "--yes").code == 0
    assert local("wait", job["ref"], "--timeout", "60").code == 1
    ran = local("cancel", job["ref"], "--yes", "--json")
    assert (ran.code, ran.error["code"]) == (3, "NOT_ALLOWED")
    assert "already been canceled" in ran.error["message"]


def test_wait_gives_up_in_time(local: Cli) -> None:
    """``--timeout`` ends the waiting, not the job."""
    job = local.started_job("slow")
    ran = local.process("wait", job["ref"], "--timeout", "0.5s", "--json")
    assert (ran.code, ran.error["code"]) == (1, "TIMEOUT")
    assert local.in_status(job["ref"], "running")
    local.release(job)


def test_ctrl_c_ends_waiting_with_130(local: Cli) -> None:
    """Ctrl-C ends the command at once, without a traceback; the job goes on."""
    job = local.started_job("interrupted")
    with local.started("wait", job["ref"]) as process:
        assert "running" in process.stdout.readline()
        process.interrupt()
        assert process.wait(30) == 130
        assert "Traceback" not in process.stderr.read()
    assert local.in_status(job["ref"], "running")
    local.release(job)


def test_several_jobs_at_once_and_the_first_failure_tells(local: Cli) -> None:
    """Acts on several jobs go on after one that is refused; the exit code is that one's."""
    ended, running = local.ended_job("over"), local.started_job("going")
    ran = local("cancel", ended["ref"], running["ref"], "--yes", "--json")
    assert ran.code == 3
    assert [job["ref"] for job in ran.json_lines] == [running["ref"]]
    assert "already succeeded" in ran.error["message"]


def test_delete_and_forget(local: Cli) -> None:
    """A deleted job is gone at the server and here; a listed one cannot be forgotten."""
    job = local.ended_job("old")
    ran = local("forget", job["ref"], "--yes")
    assert (ran.code, "delete it instead" in ran.err) == (3, True)
    assert local("delete", job["ref"], "--yes").code == 0
    assert local("show", job["ref"]).code == 4
    assert not local.folder(job).exists()


# -- asking ----------------------------------------------------------------------------------------


def test_without_a_terminal_and_without_yes_nothing_is_done(local: Cli) -> None:
    """A writing act that nobody can confirm is refused with 2, and the job goes on."""
    job = local.started_job("asked")
    for command in ("cancel", "stop"):
        ran = local(command, job["ref"], "--json", input="y\n")
        assert (ran.code, ran.error["code"]) == (2, "CONFIRMATION_NEEDED")
    assert (
        local("submit", local.config(shell("true")), "--profile", "local", "--no-check").code == 2
    )
    assert local.in_status(job["ref"], "running")
    local.release(job)


def test_on_a_terminal_it_asks_and_no_is_the_default(local: Cli) -> None:
    """Enter and ``n`` change nothing and are 1; ``y`` does it; the consequence is said before."""
    job = local.started_job("questioned")
    for keys in ("\n", "n\n"):
        ran = local.on_terminal("cancel", job["ref"], keys=keys)
        assert ran.code == 1
        assert f"Cancel {job['ref']}? [y/N]" in ran.out and "questioned" in ran.out
        assert "nothing was changed" in ran.out
    assert local.in_status(job["ref"], "running")
    ran = local.on_terminal("cancel", job["ref"], keys="y\n")
    assert ran.code == 0, ran.out
    assert local("wait", job["ref"], "--timeout", "60").code == 1


# -- submit and edit -------------------------------------------------------------------------------


SMOKE = """\
# kept as it is
job: extension
config:
  name: "tiny"          # a name
  process:
    - type: sd_trainer
      network: {type: lora, linear: 2, linear_alpha: 2}
      save: {save_every: 2}
      datasets:
        - folder_path: "DATA"
          resolution: [32]
      train:
        batch_size: 1
        steps: 2000   # far too many
        lr: 1e-3
      model: {name_or_path: smoke}
      sample: {sample_every: 1000, width: 32, height: 32, prompts: ["x"], seed: 1}
"""


def smoke(local: Cli, name: str = "tiny") -> str:
    """A config of the built-in trainer on a small dataset."""
    data = local.home / "data"
    if not data.exists():
        from trainer_tui.server.sampledata import make_dataset

        make_dataset(data, 4, 32)
    return SMOKE.replace("DATA", str(data)).replace('"tiny"', f'"{name}"')


def test_set_changes_a_value_and_nothing_else(local: Cli) -> None:
    """``--set train.steps=4`` reaches into the process; comments and layout are kept."""
    text = smoke(local, "set")
    job = local.submit(text, "--set", "train.steps=4", "--runner", "smoke")
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    sent = local("show", job["ref"], "--config-text").out
    assert sent == text.replace("steps: 2000 ", "steps: 4 ")
    assert local("show", job["ref"], "--json").json["progress"]["total"] == 4


def test_submit_refuses_a_config_with_mistakes(local: Cli) -> None:
    """What the editor would mark as an error is told with its line; ``--no-check`` sends it."""
    text = smoke(local, "bad").replace("steps: 2000", "stesp: 2000")
    file = local.config(text.replace("batch_size: 1", "batch_size: many"))
    ran = local("submit", file, "--profile", "local", "--yes", "--json")
    assert (ran.code, ran.error["code"]) == (2, "INVALID_CONFIG")
    assert f"{file}:13:" in ran.error["message"]
    cloud = file.with_name("cloud.toml")
    cloud.write_text('[profiles.cloud]\nprovider = "runcomfy"\ntoken = "env:X"\n')
    ran = local("submit", file, "--yes", "--config", cloud)
    assert (ran.code, "one of cloud, local" in ran.err) == (2, True), "not to the cloud unasked"
    assert local("submit", file, "--profile", "local", "--yes", "--set", "nope.x=1").code == 2


def test_submit_from_standard_input_and_follow(local: Cli) -> None:
    """``submit -`` reads the config, ``--follow`` prints the log and ends as ``wait`` does."""
    ran = local(
        "submit", "-", "--profile", "local", "--yes", "--follow", "--no-check",
        input=shell("echo hello; exit 4", "followed-to-fail"),
    )  # fmt: skip
    assert ran.code == 1
    lines = ran.out.splitlines()
    assert lines[0].startswith("local/") and "hello" in lines
    assert "failed" in lines[-1]


def test_edit_sends_the_text_and_tells_what_resume_does(local: Cli) -> None:
    """``edit REF FILE``, ``edit REF --set`` and no change at all."""
    text = smoke(local, "edited")
    job = local.submit(text, "--set", "train.steps=2", "--runner", "smoke")
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    present = local("show", job["ref"], "--config-text").out
    ran = local("edit", job["ref"], local.config(present), "--yes")
    assert (ran.code, "as it was" in ran.err) == (0, True)
    assert local("edit", job["ref"], "--set", "train.steps=6").code == 2
    ran = local("edit", job["ref"], "--set", "train.steps=6", "--yes")
    assert ran.code == 0, ran.err
    changed = present.replace("steps: 2 ", "steps: 6 ")
    assert local("show", job["ref"], "--config-text").out == changed
    assert f"continues from step 2: trainer-tui resume {job['ref']}" in ran.err
    assert local("resume", job["ref"], "--yes").code == 0
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    assert local("show", job["ref"], "--json").json["progress"]["current"] == 6
    assert local("resume", job["ref"], "--yes").code == 3
    running = local.started_job("not-now")
    ran = local("edit", running["ref"], local.config(present), "--yes")
    assert (ran.code, "is running" in ran.err) == (3, True)
    local.release(running)


def test_what_it_will_do_is_said_before_the_question(local: Cli) -> None:
    """Submit, edit and resume tell steps, and time by what a job like it took; ``no`` does none."""
    text = smoke(local, "first").replace("steps: 2000", "steps: 20")
    done = local.submit(text, "--runner", "smoke")
    assert local("wait", done["ref"], "--timeout", "60").code == 0
    file = local.config(text.replace("steps: 20 ", "steps: 9000 ").replace('"first"', '"second"'))
    ran = local.on_terminal("submit", file, "--profile", "local", keys="n\n", NO_COLOR="1")
    assert ran.code == 1 and "Runs 9,000 steps" in ran.out
    assert "as in first" in ran.out and "Takes about" in ran.out
    ran = local.on_terminal(
        "edit", done["ref"], "--set", "train.steps=5000", keys="n\n", NO_COLOR="1"
    )
    assert ran.code == 1 and "Steps from 20 to 5,000, about" in ran.out
    assert local("edit", done["ref"], "--set", "train.steps=5000", "--yes").code == 0
    store, ref = Store(Paths.under(local.home).store), JobRef.parse(done["ref"])
    draft = Draft("d", "local", "a: 2", datetime.now(UTC), "edit", ref, "a: 1")
    store.put_draft(draft)
    ran = local.on_terminal("resume", done["ref"], keys="n\n", NO_COLOR="1")
    store.discard_draft(draft.id)
    store.close()
    assert ran.code == 1 and "Runs 4,980 steps, from 20 to 5,000" in ran.out
    assert "An edit of its config (just now) was not sent" in ran.out


def test_a_dry_run_says_it_and_sends_nothing(local: Cli) -> None:
    """``--dry-run`` tells what a submit or an edit would do, in words or as JSON. A relative path
    of images is meant from the file and is sent written out whole."""
    text = smoke(local, "dry").replace("steps: 2000", "steps: 4")
    whole = local.home.resolve() / "data"
    text = text.replace(str(local.home / "data"), "./data")
    file = local.config(text)
    before = len(local("jobs", "--json").json_lines)
    ran = local("submit", file, "--profile", "local", "--dry-run")
    assert ran.code == 0 and "Runs 4 steps" in ran.out and "nothing was sent" in ran.err
    assert f"./data is sent as {whole}" in ran.out
    told = local("submit", file, "--profile", "local", "--dry-run", "--json").json
    assert told["profile"] == "local" and told["forecast"]["steps_to_run"] == 4
    assert len(local("jobs", "--json").json_lines) == before
    job = local.submit(text, "--runner", "smoke")
    assert job["forecast"]["steps"] == 4
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    told = local("edit", job["ref"], "--set", "train.steps=10", "--dry-run", "--json").json
    assert told["ref"] == job["ref"] and told["forecast"]["steps"] == 10
    assert told["forecast"]["start_step"] == 4 and told["forecast"]["steps_to_run"] == 6
    kept = local("show", job["ref"], "--config-text").out
    assert "steps: 4 " in kept and str(whole) in kept


def test_edit_opens_the_editor_on_a_terminal(local: Cli) -> None:
    """Without a file ``$EDITOR`` gets the present config; the diff is shown before the question."""
    job = local.submit(smoke(local, "by-hand"), "--set", "train.steps=2", "--runner", "smoke")
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    editor = local.home / "editor.py"
    editor.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "file.write_text(file.read_text().replace('steps: 2 ', 'steps: 8 '))\n"
    )
    ran = local.on_terminal(
        "edit", job["ref"], keys="y\n", EDITOR=f"{sys.executable} {editor}", NO_COLOR="1"
    )
    assert ran.code == 0, ran.out
    assert "-         steps: 2 " in ran.out and "+         steps: 8 " in ran.out
    assert "steps: 8 " in local("show", job["ref"], "--config-text").out


def test_what_was_written_in_an_editor_is_not_lost(local: Cli) -> None:
    """A mistake leads back to the editor; what is not sent is a draft that the next edit offers."""
    job = local.submit(smoke(local, "kept"), "--set", "train.steps=2", "--runner", "smoke")
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    editor = local.home / "editor.py"
    editor.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "text = file.read_text()\n"
        "worse = text.replace('steps: 2 ', 'steps: many ')\n"
        "file.write_text(worse if worse != text else text.replace('many', '7'))\n"
    )
    how = {"EDITOR": f"{sys.executable} {editor}", "NO_COLOR": "1"}
    ran = local.on_terminal("edit", job["ref"], keys="n\n", **how)
    assert ran.code == 2 and "Open the editor again?" in ran.out
    assert "kept as a draft" in ran.out
    ran = local.on_terminal("edit", job["ref"], keys="y\nn\n", **how)
    assert "Go on with it?" in ran.out and "+         steps: 7 " in ran.out
    assert ran.code == 1 and "kept as a draft" in ran.out
    ran = local.on_terminal("edit", job["ref"], keys="y\ny\n", **how)
    assert ran.code == 0 and "kept as a draft" not in ran.out
    assert "steps: 7 " in local("show", job["ref"], "--config-text").out


# -- completion ------------------------------------------------------------------------------------


def complete(local: Cli, *words: str) -> list[str]:
    """What the shell is told."""
    return local("__complete", *words).out.splitlines()


def test_completion_knows_commands_jobs_and_options(local: Cli, done: dict[str, object]) -> None:
    """Commands, refs and names from the store, options from the parser, files where files go."""
    assert complete(local, "jo") == ["jobs"]
    assert "--filter" in complete(local, "--")
    assert str(done["ref"]) in complete(local, "show", "")
    assert complete(local, "show", str(done["ref"])[:-2]) == [done["ref"]]
    assert "finished" in complete(local, "logs", "fin")
    assert complete(local, "logs", "--fol") == ["--follow"]
    assert complete(local, "profiles", "add", "x", "--base") == ["--base-url"]
    assert complete(local, "--profile", "lo") == ["local"]
    assert complete(local, "submit", "") == ["__files__"]
    assert complete(local, "download", "x", "--only", "config,sam") == ["config,samples"]
    assert "status:active" in complete(local, "jobs", "status:a")
    assert complete(local, "completion", "z") == ["zsh"]
    assert complete(local, "nothing", "") and complete(local, "show", "zz") == []


def test_completion_in_bash(local: Cli, done: dict[str, object]) -> None:
    """The script makes bash complete: words with a colon too."""
    import subprocess

    script = local("completion", "bash").out
    program = local.home / "bin"
    program.mkdir(exist_ok=True)
    launcher = program / "trainer-tui"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -m trainer_tui "$@"\n')
    launcher.chmod(0o755)

    def completed(line: str) -> list[str]:
        ask = f'{script}\nCOMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; _trainer_tui\n'
        ran = subprocess.run(
            ["bash", "-c", ask + 'printf "%s\\n" "${COMPREPLY[@]}"'],
            env=local.environment() | {"PATH": f"{program}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return ran.stdout.split()

    assert completed("trainer-tui jo") == ["jobs"]
    assert completed(f"trainer-tui show {str(done['ref'])[:-1]}") == [done["ref"]]
    assert completed("trainer-tui jobs status:act") == ["active"]
    assert len(completed("trainer-tui ")) > 15


@pytest.mark.parametrize("shell_name", ["zsh", "fish"])
def test_completion_scripts_of_other_shells(local: Cli, shell_name: str) -> None:
    """Each script calls the program back and falls back to files."""
    script = local("completion", shell_name).out
    assert "__complete" in script and "__files__" in script
    assert json.loads(local("completion", shell_name, "--json").out)["script"] == script
