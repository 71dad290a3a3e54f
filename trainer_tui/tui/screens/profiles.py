"""The profiles: how each stands, its error in full; add, check, remove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from trainer_tui.config import Profile, load
from trainer_tui.config_write import add_profile, check_removable, remove_managed_profile
from trainer_tui.core.messages import Message, ProfileChanged
from trainer_tui.errors import ConfigError, TrainerError
from trainer_tui.tui import present
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.screens.picker import Choice, ChoiceList
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap

if TYPE_CHECKING:
    from concurrent.futures import Future

    from trainer_tui.model import Account
    from trainer_tui.tui.app import TrainerApp

_WIDTH = 84
"""Cells of the card; as in the stylesheet."""


def save_profile(app: TrainerApp, fields: Mapping[str, object]) -> None:
    """Write a profile to the managed file and begin to poll it. Raises ConfigError."""
    add_profile(app.paths, fields)
    _take_over(app)


def _take_over(app: TrainerApp) -> None:
    app.config = load(app.paths)
    app.forget_facts()
    app.runtime.apply_config(app.config)
    if app.main is not None:
        app.main.renew()


class ProfilesScreen(ModalScreen[None], InConsole):
    """A list of profiles over all that is known of the chosen one."""

    CSS_PATH = "profiles.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("a", "add", "add", id="profiles.add", tooltip="Add a profile."),
        Binding("c,enter", "check", "check", id="profiles.check",
                tooltip="Try its URL and credential now."),
        Binding("x", "remove", "remove", id="profiles.remove",
                tooltip="Remove a profile that was added here."),
        Binding("R", "refresh", "ask now", id="profiles.refresh", tooltip="Poll it now."),
        Binding("escape,q,P", "leave", "close", show=False),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._list = ChoiceList()
        self._text = LinesView(ground="surface")
        self._text.can_focus = False
        self._verdicts: dict[str, tuple[str, str]] = {}

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = "Profiles"
        card.border_subtitle = self.console.glyphs.dotted(
            "a add", "c check", "x remove", "R ask now", "esc closes"
        )
        with card:
            yield self._list
            yield self._text

    def on_mount(self) -> None:
        """Show them."""
        self.set_class(not self.console.glyphs.unicode, "-ascii")
        self.renew()

    def on_resize(self) -> None:
        """Words are wrapped to the width."""
        self.renew()

    def on_screen_resume(self) -> None:
        """A profile may have been added meanwhile."""
        self.renew()

    def receive(self, message: Message) -> None:
        """A profile's state is another one."""
        if isinstance(message, ProfileChanged):
            self.renew()

    @property
    def chosen(self) -> str:
        """The profile under the cursor, or empty."""
        return self._list.choices[self._list.row].id if self._list.choices else ""

    def renew(self) -> None:
        """Bring everything up to date."""
        app, states = self.console, self.console.runtime.states()
        names = list(dict.fromkeys([*states, *app.config.profiles]))
        choices = []
        wide = max((len(name) for name in names), default=0)
        kinds = max((len(state.provider) for state in states.values()), default=0)
        for name in names:
            state = states.get(name)
            if state is None:
                choices.append(Choice(name, f"  {name:<{wide}}", "not polled", "", False))
                continue
            shape, _ = present.profile_shape(state, app.glyphs)
            word = present.profile_word(state, app.now()) or ("ok" if state.phase == "ok" else "")
            counts = "  ".join(
                f"{count} {word}"
                for count, word in ((state.running, "running"), (state.queued, "queued"))
                if count
            )
            note = f"{state.provider:<{kinds}}  {word}"
            choices.append(Choice(name, f"{shape} {name:<{wide}}", note, counts))
        self._list.show(choices, self._list.row)
        lines = self.lines()
        self._text.styles.height = max(8, len(lines))
        self._text.set_lines(lines)

    def lines(self) -> list[Line]:
        """All that is known of the chosen profile."""
        app, name = self.console, self.chosen
        if not name:
            return [
                [],
                [Piece("No profile yet: ", "text-muted"), Piece("a", "accent", True),
                 Piece(" adds one.", "text-muted")],
            ]  # fmt: skip
        lines: list[Line] = [[]]

        room = min(_WIDTH, app.size.width * 96 // 100) - 22  # frame, padding, label

        def row(label: str, text: str, colour: str = "text-muted") -> None:
            for number, part in enumerate(wrap(text, room)):
                lead = "" if number else label
                lines.append([Piece(f"  {lead:<13}", "text-faint"), Piece(part, colour)])

        state = app.runtime.states().get(name)
        profile = self._profile(name)
        facts = app.facts(name)
        if facts is not None:
            row("provider", facts.title)
        if profile is not None:
            url = profile.base_url or (facts.default_base_url if facts else None)
            row("base URL", url or "this machine")
            row("credential", profile.token.place if profile.token else "none")
            if profile.workspace:
                row("workspace", profile.workspace)
            if profile.read_only:
                row("read-only", "writing acts are switched off for it")
        if state is not None:
            if state.last_ok is not None:
                row("answered", present.clock(state.last_ok, app.now()))
            if state.error is not None:
                row("error", state.error.message, "status-failed")
                if state.error.hint:
                    row("", state.error.hint)
                if state.next_at is not None:
                    row("asked again", f"{state.next_at.astimezone():%H:%M:%S}")
        if name in self._verdicts:
            row("check", *self._verdicts[name])
        return lines

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._list.move(rows)
        self.renew()

    def on_choice_list_picked(self) -> None:
        """A click chose another one."""
        self.renew()

    def action_add(self) -> None:
        """The form."""
        from trainer_tui.tui.screens.add_profile import AddProfileScreen

        self.app.push_screen(AddProfileScreen())

    def action_check(self) -> None:
        """Try URL and credential."""
        name = self.chosen
        profile = self._profile(name) if name else None
        if profile is None:
            return
        self._verdicts[name] = (f"asking{self.console.glyphs.ellipsis}", "text-muted")
        self.renew()

        def done(future: Future[Account]) -> None:
            self.app.call_later(self._checked, name, future)

        self.console.runtime.check_profile(profile).add_done_callback(done)

    def action_remove(self) -> None:
        """Remove one that was added by the console."""
        name = self.chosen
        if not name:
            return
        try:
            check_removable(self.console.paths, name)
        except TrainerError as error:
            self.console.say_error(error)
            return
        from trainer_tui.tui.screens.confirm import ConfirmScreen, Item

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            try:
                remove_managed_profile(self.console.paths, name)
            except TrainerError as error:
                self.console.say_error(error)
                return
            _take_over(self.console)
            self.renew()

        self.app.push_screen(
            ConfirmScreen(
                "Remove a profile",
                [
                    Item(
                        name,
                        "Its jobs go on at the service; a credential that was stored here for it "
                        "is removed.",
                    )
                ],
                question="Remove it?",
            ),
            answered,
        )

    def action_refresh(self) -> None:
        """Poll it now."""
        if self.chosen:
            self.console.runtime.wake(self.chosen)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)

    def _profile(self, name: str) -> Profile | None:
        try:
            return self.console.config.profile(name)
        except ConfigError:
            return None

    def _checked(self, name: str, future: Future[Account]) -> None:
        try:
            self._verdicts[name] = (future.result().summary, "status-succeeded")
        except TrainerError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            self._verdicts[name] = (error.message + hint, "status-failed")
        if self.is_mounted:
            self.renew()
