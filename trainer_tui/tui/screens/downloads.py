"""The download queue: a row a file, with bar, speed and time left."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message as TextualMessage
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import Static

from trainer_tui.core.messages import DownloadChanged
from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.tui.amounts import size
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.present import fit, span
from trainer_tui.tui.widgets import transfer
from trainer_tui.tui.widgets.key_bar import Hint, KeyBar
from trainer_tui.tui.widgets.line_view import ColumnNames, LineList

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message

Cells = tuple[str, ...]
_BAR = 16
_NAME = 56
"""Cells of a name at most, so that on a wide terminal its numbers stay near it."""


class Queue(LineList):
    """The rows of the queue, newest first."""

    class Changed(TextualMessage):
        """The cursor is elsewhere."""

    def __init__(self) -> None:
        super().__init__(id="queue")
        self.rows: list[DownloadRow] = []
        self._seen: dict[int, Cells] = {}

    @property
    def current(self) -> DownloadRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def bar_width(self) -> int:
        """Cells of a bar: where it is narrow the name needs them more."""
        return _BAR if self.size.width >= 90 else 10

    def row_count(self) -> int:
        """One row a download."""
        return len(self.rows)

    def cursor_moved(self) -> None:
        """The line below tells of the row under the cursor."""
        self.post_message(self.Changed())

    def take(self, row: DownloadRow) -> None:
        """A row moved, or is new; repaint it if that is to be seen."""
        for number, one in enumerate(self.rows):
            if one.id == row.id:
                self.rows[number] = row
                if self._cells(row) != self._seen.get(row.id):
                    self.refresh_row(number)
                return
        self.rows.insert(0, row)
        self.cursor += 1 if len(self.rows) > 1 else 0
        self.refresh()

    def _cells(self, row: DownloadRow) -> Cells:
        glyphs = self.glyphs
        full, empty = transfer.progress_bar(row, self.bar_width, glyphs)
        left = span(row.eta) if row.eta is not None else ""
        state = row.phase.value
        if row.phase in (DownloadPhase.FAILED, DownloadPhase.WAITING) and row.note:
            state = row.note
        elif row.phase is DownloadPhase.DONE:
            state = row.note or "saved"
        return (
            transfer.shape(row, glyphs),
            row.target.name,
            row.target.parent.name,
            full,
            empty,
            transfer.percent(row),
            size(row.size if row.size is not None else row.held),
            transfer.speed(row),
            left,
            state,
        )

    def header(self, width: int) -> str:
        """The names of the columns."""
        name, job, state = self._widths(width)
        text = (
            f"   {'FILE':<{name}}{'JOB'[:job]:<{job}}{'PROGRESS':<{self.bar_width + 6}}{'SIZE':>9}"
        )
        return text + f"{'SPEED':>11}{'LEFT':>7}  {'STATE'[:state]}"

    def _widths(self, width: int) -> tuple[int, int, int]:
        """Cells of file, job and state: job and state go first when it is narrow."""
        room = width - 3 - self.bar_width - 6 - 9 - 11 - 7 - 2
        if room < 40:
            return max(10, room), 0, 0
        state = min(36, room // 4)
        job = min(28, (room - state) // 3)
        return min(room - state - job, _NAME), job, state

    def render_row(self, row: int, width: int) -> Strip:
        """``⇣ file   job   ██████····  61%  171 MB  12.4 MB/s  <1m  running``."""
        one, glyphs = self.rows[row], self.glyphs
        at_cursor = row == self.cursor
        base = self.rich_style + self.paint(ground="cursor-row" if at_cursor else "")
        faint, ink = base + self.paint("text-faint"), base + self.paint(transfer.colour(one))
        cells = self._seen[one.id] = self._cells(one)
        shape, file, job, full, empty, percent, total, speed, left, state = cells
        name_width, job_width, state_width = self._widths(width)
        name = transfer.middle(file, name_width - 1, glyphs) + " "
        look = base + self.paint(extra="bold") if at_cursor and self.has_focus else base
        segments = [Segment(f" {shape} ", ink), Segment(name, look)]
        if job_width:
            segments.append(Segment(fit(job, job_width - 1, glyphs) + " ", faint))
        segments += [
            Segment(full, ink),
            Segment(empty, base + self.paint("track")),
            Segment(f"{percent:>6}", base),
            Segment(f"{total:>9}", faint),
            Segment(f"{speed:>11}{left:>7}  ", base),
        ]
        if state_width:
            segments.append(Segment(fit(state, state_width, glyphs), ink))
        return Strip(segments).adjust_cell_length(width, base)


class DownloadsScreen(Screen[None], InConsole):
    """All downloads, with keys to hold, try again and give up."""

    DEFAULT_CSS = """
    DownloadsScreen {
        & #queue-title {
            height: 1; background: $panel; text-wrap: nowrap; text-overflow: ellipsis;
        }
        & #queue-head { margin: 1 0 0 0; }
        & #queue-line {
            height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis;
        }
        & #queue-empty { display: none; padding: 1 3; color: $text-muted; height: 1fr; }
        &.empty #queue-empty { display: block; }
        &.empty #queue-head, &.empty Queue, &.empty #queue-line { display: none; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,D", "dismiss", "back", id="downloads.back", tooltip="Back."),
        Binding("p,space", "pause", "pause", id="downloads.pause",
                tooltip="Hold the download, or let it go on from the byte it has."),
        Binding("r", "retry", "retry", id="downloads.retry",
                tooltip="Try a failed or canceled download again, from the byte it has."),
        Binding("x,delete", "cancel", "give up", id="downloads.cancel",
                tooltip="Give the download up and remove its partial file."),
        Binding("C", "clear", "clear", id="downloads.clear",
                tooltip="Take the rows that have ended off the list; the files stay."),
        Binding("y", "copy", "copy path", id="downloads.copy",
                tooltip="Copy the path of the file."),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, str] = {}
        self._keys = KeyBar(self._hints)

    def compose(self) -> ComposeResult:
        """Title, column names, rows, a line about the row under the cursor, keys."""
        yield Static(id="queue-title", markup=False)
        queue = Queue()
        yield ColumnNames(queue.header, id="queue-head")
        yield queue
        yield Static(
            "No downloads. Mark files in a job's Artifacts and press d.",
            id="queue-empty",
            markup=False,
        )
        yield Static(id="queue-line", markup=False)
        yield self._keys

    def on_mount(self) -> None:
        """All that the queue holds."""
        self._read()
        self.queue.focus()

    @property
    def queue(self) -> Queue:
        """The rows."""
        return self.query_one(Queue)

    def receive(self, message: Message) -> None:
        """A download moved."""
        if self.is_mounted and isinstance(message, DownloadChanged):
            self.queue.take(message.row)
            self._tell()

    def _read(self) -> None:
        queue = self.queue
        queue.rows = list(reversed(self.console.runtime.downloads()))
        queue.cursor = min(queue.cursor, max(0, len(queue.rows) - 1))
        queue.refresh()
        self._tell()

    @on(Queue.Changed)
    def _moved(self, event: Queue.Changed) -> None:
        event.stop()
        self._tell()

    def _put(self, where: str, text: Text) -> None:
        """Say something in one of the lines; repaint only when it differs."""
        if self._told.get(where) != (told := text.markup):
            self._told[where] = told
            self.query_one(where, Static).update(text)

    def _hints(self) -> list[Hint]:
        """The keys, faint where the row under the cursor does not allow them."""
        row = self.queue.current
        held = row is not None and row.phase is DownloadPhase.PAUSED
        words = {
            "p": ("go on" if held else "pause", "pause"),
            "r": ("retry", "retry"),
            "x": ("give up", "cancel"),
            "y": ("copy path", "copy"),
        }
        hints = [
            Hint(key, label, f"screen.{action}", bool(self.check_action(action, ())))
            for key, (label, action) in words.items()
        ]
        ended = any(one.phase.ended for one in self.queue.rows)
        hints.append(Hint("C", "clear ended", "screen.clear", ended))
        return [*hints, Hint("esc", "back", "screen.dismiss")]

    def _tell(self) -> None:
        queue, glyphs = self.queue, self.queue.glyphs
        rows = queue.rows
        self.set_class(not rows, "empty")
        running = [row for row in rows if row.phase is DownloadPhase.RUNNING]
        waiting = sum(1 for row in rows if row.phase is DownloadPhase.WAITING)
        failed = sum(1 for row in rows if row.phase is DownloadPhase.FAILED)
        rate = sum(row.rate or 0 for row in running)
        left = sum(max(0, (row.size or 0) - row.held) for row in rows if not row.phase.ended)
        parts = [
            f"{len(running)} running" if running else "",
            f"{waiting} waiting" if waiting else "",
            f"{failed} failed" if failed else "",
            f"{size(rate)}/s" if rate else "",
            f"{size(left)} to go" if left else "",
        ]
        title = Text(no_wrap=True)
        title.append(" Downloads", queue.paint("accent", extra="bold"))
        said = f" {glyphs.dot} ".join(filter(None, parts))
        title.append(f"   {said}" if said else "", queue.paint("text-muted"))
        self._put("#queue-title", title)
        self._put("#queue-line", self._about(queue.current))
        self._keys.renew()

    def _about(self, row: DownloadRow | None) -> Text:
        """Where the file goes, and under another name when one was taken."""
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        if row is None:
            return text
        queue = self.queue
        if row.phase is DownloadPhase.FAILED:
            text.append(f"{row.note or 'failed'}  ", queue.paint("status-failed"))
        text.append(str(row.target))
        if row.target.name != row.name:
            text.append(f"  {row.name} was there already: kept", queue.paint("text-faint"))
        return text

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what the row under the cursor allows."""
        if action not in {"pause", "retry", "cancel", "copy"} or not self.is_mounted:
            return True
        row = self.queue.current
        if row is None:
            return False
        if action == "retry":
            phases = {DownloadPhase.FAILED, DownloadPhase.CANCELED, DownloadPhase.PAUSED}
            return row.phase in phases
        if action == "copy":
            return True
        return not row.phase.ended

    def action_pause(self) -> None:
        """Hold it, or go on."""
        row = self.queue.current
        if row is not None:
            runtime = self.console.runtime
            if row.phase is DownloadPhase.PAUSED:
                runtime.retry_download(row.id)
            else:
                runtime.pause_download(row.id)

    def action_retry(self) -> None:
        """Again, from the byte already held."""
        if (row := self.queue.current) is not None:
            self.console.runtime.retry_download(row.id)

    def action_cancel(self) -> None:
        """Give it up."""
        if (row := self.queue.current) is not None:
            self.console.runtime.cancel_download(row.id)

    def action_clear(self) -> None:
        """Only what is under way stays on the list."""
        self.console.runtime.clear_downloads()
        self._read()

    def action_copy(self) -> None:
        """The path."""
        if (row := self.queue.current) is not None:
            self.console.copy(str(row.target), "the path")
