"""The text area of the editor: coloured as seen, every byte kept, with what an IDE knows of YAML.

``yaml_document`` keeps the bytes, ``yaml_view`` the folds, ``yaml_seen`` and ``yaml_paint`` paint,
``yaml_lines`` edits whole lines, ``yaml_folding`` folds, ``yaml_panels`` draws what stands over the
text. Here are the keys, and what is known of the place where the cursor is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import Selection

from trainer_tui.core.yamlconfig.complete import Completions, complete, value_due
from trainer_tui.core.yamlconfig.explain import Explanation, explain
from trainer_tui.core.yamlconfig.place import Path, path_at
from trainer_tui.tui.widgets.yaml_document import BREAK
from trainer_tui.tui.widgets.yaml_finding import FindingText
from trainer_tui.tui.widgets.yaml_panels import Offers, Room, help_panel

_LEVELS = ((2, "two levels"), (3, "three levels"), (4, "four levels: the sections of a process"))
Completer = Callable[[Sequence[str], int, int], Completions]


class YamlArea(FindingText):
    """Edits YAML. ``set_problems`` marks lines and underlines what is wrong in them."""

    DEFAULT_CSS = """
    YamlArea {
        border: none;
        padding: 0;
        background: $background;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
    }
    YamlArea:focus { border: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+@,ctrl+n,ctrl+space", "complete", "complete", show=False,
                id="editor.complete", tooltip="Show what may be written at the cursor."),
        Binding("f1", "hover", "what is it", show=False, id="editor.hover",
                tooltip="Show all that is known of the key under the cursor."),
        Binding("ctrl+o", "outline", "outline", show=False, id="editor.outline",
                tooltip="List the keys of the text and go to one."),
        Binding("f9,alt+left", "fold", "fold", show=False, id="editor.fold",
                tooltip="Fold or unfold the part that the cursor is in."),
        Binding("alt+1", "fold_level(1)", "fold to level 1", show=False, id="editor.fold_1",
                tooltip="Show the first level and fold what is below; alt+2 and on likewise."),
        *(Binding(f"alt+{level}", f"fold_level({level})", f"fold to level {level}", show=False,
                  id=f"editor.fold_{level}", tooltip=f"Show {word}.") for level, word in _LEVELS),
        Binding("alt+0,shift+f9,f21,alt+right", "unfold_all", "unfold all", show=False,
                id="editor.unfold_all", tooltip="Unfold everything."),
        Binding("ctrl+f", "find", "find", show=False, id="editor.find",
                tooltip="Find in the text."),
        Binding("ctrl+r", "find(True)", "replace", show=False, id="editor.replace",
                tooltip="Find in the text and replace."),
        Binding("f3", "find_next(1)", "find next", show=False, id="editor.find_next",
                tooltip="Go to the next place that was searched for."),
        Binding("shift+f3,f15", "find_next(-1)", "find previous", show=False,
                id="editor.find_previous", tooltip="Go to the place before."),
        Binding("ctrl+home", "far(0)", "text start", show=False, id="editor.text_start",
                tooltip="Go to the beginning of the text; with shift, select up to there."),
        Binding("ctrl+end", "far(1)", "text end", show=False, id="editor.text_end",
                tooltip="Go to the end of the text; with shift, select up to there."),
        Binding("ctrl+shift+home", "far(0, True)", "select to start", show=False),
        Binding("ctrl+shift+end", "far(1, True)", "select to end", show=False),
        Binding("alt+up", "move_lines(-1)", "lines up", show=False, id="editor.lines_up",
                tooltip="Move the selected lines up."),
        Binding("alt+down", "move_lines(1)", "lines down", show=False, id="editor.lines_down",
                tooltip="Move the selected lines down."),
        Binding("alt+shift+down,alt+d", "duplicate(1)", "copy lines", show=False,
                id="editor.duplicate", tooltip="Copy the selected lines below themselves."),
        Binding("alt+shift+up", "duplicate(-1)", "copy lines up", show=False,
                id="editor.duplicate_up", tooltip="Copy the selected lines above themselves."),
        Binding("ctrl+underscore,ctrl+slash", "comment", "comment", show=False, id="editor.comment",
                tooltip="Comment the selected lines out, or in again."),
        Binding("shift+tab", "outdent", "outdent", show=False, id="editor.outdent",
                tooltip="Move the selected lines two columns to the left."),
    ]  # fmt: skip

    def __init__(self, text: str = "", *, read_only: bool = False, id: str | None = None) -> None:
        self.completer: Completer | None = complete
        """What knows what fits at a place; ``None``: nobody does, and no key is explained."""
        self._keys: Mapping[int, Path] = {}
        self._keys_of = -1
        self._offers: Offers | None = None
        self._help: Explanation | None = None
        self._typing = self._height = 0
        super().__init__(text, read_only=read_only, id=id)

    def know(self, provider: str | None, extra_keys: Iterable[str] = ()) -> None:
        """Whose config this is: nobody knows the keys of other services' than AI Toolkit's."""
        known = provider in (None, "local", "runcomfy")
        self.completer = partial(complete, extra_keys=tuple(extra_keys)) if known else None

    # The key under the cursor ----------------------------------------------------------------

    def set_keys(self, keys: Mapping[int, Path]) -> None:
        """Which key stands on which line (from 1), of the text as it is now."""
        self._keys, self._keys_of = keys, self.version

    def key_path(self) -> Path | None:
        """The path of the key on the cursor's line."""
        row = self.cursor_location[0]
        if self._keys and self._keys_of == self.version:
            return self._keys.get(row + 1)
        return path_at(self.document.lines, row)

    def action_hover(self) -> None:
        """Show all that is known of the key under the cursor; a second time takes it away."""
        was_help = self._panel is not None and self._offers is None
        self.close_panel()
        if was_help:
            return
        path = self.key_path()
        found = explain(path) if path is not None and self.completer is not None else None
        if found is None:
            self.notify("Nothing is known of this line.", timeout=3)
            return
        self._help = found
        self._show_help()

    def _show_help(self) -> None:
        if self._help is None:
            return
        row = self.cursor_location[0]
        line = self.document.get_line(row)
        room = self._room(row, len(line) - len(line.lstrip(" -")))
        self._panel = help_panel(self._help, room, self.painter.paint)
        self.refresh()

    # Completion ------------------------------------------------------------------------------

    def action_complete(self) -> None:
        """Show what fits at the cursor."""
        if self._offers is not None and not self._offers.moved:
            self._offers.asked = True
            self.action_cursor_down()
        elif not self._offer(asked=True) and not self.read_only:
            self.notify("Nothing that is known fits here.", timeout=3)

    def _offer(self, *, asked: bool = False) -> bool:
        """Show what fits, if something does; by itself only where it is wanted."""
        found = None
        if self.completer is not None and not self.read_only and self.selection.is_empty:
            row, column = self.cursor_location
            found = self.completer(self.document.lines, row + 1, column + 1)
        if found is None or not found.items or not (asked or self._wanted(found)):
            self.close_panel()
            return False
        self._offers = Offers(found, self.cursor_location[0], asked=asked)
        self._show_offers()
        return True

    def _wanted(self, found: Completions) -> bool:
        first = found.items[0]
        if first.kind == "key" or not found.typed:
            row, column = self.cursor_location
            due = value_due(self.document.lines, row + 1, column + 1)
            return bool(found.typed) or (first.kind == "value" and due and len(found.items) > 1)
        return all(item.label != found.typed for item in found.items)

    def _show_offers(self) -> None:
        offers = self._offers
        if offers is None:
            return
        room = self._room(offers.row, offers.found.start - 1)
        self._panel = offers.panel(room, self.painter.paint, self.glyphs)
        if self._panel is None:
            self._offers = None
        self.refresh()

    def _room(self, row: int, column: int) -> Room:
        x, y = self.view.location_to_offset((row, column))
        scroll = self.scroll_offset
        left = x + self.gutter_width - scroll.x - 2
        return Room(self.scrollable_content_region.width, self.size.height, left, y - scroll.y)

    def _take(self) -> None:
        """Put in the chosen completion."""
        offers = self._offers
        if offers is None:
            return
        found, row = offers.found, offers.row
        text = offers.chosen.insert.replace("\n", self.document.newline)
        self._typing += 1
        self.close_panel()
        self.one_edit(text, (row, found.start - 1), (row, found.end - 1))
        self._typing -= 1
        row, column = self.cursor_location
        if offers.chosen.kind == "key" and value_due(self.document.lines, row + 1, column + 1):
            self._offer()

    def close_panel(self) -> bool:
        """Take the completions or the help away; tells whether there were any."""
        was, self._panel, self._offers = self._panel, None, None
        if was is not None:
            self.refresh()
        return was is not None

    def step_back(self) -> bool:
        """What esc means in the text: close what is open over or below it, one thing at a time."""
        return self.close_panel() or self.close_bar()

    # Keys -----------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        # Textual goes on to the handler of the base class unless the default is prevented.
        if self.read_only:
            return
        key, offers = event.key, self._offers
        if offers is not None and (key == "tab" or (key == "enter" and offers.certain())):
            self._take()
        elif key == "enter":
            self.close_panel()
            newline = self.document.newline
            self._replace_via_keyboard(newline + self.next_indent(), *self.selection)
        elif key == "tab" and not self.selection.is_empty:
            self.each_line(lambda line: "  " + line if line.strip() else line)
        elif event.is_printable and event.character is not None:
            self._type(event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def _type(self, character: str) -> None:
        if self.surround(character):
            return
        self._typing += 1
        self._replace_via_keyboard(character, *self.selection)
        self._typing -= 1
        self._offer(asked=self._offers is not None and self._offers.asked)

    def action_delete_left(self) -> None:
        """Delete the character before the cursor; completions follow."""
        self._typing += 1
        super().action_delete_left()
        self._typing -= 1
        if self._offers is not None:
            self._offer(asked=self._offers.asked)
        else:
            self.close_panel()

    def action_cursor_up(self, select: bool = False) -> None:
        """A line up, in the text or in the completions."""
        if not self._choose(-1, select):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """A line down, in the text or in the completions."""
        if not self._choose(1, select):
            super().action_cursor_down(select)

    def action_cursor_page_up(self) -> None:
        """A page up, in the text or in the completions."""
        if not self._choose(-self._offers.page if self._offers else 0):
            super().action_cursor_page_up()

    def action_cursor_page_down(self) -> None:
        """A page down, in the text or in the completions."""
        if not self._choose(self._offers.page if self._offers else 0):
            super().action_cursor_page_down()

    def _choose(self, step: int, select: bool = False) -> bool:
        if self._offers is None or select:
            return False
        self._offers.move(step)
        self._show_offers()
        return True

    async def _on_paste(self, event: events.Paste) -> None:
        text = BREAK.sub(self.document.newline, event.text)
        await super()._on_paste(events.Paste(text))
        event.stop()
        event.prevent_default()

    # The mouse, and what closes a panel ----------------------------------------------------------

    async def _on_mouse_down(self, event: events.MouseDown) -> None:
        panel = self._panel
        if panel is not None and panel.holds(event.y, event.x):
            if self._offers is not None and self._offers.pick(event.y - panel.top):
                self._take()
        elif event.x < self.gutter_width and self.fold_at(self.view.row_at(
            min(event.y + self.scroll_offset.y, self.view.height - 1)
        )):  # fmt: skip
            pass
        else:
            return
        event.stop()
        event.prevent_default()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel over the completions moves in them."""
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel over the completions moves in them."""
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, step: int) -> None:
        offers, panel = self._offers, self._panel
        if offers is not None and panel is not None and panel.holds(event.y, event.x):
            if 0 <= offers.index + step < len(offers.found.items):
                self._choose(step)
            event.stop()
            event.prevent_default()

    def _watch_selection(self, previous_selection: Selection, selection: Selection) -> None:
        if not self._typing and self._panel is not None and previous_selection != selection:
            self.close_panel()
        super()._watch_selection(previous_selection, selection)

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """A panel stays with its line."""
        super().watch_scroll_x(old_value, new_value)
        self._follow()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A panel stays with its line."""
        super().watch_scroll_y(old_value, new_value)
        self._follow()

    def _follow(self) -> None:
        if self._panel is None:
            return
        row = self.view.y_of(self.cursor_location[0]) - self.scroll_offset.y
        if not 0 <= row < self.size.height:
            self.close_panel()
        elif self._offers is not None:
            self._show_offers()
        else:
            self._show_help()

    def _on_blur(self, event: events.Blur) -> None:
        self.close_panel()

    def on_resize(self) -> None:
        """The list of problems came or went: the cursor's line stays in sight, and its panel."""
        row = self.view.y_of(self.cursor_location[0]) - self.scroll_offset.y
        before, self._height = self._height, self.size.height
        if 0 <= row < before:
            self.scroll_cursor_visible()
        self._follow()
