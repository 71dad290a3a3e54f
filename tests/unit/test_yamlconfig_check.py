"""The rules on training configs: each with its text, its exact place and its fix."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from trainer_tui.core import yamlconfig
from trainer_tui.core.yamlconfig import Problem, check

CONFIGS = sorted((Path(__file__).parent.parent / "fixtures" / "configs").glob("*.yaml"))
TEMPLATES = sorted(
    (Path(yamlconfig.__file__).parent.parent / "starters").glob("*.yaml")
)  # shipped starting points

GOOD = """\
job: extension
config:
  name: "one"
  process:
    - type: sd_trainer
      training_folder: /app/ai-toolkit/output
      network:
        type: lora
        linear: 16
      save:
        save_every: 250
      datasets:
        - folder_path: "/app/ai-toolkit/datasets/cats"
          resolution: [512]
      train:
        batch_size: 1
        steps: 2000
        noise_scheduler: flowmatch
        optimizer: adamw8bit
        lr: 1e-4
      model:
        name_or_path: "x/y"
      sample:
        sampler: flowmatch
        sample_every: 250
        prompts:
          - "a cat"
"""


def only(problems: list[Problem], code: str) -> Problem:
    """The one problem of that code."""
    found = [p for p in problems if p.code == code]
    assert len(found) == 1, problems
    return found[0]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_real_configs_give_no_error_and_no_unknown_key(path: Path) -> None:
    """The trainer's own example configs are right and every key in them is known."""
    problems = check(path.read_text())
    assert len(CONFIGS) == 3
    assert [p for p in problems if p.severity == "error"] == []
    assert [p for p in problems if p.code == "unknown-key"] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.stem)
def test_templates_need_nothing_but_a_folder(path: Path) -> None:
    """A shipped template has only the advice to name one's own folder."""
    assert len(TEMPLATES) == 4
    assert {p.code for p in check(path.read_text())} <= {"advice-path"}


def test_a_good_config_has_no_problem_anywhere() -> None:
    """The config that the other tests break is itself without any remark, RunComfy included."""
    assert check(GOOD) == []
    assert check(GOOD, provider="runcomfy", base_text=GOOD) == []


# What YAML itself says --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "says"),
    [
        ("a:\n\tb: 1\n", "yaml-tab", 2, 1, "tab"),
        ("a: b: c\n", "yaml-syntax", 1, 5, "second ': '"),
        ("a: 1\n  b: 2\n", "yaml-syntax", 2, 4, "indented too far"),
        ("a: [1, 2\nb: 3\n", "yaml-syntax", 1, 4, "never closed"),
        ("a: {x: 1\n", "yaml-syntax", 1, 4, "never closed"),
        ("x: 1\na: 'open\n", "yaml-syntax", 2, 4, "never closed"),
        ("key: 1\nfoo\nbar: 2\n", "yaml-syntax", 2, 1, "'foo' is a key without ':'"),
        ("a: @x\n", "yaml-syntax", 1, 4, "cannot begin with '@'"),
        ('a: "\\q"\n', "yaml-syntax", 1, 5, "backslash"),
        ("- a\nb: 1\n", "yaml-syntax", 2, 1, "list item"),
        ("p:\n  - [trigger] holding a sign\n", "yaml-syntax", 2, 5, "quotes"),
        ("a: 1\nb: 2\na: 3\n", "yaml-duplicate-key", 3, 1, "first is in line 1"),
        ("a: {b: 1, b: 2}\n", "yaml-duplicate-key", 1, 11, "'b' is here twice"),
        ("a: *nope\n", "yaml-alias", 1, 4, "&nope"),
        ("a: &a [1, *a]\n", "yaml-alias", 1, 11, "inside"),
        ("a: 1\n---\nb: 2\n", "yaml-documents", 2, 1, "second document"),
        ("a: \x07\n", "yaml-character", 1, 4, "U+0007"),
        ("", "yaml-empty", 1, 1, "empty"),
        ("# only a remark\n", "yaml-empty", 1, 1, "empty"),
    ],
)
def test_yaml_errors_have_their_place(
    text: str, code: str, line: int, column: int, says: str
) -> None:
    """Every error of YAML itself comes with line, column and words a person understands."""
    problem = only(check(text), code)
    assert (problem.severity, problem.line, problem.column) == ("error", line, column)
    assert says in f"{problem.message} {problem.fix}"


