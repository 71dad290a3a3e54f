"""A new job: where it runs, and what its config begins from; then comes the text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from trainer_tui.core.drafts import Place, ago, place_of, unsent_new
from trainer_tui.core.messages import Aspect, AspectFailed, ConfigArrived
from trainer_tui.core.rows import Draft
from trainer_tui.core.templates import fitted, same_shape, templates_for
from trainer_tui.errors import TrainerError, UsageError
from trainer_tui.model import Capability, JobRef
from trainer_tui.tui.facts import name_of
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.screens.new_job_parts import (
    Options,
    PathSuggester,
    Said,
    Source,
    Sources,
    Target,
    bundle_text,
    completions,
    read_file,
)
from trainer_tui.tui.screens.new_text import NewTextScreen

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message
    from trainer_tui.providers.base import Facts

_RUNNERS = ("automatic", "smoke", "ai-toolkit", "command")


class NewJobScreen(ModalScreen[None], InConsole):
    """The form; ``enter`` opens the text."""

    CSS_PATH = "new_job.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+s", "open", "open", id="new_job.open", priority=True,
                tooltip="Open the text."),
        Binding("escape", "leave", "leave", id="new_job.leave", tooltip="Back to the jobs."),
        Binding("tab", "app.focus_next", "next", show=False),
        Binding("shift+tab", "app.focus_previous", "before", show=False),
    ]  # fmt: skip
    AUTO_FOCUS = "#sources"

    def __init__(self, ref: JobRef | None = None) -> None:
        super().__init__()
        self.ref = ref
        self.profile = Options("Profile", (), id="profile")
        self.gpu = Options("GPU", (), id="gpu")
        self.count = Options("GPUs", (), id="count")
        self.runner = Options("Runs as", (), id="runner")
        self.sources = Sources()
        self._suggester = PathSuggester()
        self.file = Input(placeholder="path of a YAML file", suggester=self._suggester,
                          compact=True, id="file")  # fmt: skip
        self.file.cursor_blink = False
        self.said = Said()
        self._waiting: JobRef | None = None

    def compose(self) -> ComposeResult:
        card = Vertical(classes="card")
        card.border_title = "New job"
        card.border_subtitle = self.console.glyphs.dotted(
            "enter opens the text", "tab next", "esc leaves"
        )
        with card:
            yield self.profile
            yield self.gpu
            yield self.count
            yield self.runner
            yield self.sources
            yield self.file
            yield self.said

    def on_mount(self) -> None:
        """What there is to choose from."""
        app = self.console
        self.set_class(not app.glyphs.unicode, "-ascii")
        names = [name for name in self._profiles() if self._submits(name)]
        self.profile.offer(names)
        wanted = self.ref.profile if self.ref else app.selected and app.selected.job.ref.profile
        if wanted in names:
            self.profile.index = names.index(str(wanted))
        self._list()
        if self.ref is not None:
            refs = [source.ref for source in self.sources.sources]
            self.sources.put_cursor(refs.index(self.ref) if self.ref in refs else 0)
        if not names:
            self.said.say("No profile here takes new jobs; P adds one.", "warning")
        self._fit()

    def _profiles(self) -> list[str]:
        runtime, config = self.console.runtime, self.console.config
        return list(dict.fromkeys([*config.profiles, *runtime.states(), "local"]))

    def _facts(self) -> Facts | None:
        return self.console.facts(self.profile.value) if self.profile.value else None

    def _submits(self, name: str) -> bool:
        facts = self.console.facts(name)
        return facts is not None and Capability.SUBMIT in facts.capabilities

    def _list(self) -> None:
        """What a config for the chosen profile can begin from."""
        found = self._sources()
        if found == list(self.sources.sources):
            return
        self.sources.sources = found
        self.sources.cursor = min(self.sources.cursor, len(found) - 1)
        self.sources.styles.height = len(found)
        self.sources.refresh()

    def _provider_of(self, profile: str) -> str | None:
        facts = self.console.facts(profile)
        return facts.name if facts is not None else None

    def _sources(self) -> list[Source]:
        app = self.console
        facts = self._facts()
        provider = facts.name if facts is not None else None
        found = []
        try:
            drafts = [
                draft
                for draft in unsent_new(app.store)
                if same_shape(self._provider_of(draft.profile), provider)
            ][:3]
        except TrainerError:
            drafts = []
        entry = app.board.get(self.ref) if self.ref else app.selected
        if provider == "kaos":
            found.append(Source("A folder", "a source bundle, or a zip of one", folder=True))
        elif entry is not None and same_shape(entry.job.provider, provider):
            name = entry.job.name or entry.job.ref.id
            found.append(Source(f"The config of {name}", str(entry.job.ref), ref=entry.job.ref))
        for draft in drafts:
            when = ago(draft.updated_at, app.now())
            found.append(Source(f"Draft: {name_of(draft.text)}", f"not sent, {when}", draft=draft))
        found.append(Source("A file", "of yours: YAML", file=True))
        found += [Source(t.title, t.note, template=t) for t in templates_for(provider)]
        return found

    def _fit(self) -> None:
        """Show what goes with the profile and the source."""
        facts = self._facts()
        types = facts.gpu_types if facts is not None else ()
        self.gpu.offer(types if len(types) > 1 else ())
        runcomfy = facts is not None and facts.name == "runcomfy"
        both = runcomfy and self.gpu.value in ("", "ADA_80_PLUS")
        self.count.offer(("1", "8") if both else ())
        self.runner.offer(_RUNNERS if facts is not None and facts.name == "local" else ())
        source = self.sources.value
        self.file.display = source is not None and source.asks
        folder = source is not None and source.folder
        self.file.placeholder = "path of the folder" if folder else "path of a YAML file"
        self._suggester.endings = (".zip",) if folder else (".yaml", ".yml")

    def on_options_changed(self) -> None:
        """Another profile, GPU or source."""
        self._list()
        self._fit()
        self.said.say("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what the path could become."""
        names = [Path(name).name + ("/" if name.endswith("/") else "")
                 for name in completions(event.value, endings=self._suggester.endings)]  # fmt: skip
        self.said.say("  ".join(names))

    def on_descendant_focus(self) -> None:
        """The field for the path comes with its source."""
        if self.file.has_focus:
            self.on_input_changed(Input.Changed(self.file, self.file.value))

    # Opening ----------------------------------------------------------------------------------

    def target(self) -> Target | None:
        """Where the job is to run, as chosen."""
        facts = self._facts()
        if facts is None:
            return None
        return Target(
            self.profile.value,
            facts.name,
            self.gpu.value or (facts.gpu_types[0] if facts.gpu_types else None),
            int(self.count.value) if self.count.value else None,
            self.runner.value if self.runner.value not in ("", "automatic") else None,
        )

    def action_open(self) -> None:
        """Open the text of the chosen source."""
        target, source = self.target(), self.sources.value
        if target is None or source is None:
            self.said.say("Choose a profile that takes new jobs.", "warning")
            return
        if source.asks and not self.file.has_focus and not self.file.value:
            self.file.focus()
            return
        if source.ref is not None:
            self._waiting = source.ref
            ellipsis = self.console.glyphs.ellipsis
            self.said.say(f"Asking {source.ref.profile} for the config{ellipsis}")
            self.console.runtime.watch(source.ref, {Aspect.CONFIG})
            return
        try:
            if source.folder:
                text = bundle_text(self.file.value)
            elif source.file:
                text = read_file(self.file.value)
            elif source.draft is not None:
                text = source.draft.text
            elif source.template is not None:
                text = source.template.text(target.provider)
            else:
                return
        except UsageError as error:
            hint = f"  {error.hint}" if error.hint else ""
            self.said.say(f"{error.message}{hint}", "error")
            return
        place = place_of(self.console.store, source.draft.id) if source.draft else Place()
        if source.file:
            place = Place(file=str(Path(self.file.value.strip()).expanduser().absolute()))
        self._go(target, text, source.draft, place)

    def receive(self, message: Message) -> None:
        """The config of the job to begin from."""
        target = self.target()
        if self._waiting is None or target is None:
            return
        if isinstance(message, ConfigArrived) and message.ref == self._waiting:
            self._unwatch()
            text = fitted(message.text, target.provider)
            self._go(target, text, None, Place(like=str(message.ref)))
        elif (
            isinstance(message, AspectFailed)
            and message.ref == self._waiting
            and message.aspect is Aspect.CONFIG
        ):
            self._unwatch()
            self.said.say(message.error.message, "error")

    def _unwatch(self) -> None:
        if self._waiting is not None:
            self.console.runtime.unwatch(self._waiting, {Aspect.CONFIG})
            self._waiting = None

    def _go(self, target: Target, text: str, draft: Draft | None, place: Place) -> None:
        app = self.console
        self.dismiss(None)
        app.call_later(app.push_screen, NewTextScreen(target, text, draft, place=place))

    def action_leave(self) -> None:
        """Back."""
        self._unwatch()
        self.dismiss(None)
