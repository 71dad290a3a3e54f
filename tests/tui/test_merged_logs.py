"""The logs of several jobs, read as one."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.tui.console import make, running
from tests.tui.fake import few
from tests.tui.logs import rows, told
from tests.tui.panes import PaneApp, job
from tests.tui.waiting import screen_text, until
from trainer_tui.core.logfile.source import LogSource
from trainer_tui.core.messages import Aspect, AspectFailed, LogArrived
from trainer_tui.errors import NetworkError
from trainer_tui.model import Job, JobRef
from trainer_tui.tui.screens.merged_screen import MergedScreen
from trainer_tui.tui.widgets.log_paint import origin_colour
from trainer_tui.tui.widgets.merged_pane import MergedPane

pytestmark = pytest.mark.anyio


def jobs(count: int) -> list[Job]:
    """Some jobs."""
    return [job(ref=JobRef("local", f"j{number}"), name=f"job-{number}") for number in range(count)]


class Logs:
    """The files of some jobs, and a pane that is told of them."""

    def __init__(self, pane: MergedPane, folder: Path) -> None:
        self.pane, self.folder = pane, folder

    def __call__(self, number: int, text: str) -> None:
        path = self.folder / f"{number}.txt"
        with path.open("a") as file:
            file.write(text)
        source = LogSource(path, path.stat().st_size)
        self.pane.receive(LogArrived(JobRef("local", f"j{number}"), "log", source, ("log",)))


def stamped(second: int, text: str) -> str:
    """A line with its time."""
    return f"2026-03-01T03:00:{second:02d}Z {text}\n"


async def test_lines_stand_in_the_order_of_time(tmp_path: Path) -> None:
    """Lines of both logs by time, each in its job's colour, numbered as in its own log."""
    pane = MergedPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show_jobs(jobs(2))
        logs = Logs(pane, tmp_path)
        logs(0, stamped(1, "a1") + stamped(5, "a5") + "  of a5\n")
        logs(1, stamped(3, "b3") + stamped(7, "b7"))
        await pilot.pause()
        seen = [row for row in rows(pane.view) if row]
        assert [row.split()[-1] for row in seen] == ["a1", "b3", "a5", "a5", "b7"]
        assert [row.split()[0] for row in seen] == ["▎", "▎", "▎", "▎", "▎"]
        assert [row.split()[1] for row in seen] == ["1", "1", "2", "3", "2"]
        first, second = (next(iter(pane.view.render_line(y))).style for y in (0, 1))
        assert first and second
        assert first.color == pane.view.theme_colour(origin_colour(0))
        assert second.color == pane.view.theme_colour(origin_colour(1))
        assert "▎job-0   ▎job-1" in screen_text(pane.app)


async def test_a_merged_log_goes_on(tmp_path: Path) -> None:
    """New lines take their place by time, and the end is followed."""
    pane = MergedPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show_jobs(jobs(2))
        logs = Logs(pane, tmp_path)
        logs(0, "".join(stamped(n, f"a{n}") for n in range(0, 30, 2)))
        logs(1, stamped(1, "b1"))
        await pilot.pause()
        assert rows(pane.view)[-1].endswith("a28")
        logs(1, stamped(27, "b27") + stamped(40, "b40"))
        await pilot.pause()
        assert [row.split()[-1] for row in rows(pane.view)[-3:]] == ["b27", "a28", "b40"]
        await pilot.press("k", "k")
        assert told(pane).startswith("2 lines below")
        logs(0, stamped(50, "a50"))
        await pilot.pause()
        assert told(pane).startswith("3 lines below")
        await pilot.press(
            "colon",
            *f"{datetime(2026, 3, 1, 3, 0, 14, tzinfo=UTC).astimezone():%Y-%m-%d %H:%M:%S}",
            "enter",
        )
        await pilot.pause()
        assert any(row.endswith("a14") for row in rows(pane.view))


async def test_six_at_most_and_a_word_about_the_rest(tmp_path: Path) -> None:
    """More than six jobs are not merged; how many are left out is said."""
    pane = MergedPane()
    async with PaneApp(pane).run_test(size=(120, 12)) as pilot:
        pane.show_jobs(jobs(8))
        await pilot.pause()
        assert len(pane.refs) == 6
        Logs(pane, tmp_path)(0, "x\n")
        await pilot.pause()
        assert "2 more marked: 6 at most are merged" in screen_text(pane.app)


