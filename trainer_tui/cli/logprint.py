"""Lines of logs on standard output: clean, each progress bar in its last state only."""

from __future__ import annotations

from datetime import datetime

from trainer_tui.cli.context import CliContext
from trainer_tui.cli.jsontext import dumps, time_value
from trainer_tui.core.logfile.bulk import texts
from trainer_tui.core.logfile.document import LogFile
from trainer_tui.core.logfile.line import MAX_LINE
from trainer_tui.core.logfile.lines import Line
from trainer_tui.core.logfile.source import NOTE
from trainer_tui.core.logfile.stamps import Stamp, stamp
from trainer_tui.core.logfile.times import LineTimes

PIECE = 1 << 20


class Source:
    """Where printed lines come from.

    Args:
        file: The log.
        times: When its lines were written.
        label: What stands before its lines; empty: nothing.
        ref: Told in JSON; ``None``: not told.
    """

    def __init__(
        self, file: LogFile, times: LineTimes, label: str = "", ref: str | None = None
    ) -> None:
        self.file, self.times, self.label, self.ref = file, times, label, ref
        self.now: datetime | None = None
        """When the last printed line was written."""
        self.begun = False


class Printer:
    """Writes lines.

    Args:
        context: Where to.
        stamps: How to tell the time of each.
        raw: Byte for byte as they were written.
    """

    def __init__(
        self, context: CliContext, *, stamps: Stamp = Stamp.OFF, raw: bool = False
    ) -> None:
        self.context, self.stamps, self.raw = context, stamps, raw
        self.live = context.stdout_tty and context.stderr_tty and not context.json
        self.printed = 0
        """Lines of logs that were written; a stretch counts as one."""
        self._since: datetime | None = None
        self._shown = ""

    def bulk(self, source: Source) -> bool:
        """Whether lines of it can be written many at once."""
        plain = not self.context.json and self.stamps is Stamp.OFF and not source.label
        return self.raw or plain

    def stretch(self, source: Source, start: int, stop: int) -> int:
        """Write about a megabyte of whole lines; gives the position after them.

        Args:
            start: Of a line.
            stop: One past the last line's last byte.
        """
        file = source.file
        first_gap = next((gap.start for gap in file.gaps if gap.stop > start), stop)
        data = file.read(start, min(stop, start + PIECE, first_gap))
        if first_gap > start and start + len(data) < min(stop, first_gap):
            data = data[: data.rfind(b"\n") + 1]
        noted = file.source.notes and NOTE in data
        if not data or noted:
            line = file.line(start)
            self.line(source, line)
            return line.stop
        if self.raw:
            self._write_bytes(data)
        else:
            self._hide()
            text = texts(data)
            self.context.stdout.write(text if _short(text) else _cut_all(text))
        self.printed += 1
        return start + len(data)

    def line(self, source: Source, line: Line) -> None:
        """Write a line; what is a remark of ours goes to standard error."""
        if line.kind != "text":
            if line.text != "--":
                self.context.stdout.flush()
                self.context.warn(line.text)
            elif not self.context.json:
                self.context.stdout.write("--\n")
            return
        self.printed += 1
        if self.raw:
            self._write_bytes(source.file.read(line.position, line.stop))
            return
        self._hide()
        text = _cut(line.text, line.more)
        if self.context.json:
            self._json(source, line, text)
            return
        if self.stamps is not Stamp.OFF:
            text = f"{self._stamp(source, line)} {text}"
        self.context.stdout.write(f"{source.label}{text}\n")

    def unfinished(self, line: Line | None) -> None:
        """Draw the unfinished line (a progress bar) in place, on a terminal."""
        if line is None or not self.live or self.raw:
            return
        text = line.text[: max(1, self.context.width - 1)]
        if text != self._shown:
            self.context.stdout.write(f"\r\x1b[K{text}")
            self._shown = text

    def flush(self) -> None:
        """What was written is there to be read."""
        self.context.stdout.flush()

    def _json(self, source: Source, line: Line, text: str) -> None:
        value: dict[str, object] = {"line": text}
        if source.ref is not None:
            value = {"ref": source.ref, **value}
        if self.stamps is not Stamp.OFF:
            moment = self._time(source, line)
            value["time"] = None if moment is None else time_value(moment)
        self.context.stdout.write(dumps(value) + "\n")

    def _stamp(self, source: Source, line: Line) -> str:
        before = source.now
        moment = self._time(source, line)
        if self._since is None:
            self._since = source.times.began or moment
        return stamp(self.stamps, moment, before if self.stamps is Stamp.DELTA else self._since)

    def _time(self, source: Source, line: Line) -> datetime | None:
        """When the line was written: as it says, else with the one before."""
        if not source.begun:
            source.begun, source.now = True, source.times.at(line.position)
            return source.now
        source.now = source.times.said(line) or source.now
        return source.now

    def _hide(self) -> None:
        if self._shown:
            self.context.stdout.write("\r\x1b[K")
            self._shown = ""

    def _write_bytes(self, data: bytes) -> None:
        """Bytes as they are, past the encoding of standard output where it has one."""
        out = self.context.stdout
        binary = getattr(out, "buffer", None)
        if binary is None:
            out.write(data.decode("utf-8", "replace"))
        else:
            out.flush()
            binary.write(data)


def _cut(text: str, more: int) -> str:
    return f"{text} … {more:,} more characters" if more else text


def _short(text: str) -> bool:
    """Whether no line is longer than what is shown of one."""
    at = 0
    while len(text) - at > MAX_LINE:
        end = text.rfind("\n", at, at + MAX_LINE + 1)
        if end < 0:
            return False
        at = end + 1
    return True


def _cut_all(text: str) -> str:
    lines = text.removesuffix("\n").split("\n")
    return "".join(_cut(line[:MAX_LINE], max(0, len(line) - MAX_LINE)) + "\n" for line in lines)