def test_places_count_characters_as_an_editor_does() -> None:
    """A byte-order mark, CRLF and characters beyond the BMP do not shift columns."""
    text = '\ufeffa: "🐈 ü"\r\nb: 1\r\n🐈: 1\r\nb: 2\r\n'
    problem = only(check(text, provider="another"), "yaml-duplicate-key")
    assert (problem.line, problem.column) == (4, 1)
    text = '{"🐈": 1, x: 1, x: 2}'
    assert only(check(text, provider="another"), "yaml-duplicate-key").column == 16


def test_a_tab_is_fixed_by_spaces() -> None:
    """The fix of an indenting tab makes the text readable."""
    text = "a:\n\tb: 1\n"
    problem = only(check(text, provider="another"), "yaml-tab")
    assert problem.edit is not None
    assert problem.edit.apply(text) == "a:\n  b: 1\n"
    assert check(problem.edit.apply(text), provider="another") == []


# What YAML 1.1 reads otherwise than it looks -------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "column", "fixed"),
    [
        ('name: "one"', "name: no", "yaml-boolean", 3, 9, 'name: "no"'),
        ('name: "one"', "name: ON", "yaml-boolean", 3, 9, 'name: "ON"'),
        ('- "a cat"', "- yes", "yaml-boolean", 27, 13, '- "yes"'),
        ("steps: 2000", "steps: 0100", "yaml-octal", 17, 16, "steps: 100"),
        ('name: "one"', "name: 012", "yaml-octal", 3, 9, 'name: "012"'),
        ("steps: 2000", "steps: 1:30", "yaml-sexagesimal", 17, 16, "steps: 90"),
        ('name: "one"', "name: 1:30", "yaml-sexagesimal", 3, 9, 'name: "1:30"'),
        ('name: "one"', "name: 2024-05-01", "yaml-date", 3, 9, 'name: "2024-05-01"'),
        ('name: "one"', "name: [name]", "yaml-list", 3, 9, 'name: "[name]"'),
    ],
)
def test_yaml_surprises(
    old: str, new: str, code: str, line: int, column: int, fixed: str | None
) -> None:
    """What YAML 1.1 makes of unquoted words and numbers is said, and the fix removes it."""
    text = GOOD.replace(old, new)
    problem = only(check(text), code)
    assert (problem.line, problem.column) == (line, column)
    if fixed is None:
        assert problem.edit is None
    else:
        assert problem.edit is not None
        mended = problem.edit.apply(text)
        assert mended == GOOD.replace(old, fixed)
        assert code not in {p.code for p in check(mended)}


@pytest.mark.parametrize("value", ["on", "no", "Yes", "off", "true", "FALSE"])
def test_booleans_where_booleans_are_meant(value: str) -> None:
    """YAML 1.1's words for true and false are fine where true or false is expected."""
    assert check(GOOD.replace("batch_size: 1", f"batch_size: 1\n        xformers: {value}")) == []


def test_a_key_that_is_read_as_a_boolean() -> None:
    """A bare ``on:`` is the key true."""
    problem = only(check("on: 1\n" + GOOD), "yaml-boolean")
    assert (problem.line, problem.column) == (1, 1)


@pytest.mark.parametrize("value", ["1e-4", "1E-4", "1.0e-4", "0.0001", ".0001", "1", "+1e-4"])
def test_numbers_as_the_trainer_reads_them(value: str) -> None:
    """``1e-4`` is a number for the trainer, so it is one here."""
    codes = {p.code for p in check(GOOD.replace("lr: 1e-4", f"lr: {value}"))}
    assert codes <= {"advice-lr"}


def test_meta_is_free_but_for_a_bare_name_in_brackets() -> None:
    """``[name]`` without quotes is a list even where any value is allowed."""
    problem = only(check(GOOD + "meta:\n  name: [name]\n  a: {b: on}\n"), "yaml-list")
    assert (problem.line, problem.column) == (29, 9)
    assert only(check(GOOD + "meta:\n  a: {b: on}\n"), "yaml-boolean").column == 10


