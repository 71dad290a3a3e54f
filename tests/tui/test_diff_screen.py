"""The difference of two configs on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.editing import FLUX, EditApp
from tests.tui.test_editor import shown
from tests.tui.waiting import until
from trainer_tui.core.yamlconfig import Change, diff, set_value
from trainer_tui.tui.difflines import changed_values, rows
from trainer_tui.tui.glyphs import UNICODE
from trainer_tui.tui.screens.ask_file import AskFileScreen
from trainer_tui.tui.screens.diff import DiffScreen, Other


async def test_words_before_lines(tmp_path: Path) -> None:
    """What changes is said by key first, then shown line by line with numbers."""
    new = set_value(set_value(FLUX, "train.steps", 50), "trigger_word", "dog")
    app = EditApp(tmp_path)
    async with app.run_test(size=(120, 50)) as pilot:
        app.push_screen(DiffScreen("Difference", "x", FLUX, new))
        await pilot.pause()
        text = shown(app)
        assert text.index("train.steps  2000 → 50") < text.index("-         steps: 2000")
        assert "trigger_word  (none) → dog" in text
        assert "+2 -1" in text
        assert "unchanged lines" in text
        await pilot.press("y", "enter")
        assert len(app.screen_stack) == 1


async def test_remarks_alone_are_told_as_such(tmp_path: Path) -> None:
    """A difference in layout only says that no value changes."""
    app = EditApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(DiffScreen("Difference", "x", FLUX, FLUX + "# end\n"))
        await pilot.pause()
        assert "Only remarks and layout change." in shown(app)


async def test_the_same_is_said(tmp_path: Path) -> None:
    """Two texts that are the same say so."""
    app = EditApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(DiffScreen("Difference", "x", FLUX, FLUX))
        await pilot.pause()
        assert "the same, byte for byte" in shown(app)


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (("enter",), False),
        (("escape",), False),
        (("n",), False),
        (("y",), True),
        (("right", "enter"), True),
        (("tab", "tab", "enter"), False),
    ],
)
async def test_yes_is_chosen_on_purpose(
    tmp_path: Path, keys: tuple[str, ...], answer: bool
) -> None:
    """Enter takes the default, which is no; y, or moving to yes, sends."""
    answers: list[bool | None] = []
    app = EditApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = DiffScreen("Send", "x", FLUX, FLUX + "a: 1\n", question="Send it?")
        app.push_screen(screen, answers.append)
        await pilot.pause()
        await pilot.press(*keys)
        assert answers == [answer]


async def test_hostile_text_is_drawn(tmp_path: Path) -> None:
    """Escape sequences and markup in either text are shown as what they are."""
    app = EditApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(DiffScreen("D", "x", "a: [b]\x1b[2J[/]\n", "a: \x9b1\u202ex\n"))
        await pilot.pause()
        text = shown(app)
        assert "[b]" in text
        assert not {"\x1b", "\x9b", "\u202e"} & set(text)


async def test_side_by_side_from_120_columns_on(tmp_path: Path) -> None:
    """Where there is room old and new stand beside each other; s shows them one below the other."""
    app = EditApp(tmp_path)
    new = set_value(FLUX, "train.steps", 50)
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(DiffScreen("D", "x", FLUX, new, names=("comfy has", "yours")))
        await pilot.pause()
        row = next(line for line in shown(app).split("\n") if "steps: 2000" in line)
        assert row.index("steps: 2000") < 60 < row.index("steps: 50")
        await pilot.press("s")
        await pilot.pause()
        assert not any("2000" in line and ": 50" in line for line in shown(app).split("\n")[6:])
        assert "-         steps: 2000" in shown(app)
        await pilot.press("s")
        await pilot.pause()
        assert any("2000" in line and ": 50" in line for line in shown(app).split("\n")[6:])


async def test_a_narrow_terminal_shows_one_below_the_other(tmp_path: Path) -> None:
    """Below 120 columns s says what is missing and changes nothing."""
    app = EditApp(tmp_path)
    async with app.run_test(size=(119, 40)) as pilot:
        app.push_screen(DiffScreen("D", "x", FLUX, set_value(FLUX, "train.steps", 50)))
        await pilot.pause()
        assert "-         steps: 2000" in shown(app)
        await pilot.press("s")
        assert "120 columns" in app.said[-1]


async def test_the_base_is_one_of_several(tmp_path: Path) -> None:
    """b and F5 walk through the texts to compare with; a file can be named as well."""
    app = EditApp(tmp_path)
    new = set_value(FLUX, "train.steps", 50)
    sent = set_value(FLUX, "train.steps", 70)
    file = tmp_path / "mine.yaml"
    file.write_text(set_value(FLUX, "train.steps", 90))
    async with app.run_test(size=(100, 40)) as pilot:
        others = [Other("last sent", sent)]
        app.push_screen(
            DiffScreen("D", "x", FLUX, new, names=("comfy has", "yours"), others=others)
        )
        await pilot.pause()
        assert "- comfy has" in shown(app) and "2000 → 50" in shown(app)
        await pilot.press("b")
        await pilot.pause()
        assert "- last sent" in shown(app) and "70 → 50" in shown(app)
        await pilot.press("f5")
        await pilot.pause()
        assert "2000 → 50" in shown(app)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, AskFileScreen))
        await pilot.press(*"/nothing.yaml", "enter")
        await until(pilot, lambda: "cannot be read" in shown(app))
        assert isinstance(app.screen, AskFileScreen)
        app.screen.field.value = str(file)
        await pilot.press("enter")
        await until(pilot, lambda: "- mine.yaml" in shown(app))
        assert "90 → 50" in shown(app)


@pytest.mark.parametrize("width", [80, 120])
async def test_a_difference_far_to_the_right_is_in_view(tmp_path: Path, width: int) -> None:
    """Of a long line that part is shown in which it differs."""
    app = EditApp(tmp_path)
    old = f"a: {'x' * 300} one two\n"
    async with app.run_test(size=(width, 24)) as pilot:
        app.push_screen(DiffScreen("D", "x", old, old.replace("one", "uno")))
        await pilot.pause()
        lines = shown(app).split("\n")[5:]
        assert any("one two" in line for line in lines)
        assert any("uno two" in line for line in lines)


def test_rows_pair_what_was_changed() -> None:
    """Lines taken away stand beside those put in; the rest of the longer side stands alone."""
    found = rows(diff("a\nb\nc\n", "a\nB\n"))
    assert [(r.old and r.old.text, r.new and r.new.text) for r in found] == [
        ("a", "a"),
        ("b", "B"),
        ("c", None),
    ]
    assert [row.changed for row in found] == [False, True, True]


def test_long_values_stand_one_below_the_other() -> None:
    """The new value is seen also where both do not fit beside each other; what is still too long
    is cut with a sign."""

    def told(*change: str) -> list[str]:
        found = changed_values([Change(*change)], 3, 40, UNICODE)
        return ["".join(piece.text for piece in line) for line in found]

    assert told("train.steps", "2000", "50") == ["   train.steps  2000 → 50"]
    assert told("datasets[0].folder_path", "/data/sets/dogs", "/data/sets/cats") == [
        "   datasets[0].folder_path  /data/sets/…",
        "     → /data/sets/cats",
    ]
