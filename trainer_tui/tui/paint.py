"""Theme variables as Rich styles, for widgets that draw their own lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual.color import Color, ColorParseError

if TYPE_CHECKING:
    from textual.app import App


class Paint:
    """The styles of one theme, made when they are first asked for."""

    def __init__(self, variables: dict[str, str], *, colour: bool = True) -> None:
        self._variables = variables
        self._colour = colour
        self._styles: dict[tuple[str, str, bool, bool], Style] = {}
        self._colours: dict[str, Color] = {}

    def colour(self, name: str) -> Color:
        """A theme variable as a colour; a name that no theme has is the text colour."""
        found = self._colours.get(name)
        if found is None:
            value = self._variables.get(name) or self._variables["foreground"]
            try:
                found = Color.parse(value)
            except ColorParseError:
                found = Color.parse(self._variables["foreground"])
            self._colours[name] = found
        return found

    def __call__(
        self,
        name: str = "foreground",
        ground: str = "background",
        *,
        bold: bool = False,
        soft: bool = False,
    ) -> Style:
        """A style: text in one variable on the ground of another.

        ``soft`` moves the text most of the way to the ground: bars of what has ended.
        Without colour the cursor's ground is shown by reversing.
        """
        key = (name, ground, bold, soft)
        style = self._styles.get(key)
        if style is None:
            style = self._styles[key] = self._make(*key)
        return style

    def _make(self, name: str, ground: str, bold: bool, soft: bool) -> Style:
        if not self._colour:
            return Style(bold=bold or None, reverse=True if ground == "cursor-row" else None)
        fore, back = self.colour(name), self.colour(ground)
        if soft:
            fore = fore.blend(back, 0.6)
        return Style(color=fore.rich_color, bgcolor=back.rich_color, bold=bold or None)


def paint_of(app: App[object]) -> Paint:
    """The paint of the app's present theme."""
    variables = app.theme_variables
    held: tuple[dict[str, str], Paint] | None = getattr(app, "_held_paint", None)
    if held is None or held[0] is not variables:
        held = (variables, Paint(variables, colour=not app.no_color))
        app._held_paint = held  # type: ignore[attr-defined]
    return held[1]
