"""Profiles and services that answer badly: who hears what, and with which exit code."""

from __future__ import annotations

import json
import stat

import pytest

from tests.cli.conftest import Answers, Cli, comfy
from tests.server.conftest import python


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"message": "no"}, 5),
        (403, {"message": "no"}, 5),
        (500, {"message": "no"}, 6),
        (200, "not json", 6),
        (404, {"message": "no"}, 4),
    ],
)
def test_exit_codes_of_a_service_that_fails(
    cli: Cli, service: Answers, status: int, body: object, code: int
) -> None:
    """401 and 403 are 5, errors and nonsense 6, unknown 4; the token is in no message."""
    comfy(cli, service.url)
    service.status, service.body = status, json.dumps(body).encode()[: 7 if code == 6 else None]
    ran = cli("track", "comfy", "abc", "--json")
    assert ran.code == code, ran.err
    assert ran.error["exit_code"] == code
    assert service.seen and service.seen[0][2] == "Bearer secret-token-1"
    assert "secret-token" not in ran.err


def test_nobody_there_is_six(cli: Cli, service: Answers) -> None:
    """A refused connection is a network error, told in words."""
    comfy(cli, service.url)
    url = service.url
    service.shutdown()
    service.server_close()
    ran = cli("track", "comfy", "abc")
    assert ran.code == 6
    assert url.removeprefix("http://") in ran.err or "comfy" in ran.err


def test_track_keeps_the_job_and_jobs_shows_it_when_the_service_is_gone(
    cli: Cli, service: Answers
) -> None:
    """A tracked job is in the store; a profile that fails shows it as last known and says so."""
    comfy(cli, service.url)
    service.body = json.dumps(
        {"id": "abc", "job_id": "abc", "status": "IN_QUEUE", "name": "n\x1b[31m\u202eame"}
    ).encode()
    ran = cli("track", "comfy", "abc", "--json")
    assert ran.code == 0, ran.err
    assert (ran.json["ref"], ran.json["profile"]) == ("comfy/abc", "comfy")
    assert "\x1b" not in ran.out and "\u202e" not in ran.out
    service.status, service.body = 500, b"{}"
    ran = cli("jobs", "--json")
    assert ran.code == 6
    assert [job["ref"] for job in ran.json] == ["comfy/abc"]
    assert ran.error["message"].startswith("comfy: ")
    ran = cli("show", "comfy/abc")
    assert ran.code == 6
    assert "comfy/abc" in ran.out and "as last known" in ran.err


def test_one_failing_profile_does_not_hide_the_others(cli: Cli, service: Answers) -> None:
    """Two profiles, one refused: the other's jobs are shown, the failure told, the exit code 0."""
    comfy(cli, service.url)
    service.body = json.dumps({"id": "abc", "job_id": "abc", "status": "IN_QUEUE"}).encode()
    assert cli("track", "comfy", "abc").code == 0
    with (cli.home / "config.toml").open("a") as file:
        file.write('[profiles.far]\nprovider = "runcomfy"\nbase_url = "http://127.0.0.1:9"\n')
        file.write('token = "env:E_TOKEN"\n')
    # A profile without a job has nothing to be asked; give it one that was submitted from here.
    from trainer_tui.core.store import Store
    from trainer_tui.model import JobRef

    store = Store(cli.home / "state" / "store.db")
    store.track(JobRef("far", "xyz"), "runcomfy")
    store.close()
    ran = cli("jobs")
    assert ran.code == 0
    assert "comfy/abc" in ran.out
    assert "warning: far: " in ran.err


def test_a_credential_that_is_not_set_is_told_by_its_name(cli: Cli, service: Answers) -> None:
    """The message names the variable; no request is made without a credential."""
    comfy(cli, service.url, token="env:E_MISSING")
    ran = cli("profiles", "check")
    assert ran.code == 5
    assert "E_MISSING is not set" in ran.err
    assert service.seen == []


def test_add_check_list_remove(cli: Cli, service: Answers) -> None:
    """A profile is checked before it is written; a refused one is not written."""
    service.status, service.body = 401, b'{"message": "bad key"}'
    cli.env["E_TOKEN"] = "secret-token-1"
    add = ["profiles", "add", "mine", "--provider", "runcomfy", "--base-url", service.url]
    ran = cli(*add, "--token", "env:E_TOKEN")
    assert ran.code == 5
    managed = cli.home / "profiles.toml"
    assert not managed.exists()
    assert cli(*add, "--token", "env:E_TOKEN", "--no-check", "--protect").code == 0
    assert stat.S_IMODE(managed.stat().st_mode) == 0o600
    listed = {profile["name"]: profile for profile in cli("profiles", "--json").json}
    assert listed["mine"]["credential"] == "env:E_TOKEN"
    assert listed["mine"]["read_only"] is True
    assert cli("profiles", "check", "mine").code == 5
    ran = cli("profiles", "remove", "mine")
    assert (ran.code, "--yes" in ran.err) == (2, True)
    assert cli("profiles", "remove", "mine", "--yes").code == 0
    assert "mine" not in cli("profiles").out
    assert cli(*add, "--token", "file:key", "--no-check").code == 0
    listed = {profile["name"]: profile for profile in cli("profiles", "--json").json}
    assert listed["mine"]["credential"] == f"file:{cli.home.resolve() / 'key'}"