# Keys, types and ranges ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "severity", "line", "column", "fixed"),
    [
        ("steps: 2000", "stpes: 2000", "unknown-key", "warning", 17, 9, "steps: 2000"),
        ("steps: 2000", 'steps: "2000"', "type", "error", 17, 16, "steps: 2000"),
        ("steps: 2000", "steps: 2e3", "type", "error", 17, 16, "steps: 2000"),
        ("steps: 2000", "steps: many", "type", "error", 17, 16, None),
        ("steps: 2000", "steps: [2000]", "type", "error", 17, 16, None),
        ("steps: 2000", "steps: 0", "range", "error", 17, 16, None),
        ("steps: 2000", "steps:", "type", "error", 17, 15, None),
        ("lr: 1e-4", "lr: -1e-4", "range", "error", 20, 13, None),
        ("lr: 1e-4", "lr: .nan", "range", "error", 20, 13, None),
        ("batch_size: 1", "batch_size: 0", "range", "error", 16, 21, None),
        ("linear: 16", "linear: 0", "range", "error", 9, 17, None),
        ("linear: 16", "linear: 4096", "range", "error", 9, 17, None),
        ("linear: 16", "rank: 16", "deprecated", "info", 9, 9, "linear: 16"),
        ("save_every: 250", "save_every: -1", "range", "error", 11, 21, "save_every: 250"),
        ("sample_every: 250", "sample_every: -1", "range", "error", 25, 23, "sample_every: 250"),
        ("type: lora", "type: lroa", "enum", "warning", 8, 15, "type: lora"),
        ("adamw8bit", "adamw8bits", "enum", "warning", 19, 20, "adamw8bit"),
        ('name: "one"', "name: 12", "type", "warning", 3, 9, 'name: "12"'),
        ("resolution: [512]", "resolution: big", "type", "error", 14, 23, None),
        ("resolution: [512]", "resolution: [5]", "range", "error", 14, 24, None),
        ('- "a cat"', "- [a, b]", "type", "error", 27, 13, None),
    ],
)
def test_keys_types_and_ranges(
    old: str, new: str, code: str, severity: str, line: int, column: int, fixed: str | None
) -> None:
    """Each mistake with a key or value is told where it stands; its fix makes it right."""
    text = GOOD.replace(old, new)
    problem = only(check(text), code)
    assert (problem.severity, problem.line, problem.column) == (severity, line, column)
    if fixed is not None:
        assert problem.edit is not None
        assert problem.edit.apply(text) == GOOD.replace(old, fixed)


@pytest.mark.parametrize(
    ("cut", "names", "line", "column"),
    [
        ("job: extension\n", "job", 1, 1),
        ('  name: "one"\n', "config.name", 3, 3),
        ("        steps: 2000\n", None, 0, 0),
        ('      model:\n        name_or_path: "x/y"\n', "config.process.0.model", 5, 7),
    ],
)
def test_missing_keys(cut: str, names: str | None, line: int, column: int) -> None:
    """What a job cannot be without is an error at the section that lacks it."""
    problems = check(GOOD.replace(cut, ""))
    if names is None:
        assert problems == []
        return
    problem = only(problems, "missing-key")
    assert problem.message == f"{names} is missing"
    assert (problem.severity, problem.line, problem.column) == ("error", line, column)


def test_an_empty_mapping_misses_what_it_needs() -> None:
    """Something that is no training config at all says what is missing, not a stack trace."""
    messages = {p.message for p in check("a: 1\n")}
    assert {"job is missing", "config is missing"} <= messages
    assert only(check("just words\n"), "type").line == 1


def test_a_key_in_the_wrong_section_is_told_its_home() -> None:
    """A key that is known elsewhere is said to belong there."""
    text = GOOD.replace("        linear: 16", "        linear: 16\n        save_every: 5")
    problem = only(check(text), "unknown-key")
    assert problem.fix == "'save_every' is known as save.save_every"


@pytest.mark.parametrize("extra", ["new_thing", "train.new_thing"])
def test_extra_keys_are_known(extra: str) -> None:
    """Keys that the user's config declares give no warning, and are what a mistyped one of their
    section was meant to be."""
    text = GOOD.replace("        steps: 2000", "        steps: 2000\n        new_thing: 1")
    assert only(check(text), "unknown-key").severity == "warning"
    assert check(text, extra_keys=[extra]) == []
    problem = only(check(text.replace("new_thing", "new_thnig"), extra_keys=[extra]), "unknown-key")
    assert problem.fix == "did you mean 'new_thing'?"
    assert problem.edit is not None
    assert only(check(text, extra_keys=["save.new_thing"]), "unknown-key").fix is None


