"""The app: wiring only. What commands do is in ``acts`` and ``views``, what is seen in widgets."""

from __future__ import annotations

import dataclasses
import gc
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import BindingType

from trainer_tui.config import LOCAL, Config, provider_names
from trainer_tui.core.clock import utcnow
from trainer_tui.errors import ConfigError, TrainerError
from trainer_tui.model import Artifact, Capability, Event, Job, JobRef
from trainer_tui.paths import Paths
from trainer_tui.tui import palette, themes
from trainer_tui.tui.base_app import BaseApp
from trainer_tui.tui.commands import BY_ID, Command, Scope, bindings
from trainer_tui.tui.feed import Feed
from trainer_tui.tui.glyphs import Glyphs, choose
from trainer_tui.tui.joblist import Filter
from trainer_tui.tui.screens.main import MainScreen
from trainer_tui.tui.session import Session
from trainer_tui.tui.typeahead import TypeAhead
from trainer_tui.tui.unsent import Unsent

if TYPE_CHECKING:
    from trainer_tui.core.acts import Act
    from trainer_tui.core.board import Board, Entry
    from trainer_tui.core.messages import Message
    from trainer_tui.core.runtime import Runtime
    from trainer_tui.core.store import Store
    from trainer_tui.providers.base import Facts
    from trainer_tui.tui.widgets.jobs_table import Line

_SAVE_AFTER = 0.5
_TICK = 30.0
"""Seconds between two looks at what time alone changes."""
_LOOK_AT_THEME = 2.0
"""Seconds between two looks at whether the theme's file was saved again."""


