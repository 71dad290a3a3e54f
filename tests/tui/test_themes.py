"""Themes: files, contrast, mistakes, the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

from tests.tui.console import make, running, screen_text, until
from trainer_tui.errors import ConfigError
from trainer_tui.tui import themes

SHIPPED = themes.paths([themes.shipped_folder()])
WORDS = [name for name in themes.VARIABLES if name not in {"frame", "track", "cursor-row"}]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours after WCAG 2.2 (1 to 21)."""
    a, b = sorted((_luminance(Color.parse(one)), _luminance(Color.parse(other))))
    return (b + 0.05) / (a + 0.05)


def _luminance(color: Color) -> float:
    def linear(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def test_at_least_six_are_shipped_in_the_kinds_promised() -> None:
    """Dark and light, high contrast, colour-blind safe, mono and warm are there."""
    assert {"midnight", "daylight", "contrast", "harbor", "mono", "ember"} <= set(SHIPPED)
    assert themes.read(SHIPPED["midnight"]).theme.dark
    assert not themes.read(SHIPPED["daylight"]).theme.dark


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_variable_is_given(name: str) -> None:
    """A shipped theme gives a value of its own to each of the console's variables."""
    theme = themes.read(SHIPPED[name]).theme
    assert set(themes.VARIABLES) <= set(theme.variables)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_text_is_readable(name: str) -> None:
    """Every text colour has at least 4.5:1 on the grounds it is drawn on (WCAG 2.2, AA)."""
    theme = themes.read(SHIPPED[name]).theme
    assert theme.background and theme.surface and theme.foreground
    grounds = [theme.background, theme.surface]
    words = {key: theme.variables[key] for key in WORDS}
    words |= {
        key: getattr(theme, key)
        for key in ("foreground", "primary", "accent", "success", "warning", "error")
    }
    low = 7.0 if name == "contrast" else 4.5
    for key, colour in words.items():
        for ground in grounds:
            assert contrast(colour, ground) >= low, (key, ground)
    for key in ("text-muted", *(word for word in WORDS if word.startswith("status-"))):
        assert contrast(theme.variables[key], theme.variables["cursor-row"]) >= 4.5, key


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21:1, a colour on itself 1:1."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dark = maybe", "theme own:1: not valid TOML: "),
        ("[colors]\naccnt = '#fff'", "own:2: colors.accnt: unknown key; did you mean 'accent'"),
        ("[colors]\naccent = 'blurple'", "own:2: colors.accent: 'blurple' is not a colour"),
        ("[colours]\naccent = '#fff'", "own:1: colours: unknown key; did you mean 'colors'"),
        ("dark = 'false'\n[colors]\naccent = '#fff'", "own:1: dark: expected true or false"),
        ("[colors]\naccent='#fff'\n[variables]\nstatus-runing='#fff'", "mean 'status-running'"),
        ("[colors]\naccent = '#fff'\n[variables]\nframe = '#12'", "frame"),
        ("title = 'x'", "accent: is needed"),
        ("[colors]\naccent = 3", "table of texts"),
    ],
)
def test_a_mistake_is_told(text: str, words: str) -> None:
    """A theme that cannot be used says which file, which name and what was expected."""
    with pytest.raises(ConfigError, match=words):
        themes.parse("own", text)


def test_an_accent_alone_is_a_theme() -> None:
    """What a theme leaves out is derived."""
    _, theme = themes.parse("own", "dark = false\n[colors]\naccent = '#aa3377'")
    assert set(themes.VARIABLES) <= set(theme.variables)


@pytest.mark.anyio
async def test_the_users_theme_is_found_and_reloaded_when_saved(tmp_path: Path) -> None:
    """A file in the user's folder can be chosen; saved again it shows at the next look, and
    once more when a mistake in it was told and mended."""
    folder = tmp_path / "themes"
    folder.mkdir()
    own = folder / "own.toml"
    own.write_text("[colors]\naccent = '#00ff00'\nbackground = '#000000'\n")
    app = make(tmp_path, session={"theme": "own"})
    async with running(app) as pilot:
        assert app.theme == "own" and app.theme_variables["background"] == "#000000"
        own.write_text("[colors]\naccent = '#00ff00'\nbackground = '#111111'\n")
        app.reload_theme()
        await until(pilot, lambda: app.theme_variables["background"] == "#111111")
        own.write_text("[colors\n")
        app.reload_theme()
        await until(pilot, lambda: "theme own.toml" in screen_text(app))
        assert app.theme_variables["background"] == "#111111"
        own.write_text("[colors]\naccent = '#00ff00'\nbackground = '#222222'\n")
        app.reload_theme()
        await until(pilot, lambda: app.theme_variables["background"] == "#222222")


@pytest.mark.anyio
async def test_the_picker_previews_and_takes_back(tmp_path: Path) -> None:
    """Moving shows a theme at once; esc brings back the old one, enter keeps the new one."""
    app = make(tmp_path)
    async with running(app) as pilot:
        await pilot.press("t", "down")
        await until(pilot, lambda: app.theme != "midnight")
        await pilot.press("escape")
        assert app.theme == "midnight"
        await pilot.press("t", *"day", "enter")
        await until(pilot, lambda: app.screen is app.main)
        assert app.theme == "daylight" and app.session.theme == "daylight"


@pytest.mark.anyio
async def test_any_theme_of_textuals_draws(tmp_path: Path) -> None:
    """Themes that know nothing of our variables still give each a value."""
    app = make(tmp_path)
    async with running(app) as pilot:
        for name in ("textual-dark", "textual-light", "nord"):
            app.use_theme(name)
            await pilot.pause()
            assert set(themes.VARIABLES) <= set(app.theme_variables)
