"""The models of a job: a leaderboard to sort, turn the pages of, star and fetch from."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from trainer_tui.core.acts import Act
from trainer_tui.core.messages import ActDone, Aspect, AspectFailed, ModelsArrived
from trainer_tui.errors import StateError, TrainerError
from trainer_tui.model import Artifact, Capability, Job, JobRef, Model, ModelPage
from trainer_tui.tui.acts import sentence
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.present import fit
from trainer_tui.tui.widgets.instead import Instead, InsteadPane, trouble
from trainer_tui.tui.widgets.line import Piece, PieceLine, width_of
from trainer_tui.tui.widgets.line_view import ColumnNames
from trainer_tui.tui.widgets.models_table import ModelsTable, Phase, metric_names, words

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message
    from trainer_tui.tui.app import TrainerApp


class ModelLine(PieceLine):
    """Below the rows: the model under the cursor on the left, the page on the right."""

    def __init__(self) -> None:
        super().__init__(id="models-line")
        self.left: Sequence[Piece] = ()
        self.right: Sequence[Piece] = ()

    def say(self, left: Sequence[Piece], right: Sequence[Piece]) -> None:
        """Say something else."""
        self.left, self.right = left, right
        self.renew()

    def pieces(self, width: int) -> Sequence[Piece]:
        """As much of the left as the right leaves room for."""
        room = width - width_of(self.right) - 2
        out: list[Piece] = []
        for piece in self.left:
            if piece.width > room:
                if room > 3:
                    glyphs = glyphs_of(self)
                    out.append(Piece(fit(piece.text, room, glyphs), piece.colour, piece.bold))
                    room = 0
                break
            out.append(piece)
            room -= piece.width
        return [*out, Piece(" " * max(0, room + 1)), *self.right]


class ModelsPane(InsteadPane):
    """Models of the shown job."""

    TAB = "models"
    ASPECTS = frozenset({Aspect.MODELS})
    KEYS_GO_TO = "#models"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("asterisk", "star", "star", id="models.star",
                tooltip="Star the model, or take its star away."),
        Binding("enter", "details", "details", id="models.details",
                tooltip="Everything about the model, and what it was made of."),
        Binding("d", "download", "download", id="models.download",
                tooltip="Download the model: its weights, or a bundle with it."),
        Binding("o", "sort(1)", "sort", id="models.sort",
                tooltip="Sort by the next metric, the best first."),
        Binding("O", "sort(-1)", "sort back", show=False, id="models.sort_back",
                tooltip="Sort by the metric before."),
        Binding("pagedown,ctrl+f", "turn(1)", "next page", show=False, id="models.next_page",
                tooltip="The next page of models."),
        Binding("pageup,ctrl+b", "turn(-1)", "page before", show=False, id="models.page_before",
                tooltip="The page of models before."),
        Binding("y", "copy", "copy id", show=False, id="models.copy",
                tooltip="Copy the id of the model."),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.job: Job | None = None
        self.page: ModelPage | None = None
        """``None`` until the service has answered."""
        self._wanted: tuple[int, str | None] = (0, None)
        self._page_size = 0
        self._starring: dict[str, tuple[bool, Phase]] = {}
        self._error: TrainerError | None = None

    def compose(self) -> ComposeResult:
        """Column names, rows, a line about the model under the cursor."""
        table = ModelsTable(id="models")
        yield ColumnNames(table.header, id="models-head")
        yield table
        yield ModelLine()
        yield Instead(id="models-instead")

    def on_mount(self) -> None:
        """A first look."""
        self._settle()

    @property
    def table(self) -> ModelsTable:
        """The rows."""
        return self.query_one(ModelsTable)

    # What arrives

    def show(self, entry: Entry | None) -> None:
        """Another job: its first page, in the service's own order."""
        job = entry.job if entry else None
        if (job and job.ref) != (self.job and self.job.ref):
            self.page = self._error = None
            self._wanted, self._page_size = (0, None), 0
            self._starring.clear()
            self.table.cursor = self.table.top = 0
            if job is not None:
                self.console.runtime.turn_models(job.ref, 0, None)
        self.job = job
        self._settle()

    def receive(self, message: Message) -> None:
        """A page, the outcome of a star, or the reason why there are no models."""
        if isinstance(message, ModelsArrived):
            self._take(message.page)
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.MODELS:
            self._error = message.error
        elif isinstance(message, ActDone) and message.outcome.act is Act.STAR:
            outcome = message.outcome
            asked = self._starring.pop(outcome.model_id or "", None)
            if outcome.ok and asked is not None and outcome.model_id:
                held = next((m for m in self._models() if m.id == outcome.model_id), None)
                if held is None or held.starred is not asked[0]:
                    self._starring[outcome.model_id] = (asked[0], "acknowledged")
        else:
            return
        self._settle()

    def _models(self) -> Sequence[Model]:
        return self.page.models if self.page is not None else ()

    def _take(self, page: ModelPage) -> None:
        other = self.page is None or (page.page, page.sort_by) != (
            self.page.page,
            self.page.sort_by,
        )
        self._error, self.page = None, page
        if page.page + 1 < page.pages:
            self._page_size = len(page.models)
        if page.page != self._wanted[0] and page.sort_by == self._wanted[1]:
            self._wanted = (page.page, page.sort_by)  # there are fewer pages than were asked for
        if other:
            self.table.cursor = self.table.top = 0
        for model in page.models:
            asked = self._starring.get(model.id)
            if asked is not None and model.starred is asked[0]:
                del self._starring[model.id]

    def _settle(self) -> None:
        if not self._models():
            return self.settle(self._reason())
        self.settle(None)
        table = self.table
        assert self.page is not None
        first = self.page.page * self._page_size
        if (table.page, table.first, table.starring) != (self.page, first, self._starring):
            held = table.current
            table.page, table.first = self.page, first
            table.starring = dict(self._starring)
            ids = [model.id for model in self.page.models]
            if held is not None and held.id in ids:
                table.cursor = ids.index(held.id)
            table.cursor = min(table.cursor, len(ids) - 1)
            table.move_to(table.top)
            table.reveal(table.cursor)
            table.refresh()
            self.query_one(ColumnNames).refresh()
        self._tell()

    def _reason(self) -> Text:
        table, job = self.table, self.job
        muted, faint = table.paint("text-muted"), table.paint("text-faint")
        if job is None:
            return Text("No job is selected.", muted)
        facts = self.console.runtime.facts(job.ref.profile)
        if Capability.MODELS not in facts.capabilities:
            return Text(facts.why_not(Capability.MODELS), muted)
        text = Text()
        error = self._error
        if isinstance(error, StateError):  # an answer about the job, not a fault
            text.append(f"No models yet. {error.message}\n", muted)
            text.append(error.hint or "", faint)
        elif error is not None:
            return trouble(table, error)
        elif self.page is None:
            text.append(f"Asking for the models{table.glyphs.ellipsis}", muted)
        elif job.status.active:
            text.append("No models yet. ", muted)
            text.append("They appear here as the job makes them.", faint)
        else:
            text.append("This job made no models.", muted)
        return text

    # The line below

    @on(ModelsTable.Changed)
    def _changed(self, event: ModelsTable.Changed) -> None:
        event.stop()
        self._tell()

    def _tell(self) -> None:
        table, page = self.table, self.page
        glyphs, model = table.glyphs, table.current
        if page is None or model is None:
            return
        left = [Piece(f" {model.id}", "text-muted")]
        for text in (model.group or "", model.status, words(model)):
            if text:
                left.append(Piece(f" {glyphs.dot} {text}", "text-faint"))
        if model.recommended:
            left.insert(1, Piece(f"  {glyphs.recommended} recommended", "success"))
        if self._error is not None:
            left = [Piece(f" {glyphs.warn} {self._error.message}", "status-failed")]
        number, sort_by = self._wanted
        waits = glyphs.ellipsis if self._wanted != (page.page, page.sort_by) else " "
        order = f"by {sort_by}" if sort_by else "in the service's order"
        right = [Piece(order, "text-muted")]
        if page.pages > 1:
            right.append(Piece(f" {glyphs.dot} page {number + 1} of {page.pages}", "accent"))
        self.query_one(ModelLine).say(left, [*right, Piece(waits, "text-muted")])

    # Keys

    def greyed(self, action: str) -> bool:
        """Stars where the service has none."""
        return (
            action == "star"
            and self.job is not None
            and self.console.why_not(self.job, Act.STAR) is not None
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without models the keys are the app's."""
        mine = {"star", "details", "download", "sort", "turn", "copy"}
        return bool(self._models()) if action in mine else True

    def action_sort(self, step: int) -> None:
        """By the next metric; after the last, the service's own order."""
        if self.page is None:
            return
        orders: list[str | None] = [None, *(self.page.available_metrics or metric_names(self.page))]
        _, now = self._wanted
        place = orders.index(now) if now in orders else 0
        self._turn(0, orders[(place + step) % len(orders)])

    def action_turn(self, step: int) -> None:
        """Another page; where there is one only, a screen of rows."""
        if self.page is None or self.page.pages == 1:
            self.table.action_cursor_page(step)
            return
        number, sort_by = self._wanted
        self._turn(min(max(0, number + step), self.page.pages - 1), sort_by)

    def _turn(self, number: int, sort_by: str | None) -> None:
        if self.job is not None and (number, sort_by) != self._wanted:
            self._wanted = (number, sort_by)
            self.console.runtime.turn_models(self.job.ref, number, sort_by)
            self._tell()

    def action_star(self) -> None:
        """Ask for the star; the row shows what becomes of it."""
        model, job = self.table.current, self.job
        if model is None or job is None:
            return
        if self.console.read_only:
            self.console.say("Starring is not possible: this console is read-only.", "warning")
            return
        reason = self.console.why_not(job, Act.STAR)
        if reason is not None:
            self.console.say(sentence(self.console, reason, [job]), "warning")
            return
        held = self._starring.get(model.id)
        on = not (held[0] if held is not None else model.starred)
        self._starring[model.id] = (on, "asked")
        self._settle()
        self.console.perform(Act.STAR, [job.ref], model_id=model.id, starred=on)

    def action_details(self) -> None:
        """Everything about the model."""
        model, job = self.table.current, self.job
        if model is not None and job is not None:
            self.console.command_screen("model", "ModelScreen", job.ref, model)

    def action_download(self) -> None:
        """Fetch the model under the cursor."""
        if self.table.current is not None and self.job is not None:
            download_model(self.console, self.job.ref, self.table.current)

    def action_copy(self) -> None:
        """The id on the clipboard."""
        if self.table.current is not None:
            self.console.copy(self.table.current.id, f"the id {self.table.current.id}")


def download_model(app: TrainerApp, ref: JobRef, model: Model) -> None:
    """Queue a model's own files, or the bundle with it."""

    def done(future: Future[Sequence[Artifact]]) -> None:
        app.call_later(_listed, app, ref, model, future)

    app.runtime.files_of(ref, model).add_done_callback(done)


def _listed(app: TrainerApp, ref: JobRef, model: Model, future: Future[Sequence[Artifact]]) -> None:
    try:
        files = future.result()
    except TrainerError as error:
        app.say_error(error, about=model.name)
        return
    if files:
        app.download(ref, files)
    else:
        app.say(f"There are no files of {model.name} to download.", "warning")
