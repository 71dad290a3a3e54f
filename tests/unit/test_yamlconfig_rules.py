"""The table of all rules: a text, what is said of it and exactly where, and the text mended."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_yamlconfig_check import GOOD
from trainer_tui.core import yamlconfig
from trainer_tui.core.yamlconfig import Problem, check
from trainer_tui.core.yamlconfig.codes import CODES, table

ROOT = Path(__file__).parent.parent.parent
CATS = '"/app/ai-toolkit/datasets/cats"'
DOGS = '"/app/ai-toolkit/datasets/dogs"'
OUT = "/app/ai-toolkit/output"
FOLDER = f"      training_folder: {OUT}\n"
COMFY: dict[str, Any] = {"provider": "runcomfy"}
OTHER: dict[str, Any] = {"provider": "another"}


@dataclass(frozen=True)
class Rule:
    """One row: ``says`` is in message or fix; ``fixed`` is the text after the fix, or ``None``."""

    code: str
    text: str
    place: tuple[int, int]
    severity: str
    says: str
    fixed: str | None
    options: dict[str, Any] = field(default_factory=dict)


def yaml(code: str, text: str, line: int, column: int, says: str, fixed: str | None) -> Rule:
    """A rule of YAML itself, which holds for any provider."""
    return Rule(code, text, (line, column), "error", says, fixed, OTHER)


def swap(
    code: str,
    severity: str,
    old: str,
    new: str,
    line: int,
    column: int,
    says: str,
    fixed: str | None,
    **options: Any,
) -> Rule:
    """A rule about the good config with one thing changed; ``fixed`` stands in its place then."""
    assert GOOD.count(old) == 1, old
    mended = None if fixed is None else GOOD.replace(old, fixed)
    return Rule(code, GOOD.replace(old, new), (line, column), severity, says, mended, options)


def train(line: str, value: str) -> tuple[str, str]:
    """A line put before the rate in the section train."""
    return "        lr: 1e-4", f"        {line}: {value}\n        lr: 1e-4"


BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 9)}]\n" for i in range(9))

RULES = [
    # YAML: what cannot be read
    yaml("yaml-tab", "a:\n\tb: 1\n", 2, 1, "use spaces", "a:\n  b: 1\n"),
    yaml(
        "yaml-tab",
        "a:\n\tb: 1\n\tc:\n\t\td: 2\n",
        2,
        1,
        "a tab cannot indent YAML",
        "a:\n  b: 1\n  c:\n    d: 2\n",
    ),
    yaml("yaml-tab", "a:\n  b: 1\n  \tc: 1\n", 3, 3, "use spaces", "a:\n  b: 1\n  c: 1\n"),
    yaml("yaml-syntax", "a: b: c\n", 1, 5, "a second ': '", 'a: "b: c"\n'),
    yaml("yaml-syntax", "a: 1\n  b: 2\n", 2, 4, "indented too far", "a: 1\nb: 2\n"),
    yaml("yaml-syntax", "a: [1, 2\nb: 3\n", 1, 4, "never closed", "a: [1, 2]\nb: 3\n"),
    yaml("yaml-syntax", "a: {x: 1 # r\n", 1, 4, "add '}'", "a: {x: 1} # r\n"),
    yaml("yaml-syntax", "a: 'open\nb: 1\n", 1, 4, "quote is never", "a: 'open'\nb: 1\n"),
    yaml("yaml-syntax", "k: 1\nfoo\nb: 2\n", 2, 1, "'foo' is a key without", "k: 1\nfoo:\nb: 2\n"),
    yaml("yaml-syntax", "a: @x # r\n", 1, 4, "cannot begin with '@'", 'a: "@x" # r\n'),
    yaml("yaml-syntax", "a: `x`\n", 1, 4, "cannot begin with '`'", 'a: "`x`"\n'),
    yaml("yaml-syntax", "a: %x\n", 1, 4, "cannot begin with '%'", 'a: "%x"\n'),
    yaml("yaml-syntax", 'a: "\\q"\n', 1, 5, "double the backslash", 'a: "\\\\q"\n'),
    yaml("yaml-syntax", "- a\nb: 1\n", 2, 1, "begin the line with '- '", None),
    yaml("yaml-syntax", "a: - b\n", 1, 4, "on a line of its own", "a:\n  - b\n"),
    yaml("yaml-syntax", "a:\n  b: 1\n c: 2\n", 3, 2, "on the column", "a:\n  b: 1\n  c: 2\n"),
    yaml(
        "yaml-syntax",
        "p:\n  - [trigger] holding a sign\n",
        2,
        5,
        "put it all in quotes",
        'p:\n  - "[trigger] holding a sign"\n',
    ),
    yaml("yaml-duplicate-key", "a: 1\nb: 2\na: 3\n", 3, 1, "in line 1", "b: 2\na: 3\n"),
    yaml("yaml-duplicate-key", "a: {b: 1, c: 3, b: 2}\n", 1, 17, "twice", "a: {c: 3, b: 2}\n"),
    yaml("yaml-duplicate-key", "- a: 1\n  b: 2\n  a: 3\n", 3, 3, "twice", "- b: 2\n  a: 3\n"),
    yaml(
        "yaml-duplicate-key",
        "a: # one\n  - 1\n\n# two\nb: |\n  x\na: 3\n",
        7,
        1,
        "delete the first",
        "\n# two\nb: |\n  x\na: 3\n",
    ),
    yaml("yaml-duplicate-key", "a: &x 1\nb: *x\na: 3\n", 3, 1, "twice", None),
    yaml("yaml-alias", "a: *nope\n", 1, 4, "quote it", 'a: "*nope"\n'),
    yaml("yaml-alias", "a: &base 1\nb: *bsae\n", 2, 4, "*base?", "a: &base 1\nb: *base\n"),
    yaml("yaml-alias", "a: &base 1\nb: *zz\n", 2, 4, "so far: &base", None),
    yaml("yaml-alias", "a: &a [1, *a]\n", 1, 11, "inside what it stands for", None),
    yaml("yaml-aliases", "a: &a 1\nb: [" + "*a," * 1001 + "]\n", 2, 3005, "1,000 aliases", None),
    yaml("yaml-aliases", BOMB, 6, 15, "aliases written out", None),
    yaml("yaml-documents", "a: 1\n---\nb: 2\n", 2, 1, "second document", None),
    yaml("yaml-character", "a: x\x07\n", 1, 5, "U+0007", "a: x\n"),
    yaml("yaml-empty", "# only a remark\n", 1, 1, "empty", None),
    yaml("yaml-too-large", "x: " + "a" * 2_000_000, 1, 1, "2,000,000 characters", None),
    yaml("yaml-too-large", "- a\n" * 40_000, 40_000, 3, "40,000 values", None),
    yaml("yaml-too-deep", "[" * 101, 1, 101, "100 levels", None),
    # YAML 1.1: what reads otherwise than it looks
    swap("yaml-boolean", "warning", '"one"', "no", 3, 9, "read as false", '"no"'),
    swap("yaml-boolean", "warning", '"a cat"', "on", 27, 13, "read as true", '"on"'),
    swap(
        "yaml-boolean", "warning", "job: ext", "on: 1\njob: ext", 1, 1, "key on is read as true",
        '"on": 1\njob: ext',
    ),
    swap("yaml-octal", "warning", "steps: 2000", "steps: 012", 17, 16, "as 10", "steps: 12"),
    swap("yaml-octal", "warning", '"one"', "012", 3, 9, "base 8", '"012"'),
    swap("yaml-sexagesimal", "warning", "steps: 2000", "steps: 1:30", 17, 16, "90", "steps: 90"),
    swap("yaml-sexagesimal", "warning", '"one"', "1:30", 3, 9, "base 60", '"1:30"'),
    swap("yaml-date", "warning", '"one"', "2024-05-01", 3, 9, "a date", '"2024-05-01"'),
    swap("yaml-list", "error", '"one"', "[name]", 3, 9, "a list, not text", '"[name]"'),
    swap("yaml-list", "error", '"a cat"', "[trigger]", 27, 13, "put it in quotes", '"[trigger]"'),
    swap(
        "yaml-list", "error", "      network:", "      trigger_word: [name]\n      network:", 7, 21,
        "unquoted [name]", '      trigger_word: "[name]"\n      network:',
    ),
    # Keys, types, ranges
    swap("unknown-key", "warning", "steps: 2", "stpes: 2", 17, 9, "'steps'?", "steps: 2"),
    swap("unknown-key", "warning", *train("zzz", "1"), 20, 9, "knows no 'zzz' in train", None),
    swap(
        "unknown-key", "warning", *train("save_every", "1"), 20, 9, "known as save.save_every", None
    ),
    swap("missing-key", "error", "job: extension\n", "", 1, 1, "job is", "job: extension\n"),
    swap(
        "missing-key", "error", "    - type: sd_trainer\n      tr", "    - tr", 5, 7,
        "config.process.0.type is missing", "    - type: sd_trainer\n      tr",
    ),
    swap("missing-key", "error", '  name: "one"\n', "", 3, 3, "config.name is missing", None),
    swap("missing-key", "error", 'name_or_path: "x/y"', "low_vram: true", 22, 9, "name_or", None),
    swap("type", "error", "steps: 2000", 'steps: "2000"', 17, 16, "quotes off", "steps: 2000"),
    swap("type", "error", "steps: 2000", "steps: 2e3", 17, 16, "write 2000", "steps: 2000"),
    swap("type", "error", "steps: 2000", "steps: 2000.4", 17, 16, "a fraction", "steps: 2000"),
    swap("type", "error", "steps: 2000", "steps:", 17, 15, "this is empty", "steps: 2000"),
    swap("type", "error", "steps: 2000", "steps: many", 17, 16, "a whole number; this", None),
    swap("type", "error", "steps: 2000", "steps: [2000]", 17, 16, "this is a list", None),
    swap("type", "error", "[512]", "big", 14, 23, "a list or a whole number", None),
    swap("type", "warning", '"one"', "12", 3, 9, "must be text", '"12"'),
    swap("type", "error", '"a cat"', "{a: b}", 27, 13, "keys and values", None),
    swap("type", "error", 'prompts:\n          - "a cat"', 'prompts: "a cat"', 26, 18, "a list",
         'prompts: ["a cat"]'),
    swap("type", "warning", *train("sdp", "1"), 20, 14, "write true", train("sdp", "true")[1]),
    swap("type", "error", *train("sdp", "often"), 20, 14, "true or false", None),
    swap("type", "error", "network:\n        type: lora\n        linear: 16", "network: 16", 7, 16,
         "must be keys and values", None),
    swap("range", "error", "steps: 2000", "steps: 0", 17, 16, "at least 1", "steps: 2000"),
    swap("range", "error", "lr: 1e-4", "lr: -1e-4", 20, 13, "more than 0", "lr: 1e-4"),
    swap("range", "error", "lr: 1e-4", "lr: .nan", 20, 13, "no quantity", "lr: 1e-4"),
    swap("range", "error", "lr: 1e-4", "lr: .inf", 20, 13, "no quantity", "lr: 1e-4"),
    swap("range", "error", "[512]", "[512, 5]", 14, 29, "at least 16", "[512, 16]"),
    swap("range", "error", "linear: 16", "linear: 4096", 9, 17, "at most 1024", "linear: 16"),
    swap("range", "error", "resolution: [512]", "caption_dropout_rate: 5", 14, 33, "at most 1",
         "caption_dropout_rate: 1"),
    swap("enum", "warning", "type: lora", "type: lroa", 8, 15, "'lora'?", "type: lora"),
    swap("enum", "warning", "type: lora", "type: zzzz", 8, 15, "known are lora, locon", None),
    swap("enum", "warning", "adamw8bit", "adamw8bits", 19, 20, "optimizer", "adamw8bit"),
    swap("deprecated", "info", "linear: 16", "rank: 16", 9, 9, "older name", "linear: 16"),
    # RunComfy
    swap("provider-training-folder", "error", f"folder: {OUT}", "folder: o", 6, 24,
         "training_folder is /app/ai-toolkit/output", f'folder: "{OUT}"', **COMFY),
    Rule("provider-training-folder", GOOD.replace(FOLDER, ""), (5, 7), "error",
         "needs training_folder",
         GOOD.replace(FOLDER, "").replace(
             "- type", f'- training_folder: "{OUT}"\n      type'), COMFY),
    swap("provider-dataset-path", "error", CATS, '"/home/me/cats/"', 13, 24, "and its name", CATS,
         **COMFY),
    swap("provider-dataset-path", "error", CATS, '"/home/me/cat"', 13, 24, "write /app", CATS,
         **COMFY, datasets={"cats": "READY", "dogs": "READY"}),
    swap("provider-dataset-path", "error", f"folder_path: {CATS}", "flip_x: true", 13, 11,
         "needs folder_path", f"folder_path: {CATS}\n          flip_x: true",
         **COMFY, datasets={"cats": "READY", "dogs": "DRAFT"}),
    swap("provider-dataset-unknown", "error", CATS, DOGS, 13, 24, "did you mean 'dogs2'?",
         '"/app/ai-toolkit/datasets/dogs2"', **COMFY, datasets={"dogs2": "READY"}),
    swap("provider-dataset-unknown", "error", CATS, DOGS, 13, 24, "there is only 'cats'", CATS,
         **COMFY, datasets={"cats": "READY", "birds": "DRAFT"}),
    swap("provider-dataset-unknown", "error", CATS, DOGS, 13, 24, "there are 'cats', 'x'", None,
         **COMFY, datasets={"cats": "READY", "x": "READY"}),
    swap("provider-dataset-unknown", "error", CATS, DOGS, 13, 24, "no dataset 'dogs'", None,
         **COMFY, datasets={}),
    swap("provider-dataset-status", "error", CATS, DOGS, 13, 24, "is UPLOADING", None,
         **COMFY, datasets={"dogs": "UPLOADING", "dogs2": "READY"}),
    swap("provider-dataset-status", "error", CATS, DOGS, 13, 24, "upload it again", None,
         **COMFY, datasets={"dogs": "FAILED"}),
    swap("provider-control-path", "warning", "resolution: [512]", "control_path: /x", 14, 25,
         "only what is below /app/ai-toolkit/datasets/", None, **COMFY),
    swap("provider-control-path", "warning", "resolution: [512]", "mask_path: [/x, /y]", 14, 27,
         "only what is below", None, **COMFY),
    swap("provider-dataset-unknown", "error", "resolution: [512]",
         'control_path_1: "/app/ai-toolkit/datasets/cat"', 14, 27, "did you mean 'cats'?",
         f"control_path_1: {CATS}", **COMFY, datasets={"cats": "READY"}),
    swap("provider-name-changed", "error", '"one"', "two", 3, 9, "was 'one'", '"one"',
         **COMFY, base_text=GOOD),
    swap("provider-gpu-count", "error", '"one"', '"one"', 1, 1, "only as ADA_80_PLUS", None,
         **COMFY, gpu_type="HOPPER_141", gpu_count=8),
    swap("provider-gpu-count", "error", '"one"', '"one"', 1, 1, "1 GPU or 8, not 2", None,
         **COMFY, gpu_type="ADA_80_PLUS", gpu_count=2),
    # This machine ({tmp} is a folder with one image that has no caption, and an empty folder)
    swap("provider-dataset-missing", "error", CATS, "{tmp}/none", 13, 24, "is no folder", None,
         provider="local"),
    swap("provider-dataset-missing", "error", CATS, "{tmp}/cats/1.png", 13, 24, "is a file", None,
         provider="local"),
    swap("provider-dataset-empty", "error", CATS, "{tmp}/empty", 13, 24, "no images in", None,
         provider="local"),
    swap("provider-dataset-path", "error", f"folder_path: {CATS}", "flip_x: true", 13, 11,
         "has no folder_path", None, provider="local"),
    swap("provider-captions", "info", CATS, "{tmp}/cats", 13, 24, "1 of 1 images have no caption",
         None, provider="local"),
    swap("provider-control-path", "error", f"{CATS}\n", "{tmp}/cats\n          mask_path: /no/no\n",
         14, 22, "no folder /no/no", None, provider="local"),
    swap("provider-model-missing", "error", '"x/y"', "/no/model", 22, 23, "no /no/model on", None,
         provider="local"),
    # Other services
    Rule("provider-roboflow", "- a\n", (1, 1), "error", "begin with `project:`", None,
         {"provider": "roboflow"}),
    Rule("provider-bundle", "bundle: /no/such\n", (1, 9), "error", "there is no /no/such", None,
         {"provider": "kaos"}),
    # Judgement
    swap("advice-lr", "warning", "lr: 1e-4", "lr: 1.0", 20, 13, "rate of 1 is far", "lr: 1e-4"),
    swap("advice-lr", "warning", "lr: 1e-4", "lr: 1e-9", 20, 13, "hardly", "lr: 1e-4"),
    swap("advice-save-every", "warning", "save_every: 250", "save_every: 5000", 11, 21, "beyond",
         "save_every: 250"),
    swap("advice-save-every", "warning", "save_every: 250", "save_every: 0", 11, 21,
         "nothing to resume from", "save_every: 250"),
    swap("advice-sample-every", "warning", "sample_every: 250", "sample_every: 0", 25, 23,
         "no samples", "sample_every: 250"),
    swap("advice-sample-every", "info", "sample_every: 250", "sample_every: 5000", 25, 23,
         "beyond the 2000 steps", "sample_every: 250"),
    swap("advice-steps", "warning", "steps: 2000", "steps: 900", 17, 16, "write more than 1000",
         None, checkpoint_step=1000),
    swap("advice-resolution", "info", "[512]", "[1000]", 14, 24, "960 or 1024", "[1024]"),
    swap("advice-accumulation", "error", "batch_size: 1",
         "gradient_accumulation: 2\n        gradient_accumulation_steps: 2", 16, 32, "keep one",
         "gradient_accumulation: 2"),
    swap("advice-sampler", "warning", "sampler: flowmatch", "sampler: ddpm", 24, 18, "flowmatch",
         'sampler: "flowmatch"'),
    swap("advice-text-encoder", "error",
         '        lr: 1e-4\n      model:\n        name_or_path: "x/y"',
         "        lr: 1e-4\n        unload_text_encoder: true\n      model:\n"
         "        arch: qwen_image_edit\n        name_or_path: x",
         21, 30, "use cache_text_embeddings",
         "        lr: 1e-4\n        cache_text_embeddings: true\n      model:\n"
         "        arch: qwen_image_edit\n        name_or_path: x"),
    swap("advice-trigger", "info", "a cat", "[trigger] cat", 27, 13, "add trigger_word", None),
    swap("advice-path", "warning", CATS, "/path/to/x", 13, 24, "name your own folder", None),
    # Too many
    yaml("more-problems", "a: b\n" * 601, 502, 1, "100 more problems are not listed", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine's folders: images without captions, and an empty one."""
    path = tmp_path_factory.mktemp("data")
    (path / "cats").mkdir()
    (path / "empty").mkdir()
    (path / "cats" / "1.png").touch()
    return path


