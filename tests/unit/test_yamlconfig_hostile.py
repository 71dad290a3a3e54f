"""Random and hostile YAML: a clear problem, little work and little memory, whatever the text."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.examples import HALF
from tests.unit.hostile_yaml import QUARTER, RECIPES, Recipe
from trainer_tui.core import yamlconfig
from trainer_tui.core.yamlconfig import check
from trainer_tui.core.yamlconfig.codes import CODES
from trainer_tui.core.yamlconfig.parse import MAX_NODES
from trainer_tui.core.yamlconfig.problems import MAX_TOLD

ROOT = Path(__file__).parent.parent.parent
CONFIGS = sorted((ROOT / "tests" / "fixtures" / "configs").glob("*.yaml"))
PROVIDERS = (None, "runcomfy", "local", "kaos", "roboflow")
TRIES = 8 * 100_000
"""Events of the attempts to mend a broken text: a few, and only of texts of this size."""


class Small:
    """A process with little memory that checks texts."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.hostile_yaml"],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    def check(
        self, recipe: Recipe, provider: str | None, *, thorough: bool = False
    ) -> dict[str, Any]:
        """What it found, and how much work it was; ``thorough`` also compares and changes it."""
        assert self.process.stdin and self.process.stdout and self.process.stderr
        request = {"recipe": recipe, "provider": provider, "thorough": thorough}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()[-2_000:]
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture(scope="module")
def small() -> Iterator[Small]:
    """One for all tests of this module."""
    small = Small()
    yield small
    assert small.process.stdin
    small.process.stdin.close()
    small.process.wait()


def is_little_work(answer: dict[str, Any], seconds: float = 20) -> None:
    """Few values were looked at, few problems told, each with a place in the text."""
    assert answer["events"] <= 2 * MAX_NODES + 200 + TRIES
    assert answer["count"] <= MAX_TOLD + 2
    assert set(answer["codes"]) <= set(CODES)
    assert answer["sane"]
    assert answer["seconds"] < seconds  # what it takes on a quiet machine is a fraction of a second


@pytest.mark.parametrize("name", RECIPES)
def test_hostile_texts_end_in_a_clear_problem(small: Small, name: str) -> None:
    """Bombs, depth, size and texts just below each limit: little memory, little work."""
    recipe, code = RECIPES[name]
    answer = small.check(recipe, "runcomfy")
    is_little_work(answer, 20 / 16 if name in QUARTER else 20)
    assert code is None or code in answer["codes"]


PIECES = st.sampled_from(
    ["- ", "? ", ": ", "[", "]", "{", "}", "a: ", "b: 1\n", "- x\n", "\n", "  ", "\t", "&a ", "*a",
     "*a, ", "<<: *a\n", "!!x ", "|\n", ">\n", "'", '"', "#", "\\", "%", "@", "---\n", "...\n", "x",
     "012\n", "1:30\n", "on\n", "[name]\n", "${", "job: extension\n", "config:\n", "  process:\n",
     "    - type: x\n", "  name: y\n", "k: &k [x, x]\n", "0x", "1e", ".", "\r", "\u2028", "\x85"]
)  # fmt: skip


@given(
    st.lists(st.tuples(PIECES, st.sampled_from([1, 1, 2, 7, 300, 5_000])), max_size=8),
    st.sampled_from(PROVIDERS),
)
@settings(HALF, suppress_health_check=list(HealthCheck))
def test_random_large_texts(
    small: Small, recipe: list[tuple[str, int]], provider: str | None
) -> None:
    """Pieces of YAML repeated ever so often are answered within the same bounds."""
    is_little_work(small.check(recipe, provider, thorough=True))


@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from(PROVIDERS))
@settings(deadline=None)
def test_random_small_texts(text: str, provider: str | None) -> None:
    """Whatever is typed is answered, with places inside the text and fixes that can be applied."""
    lines = yamlconfig.parse(text).lines
    for problem in check(text, provider=provider, datasets={"x": "READY"}, base_text=text):
        assert problem.code in CODES
        assert 1 <= problem.line <= len(lines.starts)
        assert 1 <= problem.column <= len(text) + 1
        if problem.edit is not None:
            mended = problem.edit.apply(text)
            assert mended != text
            check(mended, provider=provider)
    yamlconfig.summary(text)


@given(st.data())
def test_mutilated_real_configs(data: st.DataObject) -> None:
    """A real config with pieces cut out and put in is answered; so is each fix of it."""
    text = data.draw(st.sampled_from(CONFIGS)).read_text()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 0, 1, 3, 40])))
        text = text[:start] + data.draw(PIECES) + text[end:]
    for problem in check(text, provider="runcomfy"):
        if problem.edit is not None:
            mended = check(problem.edit.apply(text), provider="runcomfy")
            again = [p for p in mended if (p.code, p.line) == (problem.code, problem.line)]
            same = [p for p in again if p.message == problem.message]
            assert len(same) <= sum(
                (p.code, p.line, p.message) == (problem.code, problem.line, problem.message)
                for p in check(text, provider="runcomfy")
            )
