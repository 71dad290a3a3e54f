"""The pane around a log: questions, saving, several logs of a job, and what stands instead."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from textual import events

from tests.tui.logs import Feeder, Shown, lines, rows
from tests.tui.panes import REF, PaneApp, entry
from tests.tui.waiting import until
from trainer_tui.core.logfile.source import Gap
from trainer_tui.core.messages import Aspect, AspectFailed, EventsArrived
from trainer_tui.errors import NetworkError
from trainer_tui.model import Capability, Event, EventKind, Status
from trainer_tui.tui.widgets import log_saving
from trainer_tui.tui.widgets.log_pane import LogPane
from trainer_tui.tui.widgets.log_view import LogView

pytestmark = pytest.mark.anyio


def names(folder: Path) -> list[str]:
    """The files in a folder."""
    return sorted(path.name for path in folder.iterdir())


# Going somewhere


async def test_jump_to_a_line(tmp_path: Path) -> None:
    """``:`` goes to a line; what leads nowhere is refused and says what can be typed."""
    async with Shown(tmp_path) as it:
        await it.press("colon", *"x", "enter")
        assert "a line number, 50%, or a time" in it.told
        await it.press("backspace", *"42", "enter")
        assert any(row == "  42  line 41" for row in it.rows)
        assert it.number(it.view.current) == 41
        assert not it.view.following


async def test_jump_beyond_the_end_and_to_a_part(tmp_path: Path) -> None:
    """A number beyond the last line is the last line; a percentage is that part of the log."""
    async with Shown(tmp_path, text=lines(1_000, 2_000)) as it:
        await it.press("colon", *"99999", "enter")
        assert it.number(it.view.current) == 999
        await it.press("colon", *"25%", "enter")
        assert it.number(it.view.current) == 250


@pytest.mark.parametrize(
    ("day", "complete"), [("2026-03-01", True), ("2026-03-01", False), ("2026-02-20", False)]
)
async def test_jump_to_a_time(tmp_path: Path, day: str, complete: bool) -> None:
    """A clock's time, a date with it, and times from the end and the start lead to a line: in a
    log that has ended, in one whose clock is ahead, and in one that has not grown for long."""
    text = "".join(f"{day} {3 + n // 60:02d}:{n % 60:02d}:00Z step {n}\n" for n in range(120))
    async with Shown(tmp_path, text=text) as it:
        it.feed("", complete=complete)
        half_past = datetime.fromisoformat(f"{day}T03:30:00Z").astimezone()
        for typed, line in (
            (f"{half_past:%H:%M}", 30), (f"{half_past:%Y-%m-%d %H:%M}", 30),
            ("-9m", 110), *([("+45m", 45)] if day == "2026-03-01" else []),  # the job's own day
        ):  # fmt: skip
            await it.press("g", "colon")
            it.pane.answer.value = typed
            await it.press("enter")
            assert it.number(it.view.current) == line, typed


async def test_jump_to_when_lines_arrived(tmp_path: Path) -> None:
    """Lines that say no time are found by when they were seen."""
    async with Shown(tmp_path) as it:
        start = datetime.fromisoformat("2026-03-01T03:00:00Z").timestamp()
        it.feed.tell(arrivals=((70, start), (350, start + 600), (790, start + 1_200)))
        await it.press("colon", *"+10m", "enter")
        assert it.number(it.view.current) == 10


# Typing


async def test_keys_typed_ahead_belong_to_the_question(tmp_path: Path) -> None:
    """Pasted or typed faster than the focus moves, no letter of a search is a command."""
    async with Shown(tmp_path) as it:
        for key in ("slash", "s", "l", "backspace", "backspace", "7", "7"):
            character = "/" if key == "slash" else key if len(key) == 1 else None
            it.app.post_message(events.Key(key, character))
        await until(it.pilot, lambda: it.pane.answer.value == "77", "what was typed")
        assert "s" not in it.app.keys
        assert "l" not in it.app.keys
        for key in ("enter", "k"):
            it.app.post_message(events.Key(key, key[:1] if len(key) == 1 else None))
        await until(it.pilot, lambda: it.pane.question is None, "the end of the question")
        assert it.view.search is not None and it.view.search.pattern is not None
        assert it.view.search.pattern.text == "77"


# Saving


async def test_saving_never_replaces_a_file(tmp_path: Path) -> None:
    """``ctrl+s`` writes the clean log to a new file only."""
    taken = tmp_path / "taken.log"
    taken.write_text("precious")
    async with Shown(tmp_path) as it:
        it.feed("\x1b[31mred\x1b[0m\n")
        await it.press("ctrl+s")
        assert it.pane.answer.value == "dog_portrait_lora.log"
        it.pane.answer.value = str(taken)
        await it.press("enter")
        assert "that file exists" in it.told
        assert taken.read_text() == "precious"
        it.pane.answer.value = str(tmp_path / "new.log")
        await it.press("enter")
        await until(it.pilot, lambda: it.app.said, "a word that it is saved")
        assert it.app.said == [f"log saved to {tmp_path / 'new.log'}"]
        assert (tmp_path / "new.log").read_text() == lines(0, 100) + "red\n"
        assert names(tmp_path) == ["log.txt", "new.log", "taken.log"]


async def test_what_is_selected_can_be_saved(tmp_path: Path) -> None:
    """With lines selected those are offered first; tab offers all."""
    async with Shown(tmp_path) as it:
        await it.press("v", "k", "ctrl+s")
        assert "save selected as" in str(it.pane.query_one("#log-sign").render())
        it.pane.answer.value = str(tmp_path / "some.log")
        await it.press("tab")
        assert "save all as" in str(it.pane.query_one("#log-sign").render())
        await it.press("tab", "enter")
        await until(it.pilot, lambda: it.app.said, "a word that it is saved")
        assert (tmp_path / "some.log").read_text() == lines(98, 100)


async def test_a_large_log_is_saved_with_what_is_missing(tmp_path: Path) -> None:
    """Pieces join without a seam, a gap is one line, and a line of many characters is whole."""
    held = (lines(0, 150_000) + "é" * 20_000 + "\n\x1b[31mred\x1b[0m\n").encode()
    async with Shown(tmp_path, text=bytes(77) + held[77:]) as it:
        it.feed.tell(gaps=(Gap(0, 77, "the service no longer has this part"),))
        await it.press("ctrl+s")
        it.pane.answer.value = str(tmp_path / "saved.log")
        await it.press("enter")
        await until(it.pilot, lambda: it.app.said, "a word that it is saved")
        remark = "77 bytes are missing here: the service no longer has this part\n"
        expected = remark + held[77:].decode().replace("\x1b[31m", "").replace("\x1b[0m", "")
        assert (tmp_path / "saved.log").read_text() == expected


async def test_a_name_is_proposed_that_no_file_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``enter`` saves, a second time too."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    async with Shown(tmp_path) as it:
        for _ in range(3):
            it.app.said.clear()
            await it.press("ctrl+s", "enter")
            await until(it.pilot, lambda: it.app.said, "a saved log")
    assert sorted(names(folder)) == [
        "dog_portrait_lora-2.log",
        "dog_portrait_lora-3.log",
        "dog_portrait_lora.log",
    ]


async def test_what_is_typed_stays_apart_from_what_is_said(tmp_path: Path) -> None:
    """However long the name is, a blank stands before the reason."""
    async with Shown(tmp_path) as it:
        await it.press("ctrl+s")
        it.pane.answer.value = str(tmp_path / "no" / ("x" * 150))
        await it.press("enter")
        said = it.pane.query_one("#log-told")
        assert it.pane.answer.region.right < said.content_region.x


async def test_saving_where_nothing_can_be_written(tmp_path: Path) -> None:
    """The reason is told and the question stays open."""
    async with Shown(tmp_path) as it:
        await it.press("ctrl+s")
        it.pane.answer.value = str(tmp_path / "no" / "such" / "folder.log")
        await it.press("enter")
        assert "No such file or directory" in it.told
        assert it.pane.question == "save"


def test_a_name_that_is_taken_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Even between the first look and the end of writing nothing is written over."""
    made, taken = tmp_path / ".part", tmp_path / "log"
    made.write_text("new")
    taken.write_text("precious")
    with pytest.raises(FileExistsError):
        log_saving.put(made, taken)
    assert taken.read_text() == "precious"


