"""Texts that are meant to hurt, and a process with little memory in which they are checked.

Run as a program it reads one JSON list of ``[piece, times]`` a line, checks the text that they
make, and answers with one JSON line: what was found and how much work it was.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

MEMORY = 200 << 20
"""Bytes that a check may take beyond what the program has when it begins."""
CPU = 120
"""Seconds of processor time for all texts together: a guard against one that never ends."""

Recipe = list[tuple[str, int]]

CONFIG = """\
job: extension
config:
  name: one
  process:
    - type: sd_trainer
      model: {name_or_path: x/y}
"""
IN_TRAIN = CONFIG + "      datasets: []\n      train:\n"
IN_PROMPTS = CONFIG + "      datasets: []\n      train: {}\n      sample:\n        prompts:\n"
IN_DATASETS = CONFIG + "      train: {}\n      datasets:\n"


def keys(indent: int, name: str, count: int) -> Recipe:
    """Many lines with different keys: ``#`` in the name is the number of the line."""
    return [(" " * indent + name.replace("#", str(n)) + ": 1\n", 1) for n in range(count)]


def bomb(levels: int, wide: int) -> Recipe:
    """Each list holds the one before several times."""
    return [
        (f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * wide)}]\n", 1)
        for n in range(levels)
    ]


def chain(levels: int) -> Recipe:
    """Each list holds the one before once: shallow as text, deep as data."""
    return [(f"a{n}: &a{n} [{f'*a{n - 1}' if n else 'x'}]\n", 1) for n in range(levels)]