def test_an_entered_credential_is_kept_apart(cli: Cli, service: Answers) -> None:
    """``--token -`` reads it from standard input; it lies in a private file, shown nowhere."""
    ran = cli(
        "profiles", "add", "mine", "--provider", "runcomfy", "--base-url", service.url,
        "--token", "-", "--no-check", input="VALUE-123\n",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert (cli.home / "secrets" / "mine").read_text() == "VALUE-123\n"
    shown = cli("profiles", "--json").out + cli("config", "show").out
    assert "VALUE-123" not in ran.out + ran.err + shown
    assert "VALUE-123" not in (cli.home / "profiles.toml").read_text()


def test_add_says_what_is_missing(cli: Cli) -> None:
    """Without provider or credential the message says what to give."""
    assert "--provider" in cli("profiles", "add", "mine").err
    ran = cli("profiles", "add", "mine", "--provider", "runcomfy")
    assert ran.code == 2 and "--token env:NAME" in ran.err


def test_read_only_takes_writing_away(cli: Cli, service: Answers) -> None:
    """With ``--read-only``, ``read_only`` in the config or of the profile nothing is sent."""
    comfy(cli, service.url)
    file = cli.home / "job.yaml"
    file.write_text("config: {name: x}\n")
    submit = ["submit", str(file), "--profile", "comfy", "--yes", "--no-check"]
    ran = cli("--read-only", *submit, "--json")
    assert (ran.code, ran.error["code"]) == (3, "READ_ONLY")
    config = cli.home / "config.toml"
    text = config.read_text()
    config.write_text(text + "read_only = true\n")
    assert "profile comfy is read-only" in cli(*submit).err
    config.write_text("read_only = true\n" + text)
    assert cli(*submit).code == 3
    assert service.seen == []


def test_submit_keeps_the_id_before_anything_is_printed(cli: Cli, service: Answers) -> None:
    """The id of a new job is in the store even when nobody can read what is printed."""
    comfy(cli, service.url)
    service.body = json.dumps({"id": "new1", "job_id": "new1", "status": "IN_QUEUE"}).encode()
    file = cli.home / "job.yaml"
    file.write_text("config: {name: x}\n")
    ran = cli("submit", str(file), "--profile", "comfy", "--yes", "--no-check")
    assert ran.code == 0, ran.err
    assert ran.out == "comfy/new1\n"
    assert [job["id"] for job in cli("jobs", "--offline", "--json").json] == ["new1"]


def test_what_a_provider_cannot_do_is_three_with_the_reason(cli: Cli, service: Answers) -> None:
    """RunComfy has no log and no early stop: said in its own words, nothing is sent."""
    comfy(cli, service.url)
    service.body = json.dumps({"id": "abc", "job_id": "abc", "status": "IN_QUEUE"}).encode()
    assert cli("track", "comfy", "abc").code == 0
    for args, word in ((["logs"], "log"), (["metrics"], "metrics"), (["stop", "--yes"], "stop")):
        ran = cli(args[0], "comfy/abc", *args[1:])
        assert ran.code == 3, ran.err
        assert word in ran.err
    assert {method for method, _, _ in service.seen} == {"GET"}


def test_logs_of_several_are_printed_without_one_that_cannot_be_had(
    local: Cli, service: Answers
) -> None:
    """The job without a log is told on standard error and by the exit code; the other's lines are
    printed with its name before them, whichever comes first."""
    job = local.submit(python("print('a line')", "has_a_log"))
    assert local("wait", job["ref"], "--timeout", "60").code == 0
    comfy(local, service.url)
    service.body = json.dumps({"id": "abc", "job_id": "abc", "status": "IN_QUEUE"}).encode()
    assert local("track", "comfy", "abc").code == 0
    for refs in ((job["ref"], "comfy/abc"), ("comfy/abc", job["ref"])):
        ran = local("logs", *refs)
        assert (ran.code, ran.out) == (3, "has_a_log | a line\n")
        assert "gives no log" in ran.err


def test_waiting_for_what_is_refused_or_gone(cli: Cli, service: Answers) -> None:
    """``wait`` ends with 5 when it is no longer let in, and with 4 when the job is gone."""
    comfy(cli, service.url)
    service.body = json.dumps({"id": "abc", "job_id": "abc", "status": "IN_QUEUE"}).encode()
    assert cli("track", "comfy", "abc").code == 0
    service.status, service.body = 401, b'{"message": "who are you"}'
    assert cli("wait", "comfy/abc").code == 5
    service.status, service.body = 404, b'{"message": "no such job"}'
    assert cli("wait", "comfy/abc").code == 4


def test_a_price_is_shown_beside_the_gpu(cli: Cli, service: Answers) -> None:
    """With a price in the config ``show`` says what the job has cost so far."""
    from datetime import UTC, datetime, timedelta

    from trainer_tui.core.store import Store
    from trainer_tui.model import Gpu, Job, JobRef, Status

    comfy(cli, service.url)
    with (cli.home / "config.toml").open("a") as file:
        file.write("[pricing]\nH100 = 4.0\n")
    started = datetime(2026, 1, 1, tzinfo=UTC)
    job = Job(
        JobRef("comfy", "abc"), "runcomfy", "dog", Status.SUCCEEDED, "COMPLETED",
        started_at=started, finished_at=started + timedelta(hours=3), gpu=Gpu("H100", 2),
    )  # fmt: skip
    store = Store(cli.home / "state" / "store.db")
    store.save_jobs([job], started)
    store.close()
    service.status = 500
    ran = cli("show", "dog")
    assert ran.code == 6
    assert "H100 x2 · about 24.00 so far" in ran.out


def test_a_damaged_store_is_told(cli: Cli) -> None:
    """History that had to be set aside is not lost without a word, and only told once."""
    store = cli.home / "state" / "store.db"
    store.parent.mkdir(parents=True, exist_ok=True)
    store.write_bytes(b"not a database at all" * 400)
    ran = cli("jobs")
    assert ran.code == 0, ran.err
    assert "the store was damaged: it is kept as store.db.damaged-" in ran.err
    assert "damaged" not in cli("jobs").err