# Several logs of one job


async def test_logs_of_one_job_are_tabs(tmp_path: Path) -> None:
    """A strip names them when they are several; ``}`` and ``{`` turn them, and ask for them."""
    async with Shown(tmp_path) as it:
        assert not it.pane.query_one("LogTabs").display
        it.feed.names = ("log", "build")
        it.feed.tell()
        await it.pilot.pause()
        assert " log  build" in it.app.seen()[-1]
        await it.press("right_curly_bracket")
        assert it.app.runtime.asked[-1] == ("choose_log", REF, "build")
        build = Feeder(it.pane, tmp_path / "build.txt", "build")
        build.names = ("log", "build")
        build("Step 1/9: FROM python\n")
        await it.pilot.pause()
        assert it.rows[0] == "   1  Step 1/9: FROM python"
        it.feed("not to be seen now\n")
        await it.pilot.pause()
        assert it.rows[0] == "   1  Step 1/9: FROM python"
        await it.press("left_curly_bracket")
        assert it.rows[-1] == " 101  not to be seen now"


async def test_events_are_a_log_too(tmp_path: Path) -> None:
    """What was seen to happen stands beside the logs and is read with the same keys."""
    async with Shown(tmp_path) as it:
        event = Event(REF, it.app.now(), EventKind.STATUS, "queued → [running]")
        it.pane.receive(EventsArrived(REF, [event]))
        await it.press("right_curly_bracket")
        assert it.rows[0].endswith("status      queued → [running]")
        assert ("choose_log", REF, "events") not in it.app.runtime.asked