def found_at(problems: list[Problem], rule: Rule) -> Problem:
    """The problem of a rule, at its place."""
    found = [p for p in problems if p.code == rule.code and (p.line, p.column) == rule.place]
    assert len(found) == 1, [str(p) for p in problems]
    return found[0]


@pytest.mark.parametrize(
    "rule", RULES, ids=[f"{number}-{rule.code}" for number, rule in enumerate(RULES)]
)
def test_each_rule_has_its_place_and_its_fix(rule: Rule, folder: Path) -> None:
    """The problem is at its line and column with its severity and words, and its fix ends it."""
    text = rule.text.replace("{tmp}", str(folder))
    problem = found_at(check(text, **rule.options), rule)
    assert problem.severity == rule.severity
    assert rule.says in f"{problem.message} ({problem.fix})"
    assert problem.length >= 1
    if rule.fixed is None:
        assert problem.edit is None, problem.edit.apply(text)
    else:
        assert problem.edit is not None
        mended = problem.edit.apply(text)
        assert mended == rule.fixed
        assert rule.code not in {p.code for p in check(mended, **rule.options)}


def test_every_code_is_in_the_table_and_documented() -> None:
    """No code can be emitted that no test has seen and ``docs/check.md`` does not explain."""
    written = set()
    package = Path(yamlconfig.__file__).parent
    shape = re.compile(r"(?:yaml|provider|advice)-[a-z-]+|more-problems|(?:unknown|missing)-key")
    for file in package.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                written |= {node.value} if shape.fullmatch(node.value) else set()
    written -= {"provider-dataset"}  # the beginning of several
    plain = {"type", "range", "enum", "deprecated"}
    assert written | plain == set(CODES)
    assert {rule.code for rule in RULES} == set(CODES)
    assert (ROOT / "docs" / "check.md").read_text() == table()


def test_a_code_has_the_severity_that_is_documented() -> None:
    """The first row of each code has the severity that the table of codes names."""
    first: dict[str, str] = {}
    for rule in RULES:
        first.setdefault(rule.code, rule.severity)
    named = {code: severity for code, (severity, _) in CODES.items()}
    differ = {code for code in CODES if first[code] != named[code]}
    assert differ <= {"provider-control-path", "more-problems"}


def test_numbers_of_the_trainer_need_no_word() -> None:
    """``1e-4`` is a number wherever a number is expected, as the trainer's loader reads it."""
    for value in ("1e-4", "1E-4", "1.0e-4", "+1e-4", ".0001"):
        assert check(GOOD.replace("lr: 1e-4", f"lr: {value}")) == []


def test_alternatives_give_one_problem_each() -> None:
    """A value that fits none of several types is told once; of several wrong ones each once."""
    text = GOOD.replace("[512]", "[5, x, 512, 7.5]")
    found = [(p.code, p.line, p.column) for p in check(text)]
    assert found == [("range", 14, 24), ("type", 14, 27), ("type", 14, 35)]
    assert [p.code for p in check(GOOD.replace("[512]", "{a: 1}"))] == ["type"]
