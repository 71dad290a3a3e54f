"""The form that adds a profile: URL and credential are tried while they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Label, Static

from trainer_tui.config import Profile, Secret, provider_names
from trainer_tui.errors import TrainerError
from trainer_tui.providers import base
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.screens.prompt import ChoiceLine

if TYPE_CHECKING:
    from concurrent.futures import Future

    from trainer_tui.model import Account
    from trainer_tui.providers.base import Facts

_REST = 0.7
"""Seconds without a key before what is typed is tried."""
_PLACES = ("env:", "file:", "cmd:", "keyring:")
_FIELDS = ("name", "base_url", "token", "workspace")
_LABELS = {"name": "name", "base_url": "base URL", "token": "credential", "workspace": "workspace"}


class AddProfileScreen(ModalScreen[None], InConsole):
    """Provider, name, URL, credential, workspace; what the service says of them; save."""

    CSS_PATH = "add_profile.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", id="profile.save", tooltip="Keep it.", priority=True),
        Binding("ctrl+n,pagedown", "provider(1)", "next provider", show=False, priority=True),
        Binding("ctrl+p,pageup", "provider(-1)", "previous provider", show=False, priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("escape", "leave", "close", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        names = [name for name in provider_names() if self._facts(name) is not None]
        # The services first: this machine needs no form.
        names.sort(key=lambda name: name == "local")
        self._provider = ChoiceLine("provider", names, names[0] if names else "")
        self._waiting: Timer | None = None
        self._tried = 0
        self._proposed = ""
        """The name that was filled in here; another one was typed."""

    @property
    def facts(self) -> Facts | None:
        """Of the chosen provider."""
        return self._facts(self._provider.chosen)

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = "Add a profile"
        card.border_subtitle = self.console.glyphs.dotted(
            "ctrl+s saves", "pgdn another provider", "esc closes"
        )
        with card:
            yield self._provider
            for key in _FIELDS:
                with Vertical(classes="field"):
                    yield Label(_LABELS[key])
                    field = Input(id=f"field-{key}", compact=True, password=key == "token")
                    field.cursor_blink = False
                    yield field
            yield Static("", id="help")
            yield Static("", id="verdict")

    def on_mount(self) -> None:
        """Begin with what the provider suggests."""
        self.set_class(not self.console.glyphs.unicode, "-ascii")
        self._suggest()
        self.query_one("#field-token" if self._needs_credential() else "#field-name").focus()

    def values(self) -> dict[str, str]:
        """What is typed, without what is empty."""
        found = {key: self.query_one(f"#field-{key}", Input).value.strip() for key in _FIELDS}
        return {key: value for key, value in found.items() if value}

    def profile(self) -> Profile:
        """The profile as typed so far."""
        values: dict[str, Any] = self.values()
        token = values.pop("token", None)
        name = values.pop("name", self._provider.chosen)
        return Profile(
            name, self._provider.chosen, token=Secret(token) if token else None, **values
        )

    def on_input_changed(self, event: Input.Changed) -> None:
        """Try it when typing rests."""
        if event.input.id == "field-token":
            event.input.password = not event.value.startswith(_PLACES)
        if event.input.id == "field-name":
            return
        if self._waiting is not None:
            self._waiting.stop()
        self._waiting = self.set_timer(_REST, self.try_it)

    def try_it(self) -> None:
        """Ask the service whether URL and credential are good."""
        self._waiting = None
        if self._needs_credential() and "token" not in self.values():
            self._say("", "text-muted")
            return
        self._tried += 1
        number, glyphs = self._tried, self.console.glyphs
        self._say(f"asking {self._provider.chosen}{glyphs.ellipsis}", "text-muted")
        future = self.console.runtime.check_profile(self.profile())

        def done(future: Future[Account]) -> None:
            self.app.call_later(self._answered, number, future)

        future.add_done_callback(done)

    def action_provider(self, by: int) -> None:
        """Choose another provider."""
        self._provider.step(by)
        self._suggest()

    def action_save(self) -> None:
        """Keep the profile and begin to poll it."""
        from trainer_tui.tui.screens.profiles import save_profile

        fields = {"provider": self._provider.chosen, **self.values()}
        fields.setdefault("name", self._provider.chosen)
        try:
            save_profile(self.console, fields)
        except TrainerError as error:
            self._say(f"{self.console.glyphs.bad} {error.message}", "error")
            return
        self.dismiss(None)
        self.console.say(f"{fields['name']} is added.", "success")

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field; in the last it saves."""
        if self.focused is self.query_one("#field-workspace"):
            self.action_save()
        else:
            self.app.action_focus_next()

    def action_leave(self) -> None:
        """Close without keeping anything."""
        self.dismiss(None)

    def _answered(self, number: int, future: Future[Account]) -> None:
        if number != self._tried or not self.is_mounted:
            return
        glyphs = self.console.glyphs
        try:
            account = future.result()
        except TrainerError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            self._say(f"{glyphs.bad} {error.message}{hint}", "error")
        else:
            self._say(f"{glyphs.ok} {account.summary}", "success")

    def _suggest(self) -> None:
        facts = self.facts
        if facts is None:
            return
        name = self.query_one("#field-name", Input)
        if name.value in ("", self._proposed):
            taken = set(self.console.config.profiles)
            options = [facts.name, *(f"{facts.name}-{number}" for number in range(2, 99))]
            self._proposed = next(option for option in options if option not in taken)
            name.value = self._proposed
        url = self.query_one("#field-base_url", Input)
        url.placeholder = facts.default_base_url or ("this machine" if facts.nearby else "https://")
        token = self.query_one("#field-token", Input)
        how = "the credential, env:NAME, file:PATH or cmd:COMMAND"
        token.placeholder = how if facts.needs_credential else "not needed"
        self.query_one("#help", Static).update(Content(facts.credential_help))
        self._say("", "text-muted")

    def _needs_credential(self) -> bool:
        return self.facts is not None and self.facts.needs_credential

    def _say(self, text: str, colour: str) -> None:
        self.query_one("#verdict", Static).update(Content.styled(text, f"${colour}"))

    @staticmethod
    def _facts(name: str) -> Facts | None:
        try:
            return base.facts(name)
        except (TrainerError, ImportError, AttributeError):
            return None
