"""The main screen: status bar, jobs, the selected job's detail, keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.timer import Timer

from trainer_tui.model import JobRef
from trainer_tui.tui.commands import BY_ID, Scope, bindings, key_name
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.widgets.detail import Detail
from trainer_tui.tui.widgets.frame import EdgeLine, Frame
from trainer_tui.tui.widgets.jobs_table import JobsTable, TableHeader
from trainer_tui.tui.widgets.key_bar import Hint, KeyBar
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.pane import JobPane
from trainer_tui.tui.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message as Fact
    from trainer_tui.tui.widgets.filter_bar import FilterBar

WIDE = 160
"""Columns from which the detail stands beside the table."""
NARROW, LOW = 100, 20
"""Below these the detail has the screen to itself when it is open."""
SETTLE = 0.09
"""Seconds that the cursor must rest before the detail follows it: a held key stays cheap."""


class MainScreen(Screen[None], InConsole):
    """Table and detail, below or beside each other as the terminal allows."""

    CSS_PATH = "main.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.MAIN)
    AUTO_FOCUS = "#jobs"

    def __init__(self) -> None:
        super().__init__()
        app = self.console
        session, glyphs = app.session, app.glyphs
        self.status = StatusBar(glyphs, app.now, app.config.poll)
        more = app.config.keys.get("app.profiles", BY_ID["app.profiles"].keys).split(",")[0]
        self.status.more = self._key_name(more) if more else ""
        self.table = JobsTable(glyphs=glyphs, now=app.now, wanted=app.config.ui.columns)
        self.jobs_title = EdgeLine(glyphs, id="jobs-title")
        self.jobs_frame = Frame(
            self.jobs_title, TableHeader(self.table), self.table, id="jobs-frame"
        )
        self.detail = Detail(glyphs, session.tab)
        self.panes = Container(id="panes")
        self.keys = KeyBar(self.hints, lambda: self.focused or self)
        self.zoom = session.zoom
        self.in_detail = False
        """Whether the detail has the screen where there is room for one pane only."""
        self._hints: list[Hint] = []
        self._settling: Timer | None = None
        self._detail_ref: JobRef | None = None

    def compose(self) -> ComposeResult:
        yield self.status
        with self.panes:
            yield self.jobs_frame
            yield self.detail
        yield self.keys

    def on_mount(self) -> None:
        """Show the jobs that are known already."""
        app = self.console
        self.set_class(not app.glyphs.unicode, "-ascii")
        table, session = self.table, app.session
        table.jobs.sort, table.jobs.reverse = session.sort, session.reverse
        table.jobs.arrange(matches=app.filter.matches)
        entries = app.board.entries()
        table.load(entries)
        if session.selected:
            try:
                table.select(JobRef.parse(session.selected))
            except ValueError:
                session.selected = ""
        self.lay_out()
        self.renew()
        self.follow_cursor()
        self.bindings_updated_signal.subscribe(self, lambda _: self.keys.renew())

    # -- layout -----------------------------------------------------------------------------------

    @property
    def single(self) -> bool:
        """Whether there is room for one pane only."""
        width, height = self.app.size
        return width < NARROW or height < LOW

    def lay_out(self) -> None:
        """Give each pane its place."""
        width, _ = self.app.size
        wide = width >= WIDE
        one = self.zoom or (("detail" if self.in_detail else "jobs") if self.single else "")
        self.set_class(wide, "-wide")
        self.panes.styles.layout = "horizontal" if wide else "vertical"
        jobs, detail = self.jobs_frame, self.detail
        jobs.display, detail.display = one != "detail", one != "jobs"
        session, usual = self.console.session, self.console.config.ui.split
        if wide:
            share = session.split_wide or usual or 56
            jobs.styles.width, detail.styles.width = f"{share}fr", f"{100 - share}fr"
            jobs.styles.height = detail.styles.height = "1fr"
        else:
            share = session.split or usual or 46
            jobs.styles.height, detail.styles.height = f"{share}fr", f"{100 - share}fr"
            jobs.styles.width = detail.styles.width = "1fr"
        both = not one
        jobs.set_class(bool(one) or wide, "-last")
        detail.set_class(True, "-last")
        detail.put(beside=both and wide, apart=wide or not both)
        detail.sync()
        self.jobs_title.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Another size: perhaps another layout."""
        self.lay_out()

    def open_detail(self) -> None:
        """Go into the detail."""
        self.in_detail = True
        if self.zoom == "jobs":
            self.zoom = "detail"
        self.settle()
        self.lay_out()
        self.console.typed.hold()
        self.call_after_refresh(self._enter_detail)

    def _enter_detail(self) -> None:
        self.detail.focus_pane()
        self.console.typed.release()

    def close_detail(self) -> None:
        """Back to the table."""
        self.in_detail = False
        if self.zoom == "detail":
            self.zoom = "jobs" if self.console.session.zoom else ""
        self.lay_out()
        self.table.focus()

    # -- what is shown ----------------------------------------------------------------------------

    def apply(self, changed: Sequence[Entry], removed: Sequence[JobRef]) -> None:
        """Take in what changed on the board."""
        self.table.update(changed, removed)
        self.renew()
        shown = self._detail_ref
        if shown is not None and (
            shown in removed or any(entry.job.ref == shown for entry in changed)
        ):
            self._show_detail()

    def receive(self, fact: Fact) -> None:
        """Hand on what was learned of the shown job."""
        self.detail.receive(fact)

    def renew(self) -> None:
        """Bring the title line and the empty state up to date."""
        table, app = self.table, self.console
        jobs, glyphs = table.jobs, app.glyphs
        shown, total = len(jobs), jobs.total
        count = f"{shown}" if shown == total else f"{shown} of {total}"
        focus = "accent" if table.has_focus else "foreground"
        groups = [[Piece("Jobs", focus, bold=True)], [Piece(count, "text-muted")]]
        if app.filter.text:
            groups.append([Piece(app.filter.text, "accent", key="view.filter")])
        if table.marks:
            marked = f"{glyphs.mark} {len(table.marks)} marked"
            groups.append([Piece(marked, "accent", bold=True, key="table.unmark")])
        arrow = glyphs.up if jobs.reverse else glyphs.down
        self.jobs_title.show(groups, [Piece(f"by {jobs.sort} {arrow}", "text-muted")])
        if not shown:
            table.set_empty(app.empty_state())
        self.status.show(app.runtime.states(), paused=app.paused, badges=app.badges())

    def hints(self) -> list[Hint]:
        """What the key bar offers: of the focused pane first, then the acts on the job."""
        app = self.console
        if app.screen is not self:
            return self._hints
        if self.focused is not None and self.focused.id == "filter-text":
            self._hints = [Hint("enter", "keep", "submit"), Hint("esc", "undo", "drop")]
            return self._hints
        found: list[Hint] = []
        for key, active in self.active_bindings.items():
            binding = active.binding
            if not binding.show:
                continue
            command = BY_ID.get(binding.id or "")
            if command is None:
                if active.node is self.focused or active.node.is_attached:
                    node = active.node
                    on = not (isinstance(node, JobPane) and node.greyed(binding.action))
                    word = binding.description.lower()
                    found.append(Hint(self._key_name(key), word, binding.action, on))
                continue
            if command.write and app.read_only:
                continue
            enabled = True
            if (command.act or command.needs) and app.begun:
                enabled = app.why_not_command(command) is None
            hint = Hint(self._key_name(key), command.label, binding.action, enabled)
            if not any(other.action == hint.action for other in found):
                found.append(hint)
        order = {command_id: place for place, command_id in enumerate(BY_ID)}

        def place(hint: Hint) -> int:
            parts = hint.action.split("'")
            return order.get(parts[1], -1) if len(parts) > 1 else -1

        self._hints = sorted(found, key=place)
        return self._hints

    def _key_name(self, key: str) -> str:
        return key_name(key, unicode=self.console.glyphs.unicode)

    def restyled(self) -> None:
        """The theme is another one."""
        self.table.restyled()

    # -- the cursor -------------------------------------------------------------------------------

    def follow_cursor(self) -> None:
        """Show the selected job in the detail at once."""
        self._settling = None
        entry = self.table.selected
        ref = entry.job.ref if entry else None
        if ref != self._detail_ref or entry is None:
            self._detail_ref = ref
            self.console.runtime.select(ref)
        self._show_detail()
        self.keys.renew()

    def settle(self) -> None:
        """If the detail still waits for the cursor to rest, let it follow now."""
        if self._settling is not None:
            self._settling.stop()
            self.follow_cursor()

    def _show_detail(self) -> None:
        self.detail.show(self.console.board.get(self._detail_ref) if self._detail_ref else None)

    def on_jobs_table_moved(self, event: JobsTable.Moved) -> None:
        """Let the detail follow when the cursor rests."""
        self.console.session.selected = str(event.ref) if event.ref else ""
        self.console.session_changed()
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLE, self.follow_cursor)

    def on_jobs_table_opened(self) -> None:
        """A double click opens the detail."""
        self.console.command("view.open")

    def on_jobs_table_sort_asked(self, event: JobsTable.SortAsked) -> None:
        """A click on a heading."""
        from trainer_tui.tui import views

        views.sort_by(self.console, event.column)

    def on_edge_line_clicked(self, event: EdgeLine.Clicked) -> None:
        """A click on a tab, the filter or the marks."""
        self.console.command(event.key)

    def on_detail_tab_changed(self) -> None:
        """Remember the tab."""
        self.console.session.tab = self.detail.tab
        self.console.session_changed()
        self.keys.renew()

    def on_descendant_focus(self) -> None:
        """Titles show where the keys go."""
        inside = self.detail.has_focus_within
        if inside != self.detail.tabs.focused_pane:
            self.detail.tabs.focused_pane = inside
            self.detail.tabs.renew()
        self.renew()

    # -- filter -----------------------------------------------------------------------------------

    def on_filter_bar_opened(self) -> None:
        """The filter line has asked for the keys."""
        self.console.typed.release()

    @property
    def filter_bar(self) -> FilterBar | None:
        """The filter line while it is open."""
        from trainer_tui.tui.widgets.filter_bar import FilterBar

        return next((bar for bar in self.query(FilterBar) if bar.display), None)

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        """Filter as it is typed."""
        from trainer_tui.tui import views

        views.filter_typed(self.console, event.text)

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        """Typing is over."""
        from trainer_tui.tui import views

        views.filter_closed(self.console, keep=event.keep)
        self.console.typed.release()

    # -- other screens ----------------------------------------------------------------------------

    def on_screen_suspend(self) -> None:
        """Another screen covers this one: what only this one needs is not watched."""
        if self.app.screen is not self and not self.app.screen.is_modal:
            self.detail.pause_watching()

    def on_screen_resume(self) -> None:
        """Seen again."""
        self.detail.sync()
        self.seen_again()

    def seen_again(self) -> None:
        """Show what may have become another meanwhile: texts that were written and not sent."""
        app = self.console
        if app.begun and app.unsent.read(app.store, app.board.get):
            self._show_detail()
        self.renew()