def test_variables_are_not_judged() -> None:
    """``${STEPS}`` becomes a value only when the trainer reads it."""
    assert check(GOOD.replace("steps: 2000", "steps: ${STEPS}")) == []


def test_aliases_and_merges_are_looked_through() -> None:
    """A value behind an alias or a merge is checked like one that is written out."""
    text = GOOD.replace("save_every: 250", "save_every: &n 250").replace(
        "sample_every: 250", "sample_every: *n"
    )
    assert check(text) == []
    bad = text.replace("&n 250", "&n -1")
    assert [(p.line, p.column) for p in check(bad) if p.code == "range"] == [(11, 24), (25, 23)]
    merged = GOOD.replace('  name: "one"\n', "  <<: {name: one}\n")
    assert check(merged) == []


def test_other_jobs_are_not_measured_by_the_trainers_keys() -> None:
    """A job that is no training has other keys; a command has none of them."""
    assert check("job: generate\nconfig:\n  name: x\n  process:\n    - type: y\n      z: 1\n") == []
    assert check("command: [python, train.py]\n", provider="local") == []
    assert check("anything: 1\n", provider="another") == []


# Judgement -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "severity", "line", "column"),
    [
        ("lr: 1e-4", "lr: 1.0", "advice-lr", "warning", 20, 13),
        ("lr: 1e-4", "lr: 1e-9", "advice-lr", "warning", 20, 13),
        ("save_every: 250", "save_every: 5000", "advice-save-every", "warning", 11, 21),
        ("sample_every: 250", "sample_every: 5000", "advice-sample-every", "info", 25, 23),
        ("[512]", "[512, 1000]", "advice-resolution", "info", 14, 29),
        ("sampler: flowmatch", "sampler: ddpm", "advice-sampler", "warning", 24, 18),
        ('"a cat"', '"[trigger] cat"', "advice-trigger", "info", 27, 13),
        ("/app/ai-toolkit/datasets/cats", "/path/to/x", "advice-path", "warning", 13, 24),
        (
            "batch_size: 1",
            "gradient_accumulation: 2\n        gradient_accumulation_steps: 2",
            "advice-accumulation",
            "error",
            16,
            32,
        ),
    ],
)
def test_advice(old: str, new: str, code: str, severity: str, line: int, column: int) -> None:
    """What is allowed but hardly meant is advised on, at its place."""
    problem = only(check(GOOD.replace(old, new)), code)
    assert (problem.severity, problem.line, problem.column) == (severity, line, column)


def test_a_learning_rate_of_one_is_right_for_prodigy() -> None:
    """Optimizers that find their own rate want 1.0."""
    assert check(GOOD.replace("lr: 1e-4", "lr: 1.0").replace("adamw8bit", "prodigy")) == []


def test_steps_below_the_checkpoint() -> None:
    """An edit that leaves a resume nothing to do is warned of."""
    problem = only(check(GOOD, checkpoint_step=2000), "advice-steps")
    assert (problem.line, problem.column) == (17, 16)
    assert check(GOOD, checkpoint_step=1999) == []


# Services ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "column", "fixed"),
    [
        (
            "training_folder: /app/ai-toolkit/output",
            "training_folder: output",
            "provider-training-folder",
            6,
            24,
            'training_folder: "/app/ai-toolkit/output"',
        ),
        (
            '"/app/ai-toolkit/datasets/cats"',
            '"/home/me/cats/"',
            "provider-dataset-path",
            13,
            24,
            '"/app/ai-toolkit/datasets/cats"',
        ),
        (
            '"/app/ai-toolkit/datasets/cats"',
            '"/app/ai-toolkit/datasets/a/b"',
            "provider-dataset-path",
            13,
            24,
            '"/app/ai-toolkit/datasets/b"',
        ),
        ('name: "one"', 'name: "two"', "provider-name-changed", 3, 9, 'name: "one"'),
    ],
)
def test_runcomfy_rules(old: str, new: str, code: str, line: int, column: int, fixed: str) -> None:
    """RunComfy's fixed folders and names are errors there, with the fix at hand."""
    text = GOOD.replace(old, new)
    assert code not in {p.code for p in check(text)}
    problem = only(check(text, provider="runcomfy", base_text=GOOD), code)
    assert (problem.severity, problem.line, problem.column) == ("error", line, column)
    assert problem.edit is not None
    mended = problem.edit.apply(text)
    assert mended == GOOD.replace(old, fixed)
    assert check(mended, provider="runcomfy", base_text=GOOD) == []


