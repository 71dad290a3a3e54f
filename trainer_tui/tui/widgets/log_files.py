"""Log files that belong to no job: one at a time, or merged by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType

from trainer_tui.core.logfile.document import Change, LogFile
from trainer_tui.core.logfile.times import LineTimes
from trainer_tui.tui.widgets.log_frame import LogFrame
from trainer_tui.tui.widgets.log_tabs import LogTabs

if TYPE_CHECKING:
    from trainer_tui.core.logfile.spooled import Spooled
    from trainer_tui.tui.widgets.log_merging import Merging

MERGED = "merged"
"""What the strip calls all of them together."""


class OpenLog(NamedTuple):
    """A file that is looked at."""

    name: str
    file: LogFile
    stream: Spooled | None = None
    """What fills the file, where it is what another program writes."""


class FilesPane(LogFrame):
    """A log view over some files, looked at again and again for what is new."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right_curly_bracket", "turn(1)", "next file", show=False, id="files.next",
                tooltip="The next file."),
        Binding("left_curly_bracket", "turn(-1)", "file before", show=False, id="files.previous",
                tooltip="The file before."),
        Binding("M", "merge", "merge", show=False, id="files.merge",
                tooltip="All files as one, by the time of their lines; again: one at a time."),
        Binding("question_mark", "help", "keys", id="files.help", tooltip="This list of keys."),
        Binding("q,Q,ctrl+c", "quit", "quit", id="files.quit", tooltip="Leave."),
    ]  # fmt: skip

    def __init__(self, logs: Sequence[OpenLog], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.logs = tuple(logs)
        self.shown = 0
        """Which of the files; where they are merged, the one that was shown before."""
        self.merging: Merging | None = None
        self._times = [LineTimes(log.file, ended=self._seen_at(log)) for log in logs]
        self._goal = ""
        """A place to go to as soon as it is known where that is."""

    def on_mount(self) -> None:
        """The first file's end."""
        self.choose(0)

    def on_unmount(self) -> None:
        """Let go of the files."""
        for log in self.logs:
            log.file.close()

    def begin(self, place: str = "", pattern: str = "", *, merge: bool = False) -> None:
        """The first frame is out: count lines; go somewhere; look for something.

        Args:
            place: A line's number, a percentage or a time.
            pattern: A regular expression, looked for from the first line on.
            merge: Show all files as one.
        """
        for log in self.logs:
            log.file.start_index(self.counted)
        self._goal = place
        if merge and len(self.logs) > 1:
            self.merge()
        if pattern:
            from trainer_tui.core.logfile.pattern import compile_pattern

            self.view.set_search(compile_pattern(pattern), self.view.document.first() or 0)
        self._go_on()
        self.view.lay()

    def _go_on(self) -> None:
        """To the place that was asked for, when it is known."""
        if not self._goal:
            return
        from trainer_tui.tui.widgets.log_going import where

        found = where(self.view, self._goal, self.console.now())
        if isinstance(found, int):
            self._goal = ""
            self.view.go(found)
        elif self.logs[self.shown].file.indexed == 1.0:
            self.console.say(f"{self._goal}: {found}", "warning")
            self._goal = ""

    # What arrives

    def look(self) -> None:
        """See what is new in each file."""
        for number, log in enumerate(self.logs):
            stream = log.stream
            source = None
            if stream is not None:
                ended = stream.ended  # before the size: an ended stream's file grows no more
                size = stream.size
                source = replace(log.file.source, size=size, complete=ended)
            change = log.file.update(source)
            if change:
                self._times[number].ended = self._seen_at(log)
                self._changed_file(number, change)
        self._go_on()

    def _changed_file(self, number: int, change: Change) -> None:
        if self.merging is not None:
            change = self.merging.changed(number, change)
        elif number != self.shown:
            return
        if change.reset and self.merging is None:
            self.console.say("The log began anew: the file was cut or replaced.")
        if change:
            self.view.grown(change.first_changed, reset=change.reset)
        self.renew()

    @staticmethod
    def _seen_at(log: OpenLog) -> datetime:
        """When the file was written last: what its lines say is not later."""
        try:
            when = log.file.source.path.stat().st_mtime
        except OSError:
            return datetime.now(UTC)
        return datetime.fromtimestamp(when, UTC)

    # Which is shown

    @property
    def names(self) -> tuple[str, ...]:
        """The files, and all of them together."""
        names = tuple(log.name for log in self.logs)
        return (*names, MERGED) if len(names) > 1 else names

    def choose(self, number: int) -> None:
        """Show one file, from its end."""
        with self._another():
            self.merging, self.shown = None, number
            self.view.times.lines = self._times[number]
            self.view.open(self.logs[number].file)

    def merge(self) -> None:
        """Show all of them by the time of their lines."""
        from trainer_tui.tui.widgets.log_merging import MOST, Merging

        with self._another():
            several = list(zip(self.logs, self._times, strict=True))[:MOST]
            self.merging = Merging([(log.name, log.file, times) for log, times in several])
            self.merging.show(self.view, range(len(several)))
        if len(self.logs) > MOST:
            self.console.say(f"The first {MOST} of {len(self.logs)} files are merged.", "warning")

    @contextmanager
    def _another(self) -> Iterator[None]:
        """Another log is shown from now on; what is looked for in this one is not in that."""
        view = self.view
        self.close_question()
        view.forget_finding()
        view.origins, view.files = (), []
        yield
        self.renew()

    def action_turn(self, step: int) -> None:
        """To another file."""
        names = self.names
        if len(names) > 1:
            place = len(self.logs) if self.merging is not None else self.shown
            self._choose((place + step) % len(names))

    def action_merge(self) -> None:
        """All as one, or one at a time."""
        if self.merging is not None:
            self.choose(self.shown)
        elif len(self.logs) > 1:
            self.merge()
        else:
            self.console.say("There is one file only.")

    @on(LogTabs.Chosen)
    def _chosen(self, event: LogTabs.Chosen) -> None:
        event.stop()
        self._choose(self.names.index(event.name))

    def _choose(self, place: int) -> None:
        if place < len(self.logs):
            self.choose(place)
        else:
            self.merge()

    # What is shown

    @property
    def file_name(self) -> str:
        """What a copy is called."""
        from trainer_tui.sanitize import filename

        return filename(MERGED if self.merging is not None else self.logs[self.shown].name)

    def renew(self) -> None:
        """Show the lines, or that there are none."""
        names = self.names
        chosen = MERGED if self.merging is not None else names[self.shown]
        origins = tuple(range(len(self.logs))) if self.merging is not None else ()
        self.query_one(LogTabs).show(names, chosen, origins, always=True)
        self.settle(self._reason() if self.view.empty else None)
        self.tell()

    def _reason(self) -> Text:
        log = self.logs[self.shown]
        text = "Nothing has come yet." if log.stream is not None else "The file is empty."
        if not log.file.complete:
            text += " What is written to it shows here."
        return Text(text, self.view.paint("text-muted"))

    def action_help(self) -> None:
        """The keys that work here."""
        from trainer_tui.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(self.screen))

    def action_quit(self) -> None:
        """Leave."""
        self.app.exit()
