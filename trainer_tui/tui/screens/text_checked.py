"""A text, what is wrong with it, and what waits for knowing that: F8, F2, sending."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from trainer_tui.core.yamlconfig import Problem
from trainer_tui.tui.checking import Checked, Checker, read
from trainer_tui.tui.facts import facts_of
from trainer_tui.tui.screens.diff import Heading
from trainer_tui.tui.screens.text_base import TextBase
from trainer_tui.tui.widgets.problems import ProblemList, ProblemsTitle
from trainer_tui.tui.widgets.yaml_area import YamlArea


@dataclass(slots=True)
class _Wait:
    """What is to be done as soon as a text is checked."""

    text: str
    do: Callable[[Checked], None]
    hold: bool
    steps: int = 0
    """How many problems to go on, where that is what waits."""
    reading: bool = False


class TextChecked(TextBase):
    """The text and its problems. `TextScreen` has the keys and the draft."""

    VERB: ClassVar[str] = "Edit"

    def __init__(self) -> None:
        super().__init__()
        self.checked = Checked("")
        self._wait: _Wait | None = None
        self._checker = Checker(self, self._told)  # type: ignore[arg-type]
        self.heading = Heading(self.VERB)
        self.area = YamlArea(read_only=True, id="text")
        self.problems_title = ProblemsTitle()
        self.problem_list = ProblemList()

    def renew(self) -> None:
        """Show where the editing stands."""

    def _told(self, checked: Checked) -> None:
        if not self.is_mounted:
            return
        keys = checked.keys or self.checked.keys
        self.checked = Checked(
            checked.text, checked.problems, keys, checked.changes, checked.summary
        )
        self.area.set_problems(checked.problems)
        if checked.keys and checked.text == self.area.text:
            self.area.set_keys(checked.keys)
        some = bool(checked.problems)
        self.problem_list.show(checked.problems)
        self.problems_title.problems = checked.problems
        if some != self.problem_list.display:
            self.problems_title.display = self.problem_list.display = some
        self.problems_title.renew()
        if checked.summary:
            facts = facts_of(checked.summary)[:5]
            self.heading.right = "  ".join(f"{label} {value}" for label, value in facts)
            self.heading.renew()
        self.renew()
        self._go_ahead()

    @property
    def waits(self) -> bool:
        """Whether something is done as soon as the text is checked."""
        return self._wait is not None

    def check_soon(self) -> None:
        """Check the text without waiting for a rest."""
        self._checker.ask(self.area.text, self.rules(), now=True)

    def when_checked(
        self, do: Callable[[Checked], None], *, hold: bool = False, steps: int = 0
    ) -> None:
        """Do something with what is wrong with the text as it is now, as soon as that is known.

        A short text is checked at once, a long one beside the interface. What waits falls when
        the text becomes another one, and when something else is to be done. With ``hold``
        nothing can be typed until then, and the text has been read by then: what it will do can
        be said at once.
        """
        self._wait = _Wait(self.area.text, do, hold, steps)
        self.area.read_only = hold or self.sending
        if self.checked.text == self._wait.text:
            self._go_ahead()
        else:
            self._checker.ask(self._wait.text, self.rules(), now=True)
        self.renew()

    def stop_waiting(self, unless: str | None = None) -> bool:
        """Do nothing of the kind, unless it was to be done with this text; whether it stopped."""
        if self._wait is None or self._wait.text == unless:
            return False
        self._wait = None
        self.area.read_only = self.sending
        self.renew()
        return True

    def _go_ahead(self) -> None:
        wait = self._wait
        if wait is None or wait.reading or wait.text != self.checked.text:
            return

        def ready() -> None:
            if self._wait is wait and self.is_mounted:
                self.stop_waiting()
                wait.do(self.checked)

        wait.reading = True
        if wait.hold:
            read(self, [self.base() or "", wait.text], ready)
        else:
            ready()

    def _at(self, row: int, column: int) -> Problem | None:
        here = [p for p in self.checked.problems if p.line == row + 1]
        return min(here, key=lambda p: abs(p.column - 1 - column), default=None)

    def on_problem_list_picked(self, event: ProblemList.Picked) -> None:
        """Go to a problem."""
        self.area.go_to(event.problem.line, event.problem.column)

    # Keys -------------------------------------------------------------------------------------

    def action_next_problem(self, step: int) -> None:
        """Walk the problems, from the cursor on, round and round.

        Pressed again while the text is still checked, it goes so many problems at once.
        """
        steps = step + (self._wait.steps if self._wait is not None else 0)
        self.when_checked(lambda checked: self._walk(checked.problems, steps), steps=steps)

    def _walk(self, problems: Sequence[Problem], steps: int) -> None:
        if not problems:
            self.console.say("Nothing to object to.", "success")
            return
        row, column = self.area.cursor_location
        here = (row + 1, column + 1)
        places = [(problem.line, problem.column) for problem in problems]
        if steps > 0:
            index = next((i for i, place in enumerate(places) if place > here), 0) + steps - 1
        elif steps < 0:
            before = [i for i, place in enumerate(places) if place < here]
            index = (before[-1] if before else -1) + steps + 1
        else:  # forth and back
            return
        index %= len(places)
        self.area.go_to(*places[index])
        self.problem_list.put_cursor(index)

    def action_fix(self) -> None:
        """Make the change that the problem at the cursor proposes."""
        row, column = self.area.cursor_location
        self.when_checked(lambda checked: self._fix(checked.problems, row, column))

    def _fix(self, problems: Sequence[Problem], row: int, column: int) -> None:
        fixable = [p for p in problems if p.line == row + 1 and p.edit is not None]
        problem = min(fixable, key=lambda p: abs(p.column - 1 - column), default=None)
        if problem is None or problem.edit is None:
            self.console.say("No fix is known for this line; f8 goes to the next problem.")
            return
        self.area.replace_all(problem.edit.apply(self.area.text))
        self.check_soon()
