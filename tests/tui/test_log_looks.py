"""What a log looks like: followed, searched, filtered, wrapped, with times, opened, merged."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.logs import Feeder, told
from tests.tui.panes import REF, PaneApp, entry, job
from tests.tui.waiting import until
from trainer_tui.core.logfile.source import Gap, LogSource
from trainer_tui.core.messages import EventsArrived, LogArrived
from trainer_tui.model import Event, EventKind, JobRef
from trainer_tui.tui.widgets.log_frame import LogFrame
from trainer_tui.tui.widgets.log_pane import LogPane
from trainer_tui.tui.widgets.merged_pane import MergedPane

SIZES = [(80, 24), (120, 40)]
BEGAN = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
Snap = Callable[..., bool]
Doing = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures show one zone's clock."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def log() -> str:
    """Levels, colours, a traceback, JSON lines, wide characters, a progress bar."""
    text = "\x1b[1;36m#### AI Toolkit ####\x1b[0m\n"
    for n in range(60):
        level = ("DEBUG", "INFO", "INFO", "WARNING")[n % 4]
        text += f"2026-03-01 03:00:{n:02d},101 {level} step {n} loss: {0.5 - n / 200:.4f} 漢字\n"
        if n == 40:
            text += "Traceback (most recent call last):\n"
            text += '  File "/app/toolkit/data.py", line 212, in __getitem__\n'
            text += "PIL.UnidentifiedImageError: cannot identify image file "
            text += "'/data/dog/0412.webp', skipped; 3 of 412 images of this dataset were skipped\n"
        if n % 12 == 7:
            facts = {
                "timestamp": f"2026-03-01T03:00:{n:02d}.500Z",
                "level": ("info", "warn", "error")[n % 3],
                "msg": "validation",
                "step": n,
                "val/loss": 0.31 + n / 1e4,
                "prompt": "a dog, 漢字, in oil",
                "stack": "one\ntwo" if n == 55 else "",
            }
            text += json.dumps(facts, ensure_ascii=False) + "\n"
    return text + "\r10%|#\r\x1b[32mdog:\x1b[0m  48%|████▊     | 960/2000 [22:05<23:55,  1.38s/it]"


def look(
    snap_compare: Snap,
    folder: Path,
    size: tuple[int, int],
    *keys: str,
    says: str = "",
    before: Doing | None = None,
    text: str | bytes | None = None,
    gaps: tuple[Gap, ...] = (),
    **options: bool,
) -> bool:
    """Compare a pane over a file, after some keys and words, with the picture that is kept."""
    pane = LogPane()
    app = PaneApp(pane, **options)

    async def prepare(pilot: Pilot[None]) -> None:
        pane.show(entry(started_at=BEGAN))
        feed = Feeder(pane, folder / "log.txt")
        feed(log() if text is None else text)
        if gaps:
            feed.tell(gaps=gaps)
        await pilot.pause()
        if before is not None:
            await before(pilot)
        await pilot.press(*keys)
        if says:
            await until(pilot, lambda: says in told(pane), f"{says!r} in the line below")
        await settled(pilot, pane)

    return snap_compare(app, terminal_size=size, run_before=prepare)


async def settled(pilot: Pilot[None], pane: LogFrame) -> None:
    """Wait until searches have lit what they found."""
    view = pane.view
    held = [search for search in (view.search, view.filter, view.errors) if search is not None]
    await until(pilot, lambda: all(search.settled for search in held), "the search")
    seen: list[object] = []

    def still() -> bool:
        now = [view.render_line(y) for y in range(view.size.height)]
        same = bool(seen) and seen[-1] == now and not view._wanted
        seen.append(now)
        return same and len(seen) > 5

    await until(pilot, still, "a screen that stays")
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
def test_followed(snap_compare: Snap, tmp_path: Path, size: tuple[int, int]) -> None:
    """At the end, with the progress bar as the last line."""
    assert look(snap_compare, tmp_path, size)


def test_scrolled_up_ascii(snap_compare: Snap, tmp_path: Path) -> None:
    """Away from the end, with a bookmark, without a character of ours beyond ASCII."""
    keys = ("pageup", "B", "shift+up")
    assert look(snap_compare, tmp_path, (80, 24), *keys, ascii_only=True)


@pytest.mark.parametrize("light", [False, True])
def test_search(snap_compare: Snap, tmp_path: Path, light: bool) -> None:
    """Matches lit, the count beside what is typed."""
    keys = ("g", "slash", *"step 1")
    assert look(snap_compare, tmp_path, (80, 24), *keys, says="1/11", light=light)


def test_searched(snap_compare: Snap, tmp_path: Path) -> None:
    """Which hit of how many, the line marked."""
    keys = ("g", "slash", *"warning", "enter", "n", "n")
    assert look(snap_compare, tmp_path, (120, 40), *keys, says="3/15")


def test_filter_with_context(snap_compare: Snap, tmp_path: Path) -> None:
    """Only lines that match, with their numbers, and a line around each."""
    keys = ("ampersand", *"validation", "enter", "plus")
    assert look(snap_compare, tmp_path, (80, 24), *keys, says="±1")


@pytest.mark.parametrize("light", [False, True])
def test_wrapped_error(snap_compare: Snap, tmp_path: Path, light: bool) -> None:
    """A traceback found, wrapped, with lines selected."""
    keys = ("e", "e", "w", "v", "j", "j")

    async def found(pilot: Pilot[None]) -> None:
        pane = pilot.app.query_one(LogPane)
        await pilot.press("e")
        await until(pilot, lambda: pane.view.current is not None, "the error")

    assert look(snap_compare, tmp_path, (80, 24), *keys[2:], before=found, light=light)


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_times(snap_compare: Snap, tmp_path: Path, kind: int) -> None:
    """The column of times: on the clock, since the start, since the line before."""
    assert look(snap_compare, tmp_path, (80, 24), *["t"] * kind)


def test_record_opened(snap_compare: Snap, tmp_path: Path) -> None:
    """A JSON line with its fields below it."""
    assert look(snap_compare, tmp_path, (120, 40), "enter")


def test_records_raw(snap_compare: Snap, tmp_path: Path) -> None:
    """JSON lines as they were written, on a light ground."""
    assert look(snap_compare, tmp_path, (80, 24), "J", light=True)


def test_gap(snap_compare: Snap, tmp_path: Path) -> None:
    """What is missing, and the strip of logs."""
    data = log().encode()
    gaps = (Gap(200, 900, "not fetched yet", fetchable=True),)

    async def events(pilot: Pilot[None]) -> None:
        event = Event(REF, BEGAN, EventKind.STATUS, "queued → [running]")
        pilot.app.query_one(LogPane).receive(EventsArrived(REF, [event]))

    text = data[:200] + bytes(700) + data[900:]
    assert look(snap_compare, tmp_path, (80, 24), "g", before=events, text=text, gaps=gaps)


def test_events(snap_compare: Snap, tmp_path: Path) -> None:
    """What was seen to happen, as a log."""

    async def events(pilot: Pilot[None]) -> None:
        happened = [
            Event(REF, BEGAN + timedelta(minutes=n), kind, text)
            for n, (kind, text) in enumerate(
                [
                    (EventKind.STATUS, "queued → running"),
                    (EventKind.CHECKPOINT, "checkpoint at step 250"),
                    (EventKind.ERROR, "the service did not answer: timed out after 10 s"),
                    (EventKind.ACT, "stop asked"),
                ]
            )
        ]
        pilot.app.query_one(LogPane).receive(EventsArrived(REF, happened))

    assert look(snap_compare, tmp_path, (80, 24), "right_curly_bracket", before=events)


@pytest.mark.parametrize(("size", "light"), [((80, 24), True), ((120, 40), False)])
def test_merged(snap_compare: Snap, tmp_path: Path, size: tuple[int, int], light: bool) -> None:
    """Three jobs by time, each with its colour, one of them without a log yet."""
    pane = MergedPane()
    app = PaneApp(pane, light=light)
    names = ("dog_portrait_lora", "flux_style_v3", "forklift-detector", "mnist:e23a2")

    async def prepare(pilot: Pilot[None]) -> None:
        refs = [JobRef("local", f"j{n}") for n in range(4)]
        pane.show_jobs([job(ref=ref, name=name) for ref, name in zip(refs, names, strict=True)])
        for number, ref in enumerate(refs[:3]):
            path = tmp_path / f"{number}.txt"
            path.write_text(
                "".join(
                    f"2026-03-01T03:{n:02d}:{number * 7:02d}Z INFO step {n * 10} loss: 0.{n}\n"
                    for n in range(number, 40, number + 1)
                )
                + (f"{'':4}of the line above\n" if number else "")
            )
            source = LogSource(path, path.stat().st_size)
            pane.receive(LogArrived(ref, "log", source, ("log",)))
        await pilot.press("t")
        await settled(pilot, pane)

    assert snap_compare(app, terminal_size=size, run_before=prepare)