# Gaps


async def test_a_gap_is_a_line_that_can_be_filled(tmp_path: Path) -> None:
    """What is missing stands between the lines; Enter asks for it; filled, its lines are there."""
    held = lines(0, 200).encode()
    async with Shown(tmp_path, text=held[:70] + b"\0" * 700 + held[770:]) as it:
        gap = Gap(70, 770, "not fetched yet", fetchable=True)
        it.feed.tell(gaps=(gap,))
        await it.press("g")
        assert "700 bytes are missing here: not fetched yet · enter fetches them" in it.rows[10]
        await it.press("enter")
        assert it.app.runtime.asked[-1] == ("fetch_gap", REF, "log", gap)
        it.path.write_bytes(held)
        it.feed.tell(gaps=())
        await it.pilot.pause()
        assert it.rows[9:11] == ["  10  line 9", "  11  line 10"]


async def test_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    """A gap that nobody can fill asks for nothing."""
    async with Shown(tmp_path) as it:
        it.feed.tell(gaps=(Gap(0, 70, "the service no longer has this part"),))
        await it.press("g", "enter")
        assert it.app.said == ["It cannot be fetched: the service no longer has this part."]
        assert all(call[0] != "fetch_gap" for call in it.app.runtime.asked)


# Other jobs, and nothing to show


async def test_another_job_begins_anew(tmp_path: Path) -> None:
    """Nothing of one job's log is shown under another's name."""
    async with Shown(tmp_path) as it:
        await it.press("slash", *"9", "enter", "g")
        it.pane.show(entry(ref=REF.__class__("local", "j2")))
        await it.pilot.pause()
        assert it.pane.empty
        assert it.view.search is None
        assert it.view.following


async def test_the_same_log_again_keeps_the_place(tmp_path: Path) -> None:
    """Watched anew, the log is told again; a reader who scrolled up stays."""
    async with Shown(tmp_path) as it:
        await it.press(*["pageup"] * 3)
        before = it.rows
        it.feed.tell()
        it.feed(lines(100, 120))
        await it.pilot.pause()
        assert it.rows == before


async def test_no_logs_here_says_why_and_what_was_seen() -> None:
    """Where the provider has no logs, its reason and the history stand in their place."""
    pane = LogPane()
    app = PaneApp(pane)
    app.runtime.capabilities = frozenset()
    app.runtime.reasons = {Capability.LOGS: "RunComfy has no log API."}
    async with app.run_test(size=(80, 12)) as pilot:
        pane.show(entry())
        event = Event(REF, app.now(), EventKind.STATUS, "queued → [running]")
        pane.receive(EventsArrived(REF, [event]))
        await pilot.pause()
        text = str(pane.instead.text)
        assert "RunComfy has no log API." in text
        assert "queued → [running]" in text


async def test_failure_is_told_with_its_hint(tmp_path: Path) -> None:
    """A log that cannot be had says so in its place, and goes when it can."""
    pane = LogPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show(entry())
        error = NetworkError("connection refused", hint="is the server up?")
        pane.receive(AspectFailed(REF, Aspect.LOGS, error))
        await pilot.pause()
        text = str(pane.instead.text)
        assert "connection refused" in text
        assert "is the server up?" in text
        Feeder(pane, tmp_path / "log.txt")("back\n")
        await pilot.pause()
        assert rows(pane.view)[0] == "   1  back"
        assert isinstance(pane.app.focused, LogView)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.QUEUED, "waits for its turn"),
        (Status.RUNNING, "Nothing has been written"),
        (Status.FAILED, "The log is empty"),
    ],
)
async def test_empty_log_fits_the_status(status: Status, words: str) -> None:
    """An empty log reads as what it means for the job's state."""
    pane = LogPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show(entry(status))
        await pilot.pause()
        assert words in str(pane.instead.text)


async def test_an_empty_log_names_the_others(tmp_path: Path) -> None:
    """Where this log is empty and there is another, that is said."""
    async with Shown(tmp_path, text="") as it:
        it.feed.names = ("log", "build")
        it.feed.tell()
        await it.pilot.pause()
        assert "There is another: build. } shows it." in str(it.pane.instead.text)
        await it.press("right_curly_bracket")
        build = Feeder(it.pane, tmp_path / "build.txt", "build")
        build.names = ("log", "build")
        build("Step 1/9\n")
        await it.pilot.pause()
        assert it.rows[0] == "   1  Step 1/9"
        assert isinstance(it.app.focused, LogView)