class TrainerApp(BaseApp):
    """The console. Panes and screens reach the program through its methods."""

    TITLE = "trainer-tui"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.APP)

    def __init__(
        self,
        runtime: Runtime,
        config: Config,
        paths: Paths,
        *,
        now: Callable[[], datetime] = utcnow,
        glyphs: Glyphs | None = None,
        read_only: bool = False,
        filter_text: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.main: MainScreen | None = None
        super().__init__(paths, glyphs or choose(config.ui.ascii, env), env)
        self.typed = TypeAhead(self, super().on_event)
        self.runtime = runtime
        self.config = config
        self.now = now
        self.read_only = read_only or config.read_only
        self.paused = False
        self.begun = False
        """Whether the first frame is out; what it does not need waits for that."""
        self.session = Session.read(runtime.store)
        self.filter = Filter(now)
        self._start_filter(filter_text or self.session.filter)
        self.feed = Feed(self, self._take)
        self.unsent = Unsent()
        self._facts: dict[str, Facts | None] = {}
        self._save_asked = False
        self._unkept = False
        self.bulk: dict[str, list[int]] = {}
        """Act → [asked, accepted, refused] of an act on several jobs that is under way."""
        self.unrefunded: list[JobRef] = []
        """Jobs whose cancel was refused because nothing would be paid back."""
        self.first_theme((self.session.theme, config.ui.theme, themes.DEFAULT))
        if config.keys:
            self.set_keymap(dict(config.keys))

    # -- for panes, screens and handlers ------------------------------------------------------

    @property
    def board(self) -> Board:
        """The live picture of all jobs."""
        return self.runtime.board

    @property
    def store(self) -> Store:
        """What is on disk."""
        return self.runtime.store

    def command(self, command_id: str) -> None:
        """Run a command of the table."""
        command = BY_ID[command_id]
        if command.write and self.read_only:
            self.say(f"{command.title} is not possible: this console is read-only.", "warning")
            return
        module, function, *arguments = command.run.split(":")
        handler = getattr(importlib.import_module(f"trainer_tui.tui.{module}"), function)
        try:
            handler(self, *arguments)
        except TrainerError as error:
            self.say_error(error)

    def facts(self, profile: str) -> Facts | None:
        """What a profile's provider can do; ``None`` when its module cannot be had."""
        if profile not in self._facts:
            try:
                self._facts[profile] = self.runtime.facts(profile)
            except ConfigError:
                self._facts[profile] = None
        return self._facts[profile]

    def forget_facts(self) -> None:
        """The profiles are others now."""
        self._facts.clear()

    def why_not(self, job: Job, act: Act) -> str | None:
        """Why an act cannot be asked of a job now, or ``None``."""
        if self.facts(job.ref.profile) is None:
            return f"the profile {job.ref.profile!r} is not configured any more; P shows profiles"
        reason = self.runtime.why_not(job, act)
        entry = self.runtime.board.get(job.ref) if reason is None else None
        if entry is None:
            return reason
        from trainer_tui.core.acts import asked_already

        return asked_already(job, act, entry.pending)

    def why_not_act(self, job: Job, act: str) -> str | None:
        """As :meth:`why_not`, for an act by its name in the command table."""
        from trainer_tui.core.acts import Act

        if act == "delete":
            forget = self.why_not(job, Act.FORGET)
            return self.why_not(job, Act.DELETE) if forget is not None else None
        return self.why_not(job, Act(act))

    def why_not_command(self, command: Command) -> str | None:
        """Why a command cannot be done for the job under the cursor, or ``None``."""
        if command.id == "app.pipeline" and self.pipeline_profile() is not None:
            return None
        if command.act is None and command.needs is None:
            return None
        if self.selected is None:
            return "there is no job"
        job = self.selected.job
        if command.act is not None:
            return self.why_not_act(job, command.act)
        facts = self.facts(job.ref.profile)
        if facts is None or command.needs in facts.capabilities:
            return None
        return facts.why_not(Capability(str(command.needs)))

    def pipeline_profile(self) -> str | None:
        """The profile whose pipeline is to be shown: of the job under the cursor, or any."""
        names = [*([self.selected.job.ref.profile] if self.selected else []), *self.config.profiles]
        for name in names:
            facts = self.facts(name)
            if facts is not None and Capability.PIPELINE in facts.capabilities:
                return name
        return None

    @property
    def selected(self) -> Entry | None:
        """The job under the cursor."""
        return self.main.table.selected if self.main else None

    def targets(self) -> list[Entry]:
        """The marked jobs in the table's order, or else the one under the cursor."""
        if self.main is None:
            return []
        table = self.main.table
        if table.marks:
            marked = [ref for ref in table.jobs.order if ref in table.marks]
            marked += sorted(table.marks.difference(marked))
            return [table.jobs.entries[ref] for ref in marked if ref in table.jobs.entries]
        return [table.selected] if table.selected else []

    def perform(self, act: Act, refs: Iterable[JobRef], **parameters: Any) -> None:
        """Ask an act of some jobs; the rows show it, and the outcome is said when it is known."""
        refs = list(refs)
        if len(refs) > 1:
            self.bulk[str(act)] = [len(refs), 0, 0]
        for ref in refs:
            self.runtime.perform(act, ref, **parameters)

    def download(self, ref: JobRef, artifacts: Sequence[Artifact] | None = None) -> None:
        """Queue artifacts of a job, or all that it has; says what was queued."""
        from trainer_tui.tui import acts

        acts.queue_downloads(self, ref, artifacts)

    def session_changed(self) -> None:
        """Keep the session soon, once for many changes."""
        if not self._save_asked:
            self._save_asked = True
            self.set_timer(_SAVE_AFTER, self._save_session)

    def past_events(self, ref: JobRef) -> Sequence[Event]:
        """What is on disk of a job's history; nothing where it cannot be read."""
        try:
            return self.store.events(ref)
        except TrainerError as error:
            self.say_error(error)
            return ()

    def badges(self) -> tuple[str, ...]:
        """Words for the status bar."""
        found = ("read-only" if self.read_only else "", self.unsent.badge)
        return tuple(filter(None, found))

    def empty_state(self) -> Sequence[Line]:
        """What the table says when it has nothing to show."""
        from trainer_tui.tui.empty import empty_state

        return empty_state(self)

    # -- life ---------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Keys are handed on one at a time; all else is Textual's."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.typed.take(event)
        else:
            await super().on_event(event)

    def get_default_screen(self) -> MainScreen:
        """The main screen is the bottom of the stack."""
        self.main = MainScreen()
        return self.main

    def on_mount(self) -> None:
        """After the first frame: start asking the services."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if not gc.isenabled():
            # What was made so far lives until the end: the collector need not look at it again.
            gc.freeze()
            gc.enable()
        self.begun = True
        self.runtime.subscribe(self.feed)
        self.runtime.start()
        self.set_interval(_TICK, self.tick)
        self.set_interval(_LOOK_AT_THEME, self.reload_theme)
        if self.main is not None:
            self.main.seen_again()
        if not self.config.has_profiles and not self.board.entries():
            self.command_screen("welcome", "WelcomeScreen")
        for warning in (*self.config.warnings, *self._unknown_keys())[:1]:
            self.say(warning, "warning", seconds=10)

    def _unknown_keys(self) -> list[str]:
        if BY_ID.keys() >= self.config.keys.keys():
            return []
        from trainer_tui.tui.commands import pane_ids, unknown_ids

        unknown = unknown_ids(self.config.keys, pane_ids())
        return [f"[keys] names what is not there: {', '.join(unknown)}"] if unknown else []

    def command_screen(self, module: str, name: str, *arguments: Any) -> None:
        """Push a screen of ``tui/screens`` by its name; it is imported now."""
        found = importlib.import_module(f"trainer_tui.tui.screens.{module}")
        self.push_screen(getattr(found, name)(*arguments))

    def tick(self) -> None:
        """What changes with time alone."""
        if self.main is not None:
            if self.filter.by_age and self.main.table.refiltered():
                self.main.renew()
            self.main.table.tick()

    async def action_quit(self) -> None:
        """Leave by way of the command, which says what is still under way."""
        self.command("app.quit")

    def action_command(self, command_id: str) -> None:
        """What every binding of the command table does."""
        self.command(command_id)

    def action_help_quit(self) -> None:
        """ctrl+c is too near to copying to end a program."""
        self.say("q quits; jobs go on by themselves.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The main screen's commands act on the main screen only."""
        if action == "command" and parameters:
            command = BY_ID.get(str(parameters[0]))
            if command is not None and command.scope is not Scope.APP:
                return self.screen is self.main
        return True

    def on_app_focus(self, event: events.AppFocus) -> None:
        """The person looks here again: poll as usual."""
        self.runtime.focus(True)
        self.reload_theme()

    def on_app_blur(self, event: events.AppBlur) -> None:
        """The person looks elsewhere: polling relaxes."""
        self.runtime.focus(False)

    def exit(self, *arguments: Any, **named: Any) -> None:
        """Leave; what is seen now is what the next start paints first."""
        self._keep_frame()
        super().exit(*arguments, **named)

    def _keep_frame(self) -> None:
        if self.main is None or self.screen is not self.main or self.is_headless:
            return
        from trainer_tui.tui import splash
        from trainer_tui.tui.output import Shadow

        width, height = self.size
        shadow = Shadow(width, height)
        for y, strip in enumerate(self.main._compositor.render_strips()):
            shadow.paint(0, y, strip, self.console._color_system)
        splash.keep(self.paths.cache, width, height, shadow.flush())

    def on_unmount(self) -> None:
        """Keep the session as it is left."""
        self._save_session()

    def _save_session(self) -> None:
        self._save_asked = False
        self.session.filter = self.filter.text
        try:
            self.session.write(self.store)
        except TrainerError as error:
            if not self._unkept:  # said once: the disk may be full for hours
                self._unkept = True
                self.say_error(error)
        palette.keep_theme(self.paths.cache, self.session.theme)

    def strangers(self) -> list[str]:
        """What the filter names that is not there, one sentence each."""
        if self.filter.query is None or not self.filter.query.named:
            return []
        from trainer_tui.query import strangers

        told = {entry.job.ref.profile for entry in self.board.entries()}
        names = [*self.config.profiles, LOCAL, *sorted(told)]
        return strangers(self.filter.query, names, provider_names())

    def _start_filter(self, text: str) -> None:
        try:
            self.filter.set(text)
        except TrainerError:
            self.session.filter = ""

    # -- what the network thread told -----------------------------------------------------------

    def _take(self, batch: Sequence[Message]) -> None:
        from trainer_tui.tui.incoming import take

        take(self, batch)

    # -- themes -------------------------------------------------------------------------------

    def reload_theme(self) -> None:
        """Read the shown theme again if its file was saved since."""
        held = self._theme_files.get(self.theme)
        if held is None:
            return
        try:
            stamp = held.path.stat().st_mtime_ns
        except OSError:
            return  # removed, or about to be replaced: what is shown stays
        if stamp == held.stamp:
            return
        self._theme_files[held.name] = dataclasses.replace(held, stamp=stamp)
        try:
            self.load_theme(held.name)
        except (OSError, ConfigError) as error:
            self.say(f"{error}", "error", hint="The theme as it was before stays.")
            return
        self._watch_theme(self.theme)

    def _watch_theme(self, theme_name: str) -> None:
        super()._watch_theme(theme_name)
        if self.main is not None and self.main.is_mounted:
            self.call_next(self.main.restyled)
