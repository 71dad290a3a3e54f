"""The pieces of the form for a new job: one-of-a-few fields, the list of sources, paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message as UiMessage
from textual.suggester import Suggester

from trainer_tui.core.rows import Draft
from trainer_tui.core.templates import Template
from trainer_tui.core.yamlconfig import MAX_SIZE
from trainer_tui.errors import UsageError
from trainer_tui.model import JobRef
from trainer_tui.tui.inside import glyphs_of
from trainer_tui.tui.widgets.line import Piece, PieceLine, abreast
from trainer_tui.tui.widgets.line_view import LineList

if TYPE_CHECKING:
    from textual.strip import Strip


_LABEL = 12


@dataclass(frozen=True, slots=True)
class Source:
    """What a config can begin from."""

    title: str
    note: str = ""
    template: Template | None = None
    ref: JobRef | None = None
    draft: Draft | None = None
    file: bool = False
    folder: bool = False
    """A source bundle: a folder, or a zip of one."""

    @property
    def asks(self) -> bool:
        """Whether a path has to be named."""
        return self.file or self.folder


@dataclass(frozen=True, slots=True)
class Target:
    """Where the job is to run."""

    profile: str
    provider: str
    gpu_type: str | None = None
    gpu_count: int | None = None
    runner: str | None = None


class Options(PieceLine, can_focus=True):
    """``Profile      comfy   local``: one of a few words, changed by the arrow keys."""

    GROUND = "surface"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "before", show=False),
        Binding("right,l,space", "step(1)", "next", show=False),
    ]

    class Changed(UiMessage):
        """Another word is chosen."""

    def __init__(self, label: str, options: Sequence[str], *, id: str) -> None:
        super().__init__(id=id)
        self.label, self.options, self.index = label, tuple(options), 0

    @property
    def value(self) -> str:
        """The chosen word; empty when there is none to choose."""
        return self.options[self.index] if self.options else ""

    def offer(self, options: Sequence[str]) -> None:
        """Other words; the chosen one stays if it is among them."""
        held = self.value
        self.options = tuple(options)
        self.index = self.options.index(held) if held in self.options else 0
        self.display = bool(options)
        self.renew()

    def pieces(self, width: int) -> Sequence[Piece]:
        label = Piece(f"{self.label:<{_LABEL}}", "foreground" if self.has_focus else "text-muted")
        words = []
        for index, option in enumerate(self.options):
            chosen = index == self.index
            ground = ("cursor-row" if self.has_focus else "panel") if chosen else "surface"
            colour = "accent" if chosen else "text-muted"
            words.append(Piece(f" {option} ", colour, chosen, ground, str(index)))
        ellipsis = glyphs_of(self).ellipsis
        return [label, *abreast(words, self.index, width - label.width, ellipsis)]

    def action_step(self, step: int) -> None:
        """The word beside it."""
        if self.options:
            self.choose((self.index + step) % len(self.options))

    def choose(self, index: int) -> None:
        """A word by its place."""
        if index != self.index:
            self.index = index
            self.renew()
            self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        """A click chooses."""
        if key := self.key_at(event.x):
            self.choose(int(key))

    def on_focus(self) -> None:
        """The chosen word shows the focus."""
        self.renew()

    def on_blur(self) -> None:
        """No more."""
        self.renew()


class Sources(LineList):
    """What to begin from, one a row."""

    DEFAULT_CSS = """
    Sources { height: auto; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__(id="sources")
        self.sources: Sequence[Source] = ()

    def row_count(self) -> int:
        """How many there are."""
        return len(self.sources)

    @property
    def value(self) -> Source | None:
        """The one under the cursor."""
        return self.sources[self.cursor] if self.sources else None

    def render_row(self, row: int, width: int) -> Strip:
        """``▸ Flux LoRA   FLUX.1-dev, 24 GB``."""
        from trainer_tui.tui.paint import paint_of
        from trainer_tui.tui.present import fit
        from trainer_tui.tui.widgets.line import draw

        source, glyphs = self.sources[row], self.glyphs
        chosen = row == self.cursor
        ground = "surface" if not chosen else "cursor-row" if self.has_focus else "panel"
        label = "Begin with" if not row else ""
        colour = "foreground" if self.has_focus else "text-muted"
        title = fit(source.title, min(30, max(8, width - _LABEL - 3)), glyphs)
        room = max(0, width - _LABEL - len(title) - 5)
        note = fit(source.note, min(len(source.note), room), glyphs)
        pieces = [
            Piece(f"{label:<{_LABEL}}", colour, ground="surface"),
            Piece(f" {glyphs.cursor if chosen else ' '} ", "accent", True, ground),
            Piece(title, "foreground" if chosen else "text-muted", chosen, ground),
            Piece(f"  {note}", "text-muted", False, ground),
        ]
        used = sum(piece.width for piece in pieces)
        pieces.append(Piece(" " * max(0, width - used), ground=ground))
        return draw(pieces, width, paint_of(self.app), "surface")

    def cursor_moved(self) -> None:
        """Tell it."""
        self.post_message(Options.Changed())


class PathSuggester(Suggester):
    """Completes paths: folders, and files that can be YAML."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.endings: Sequence[str] = (".yaml", ".yml")

    async def get_suggestion(self, value: str) -> str | None:
        """The first path that begins so."""
        found = completions(value, limit=1, endings=self.endings)
        return found[0] if found else None


def completions(
    value: str, *, limit: int = 8, endings: Sequence[str] = (".yaml", ".yml")
) -> list[str]:
    """Paths that begin with what is typed, folders with a slash; at most ``limit``."""
    head, slash, part = value.rpartition("/")
    try:
        folder = Path(head + slash).expanduser() if slash else Path()
        names: list[str] = []
        for count, entry in enumerate(sorted(folder.iterdir())):
            if count > 5_000 or len(names) >= limit:
                break
            if not entry.name.startswith(part) or (entry.name.startswith(".") and not part):
                continue
            if entry.is_dir():
                names.append(f"{head}{slash}{entry.name}/")
            elif entry.suffix in endings:
                names.append(f"{head}{slash}{entry.name}")
    except (OSError, RuntimeError, ValueError):
        return []
    return names


def read_file(path: str) -> str:
    """A config from a file, every byte of it.

    Raises:
        UsageError: It cannot be read, is too large, or is not UTF-8.
    """
    if not path.strip():
        raise UsageError("Name the file that the config is in.")
    try:
        with Path(path.strip()).expanduser().open("rb") as source:
            data = source.read(4 * MAX_SIZE + 1)
        text = data.decode(errors="ignore" if len(data) > 4 * MAX_SIZE else "strict")
    except UnicodeDecodeError as error:
        raise UsageError(f"{Path(path).name} is not UTF-8 text.") from error
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{Path(path).name} cannot be read: {why}.") from error
    if len(text) > MAX_SIZE:
        raise UsageError(f"{Path(path).name} is larger than any config.")
    return text


def bundle_text(path: str) -> str:
    """The text that submits a source bundle, which is checked first.

    Raises:
        UsageError: It is not there, or lacks something; the message says what.
    """
    from trainer_tui import bundles
    from trainer_tui.core.small_starters import for_folder

    if not path.strip():
        raise UsageError("Name the folder of the source bundle.")
    try:
        place = Path(path.strip()).expanduser().absolute()
        if place.is_dir():
            bundles.check_folder(place)
        elif place.is_file():
            bundles.source_root(place)
        else:
            raise UsageError(f"There is no {place}.")
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    return for_folder(str(place))


class Said(PieceLine):
    """One line below the form: what is missing, or the files that match."""

    GROUND = "surface"

    def __init__(self) -> None:
        super().__init__(id="said")
        self.text, self.colour = "", "text-faint"

    def say(self, text: str, colour: str = "text-faint") -> None:
        """Say something else."""
        self.text, self.colour = text, colour
        self.renew()

    def pieces(self, width: int) -> Sequence[Piece]:
        return [Piece(self.text[:width], self.colour)]
