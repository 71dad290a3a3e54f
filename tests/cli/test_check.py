"""``trainer-tui check``: lines for people, an array for scripts, an exit code for hooks."""

from __future__ import annotations

import argparse
import http.server
import io
import json
import re
import threading
from pathlib import Path

import pytest

from tests.unit.test_yamlconfig_check import GOOD
from trainer_tui.cli import check
from trainer_tui.cli.context import CliContext
from trainer_tui.cli.render import cell_width
from trainer_tui.cli.submit import refuse_mistakes
from trainer_tui.config import Config
from trainer_tui.errors import ConfigError, UsageError
from trainer_tui.paths import Paths

FIXTURES = Path(__file__).parent.parent / "fixtures" / "configs"


class Screen(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def run(
    tmp_path: Path,
    *files: str | Path,
    json: bool = False,
    profile: str | None = None,
    stdin: str = "",
    config: str = "",
    loaded: Config | None = None,
    screen: bool = False,
) -> tuple[int, str, str]:
    """Run the command; gives exit code, standard output and standard error."""
    paths = Paths.under(tmp_path / "home")
    paths.config_file.parent.mkdir(exist_ok=True)
    paths.config_file.write_text(config)
    out, err = Screen() if screen else io.StringIO(), io.StringIO()
    context = CliContext(
        paths, json=json, profile=profile, env={}, stdin=io.StringIO(stdin), stdout=out, stderr=err
    )
    if loaded is not None:
        context._config = loaded
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    code = check.run(parser.parse_args([str(file) for file in files]), context)
    return code, out.getvalue(), err.getvalue()


def test_a_good_config_is_silent_on_stdout(tmp_path: Path) -> None:
    """A real config passes: exit 0, at most advice."""
    code, out, err = run(tmp_path, FIXTURES / "train_lora_flux_24gb.yaml")
    assert code == 0
    assert all(" error " not in line for line in out.splitlines())
    assert "1 warning" in err


def test_lines_name_file_line_column_code_and_fix(tmp_path: Path) -> None:
    """Each problem is one line that an editor can jump to."""
    file = tmp_path / "bad.yaml"
    file.write_text("job: extension\njob: x\n")
    code, out, _ = run(tmp_path, file)
    assert code == 1
    first = next(line for line in out.splitlines() if "duplicate" in line)
    assert first == (
        f"{file}:2:1: error yaml-duplicate-key the key 'job' is here twice; the first is in line 1"
        " (only the last one counts: delete the first)"
    )


def test_json_is_an_array_of_problems(tmp_path: Path) -> None:
    """``--json`` prints exactly the stable fields."""
    file = tmp_path / "bad.yaml"
    file.write_text("a:\n\tb: 1\n")
    code, out, _ = run(tmp_path, file, json=True)
    assert code == 1
    assert json.loads(out) == [
        {
            "severity": "error",
            "code": "yaml-tab",
            "line": 2,
            "column": 1,
            "message": "a tab cannot indent YAML",
            "fix": "use spaces",
        }
    ]
    good = tmp_path / "good.yaml"
    good.write_text((FIXTURES / "train_lora_flux_24gb.yaml").read_text().replace("/path/to", "/x"))
    assert run(tmp_path, good, json=True)[:2] == (0, "[]\n")


def test_a_profile_adds_its_providers_rules(tmp_path: Path) -> None:
    """With a RunComfy profile its fixed folders are checked too."""
    config = '[profiles.comfy]\nprovider = "runcomfy"\ntoken = "env:NOTHING"\n'
    file = FIXTURES / "train_lora_flux_24gb.yaml"
    code, out, _ = run(tmp_path, file, profile="comfy", config=config)
    assert code == 1
    assert "provider-training-folder" in out and "provider-dataset-path" in out
    with pytest.raises(ConfigError):
        run(tmp_path, file, profile="nobody", config=config)


def test_keys_of_the_users_own_are_known(tmp_path: Path) -> None:
    """Keys that the config declares as known give no warning."""
    file = tmp_path / "new.yaml"
    text = (FIXTURES / "train_lora_flux_24gb.yaml").read_text()
    file.write_text(
        text.replace("        batch_size: 1", "        shiny: 1\n        batch_size: 1")
    )
    assert "unknown-key" in run(tmp_path, file)[1]
    known = Config(schema_extra_keys=("shiny",))
    assert "unknown-key" not in run(tmp_path, file, loaded=known)[1]


def test_standard_input_is_read(tmp_path: Path) -> None:
    """``-`` checks what is piped in."""
    code, out, _ = run(tmp_path, "-", stdin="a: [1\n")
    assert code == 1
    assert out.startswith("-:1:4: error yaml-syntax")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00a"])
def test_what_cannot_be_read_is_wrong_usage(tmp_path: Path, content: bytes | None) -> None:
    """A missing file and one that is no text are said plainly (exit 2)."""
    file = tmp_path / "x.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        run(tmp_path, file)
    assert caught.value.exit_code == 2
    assert str(file) in caught.value.message


def test_several_files_are_checked_in_their_order(tmp_path: Path) -> None:
    """Each problem names its file; one error in any of them is exit code 1."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text((FIXTURES / "train_lora_flux_24gb.yaml").read_text())
    bad.write_text("a: 1\na: 2\n")
    code, out, err = run(tmp_path, good, "-", bad, stdin="a: [1\n")
    assert code == 1
    assert [line.split(":")[0] for line in out.splitlines()][:2] == [str(good), "-"]
    assert out.splitlines()[-1].startswith(f"{bad}:")
    assert "4 errors" in err
    code, out, _ = run(tmp_path, good, bad, json=True)
    found = json.loads(out)
    assert code == 1
    assert found[0]["file"] == str(good) and found[-1]["file"] == str(bad)
    assert run(tmp_path, good, good)[0] == 0
    with pytest.raises(UsageError, match="only once"):
        run(tmp_path, "-", "-")


def test_a_terminal_shows_the_place(tmp_path: Path) -> None:
    """On a terminal the line is shown, with carets below what the problem is about."""
    code, out, _ = run(tmp_path, "-", stdin='"🐈": {steps: 1, x: [1\n', screen=True)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in out.splitlines()]
    assert code == 1
    assert lines[0].startswith("-:1:20: error yaml-syntax")
    assert lines[1] == '    1 | "🐈": {steps: 1, x: [1'
    assert lines[2] == "      |                     ^"
    assert "\x1b[31merror" in out


def test_the_place_in_a_long_line_is_shown(tmp_path: Path) -> None:
    """Of a long line the part around the place is shown, and nothing that a terminal acts on."""
    text = "a: 1\nb: {" + "k: 1, " * 40 + "}\n"
    _, out, _ = run(tmp_path, "-", stdin=text, screen=True)
    rows = out.splitlines()
    assert all(cell_width(row) <= 80 for row in rows if " | " in row)
    shown, caret = rows[-2], rows[-1]
    assert shown[caret.index("^")] == "k"
    _, out, _ = run(tmp_path, "-", stdin="a: x\x1b[2J\x9b\n", screen=True)
    assert "\x1b[2J" not in out and "\x9b" not in out


class Account(http.server.BaseHTTPRequestHandler):
    """RunComfy's list of datasets."""

    def do_GET(self) -> None:
        body = b'{"datasets": [{"id": "1", "name": "cats", "status": "READY"}, {"id": "2",'
        body += b' "name": "dogs", "status": "UPLOADING"}]}'
        known = self.path == "/prod/v1/trainers/datasets"
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if known else 0))
        self.end_headers()
        self.wfile.write(body if known else b"")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_runcomfy_is_asked_for_its_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a RunComfy profile a dataset must be there and READY; a service that is away is told."""
    monkeypatch.setenv("A_TOKEN", "secret")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Account) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = '[profiles.comfy]\nprovider = "runcomfy"\ntoken = "env:A_TOKEN"\n'
        config += f'base_url = "http://127.0.0.1:{server.server_port}"\n'
        try:
            code, out, err = run(tmp_path, "-", profile="comfy", config=config, stdin=GOOD)
            assert (code, out) == (0, ""), err
            assert "Runs 2,000 steps" in err
            for more, gist in (
                (["--gpu-type=HOPPER_141", "--gpu-count=8"], "provider-gpu-count"),
                (["--gpu-type=ADA_80_PLUS", "--gpu-count=8"], ""),
            ):
                code, out, _ = run(tmp_path, "-", *more, profile="comfy", config=config, stdin=GOOD)
                assert code == bool(gist) and gist in out
            with pytest.raises(UsageError, match="has no GPU"):
                run(tmp_path, "-", "--gpu-type=HOPER", profile="comfy", config=config, stdin=GOOD)
            with pytest.raises(UsageError, match="which service"):
                run(tmp_path, "-", "--gpu-count=8", stdin=GOOD)
            for name, gist in (("dogs", "is UPLOADING"), ("cat", "did you mean 'cats'?")):
                text = GOOD.replace("datasets/cats", f"datasets/{name}")
                code, out, _ = run(tmp_path, "-", profile="comfy", config=config, stdin=text)
                assert code == 1 and gist in out
        finally:
            server.shutdown()
    code, out, err = run(tmp_path, "-", profile="comfy", config=config, stdin=GOOD)
    assert (code, out) == (0, "")
    assert "could not be asked for its datasets" in err


def test_an_edit_is_measured_by_the_job_that_it_changes(tmp_path: Path) -> None:
    """What is sent for an edit keeps the job's name, and is told of steps that are over."""
    out, err = io.StringIO(), io.StringIO()
    paths = Paths.under(tmp_path / "home")
    context = CliContext(paths, env={}, stdin=io.StringIO(), stdout=out, stderr=err)
    with pytest.raises(UsageError, match="keeps the name"):
        refuse_mistakes(context, "x", GOOD.replace('"one"', '"two"'), "runcomfy", base_text=GOOD)
    refuse_mistakes(context, "x", GOOD, "runcomfy", base_text=GOOD, checkpoint_step=2000)
    assert "nothing is left to train" in err.getvalue()
    with pytest.raises(UsageError, match="no dataset 'cats'"):
        refuse_mistakes(context, "x", GOOD, "runcomfy", datasets={})


def test_a_refusal_names_the_check_that_finds_the_same(tmp_path: Path) -> None:
    """What breaks a rule of the service is found by `check` only when it is told which service;
    a text that is no file has no such command."""
    paths = Paths.under(tmp_path / "home")
    context = CliContext(paths, env={}, stdin=io.StringIO(), stdout=io.StringIO())
    text, file = GOOD.replace("/app/ai-toolkit/output", "output"), tmp_path / "my dog.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        refuse_mistakes(context, str(file), text, "runcomfy", profile="comfy")
    assert f"trainer-tui check --profile comfy '{file}'." in str(refused.value.hint)
    with pytest.raises(UsageError) as refused:
        refuse_mistakes(context, "comfy/j1", text, "runcomfy", profile="comfy")
    assert "trainer-tui check" not in str(refused.value.hint)