RECIPES: dict[str, tuple[Recipe, str | None]] = {
    # far beyond the limits
    "10mb-list": ([("- x\n", 2_500_000)], "yaml-too-large"),
    "10mb-line": ([("a: ", 1), ("x", 10_000_000)], "yaml-too-large"),
    "10mb-quoted": ([('a: "', 1), ("x", 10_000_000)], "yaml-too-large"),
    "10mb-remark": ([("#", 10_000_000)], "yaml-too-large"),
    "deep-flow": ([("[", 100_000)], "yaml-too-deep"),
    "deep-maps": ([("{a: ", 100_000)], "yaml-too-deep"),
    "deep-block": ([("- ", 100_000)], "yaml-too-deep"),
    "deep-keys": ([("? ", 100_000)], "yaml-too-deep"),
    "deep-by-alias": (chain(200), "yaml-too-deep"),
    "alias-bomb": (bomb(60, 9), "yaml-aliases"),
    "merge-bomb": (
        [
            (f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" if n else "a0: &a0 {}\n", 1)
            for n in range(60)
        ],
        "yaml-aliases",
    ),
    "alias-of-a-long-text": (
        [("a: &a ", 1), ("x", 1_000_000), ("\nb: [", 1), ("*a, ", 999), ("]\n", 1)],
        "yaml-aliases",
    ),
    # just below them
    "aliases": ([("a: &a 1\nb: [", 1), ("*a, ", 999), ("]\n", 1)], None),
    "unknown-aliases": (
        [(f"k{n}: &a{n} 1\n", 1) for n in range(3_750)] + [("z: [", 1), ("*a, ", 999), ("]\n", 1)],
        "yaml-alias",
    ),
    "items": ([("- []\n", 39_990)], "type"),
    "twice": ([("a: b\n", 4_990)], "yaml-duplicate-key"),
    "twice-in-flow": ([("{", 1), ("a,", 4_990), ("}", 1)], "yaml-duplicate-key"),
    "unknown": (keys(0, "key#", 4_990), "unknown-key"),
    "nearly-known": ([(IN_TRAIN, 1), *keys(8, "gradient_chekpointing#", 4_975)], "unknown-key"),
    "numbers-as-text": ([(IN_PROMPTS, 1), ("          - 0.5\n", 9_900)], "type"),
    "lists-as-text": ([(IN_PROMPTS, 1), ("          - [a]\n", 4_900)], "yaml-list"),
    "octal": ([(IN_PROMPTS, 1), ("          - 012\n", 9_900)], "yaml-octal"),
    "booleans": ([(IN_PROMPTS, 1), ("          - on\n", 9_900)], "yaml-boolean"),
    "dates": ([(IN_PROMPTS, 1), ("          - 2024-05-01\n", 9_900)], "yaml-date"),
    "datasets": (
        [(IN_DATASETS, 1), ("        - {folder_path: 1, resolution: [5], type: imag}\n", 1_200)],
        "range",
    ),
    "sizes": (
        [(IN_DATASETS, 1), ("        - resolution: [", 1)]
        + [(f"{n}, ", 1) for n in range(100, 10_000)]
        + [("]\n", 1)],
        "range",
    ),
    "processes": (
        [("job: extension\nconfig:\n  name: x\n  process:\n", 1), ("    - {}\n", 9_900)],
        "missing-key",
    ),
    "variables": ([(CONFIG + "  x: ", 1), ("${", 900_000)], None),
    "prompt-of-variables": ([(IN_PROMPTS + "          - a", 1), ("${", 900_000)], None),
    "long-hex": ([("job: 0x", 1), ("f", 3_990)], "type"),
    "long-number": ([(IN_TRAIN + "        steps: ", 1), ("9", 1_900_000)], None),
    "base-60": ([(IN_TRAIN + "        steps: 1", 1), (":00", 150_000)], "yaml-sexagesimal"),
    "folded": ([("a: >\n", 1), ("  x\n", 490_000)], None),
    "quoted": ([("- 'on'\n", 9_990)], "type"),
    "escapes": ([('a: "', 1), ("\\u00e9", 330_000), ('"\n', 1)], None),
    "spaces-and-a-tab": ([("a: @", 1), (" ", 99_000), ("\t\n", 1)], "yaml-syntax"),
    "never-closed": ([("a: [", 1), ("x, ", 30_000), ("\n", 1)], "yaml-syntax"),
    "brackets": ([("- [a] b\n", 12_000)], "yaml-syntax"),
    "tabs": ([("\t", 1_900_000)], "yaml-tab"),
    "tabbed-lines": ([("a:\n", 1), ("\tb: 1\n", 4_000)], "yaml-tab"),
    "directives": ([("%", 100_000)], "yaml-syntax"),
    "anchors": ([("&a ", 50_000)], "yaml-syntax"),
    "quotes": ([("'", 99_999)], None),
    "long-key": ([("x", 100_000), (": 1\n", 1)], "yaml-syntax"),
    "blank-block": ([("a: |\n", 1), (" \n", 500_000)], "unknown-key"),
    "tag-of-python": ([("a: !!python/object/apply:os.system [x]\n", 1)], "unknown-key"),
    "half-a-character": ([("k: \ud800\n", 1)], "yaml-character"),
    "bangs": ([("!", 1_900_000)], None),
    "documents": ([("---\n", 490_000)], "yaml-documents"),
}
"""Name → the pieces of a text, and a code that must be among those of its problems."""
QUARTER = frozenset(
    ["numbers-as-text", "booleans", "dates", "lists-as-text", "datasets", "sizes", "base-60",
     "unknown", "twice-in-flow", "twice", "unknown-aliases", "nearly-known", "octal", "processes",
     "quoted", "tabbed-lines"]
)  # fmt: skip
"""Of a quarter of the size of others that are read alike; what grows with the square of the size
takes a sixteenth of the time there."""


def text_of(recipe: Recipe) -> str:
    """The text that the pieces make."""
    return "".join(piece * times for piece, times in recipe)


def main() -> None:
    """Answer one line for each line."""
    from trainer_tui.core import yamlconfig
    from trainer_tui.core.yamlconfig import changes, check, keyhelp, set_value, summary
    from trainer_tui.errors import UsageError

    module: Any = sys.modules["trainer_tui.core.yamlconfig.parse"]
    inner, taken = module.events, [0]

    def counted(text: str) -> Any:
        for event in inner(text):
            taken[0] += 1
            yield event

    module.events = counted
    check(CONFIG)  # what is imported and cached at first is not the text's doing
    status = Path("/proc/self/status")
    if status.exists():
        size = next(s for s in status.read_text().splitlines() if s.startswith("VmSize"))
        limit = (int(size.split()[1]) << 10) + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    for line in sys.stdin:
        request = json.loads(line)
        text = text_of(request["recipe"])
        taken[0] = 0
        began = time.process_time()
        problems = check(text, provider=request.get("provider"))
        checked = time.process_time() - began
        events = taken[0]
        summary(text)
        if request["thorough"]:
            changes(text, "job: x\n" + text)
            keyhelp.keys_by_line(yamlconfig.parse(text))
            with contextlib.suppress(UsageError):
                set_value(text, "train.steps", 5)
        answer = {
            "codes": sorted({problem.code for problem in problems}),
            "count": len(problems),
            "events": events,
            "seconds": checked,
            "all": time.process_time() - began,
            "sane": all(
                p.line >= 1 and p.column >= 1 and p.length >= 1 and len(p.message) < 2_000
                and (p.edit is None or 0 <= p.edit.start <= p.edit.end <= len(text))
                for p in problems
            ),
        }  # fmt: skip
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
