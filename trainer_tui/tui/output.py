"""Sends only the cells that changed.

Textual repaints whole regions: a key press in a text area is 20 kB down an SSH line. Here the one
place where the app hands a frame to the terminal keeps what the terminal already shows
(:class:`Shadow`) and sends the difference, with colours kept from one run of cells to the next.
Where nothing differs, nothing is sent.

A slow line is the second reason. Textual's writer thread takes 30 frames and then blocks the
event loop. A frame that meets a queue with work in it is not sent but left in the shadow; the
next one that goes out holds both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, get_character_cell_size
from rich.color import ColorSystem
from rich.style import Style
from textual.app import App
from textual.strip import Strip

from trainer_tui.tui.scrolling import scroll

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

# Unchanged cells between two changed ones that are cheaper to send again than to jump over:
# a jump is at least four bytes (CSI n C).
_JOIN = 4
# Blank cells from which on erasing them is cheaper than sending them (CSI n X, CSI n C).
_ERASE = 10
# Terminals that erase in the background colour, whatever screen or tmux may lie between.
_ERASERS = ("xterm", "tmux", "kitty", "alacritty", "foot", "wezterm", "ghostty", "rxvt")
# Frames that may wait in Textual's writer before further ones are merged.
_BACKLOG = 2
_RETRY_SECONDS = 0.05


class Look:
    """A style as the codes that switch it on, split so that a change sends the least."""

    __slots__ = ("attributes", "background", "foreground", "link")

    def __init__(self, style: Style | None, system: ColorSystem | None) -> None:
        self.attributes: tuple[str, ...] = ()
        self.foreground = self.background = self.link = ""
        if style is None or system is None:
            return
        if style.color is not None:
            self.foreground = ";".join(style.color.downgrade(system).get_ansi_codes())
        if style.bgcolor is not None:
            codes = style.bgcolor.downgrade(system).get_ansi_codes(foreground=False)
            self.background = ";".join(codes)
        self.attributes = tuple(_attribute_codes(style))
        self.link = style.link or ""

    @property
    def plain(self) -> bool:
        """Whether a blank cell of this look is nothing but background."""
        return not (self.attributes or self.link)

    def after(self, before: Look | None) -> str:
        """The sequence that leads from another look to this one."""
        if before is self:
            return ""
        if before is None:
            codes = ["0", *self.attributes, self.foreground, self.background]
        else:
            gone = {_OFF[code] for code in before.attributes if code not in self.attributes}
            codes = sorted(gone)
            # Bold and dim share the code that ends them.
            codes += [c for c in self.attributes if c not in before.attributes or _OFF[c] in gone]
            if before.foreground != self.foreground:
                codes.append(self.foreground or "39")
            if before.background != self.background:
                codes.append(self.background or "49")
        sgr = ";".join(filter(None, codes))
        sequence = f"\x1b[{sgr}m" if sgr else ""
        if (before.link if before else "") != self.link:
            sequence += f"\x1b]8;;{self.link}\x1b\\"
        return sequence


# SGR: what ends an attribute.
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}


def _attribute_codes(style: Style) -> Iterable[str]:
    if style.bold:
        yield "1"
    if style.dim:
        yield "2"
    if style.italic:
        yield "3"
    if style.underline:
        yield "4"
    if style.reverse:
        yield "7"
    if style.strike:
        yield "9"


@lru_cache(maxsize=4096)
def _look(style: Style | None, system: ColorSystem | None) -> Look:
    return Look(style, system)


class Shadow:
    """Two screens of cells: what the app wants shown, and what the terminal was last sent.

    With ``erase``, long blanks are sent as "erase n characters" in the background colour, which
    only a terminal with "bce" in its terminfo entry does.

    A cell is a piece of text of one column. A character of two columns is held in its first cell
    and leaves the second empty; marks that take no column stay with the character before them.
    """

    def __init__(self, width: int, height: int, *, erase: bool = True) -> None:
        self.width = width
        self.height = height
        self._erase = erase
        self._wanted = [[" "] * width for _ in range(height)]
        self._wanted_looks: list[list[Look | None]] = [[None] * width for _ in range(height)]
        # No cell equals "\0": at first everything differs.
        self._sent = [["\0"] * width for _ in range(height)]
        self._sent_looks: list[list[Look | None]] = [[None] * width for _ in range(height)]
        self._dirty: set[int] = set()

    def paint(self, x: int, y: int, strip: Strip, system: ColorSystem | None) -> None:
        """Put a strip on the wanted screen, cut at its right edge."""
        if not 0 <= y < self.height:
            return
        row, looks = self._wanted[y], self._wanted_looks[y]
        for text, style, control in strip:
            if control or not text:
                continue
            cells = list(text) if _narrow(text) else _cells(text)
            room = self.width - x
            if room <= 0:
                break
            if len(cells) > room:
                del cells[room:]
            end = x + len(cells)
            row[x:end] = cells
            looks[x:end] = [_look(style, system)] * len(cells)
            x = end
        self._dirty.add(y)

    def flush(self) -> str:
        """The bytes that make the terminal show the wanted screen; empty when it does already."""
        out: list[str] = [scroll(self)]
        look: Look | None = None
        at: tuple[int, int] | None = None
        for y in sorted(self._dirty):
            row, looks = self._wanted[y], self._wanted_looks[y]
            old, old_looks = self._sent[y], self._sent_looks[y]
            if row == old and looks == old_looks:
                continue
            for start, end in self._runs(y):
                if at != (start, y):
                    jump = start - at[0] if at and at[1] == y else 0
                    out.append(f"\x1b[{jump}C" if jump > 0 else f"\x1b[{y + 1};{start + 1}H")
                certain = True
                x = start - 1
                while (x := x + 1) < end:
                    cell = row[x]
                    if not certain and cell:
                        # Terminals disagree on the width of some characters: say where we are.
                        out.append(f"\x1b[{y + 1};{x + 1}H")
                        certain = True
                    wanted = looks[x]
                    if wanted is not look and wanted is not None:
                        out.append(wanted.after(look))
                        look = wanted
                    if cell == " " and self._erase and wanted is not None and wanted.plain:
                        blank = self._blanks(y, x, end)
                        if blank > _ERASE:
                            out.append(f"\x1b[{blank}X\x1b[{blank}C")
                            x += blank - 1
                            continue
                    out.append(cell)
                    if cell and not (cell.isascii() or _sure(cell)):
                        certain = False
                # After the last column the cursor's place is not defined.
                at = (end, y) if certain and end < self.width else None
            old[:] = row
            old_looks[:] = looks
        self._dirty.clear()
        if look is not None:
            out.append("\x1b[0m")
            if look.link:
                out.append("\x1b]8;;\x1b\\")
        return "".join(out)

    def _blanks(self, y: int, start: int, end: int) -> int:
        """How many blank cells of one look follow each other, the first included."""
        row, looks = self._wanted[y], self._wanted_looks[y]
        x = start
        while x < end and row[x] == " " and looks[x] is looks[start]:
            x += 1
        # A cursor cannot go right of the last column: the last cell is sent as it is.
        return min(x, self.width - 1) - start

    def _runs(self, y: int) -> Iterable[tuple[int, int]]:
        """Half-open column ranges to send: what differs, near ones joined, whole characters."""
        row, looks = self._wanted[y], self._wanted_looks[y]
        old, old_looks = self._sent[y], self._sent_looks[y]
        start = end = -1
        for x in range(self.width):
            if row[x] == old[x] and looks[x] is old_looks[x]:
                continue
            first, last = x, x + 1
            while first > 0 and row[first] == "":
                first -= 1
            while last < self.width and row[last] == "":
                last += 1
            if end < 0:
                start, end = first, last
            elif first - end <= _JOIN:
                end = max(end, last)
            else:
                yield start, end
                start, end = first, last
        if end >= 0:
            yield start, end


@lru_cache(maxsize=8192)
def _narrow(text: str) -> bool:
    return text.isascii() or (
        cell_len(text) == len(text) and all(get_character_cell_size(c) == 1 for c in text)
    )


# Box drawing, blocks, braille, arrows, geometric shapes, Latin: one column in every terminal.
def _sure(cell: str) -> bool:
    code = ord(cell[0])
    return len(cell) == 1 and (
        code < 0x300
        or 0x2010 <= code < 0x2600
        or 0x2713 <= code < 0x2718
        or 0x2800 <= code < 0x2900
    )


def _cells(text: str) -> list[str]:
    cells: list[str] = []
    for character in text:
        size = get_character_cell_size(character)
        if size == 0:
            if cells:
                last = len(cells) - 1
                while last > 0 and cells[last] == "":
                    last -= 1
                cells[last] += character
            continue
        cells.append(character)
        cells.extend([""] * (size - 1))
    return cells


class LeanApp(App[Any]):
    """An app whose frames go through a :class:`Shadow`."""

    _shadow: Shadow | None = None
    _shadow_cursor: tuple[int, int] | None = None
    _flush_waiting: bool = False
    _began: bool = False
    """Whether a frame went out. The first is not held back: what the driver has to say when it
    begins, a dozen short sequences, is no slow line."""

    def forget_screen(self) -> None:
        """Take nothing on the terminal for granted: the next frame is sent whole."""
        self._shadow = None
        self._shadow_cursor = None

    def _suspend_signal(self) -> None:
        self.forget_screen()
        super()._suspend_signal()

    def _resume_signal(self) -> None:
        self.forget_screen()
        super()._resume_signal()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        from textual._compositor import ChopsUpdate, LayoutUpdate

        driver = self._driver
        known = isinstance(renderable, (ChopsUpdate, LayoutUpdate))
        if not known or driver is None or driver.is_inline or self.is_headless:
            if renderable is not None:
                self.forget_screen()
            super()._display(screen, renderable)
            return
        try:
            if self._batch_count or not self._running or self._closed:
                return
            shadow = self._shadow
            size = self.size
            if shadow is None or (shadow.width, shadow.height) != (size.width, size.height):
                if shadow is not None and isinstance(renderable, ChopsUpdate):
                    # A partial frame of another size: the layout that follows sends everything.
                    screen.refresh(layout=True)
                erase = os.environ.get("TERM", "").startswith(_ERASERS)
                shadow = self._shadow = Shadow(size.width, size.height, erase=erase)
                self._shadow_cursor = None
            system = self.console._color_system
            if isinstance(renderable, LayoutUpdate):
                left = renderable.region.x
                for y, strips in enumerate(renderable.strips, renderable.region.y):
                    x = left
                    for strip in strips:
                        shadow.paint(x, y, strip, system)
                        x += strip.cell_length
            elif isinstance(renderable, ChopsUpdate):
                _paint_chops(shadow, renderable, system)
            self._flush_shadow()
        finally:
            self.post_display_hook()

    def _flush_shadow(self) -> None:
        driver, shadow = self._driver, self._shadow
        if driver is None or shadow is None or self._closed:
            return
        queue = getattr(getattr(driver, "_writer_thread", None), "_queue", None)
        if self._began and queue is not None and queue.qsize() > _BACKLOG:
            if not self._flush_waiting:
                self._flush_waiting = True
                self.set_timer(_RETRY_SECONDS, self._flush_late)
            return
        self._began = True
        sequence = shadow.flush()
        cursor = self.screen.outer_size.clamp_offset(self.cursor_position)
        place = (cursor.x, cursor.y)
        # In the corner nobody wants it: it is hidden, wherever it is.
        if place != (0, 0) and (sequence or place != self._shadow_cursor):
            sequence += f"\x1b[{place[1] + 1};{place[0] + 1}H"
        self._shadow_cursor = place
        if not sequence:
            return
        self._begin_update()
        driver.write(sequence)
        self._end_update()
        driver.flush()

    def _flush_late(self) -> None:
        self._flush_waiting = False
        self._flush_shadow()


def _paint_chops(shadow: Shadow, update: Any, system: ColorSystem | None) -> None:
    """Paint the changed spans of a partial frame (the cropping is that of Textual's own)."""
    for y, x1, x2 in update.spans:
        ends = update.chop_ends[y]
        for end, (x, strip) in zip(ends, update.chops[y].items(), strict=False):
            if strip is None or x > x2 or end <= x1:
                continue
            if x2 > x >= x1 and end <= x2:
                shadow.paint(x, y, strip, system)
            else:
                shadow.paint(x, y, strip.crop(0, min(end, x2) - x), system)
