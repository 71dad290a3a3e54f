"""Checking a text while it is typed: soon after the last key, off the interface's thread when
that could take long, and never telling of a text that has been typed over meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer_tui.core.yamlconfig import Change, Problem, ValuePath, changes, check, parsed, summary
from trainer_tui.core.yamlconfig.keyhelp import keys_by_line
from trainer_tui.tui.check_child import CheckChild

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.timer import Timer

CHECK_AFTER = 0.15
"""Seconds of rest after a key."""
_AT_ONCE = 12_000
"""Characters up to which a check takes a few milliseconds: 40 % of a key press's budget."""
_APART = 50_000
"""Characters from which it is done in another process; it would be felt from a thread."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a text is checked by."""

    provider: str | None = None
    base_text: str | None = None
    """The config before an edit."""
    began_from: str | None = None
    """What a new job's text began from: compared with, and no rule is about it."""
    extra_keys: Sequence[str] = ()
    gpu_type: str | None = None
    gpu_count: int | None = None
    checkpoint_step: int | None = None
    datasets: Mapping[str, str] | None = None
    """Name → status, where the service could be asked."""
    base_folder: Path | None = None
    """Where relative paths are meant from."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about a text."""

    text: str
    problems: Sequence[Problem] = ()
    keys: dict[int, ValuePath] = field(default_factory=dict)
    """Line (from 1) → path of the key on it; of the last text that was YAML."""
    changes: Sequence[Change] | None = ()
    """What differs from the base; ``None`` while the text is no YAML."""
    summary: dict[str, object] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """How many problems are errors."""
        return sum(1 for problem in self.problems if problem.severity == "error")


def look(text: str, rules: Rules) -> Checked:
    """Find out all that the editor shows about a text."""
    document = parsed(text)
    problems = check(
        text,
        provider=rules.provider,
        base_text=rules.base_text,
        extra_keys=rules.extra_keys,
        gpu_type=rules.gpu_type,
        gpu_count=rules.gpu_count,
        checkpoint_step=rules.checkpoint_step,
        datasets=rules.datasets,
        base_folder=rules.base_folder,
    )
    if document.broken:
        return Checked(text, problems, {}, None)
    found: Sequence[Change] = ()
    before = rules.began_from if rules.base_text is None else rules.base_text
    if before is not None and before != text:
        found = changes(before, text)
    return Checked(text, problems, keys_by_line(document), found, summary(text))


Pair = tuple[str, str]
"""An old text and a new one."""


def compare(
    screen: Screen[Any], pairs: Sequence[Pair], told: Callable[[list[list[Change]]], None]
) -> None:
    """Find the values that differ; of long texts beside the interface, which is told later."""
    if sum(len(text) for pair in pairs for text in pair) <= 4 * _AT_ONCE:
        told([changes(old, new) for old, new in pairs])
        return

    def work() -> None:
        screen.call_later(told, [changes(old, new) for old, new in pairs])

    screen.run_worker(work, thread=True, exclusive=True, group="compare")


def read(screen: Screen[Any], texts: Sequence[str], then: Callable[[], None]) -> None:
    """Read texts that something is to be said of; long ones beside the interface."""
    if sum(map(len, texts)) <= 4 * _AT_ONCE:
        then()
        return

    def work() -> None:
        for text in texts:
            parsed(text)
        screen.call_later(then)

    screen.run_worker(work, thread=True, exclusive=True, group="read")


class Checker:
    """Checks for one screen."""

    def __init__(self, screen: Screen[object], told: Callable[[Checked], None]) -> None:
        self._screen, self._told = screen, told
        self._timer: Timer | None = None
        self._asked: tuple[str, Rules] | None = None
        self._doing = ("", Rules())
        self._busy = False
        self._child = CheckChild()

    def close(self) -> None:
        """The screen is gone."""
        self._child.close()

    def ask(self, text: str, rules: Rules, *, now: bool = False) -> None:
        """Check a text, after a rest or at once."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._busy and (text, rules) == self._doing:
            self._asked = None  # the answer is on its way
            return
        self._asked = (text, rules)
        if now:
            self._begin()
        else:
            self._timer = self._screen.set_timer(CHECK_AFTER, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._asked is None or self._busy:
            return
        (text, rules), self._asked = self._asked, None
        if len(text) <= _AT_ONCE and rules.provider != "local":  # that one looks at the disk
            self._told(look(text, rules))
            return
        self._busy = True
        self._doing = (text, rules)  # no argument: a worker makes words of those, here 300 kB
        self._screen.run_worker(self._work, thread=True, group="check", exit_on_error=True)

    def _work(self) -> None:
        text, rules = self._doing
        checked = self._child.look(text, rules) if len(text) > _APART else None
        if self._child.closed:
            return
        checked = replace(checked, text=text) if checked is not None else look(text, rules)
        self._screen.call_later(self._done, checked)

    def _done(self, checked: Checked) -> None:
        self._busy = False
        if self._asked is None:
            self._told(checked)
        elif self._timer is None:
            self._begin()
