"""The line at the bottom: the keys that matter where the focus is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events
from textual.dom import DOMNode

from trainer_tui.tui.widgets.line import Piece, PieceLine, width_of


@dataclass(frozen=True, slots=True)
class Hint:
    """One key with its word."""

    key: str
    label: str
    action: str
    """What a click does."""
    enabled: bool = True


def width_of_hints(hints: Sequence[Hint]) -> int:
    """Cells that all of them take, without the gap after the last."""
    return sum(len(hint.key) + len(hint.label) + 3 for hint in hints) - 1


class KeyBar(PieceLine):
    """`` s stop  c cancel  r resume …  ? help``; what cannot be done now is faint.

    Args:
        hints: The keys.
        has: Gives what has their actions; without it the screen.
    """

    GROUND = "panel"

    def __init__(
        self, hints: Callable[[], Sequence[Hint]], has: Callable[[], DOMNode] | None = None
    ) -> None:
        super().__init__(id="keys")
        self._hints = hints
        self._has = has or (lambda: self.screen)

    def pieces(self, width: int) -> Sequence[Piece]:
        hints = list(self._hints())
        out: list[Piece] = [Piece(" ")]
        # Help and the palette stand last and always fit.
        last = [hint for hint in hints if hint.action.startswith("app.command('app.")]
        tail = [piece for hint in last for piece in self._hint(hint)]
        room = width + 1 - width_of(tail)  # the gap after the last may be cut
        for hint in hints:
            if hint in last:
                continue
            pieces = self._hint(hint)
            if width_of(pieces) > room:
                break
            out += pieces
            room -= width_of(pieces)
        return [*out, *tail]

    def _hint(self, hint: Hint) -> list[Piece]:
        if not hint.enabled:
            return [Piece(f"{hint.key} {hint.label}  ", "text-faint", key=hint.action)]
        return [
            Piece(hint.key, "accent", key=hint.action),
            Piece(f" {hint.label}  ", "text-muted", key=hint.action),
        ]

    def on_click(self, event: events.Click) -> None:
        """A click does what the key does."""
        if action := self.key_at(event.x):
            acting = self.app.run_action(action, self._has())
            self.screen.run_worker(acting, group="keys")
