"""What a screen or a widget knows of the app that it is in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from trainer_tui.tui.glyphs import UNICODE, Glyphs

if TYPE_CHECKING:
    from textual.app import App

    from trainer_tui.tui.app import TrainerApp


class _InApp(Protocol):
    @property
    def app(self) -> App[Any]: ...


class InConsole:
    """Mixed into what is in the console only."""

    @property
    def console(self: _InApp) -> TrainerApp:
        """The app, by its own type."""
        return cast("TrainerApp", self.app)


def glyphs_of(node: _InApp) -> Glyphs:
    """The app's symbols; Unicode in an app that has none of its own."""
    found: Glyphs = getattr(node.app, "glyphs", UNICODE)
    return found
