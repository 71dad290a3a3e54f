"""A log pane over a real file that a test writes."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

from tests.tui.panes import REF, PaneApp, entry
from tests.tui.waiting import until
from trainer_tui.core.logfile.source import Gap, LogSource
from trainer_tui.core.messages import LogArrived
from trainer_tui.tui.widgets.log_pane import LogPane
from trainer_tui.tui.widgets.log_view import LogView


class Feeder:
    """Writes a file and tells a pane of it, as the network thread would."""

    def __init__(self, pane: LogPane, path: Path, name: str = "log") -> None:
        self.pane, self.path, self.name = pane, path, name
        self.names: tuple[str, ...] = (name,)
        self.source = LogSource(path, 0)
        path.touch()

    def __call__(self, text: str | bytes, *, complete: bool = False) -> None:
        """More of the log."""
        with self.path.open("ab") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        self.tell(complete=complete)

    def anew(self, text: str) -> None:
        """The file is cut and begins again."""
        self.path.write_text(text)
        self.tell()

    def rotate(self, text: str) -> None:
        """Another file takes the place of this one."""
        self.path.rename(self.path.with_suffix(".old"))
        self.path.write_text(text)
        self.tell()

    def tell(
        self,
        *,
        complete: bool = False,
        gaps: tuple[Gap, ...] | None = None,
        arrivals: tuple[tuple[int, float], ...] | None = None,
    ) -> None:
        """Say what the file is now."""
        source = dataclasses.replace(self.source, size=self.path.stat().st_size, complete=complete)
        if gaps is not None:
            source = dataclasses.replace(source, gaps=gaps)
        if arrivals is not None:
            source = dataclasses.replace(source, arrivals=arrivals)
        self.source = source
        self.pane.receive(LogArrived(REF, self.name, source, self.names))


class Shown:
    """An open pane with a hundred lines in a terminal of 80×12."""

    def __init__(
        self, folder: Path, *, size: tuple[int, int] = (80, 12), text: str | bytes | None = None
    ) -> None:
        self.pane = LogPane()
        self.app = PaneApp(self.pane)
        self.size = size
        self.text = lines(0, 100) if text is None else text
        self.path = folder / "log.txt"

    async def __aenter__(self) -> Shown:
        self._context = self.app.run_test(size=self.size)
        self.pilot = await self._context.__aenter__()
        self.pane.show(entry(started_at=datetime.fromisoformat("2026-03-01T03:00:00Z")))
        self.feed = Feeder(self.pane, self.path)
        if self.text:
            self.feed(self.text)
        await self.pilot.pause()
        self.view = self.pane.view
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._context.__aexit__(*error)  # type: ignore[arg-type]

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def rows(self) -> list[str]:
        """The rows of the view."""
        return rows(self.view)

    @property
    def told(self) -> str:
        """The line below."""
        return told(self.pane)

    async def until_told(self, words: str) -> None:
        """Wait until the line below says something."""
        await until(self.pilot, lambda: words in self.told, f"{words!r} in the line below")

    async def until_row(self, words: str) -> None:
        """Wait until something is seen."""
        await until(self.pilot, lambda: words in "\n".join(self.rows), f"{words!r} in the log")

    def number(self, position: int | None) -> int | None:
        """The number of a line, from 0."""
        return None if position is None else self.view.document.number(position)


def rows(view: LogView) -> list[str]:
    """What a view shows, without its bar."""
    return [view.render_line(y).text.rstrip(" ▐#") for y in range(view.size.height)]


def told(pane: LogPane) -> str:
    """What the line below the log says."""
    return str(pane.query_one("#log-told").render()).strip()


def lines(start: int, stop: int) -> str:
    """Numbered lines."""
    return "".join(f"line {n}\n" for n in range(start, stop))
