"""The command line's grammar: help, mistakes, flags, streams."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import PROGRAM, Cli
from trainer_tui.cli.table import COMMANDS
from trainer_tui.config import Config


def test_help_names_every_command(cli: Cli) -> None:
    """``--help`` lists all commands with one line each, and the exit codes."""
    ran = cli("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert f"\n    {command.name} " in ran.out
        assert command.help in " ".join(ran.out.split())
    assert "7 interrupted" in ran.out


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_help_of_its_own(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """``COMMAND --help`` imports that command's module and shows its arguments."""
    from trainer_tui.cli.parser import build

    with pytest.raises(SystemExit) as ended:
        build().parse_args([command, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: trainer-tui {command} ")
    assert "--json" in out and "--profile" in out


def test_help_imports_nothing_heavy() -> None:
    """``--help`` needs neither the console, nor HTTP, nor YAML, nor SQLite."""
    script = (
        "import sys; from trainer_tui.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'textual','httpx','yaml','sqlite3','asyncio','starlette','tomllib'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"


def test_help_is_quick() -> None:
    """``--help`` takes little more than Python itself of the processor (best of pairs)."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def seconds(*argv: str) -> float:
        before = used()
        subprocess.run([sys.executable, *argv], stdout=subprocess.DEVNULL, check=True, timeout=60)
        return used() - before

    seconds("-m", "trainer_tui", "--help")  # compiles what is not compiled yet
    over = (seconds("-m", "trainer_tui", "--help") - seconds("-c", "pass") for _ in range(7))
    assert any(each < 0.080 * 2 for each in over)  # twice the goal: the machine may be busy


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["jbos"], "there is no command 'jbos'; did you mean 'jobs'?"),
        (["show"], "the following arguments are required: REF"),
        (["jobs", "--nope"], "unrecognized arguments: --nope"),
        (["wait", "x", "--timeout", "soon"], "expected a duration"),
        (["profiles", "lst"], "'lst' is none of list, check, add, remove; did you mean 'list'?"),
        (
            ["jobs", "--jsn"],
            "arguments: --jsn; did you mean '--json'?\n  usage: trainer-tui jobs",
        ),
        (["metrics", "x", "--since", "y"], "--since takes a whole number, not 'y'"),
        (["metrics", "x", "--tail", "-1"], "--tail takes a number of steps"),
        (["wait", "x", "--timeout", "-1s"], "--timeout takes a value"),
        (["logs", "x", "--since", "now", "--until", "2h"], "--since is after --until"),
        (["submit", ".", "--profile", "local"], ". is a folder; "),
        (["jobs", "x" * 3000 + "("], "the filter is longer than 2000 characters\n  xxx"),
        (["logs", "x", "--tail", "-1"], "--tail takes a number"),
        (["jobs", "status:runing"], "did you mean 'running'?\n  status:runing\n         ^^^^^^"),
        (["--filter", "status:runing"], "did you mean 'running'?\n  status:runing\n"),
        (["--filter", "dog", "jobs"], "A filter for the list comes after it"),
        (["jobs", "--profile", "nope"], "there is no profile 'nope'"),
        (["--config", "/no/such.toml", "jobs"], "there is no config file /no/such.toml"),
        (["config", "check", "--config", "no.toml"], "there is no config file no.toml"),
        (["config", "show", "--config", "/tmp"], "/tmp is no plain file"),
        (["profiles", "--config", "no.toml"], "there is no config file no.toml"),
        (["profiles", "--profile", "loca"], "there is no profile 'loca'; did you mean 'local'?"),
        (["submit", "/no/such.yaml", "--yes"], "/no/such.yaml cannot be read: No such file"),
        (["submit", "-", "--set", "steps", "--yes"], "--set takes PATH=VALUE"),
        (["submit", "-", "--profile", "nope", "--yes"], "there is no profile 'nope'"),
        (["demo", "--setup-only", "--folder", "/dev/null/x"], "/dev/null/x cannot be used: Not a"),
        ([], "the console needs a terminal"),
    ],
)
def test_wrong_usage_is_told_and_is_two(cli: Cli, args: list[str], said: str) -> None:
    """What is wrong goes to standard error with what to do; the exit code is 2."""
    ran = cli(*args)
    assert ran.code == 2, ran.err
    assert said in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_errors_are_json_when_json_is_asked_for(cli: Cli) -> None:
    """With ``--json`` an error is one line of JSON on standard error, wrong usage too."""
    ran = cli("jobs", "--json", "status:x")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error["code"] == "BAD_FILTER"
    assert (ran.error["position"], ran.error["length"], ran.error["exit_code"]) == (7, 1, 2)
    ran = cli("jbos", "--json")
    assert (ran.code, ran.error["code"]) == (2, "USAGE")
    ran = cli("--json", "show", "nothing")
    assert (ran.code, ran.error["exit_code"]) == (4, 4)


def test_flags_hold_before_and_after_the_command(cli: Cli) -> None:
    """``--json`` and its kin may stand on either side."""
    assert cli("--json", "version").json == cli("version", "--json").json
    assert cli("--json", "profiles", "list").json == cli("profiles", "list", "--json").json


def test_version(cli: Cli) -> None:
    """``--version``, ``-V`` and ``version`` agree."""
    assert cli("--version").out == cli("-V").out == cli("version").out
    assert cli("version").out.startswith("trainer-tui ")


def test_an_empty_home_has_no_jobs_and_makes_none(cli: Cli) -> None:
    """Without a profile there is nothing to ask: an empty list, and a word on how to begin."""
    ran = cli("jobs")
    assert (ran.code, ran.out) == (0, "")
    assert "trainer-tui demo" in ran.err
    assert cli("jobs", "--json").json == []
    ran = cli("jobs", "provider:runcmfy", "--filter", "profile:nosuch", "--json")
    assert (ran.code, ran.json) == (0, [])
    assert "no provider is called 'runcmfy'; did you mean 'runcomfy'?" in ran.err
    assert "no profile is called 'nosuch': there are local" in ran.err
    assert not (cli.home / "state" / "server").exists()


def test_a_closed_pipe_is_no_error(cli: Cli) -> None:
    """A reader that goes away early ends the program without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PROGRAM, "themes"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=cli.environment(PYTHONUNBUFFERED="1"),
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert done.returncode == 141
    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr


def test_streams_that_are_closed_or_full(cli: Cli) -> None:
    """A closed stream is as good as /dev/null and no file takes its number; a disk that is full
    is told in words; the exit code stays the act's. A config is UTF-8, whatever the locale is."""
    program = shlex.join(PROGRAM)
    lines = f"{program} show nosuch >&- 2>&- <&-; echo $?; {program} version >/dev/full; echo $?"
    lines += f"; printf 'a: \\377' | LC_ALL=C {program} check -; echo $?"
    done = subprocess.run(
        ["bash", "-c", lines], env=cli.environment(), capture_output=True, check=False, timeout=90
    )
    assert done.stdout.split() == [b"4", b"1", b"2"]
    said = b"trainer-tui: standard output cannot be written: No space left on device\n"
    binary = b"trainer-tui: standard input is not UTF-8 text (byte 3)\n  Save it as UTF-8.\n"
    assert done.stderr == said + binary


def test_colour_only_on_a_terminal_that_wants_it(cli: Cli) -> None:
    """Colour on a terminal; none in a pipe, under NO_COLOR or on a dumb one."""
    assert "\x1b[" not in cli("themes").out
    assert "\x1b[" in cli.on_terminal("themes").out
    assert "\x1b[" not in cli.on_terminal("themes", NO_COLOR="1").out
    assert "\x1b[" not in cli.on_terminal("themes", TERM="dumb").out


def test_no_word_is_lost_on_an_ascii_locale(cli: Cli) -> None:
    """A locale that cannot write a name does not end the program."""
    ran = cli.process("version", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert ran.code == 0
    config = cli.home / "config.toml"
    config.write_text("[profiles.x]\nprovider = 'runcomfy'\nworkspace = 'Zürich ✓'\n")
    ran = cli.process("config", "show", PYTHONIOENCODING="ascii")
    assert ran.code == 0
    assert "Z\\xfcrich" in ran.out


# -- config, themes, profiles ---------------------------------------------------------------------


def test_config_path(cli: Cli) -> None:
    """The path on standard output alone, so that it can be used: ``$EDITOR "$(…)"``."""
    assert cli("config", "path").out == f"{cli.home / 'config.toml'}\n"
    assert cli("config", "path", "--json").json["exists"] is False
    other = cli.home / "other.toml"
    assert cli("config", "path", "--config", other).out == f"{other}\n"
    assert cli.process("config", TRAINER_TUI_CONFIG=str(other)).out == f"{other}\n"


def test_config_check_tells_every_mistake(cli: Cli) -> None:
    """All mistakes with file, line and column; exit code 2; nothing but them on standard output."""
    file = cli.home / "config.toml"
    file.write_text("[ui]\nteme = 'x'\nmouse = 3\n")
    ran = cli("config", "check")
    assert ran.code == 2
    assert ran.out.splitlines() == [
        f"{file}:2:1: ui.teme: unknown key; did you mean 'theme'?",
        f"{file}:3:1: ui.mouse: expected true or false",
    ]
    problem = cli("config", "check", "--json").json["problems"][0]
    assert (problem["line"], problem["column"], problem["key"]) == (2, 1, "ui.teme")
    assert "config.toml:2: ui.teme" in cli("jobs").err
    file.write_text("[ui]\ntheme = 'linen'\n[keys]\njob.stop = 'f9'\n'logs.wrap' = 'W'\n")
    assert cli("config", "check").code == 0
    file.write_text("[ui]\ntheme = 'midnigt'\n[keys]\njob.cancl = 'f9'\n")
    assert cli("config", "check").out.splitlines() == [
        f"{file}:4:1: keys.job.cancl: no command has this id; did you mean 'job.cancel'?",
        f"{file}:2:1: ui.theme: there is no theme 'midnigt'; did you mean 'midnight'?",
    ]


def test_config_show_has_no_credential(cli: Cli) -> None:
    """Settings as they hold, with the place of a credential and never its value."""
    (cli.home / "config.toml").write_text(
        "[poll]\nrunning = 7\n[profiles.c]\nprovider = 'runcomfy'\ntoken = 'abc-VALUE'\n"
    )
    ran = cli("config", "show")
    assert "running = 7.0" in ran.out
    shown = cli("config", "show", "--json")
    assert shown.json["profiles"]["c"]["token"] == "written in the config (not shown)"
    assert json.loads(shown.err)["warning"].startswith("config.toml:5: profiles.c.token")
    assert "VALUE" not in ran.out + ran.err + shown.out + shown.err


def test_config_show_has_every_setting(cli: Cli) -> None:
    """Every table of the config, the server's credential and the rules of [health] included."""
    (cli.home / "config.toml").write_text(
        "[local]\ntoken = 'abc-VALUE'\n[[health.rules]]\non = 'nan'\ndo = 'stop'\n"
    )
    ran = cli("config", "show")
    shown = cli("config", "show", "--json")
    for value in (tomllib.loads(ran.out), shown.json):
        assert value["local"]["token"] == "written in the config (not shown)"
        assert value["health"]["rules"][0]["on"] == "nan" and value["health"]["plateau"] == 5000
    told = {field.name for field in dataclasses.fields(Config)} - {"warnings", "files"}
    assert {*shown.json, "schema_extra_keys"} >= told
    assert "VALUE" not in ran.out + ran.err + shown.out + shown.err


def test_themes_marks_the_one_in_use(cli: Cli) -> None:
    """Shipped ones and the user's own, with a byte order mark too; a broken file is told and the
    others are shown."""
    own = cli.home / "themes"
    own.mkdir()
    (own / "mine.toml").write_text('\ufefftitle = "Mine"\n[colors]\naccent = "#ffffff"\n')
    (own / "bad.toml").write_text("title =")
    (cli.home / "config.toml").write_text("[ui]\ntheme = 'mine'\n")
    ran = cli("themes", "--json")
    themes = {theme["name"]: theme for theme in ran.json}
    assert themes["mine"]["current"] and themes["mine"]["own"]
    assert not themes["midnight"]["own"] and "bad" not in themes
    assert f"{own}/bad.toml:1: not valid TOML: " in ran.err
    (own / "bad.toml").write_text('[colors]\nacent = "#ffffff"\n')
    said = f"{own}/bad.toml:2:1: colors.acent: unknown key; did you mean 'accent'?"
    ran = cli("config", "check")
    assert ran.code == 2 and said in ran.out
    ran = cli("config", "check", "--config", "confg.toml")
    assert (
        ran.code == 2
        and "there is no config file confg.toml; did you mean 'config.toml'?" in ran.err
    )


def test_every_command_is_documented() -> None:
    """The documentation of the command line leaves no command out."""
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    for command in COMMANDS:
        assert f"`{command.name}" in text, command.name
