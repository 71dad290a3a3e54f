"""Themes: TOML files, shipped ones and the user's own, made into Textual's.

A file holds ``title``, ``dark`` and two tables. ``[colors]`` are Textual's base colours;
``[variables]`` are the console's own names, used by its stylesheets and its line renderers, and
any variable of Textual's that the theme wants to set itself::

    title = "Midnight"
    dark = true
    [colors]
    background = "#0d1017"
    foreground = "#d7dce8"
    accent = "#82aaff"
    [variables]
    status-running = "#4fd6be"

Only ``accent`` is needed; whatever else is missing is derived.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import Theme

from trainer_tui.config_file import ConfigFile
from trainer_tui.config_problem import Problem, did_you_mean, unknown
from trainer_tui.errors import ConfigError

DEFAULT = "midnight"
KEYS = ("title", "dark", "colors", "variables")
"""What a file may hold at its top."""

COLORS = (
    "primary",
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "success",
    "warning",
    "error",
)
"""Names in ``[colors]``, each a field of Textual's theme."""

VARIABLES = (
    "text-muted",
    "text-faint",
    "frame",
    "track",
    "cursor-row",
    "status-running",
    "status-queued",
    "status-stopping",
    "status-succeeded",
    "status-interrupted",
    "status-failed",
    "status-canceled",
    "status-unknown",
    "chart-1",
    "chart-2",
    "chart-3",
    "chart-4",
    "chart-5",
    "chart-6",
)
"""The console's own variables; every one has a value in every theme, given or derived."""


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A theme and where it was read from."""

    name: str
    title: str
    theme: Theme
    path: Path
    stamp: int
    """Modification time in nanoseconds when it was read, to notice that it was saved again."""


def shipped_folder() -> Path:
    """Where the shipped themes are: inside an installed package, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "themes"
    return installed if installed.is_dir() else package.parent / "themes"


def parse(name: str, text: str, *, path: Path | None = None) -> tuple[str, Theme]:
    """Read one theme: its title and Textual's theme of it.

    Raises:
        ConfigError: Not TOML, an unknown name, or a value that is no colour.
    """
    return _theme(name, ConfigFile(path or Path(name), text=text))


def problems(path: Path) -> list[Problem]:
    """All mistakes of one theme file, with their places."""
    file = ConfigFile(path)
    _look_through(file)
    return file.problems


def _theme(name: str, file: ConfigFile) -> tuple[str, Theme]:
    colors, variables = _look_through(file)
    if file.problems:
        more = f" (and {len(file.problems) - 1} more)" if len(file.problems) > 1 else ""
        raise ConfigError(
            f"theme {file.problems[0]}{more}",
            title="A theme cannot be used",
            hint=f"The file is {file.file}",
        )
    accent = colors.get("accent") or colors["primary"]
    base = {"primary": accent, "accent": accent, **colors}
    dark = file.data.get("dark", True)
    theme = Theme(name=name, dark=dark, variables=dict(variables), **base)  # type: ignore[arg-type]
    theme.variables = {**derived(theme), **variables}
    return str(file.data.get("title", name)), theme


def _look_through(file: ConfigFile) -> tuple[dict[str, str], dict[str, str]]:
    """The two tables; what is wrong is noted in the file."""
    if file.problems:
        return {}, {}
    for key in file.data:
        if key not in KEYS:
            file.problem((key,), unknown(key, KEYS))
    if not isinstance(file.data.get("dark", True), bool):
        file.problem(("dark",), "expected true or false")
    colors, variables = _texts(file, "colors"), _texts(file, "variables")
    for key, value in colors.items():
        if key not in COLORS:
            file.problem(("colors", key), unknown(key, COLORS))
        else:
            _check_colour(file, ("colors", key), value)
    for key, value in variables.items():
        if key in COLORS or key in VARIABLES:
            _check_colour(file, ("variables", key), value)
        else:
            _check_name(file, key)
    if not (colors.get("accent") or colors.get("primary")):
        file.problem(("colors", "accent"), "is needed")
    return colors, variables


def derived(theme: Theme) -> dict[str, str]:
    """A value for each of the console's variables, and for those of Textual's that would clash.

    Works for any theme of Textual's own as well.
    """
    ground = theme.background or ("#121212" if theme.dark else "#efefef")
    ink = theme.foreground or ("#e0e0e0" if theme.dark else "#202020")
    background, foreground = Color.parse(ground), Color.parse(ink)

    def mix(amount: float) -> str:
        return background.blend(foreground, amount).hex6

    accent = theme.accent or theme.primary
    success = theme.success or accent
    warning = theme.warning or accent
    error = theme.error or accent
    secondary = theme.secondary or accent
    own = {
        "text-muted": mix(0.72),
        "text-faint": mix(0.56),
        "frame": mix(0.2),
        "track": mix(0.25),
        "cursor-row": background.blend(Color.parse(accent), 0.2).hex6,
        "status-running": theme.primary,
        "status-queued": secondary,
        "status-stopping": warning,
        "status-succeeded": success,
        "status-interrupted": warning,
        "status-failed": error,
        "status-canceled": mix(0.62),
        "status-unknown": mix(0.62),
        "chart-1": theme.primary,
        "chart-2": warning,
        "chart-3": success,
        "chart-4": error,
        "chart-5": secondary,
        "chart-6": accent,
    }
    given = {**own, **theme.variables}
    return {
        **own,
        "text": ink,
        "text-disabled": given["text-faint"],
        "border": accent,
        "border-blurred": given["frame"],
        "block-cursor-background": given["cursor-row"],
        "block-cursor-foreground": ink,
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": given["cursor-row"],
        "block-cursor-blurred-foreground": ink,
        "block-hover-background": background.blend(foreground, 0.06).hex6,
        "input-cursor-background": accent,
        "input-cursor-foreground": ground,
        "input-selection-background": given["cursor-row"],
        "scrollbar": given["track"],
        "scrollbar-hover": given["text-faint"],
        "scrollbar-active": accent,
        "scrollbar-background": ground,
        "scrollbar-background-hover": ground,
        "scrollbar-background-active": ground,
        "scrollbar-corner-color": ground,
    }


def read(path: Path) -> ThemeFile:
    """Read one theme file.

    Raises:
        ConfigError: It cannot be read or used.
    """
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        why = error.strerror or "cannot be read"
        raise ConfigError(f"theme {path.name}: {why}", title="A theme cannot be read") from error
    title, theme = _theme(path.stem, ConfigFile(path))
    return ThemeFile(path.stem, title, theme, path, stamp)


def paths(folders: Iterable[Path]) -> dict[str, Path]:
    """Name → file of every theme there is; a later folder wins over an earlier one."""
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            found.update({path.stem: path for path in sorted(folder.glob("*.toml"))})
    return found


def _texts(file: ConfigFile, name: str) -> dict[str, str]:
    table = file.data.get(name, {})
    if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
        file.problem((name,), "must be a table of texts")
        return {}
    return dict(table)


def _check_colour(file: ConfigFile, path: tuple[str, str], value: str) -> None:
    try:
        Color.parse(value)
    except ColorParseError:
        file.problem(path, f'{value!r} is not a colour; write it as "#rrggbb"')


def _check_name(file: ConfigFile, key: str) -> None:
    """A variable that is neither ours nor one that Textual has, and nearly one of ours."""
    near = did_you_mean(key, VARIABLES, cutoff=0.8)
    if near and key not in Theme(name="any", primary="#ffffff").to_color_system().generate():
        file.problem(("variables", key), f"unknown variable{near}")
