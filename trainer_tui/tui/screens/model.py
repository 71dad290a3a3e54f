"""One model of a job: its numbers, what it was made with, and what it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import Screen

from trainer_tui.core.acts import Act
from trainer_tui.core.messages import ActDone, Aspect, ModelsArrived
from trainer_tui.errors import TrainerError
from trainer_tui.model import Capability, JobRef, Model
from trainer_tui.sanitize import filename
from trainer_tui.tui.acts import sentence
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.present import age, number
from trainer_tui.tui.widgets.key_bar import Hint, KeyBar
from trainer_tui.tui.widgets.line import Piece
from trainer_tui.tui.widgets.lines_view import Line, LinesView, wrap
from trainer_tui.tui.widgets.models_pane import download_model
from trainer_tui.tui.widgets.title_line import TitleLine

if TYPE_CHECKING:
    from trainer_tui.core.messages import Message

_LABEL = 18


class ModelScreen(Screen[None], InConsole):
    """All that is known of a model, and its provenance where the service tells it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "back", id="model.back", tooltip="Back to the models."),
        Binding("asterisk", "star", "star", id="model.star",
                tooltip="Star the model, or take its star away."),
        Binding("d", "download", "download", id="model.download",
                tooltip="Download the model: its weights, or a bundle with it."),
        Binding("ctrl+s", "save", "save .dot", id="model.save",
                tooltip="Save the provenance as a Graphviz file."),
        Binding("y", "copy", "copy id", id="model.copy", tooltip="Copy the id of the model."),
    ]  # fmt: skip

    def __init__(self, ref: JobRef, model: Model) -> None:
        super().__init__()
        self.ref, self.model = ref, model
        self.dot: str | None = None
        """The provenance as the service gave it."""
        self._trouble = ""
        self._star_asked: bool | None = None
        self._view = LinesView(id="model-lines")

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""

        def hints() -> list[Hint]:
            app, keys = self.console, [Hint("esc", "back", "screen.dismiss")]
            job = app.board.get(self.ref)
            starred = job is not None and app.why_not(job.job, Act.STAR) is None
            keys.append(Hint("*", "star", "screen.star", starred))
            keys.append(Hint("d", "download", "screen.download"))
            keys.append(Hint("ctrl+s", "save provenance", "screen.save", self.dot is not None))
            keys.append(Hint("y", "copy id", "screen.copy"))
            return keys

        yield TitleLine("Model")
        yield self._view
        self._keys = KeyBar(hints)
        yield self._keys

    def on_mount(self) -> None:
        """Show the model; ask what it was made of."""
        app = self.console
        self.query_one(TitleLine).show(app.board.get(self.ref))
        self._view.focus()
        self._renew()
        self.call_after_refresh(self._watch)
        if self._able(Capability.PROVENANCE):

            def done(future: Future[str]) -> None:
                app.call_later(self._told, future)

            app.runtime.provenance(self.ref, self.model.id).add_done_callback(done)

    def _watch(self) -> None:
        self.console.runtime.watch(self.ref, {Aspect.MODELS})

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Let go of the models before the screen below takes them up again."""
        self.console.runtime.unwatch(self.ref, {Aspect.MODELS})
        return super().dismiss(result)

    def on_resize(self) -> None:
        """Lines are made for a width."""
        self._renew()

    def receive(self, message: Message) -> None:
        """The model as it is now, or the outcome of a star."""
        if isinstance(message, ModelsArrived) and message.ref == self.ref:
            held = next((m for m in message.page.models if m.id == self.model.id), None)
            if held is None:
                return
            self.model = held
            if held.starred is self._star_asked:
                self._star_asked = None
        elif isinstance(message, ActDone) and message.outcome.model_id == self.model.id:
            if not message.outcome.ok:
                self._star_asked = None
        else:
            return
        self._renew()

    def _told(self, future: Future[str]) -> None:
        try:
            self.dot = future.result()
        except TrainerError as error:
            self._trouble = error.message
        if self.is_mounted:
            self._renew()
            self._keys.renew()

    def _able(self, capability: Capability) -> bool:
        facts = self.console.facts(self.ref.profile)
        return facts is not None and capability in facts.capabilities

    # Lines

    def _renew(self) -> None:
        width = self._view.size.width or self.app.size.width
        if width:
            self._view.set_lines(self.lines(width))

    def lines(self, width: int) -> list[Line]:
        """What is known, in groups."""
        model, app = self.model, self.console
        glyphs = app.glyphs
        lines: list[Line] = [[]]
        head = [Piece(f"  {model.name}", "foreground", True)]
        if model.recommended:
            head.append(Piece(f"  {glyphs.recommended} recommended", "success"))
        if self._star_asked is not None:
            word = "starring" if self._star_asked else "taking the star away"
            head.append(Piece(f"  {word}{glyphs.ellipsis}", "text-muted"))
        elif model.starred:
            head.append(Piece(f"  {glyphs.star} starred", "warning"))
        lines.append(head)
        facts = {"id": model.id, "status": model.status, "group": model.group or ""}
        if model.score is not None:
            facts["score"] = number(model.score)
        if model.created_at is not None:
            facts["made"] = f"{age(model.created_at, app.now())} ago"
        if model.artifact is not None:
            facts["file"] = model.artifact.name
        lines += _rows(facts, width)
        metrics = {key: number(value) for key, value in model.metrics.items()}
        for title, rows in (
            ("Metrics", metrics),
            ("Hyper-parameters", model.hyperparameters),
            ("More", model.extra),
        ):
            if rows:
                lines += [[], [Piece(f"  {title}", "accent", True)], *_rows(rows, width)]
        lines += [[], [Piece("  Provenance", "accent", True)], *self._provenance(width)]
        return lines

    def _provenance(self, width: int) -> Iterable[Line]:
        app = self.console
        if self.dot is not None:
            from trainer_tui.core.dot import tree

            try:
                drawn = tree(self.dot, ascii_only=not app.glyphs.unicode)
            except TrainerError as error:
                drawn = [f"{app.glyphs.warn} {error.message}"]
            return [[Piece(f"  {text}")] for text in drawn]
        if self._trouble:
            said, colour = f"{app.glyphs.warn} {self._trouble}", "status-failed"
        elif self._able(Capability.PROVENANCE):
            said, colour = f"Asking what it was made of{app.glyphs.ellipsis}", "text-muted"
        else:
            facts = app.facts(self.ref.profile)
            said = facts.why_not(Capability.PROVENANCE) if facts else ""
            colour = "text-muted"
        return [[Piece(f"  {part}", colour)] for part in wrap(said, width - 4)]

    # Keys

    def action_star(self) -> None:
        """Ask for the star, or for none."""
        app = self.console
        entry = app.board.get(self.ref)
        if entry is None or app.read_only:
            app.say("Starring is not possible: this console is read-only.", "warning")
            return
        reason = app.why_not(entry.job, Act.STAR)
        if reason is not None:
            app.say(sentence(app, reason, [entry.job]), "warning")
            return
        held = self.model.starred if self._star_asked is None else self._star_asked
        self._star_asked = not held
        self._renew()
        app.perform(Act.STAR, [self.ref], model_id=self.model.id, starred=not held)

    def action_download(self) -> None:
        """Fetch its files."""
        download_model(self.console, self.ref, self.model)

    def action_copy(self) -> None:
        """The id on the clipboard."""
        self.console.copy(self.model.id, f"the id {self.model.id}")

    def action_save(self) -> None:
        """Write the DOT text into the downloads folder, to a name that is not taken."""
        app = self.console
        if self.dot is None:
            app.say(self._trouble or "There is no provenance to save.", "warning")
            return
        try:
            path = save_new(
                app.config.downloads.folder, f"{self.model.name}-provenance.dot", self.dot
            )
        except OSError as error:
            app.say(f"Not saved: {error.strerror or error}", "error")
            return
        app.say(f"Saved {path}", "success")


def _rows(facts: Mapping[str, str], width: int) -> list[Line]:
    out: list[Line] = []
    for label, value in facts.items():
        if not value:
            continue
        for place, part in enumerate(wrap(value, width - _LABEL - 6)):
            name = "" if place else label[: _LABEL - 1]
            out.append([Piece(f"    {name:<{_LABEL}}", "text-muted"), Piece(part)])
    return out


def save_new(folder: Path, name: str, text: str) -> Path:
    """Write a text file under this name, or the next free one. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / filename(name)
    for count in range(1, 1000):
        path = wanted if count == 1 else wanted.with_stem(f"{wanted.stem} ({count})")
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(None, f"{wanted.name} exists a thousand times")
