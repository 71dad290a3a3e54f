"""The keys of a config as a list, narrowed by typing; Enter goes to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer_tui.core.yamlconfig.outline import outline
from trainer_tui.sanitize import line as clean
from trainer_tui.tui.screens.picker import Choice, PickerScreen

if TYPE_CHECKING:
    from trainer_tui.tui.widgets.yaml_folding import FoldingText


class OutlineScreen(PickerScreen):
    """Goes to a key of the text below it."""

    HEADING = "Outline"
    HINT = ("enter goes there", "esc closes")

    def __init__(self, area: FoldingText) -> None:
        super().__init__()
        self._area = area
        self._entries = outline(area.document.lines)

    def on_mount(self) -> None:
        """Show all, the one chosen in sight."""
        super().on_mount()
        self.call_after_refresh(self._in_sight)

    def _in_sight(self) -> None:
        # The list has its rows only when the card around it has its height: one layout later.
        self.list.move(0)
        self.call_after_refresh(self.list.move, 0)

    def choices(self) -> Sequence[Choice]:
        """All keys, further in as they are in the text."""
        return [
            Choice(
                str(index),
                "  " * min(entry.depth, 12) + clean(entry.label, limit=60),
                clean(entry.summary, limit=80),
                str(entry.line),
            )
            for index, entry in enumerate(self._entries)
        ]

    def first(self, choices: Sequence[Choice]) -> int:
        """The key that the cursor is in."""
        line = self._area.cursor_location[0] + 1
        before = [i for i, entry in enumerate(self._entries) if entry.line <= line]
        return before[-1] if before else 0

    def choose(self, choice: Choice) -> None:
        """Go there."""
        entry = self._entries[int(choice.id)]
        self.dismiss(None)
        self._area.go_to(entry.line, entry.column)