def test_runcomfy_takes_datasets_as_a_mapping() -> None:
    """The service's own page shows datasets as keys and values; both shapes are accepted."""
    mapping = GOOD.replace(
        '        - folder_path: "/app/ai-toolkit/datasets/cats"\n          resolution: [512]\n',
        '        folder_path: "/app/ai-toolkit/datasets/cats"\n        resolution: [512]\n',
    )
    assert check(mapping, provider="runcomfy") == []
    broken = mapping.replace("/app/ai-toolkit/datasets/cats", "/x/cats")
    assert only(check(broken, provider="runcomfy"), "provider-dataset-path").line == 13


@pytest.mark.parametrize(
    ("gpu_type", "count", "bad"),
    [
        ("HOPPER_141", 8, True),
        ("ADA_80_PLUS", 8, False),
        ("ADA_80_PLUS", 2, True),
        (None, 1, False),
    ],
)
def test_runcomfy_gpu_count(gpu_type: str | None, count: int, bad: bool) -> None:
    """Eight GPUs come only of one type, and nothing between one and eight."""
    found = check(GOOD, provider="runcomfy", gpu_type=gpu_type, gpu_count=count)
    assert [p.code for p in found] == (["provider-gpu-count"] if bad else [])


def test_local_rules_look_at_the_folder(tmp_path: Path) -> None:
    """The local server needs the dataset's folder, with images in it."""
    folder = tmp_path / "cats"
    text = GOOD.replace("/app/ai-toolkit/datasets/cats", str(folder))
    problem = only(check(text, provider="local"), "provider-dataset-missing")
    assert (problem.severity, problem.line, problem.column) == ("error", 13, 24)
    folder.mkdir()
    assert only(check(text, provider="local"), "provider-dataset-empty").severity == "error"
    for name in ("a.jpg", "b.PNG", "a.txt"):
        (folder / name).touch()
    problem = only(check(text, provider="local"), "provider-captions")
    assert problem.message == "1 of 2 images have no caption beside them"
    (folder / "b.txt").touch()
    assert check(text, provider="local") == []
    relative = GOOD.replace("/app/ai-toolkit/datasets/cats", "cats")
    assert check(relative, provider="local", base_folder=tmp_path) == []


def test_a_long_config_is_checked_quickly() -> None:
    """Ten thousand lines are checked in a fraction of a second."""
    prompts = "".join(f'          - "prompt {i}"\n' for i in range(10_000))
    start = time.process_time()
    assert check(GOOD + prompts) == []
    assert time.process_time() - start < 1.5


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        pytest.param(GOOD.replace("lr: 1e-4", "lr: 1.0"), ["advice-lr"], id="config"),
        pytest.param("a: 1\na: 2\n", ["yaml-duplicate-key"], id="duplicate"),
        pytest.param("a: [1, 2\nb: 3\n", ["yaml-syntax"], id="syntax"),
        pytest.param("[" * 50_000, ["yaml-too-deep"], id="deep"),
    ],
)
def test_without_libyaml_it_is_the_same(
    monkeypatch: pytest.MonkeyPatch, text: str, codes: list[str]
) -> None:
    """Where PyYAML was built without its C parser the pure one finds the same."""
    import yaml

    provider = None if text.startswith("job") else "another"
    with_it = check(text, provider=provider)
    monkeypatch.delattr(yaml.cyaml, "CParser")
    without = check(text, provider=provider)
    assert [p.code for p in with_it] == [p.code for p in without] == codes
    if codes != ["yaml-syntax"]:  # the two word syntax errors, and place them, differently
        assert [(p.line, p.column) for p in with_it] == [(p.line, p.column) for p in without]
