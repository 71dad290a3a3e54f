"""``trainer-tui check``: lines for people, an array for scripts, an exit code for hooks."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest

from trainer_tui.cli import check
from trainer_tui.cli.context import CliContext
from trainer_tui.config import Config
from trainer_tui.errors import ConfigError, UsageError
from trainer_tui.paths import Paths

FIXTURES = Path(__file__).parent.parent / "fixtures" / "configs"


def run(
    tmp_path: Path,
    file: str | Path,
    *,
    json: bool = False,
    profile: str | None = None,
    stdin: str = "",
    config: str = "",
    loaded: Config | None = None,
) -> tuple[int, str, str]:
    """Run the command; gives exit code, standard output and standard error."""
    paths = Paths.under(tmp_path / "home")
    paths.config_file.parent.mkdir(exist_ok=True)
    paths.config_file.write_text(config)
    out, err = io.StringIO(), io.StringIO()
    context = CliContext(
        paths, json=json, profile=profile, env={}, stdin=io.StringIO(stdin), stdout=out, stderr=err
    )
    if loaded is not None:
        context._config = loaded
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    code = check.run(parser.parse_args([str(file)]), context)
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