async def test_a_job_without_a_log_is_told(tmp_path: Path) -> None:
    """What cannot be had is said beside the job's name; the others are read."""
    pane = MergedPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show_jobs(jobs(2))
        await pilot.pause()
        assert "job-1: waiting for its log" in str(pane.instead.text)
        pane.receive(AspectFailed(JobRef("local", "j1"), Aspect.LOGS, NetworkError("no route")))
        await pilot.pause()
        assert "job-1: no route" in str(pane.instead.text)
        Logs(pane, tmp_path)(0, "here\n")
        await pilot.pause()
        assert rows(pane.view)[0].endswith("here")
        assert "job-1 · no log" in screen_text(pane.app)


async def test_marked_jobs_open_merged(tmp_path: Path) -> None:
    """``l`` with jobs marked opens one screen for all of them, and watches each log."""
    app = make(tmp_path, [dataclasses.replace(one) for one in few()])
    async with running(app) as pilot:
        await pilot.press("asterisk", "l")
        await until(pilot, lambda: isinstance(app.screen, MergedScreen), "the merged logs")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, MergedScreen)
        refs = screen.pane.refs
        assert len(refs) > 1
        runtime = app.runtime
        await until(pilot, lambda: set(refs) <= set(runtime.watching), "watching")  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main, "the main screen")
        assert all(Aspect.LOGS not in runtime.watching.get(ref, set()) for ref in refs[1:])  # type: ignore[attr-defined]


async def test_merged_logs_are_searched_and_filtered(tmp_path: Path) -> None:
    """``/`` walks over the hits of all logs in the order of time; ``&`` shows only those."""
    pane = MergedPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show_jobs(jobs(2))
        logs = Logs(pane, tmp_path)
        logs(0, "".join(stamped(n, f"a{n} needle" if n % 10 == 0 else f"a{n}") for n in range(50)))
        logs(1, "".join(stamped(n, f"b{n} needle" if n % 25 == 7 else f"b{n}") for n in range(50)))
        await pilot.pause()

        def current() -> str:
            view = pane.view
            return "" if view.current is None else view.document.line(view.current).text

        await pilot.press("g", "slash", *"needle", "enter")
        for expected in ("a0", "b7", "a10", "a20", "a30", "b32", "a40", "a0"):
            await until(pilot, lambda e=expected: f" {e} " in current(), expected)
            await pilot.press("n")
        await until(pilot, lambda: "b7" in current(), "b7")
        await until(pilot, lambda: "/needle 2/7" in told(pane), "which hit it is")
        await pilot.press("N", "N")
        await until(pilot, lambda: "a40" in current(), "the last one")
        await pilot.press("escape", "ampersand", *"needle", "enter")
        wanted = ["a0", "b7", "a10", "a20", "a30", "b32", "a40"]

        def shown() -> list[str]:
            return [row.split()[-2] for row in rows(pane.view) if row]

        await until(pilot, lambda: shown() == wanted, "the hits alone")
        await pilot.press("plus")
        await until(pilot, lambda: "±1" in told(pane), "a line around each")
        await pilot.press("g")
        await until(pilot, lambda: rows(pane.view)[1].endswith("b0"), "the line after the first")


async def test_merged_errors(tmp_path: Path) -> None:
    """``E`` goes to the next error of any of them."""
    pane = MergedPane()
    async with PaneApp(pane).run_test(size=(80, 12)) as pilot:
        pane.show_jobs(jobs(2))
        logs = Logs(pane, tmp_path)
        logs(0, "".join(stamped(n, f"a{n}") for n in range(40)) + stamped(41, "ERROR: a"))
        logs(1, stamped(20, "ERROR: b"))
        await pilot.pause()
        await pilot.press("g", "E")
        view = pane.view
        await until(pilot, lambda: view.current is not None, "an error")
        assert view.current is not None
        assert view.document.line(view.current).text.endswith("ERROR: b")
