"""What a job has made: a tree of files to mark and download, and how the downloads get on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from trainer_tui.core.messages import ArtifactsArrived, Aspect, AspectFailed, DownloadChanged
from trainer_tui.core.rows import DownloadPhase, DownloadRow
from trainer_tui.model import Artifact, Capability, Job
from trainer_tui.tui.amounts import size
from trainer_tui.tui.widgets import transfer
from trainer_tui.tui.widgets.artifact_tree import key_of, rows
from trainer_tui.tui.widgets.file_tree import BAR, FileTree
from trainer_tui.tui.widgets.instead import Instead, InsteadPane, trouble
from trainer_tui.tui.widgets.line_view import ColumnNames

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Message
    from trainer_tui.errors import TrainerError


class ArtifactsPane(InsteadPane):
    """Artifacts of the shown job."""

    TAB = "artifacts"
    ASPECTS = frozenset({Aspect.ARTIFACTS})
    KEYS_GO_TO = "#files"

    DEFAULT_CSS = """
    ArtifactsPane {
        & #files-line {
            height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark", id="artifacts.mark",
                tooltip="Mark the file, or all files of the group."),
        Binding("asterisk", "mark_all", "mark all", show=False, id="artifacts.mark_all",
                tooltip="Mark every file of the job."),
        Binding("u", "unmark", "unmark", show=False, id="artifacts.unmark",
                tooltip="Take every mark away."),
        Binding("d", "download", "download", id="artifacts.download",
                tooltip="Download the marked files, or what the cursor is on."),
        Binding("enter", "fold", "open", show=False, id="artifacts.toggle",
                tooltip="Open or close a group."),
        Binding("right", "open(True)", "open", show=False, id="artifacts.open",
                tooltip="Open a group."),
        Binding("left", "open(False)", "close", show=False, id="artifacts.close",
                tooltip="Close a group, or go to it."),
        Binding("y", "copy", "copy path", show=False, id="artifacts.copy",
                tooltip="Copy where the file was saved, or its name."),
    ]  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.job: Job | None = None
        self.artifacts: Sequence[Artifact] | None = None
        """``None`` until the service has answered."""
        self._toggled: set[str] = set()
        self._error: TrainerError | None = None
        self._told = ""

    def compose(self) -> ComposeResult:
        """Column names, tree, a line about the row under the cursor."""
        tree = FileTree(id="files")
        yield ColumnNames(tree.header, id="files-head")
        yield tree
        yield Static(id="files-line", markup=False)
        yield Instead(id="files-instead")

    def on_mount(self) -> None:
        """A first look."""
        self._settle()

    @property
    def tree_view(self) -> FileTree:
        """The rows."""
        return self.query_one(FileTree)

    # What arrives

    def show(self, entry: Entry | None) -> None:
        """Another job: nothing is known of it yet."""
        job = entry.job if entry else None
        if (job and job.ref) != (self.job and self.job.ref):
            self.artifacts = self._error = None
            self._toggled.clear()
            tree = self.tree_view
            tree.marked.clear()
            tree.cursor = tree.top = 0
            tree.downloads = {}
            if job is not None:
                # The newest row of a file is the one to tell of.
                for row in self.console.runtime.downloads():
                    if row.ref == job.ref:
                        tree.downloads[f"{row.kind}/{row.name}"] = row
            self.query_one("#files-head").refresh()
        self.job = job
        self._settle()

    def receive(self, message: Message) -> None:
        """Files, a download's progress, or the reason why there are none."""
        if isinstance(message, ArtifactsArrived):
            self._error = None
            self.artifacts = tuple(message.artifacts)
        elif isinstance(message, AspectFailed) and message.aspect is Aspect.ARTIFACTS:
            self._error = message.error
        elif isinstance(message, DownloadChanged):
            return self._downloaded(message.row)
        else:
            return
        self._settle()

    def _downloaded(self, row: DownloadRow) -> None:
        tree = self.tree_view
        key = f"{row.kind}/{row.name}"
        before = tree.downloads.get(key)
        if before is not None and before.id > row.id:
            return
        if not tree.downloads:  # the column widens
            tree.refresh()
            self.query_one("#files-head").refresh()
        tree.downloads[key] = row
        done = before is None or before.phase is not row.phase
        for number, node in enumerate(tree.nodes):
            mine = key in map(key_of, node.files)
            if mine and (done or (node.leaf and not self._same(before, row))):
                tree.refresh_row(number)
        self._tell()

    def _same(self, before: DownloadRow | None, row: DownloadRow) -> bool:
        """Whether a row reads the same as before."""

        def reads(one: DownloadRow) -> tuple[object, ...]:
            glyphs = self.tree_view.glyphs
            bar = transfer.progress_bar(one, BAR, glyphs)
            return bar, transfer.percent(one), transfer.words(one)

        return before is not None and reads(before) == reads(row)

    def _settle(self) -> None:
        if self.artifacts:
            self.settle(None)
            self._list()
        else:
            self.settle(self._reason())

    def _list(self) -> None:
        tree = self.tree_view
        now = self.console.now()
        nodes = rows(self.artifacts or (), self._toggled)
        if nodes != tree.nodes or tree.now is None:
            held = tree.current
            tree.now = now
            tree.nodes = nodes
            keys = [node.key for node in nodes]
            if held is not None and held.key in keys:
                tree.cursor = keys.index(held.key)
            tree.cursor = min(tree.cursor, max(0, len(nodes) - 1))
            tree.marked &= {key_of(artifact) for artifact in self.artifacts or ()}
            tree.move_to(tree.top)
            tree.refresh()
        self._tell()

    def _reason(self) -> Text:
        tree, job = self.tree_view, self.job
        muted, faint = tree.paint("text-muted"), tree.paint("text-faint")
        if job is None:
            return Text("No job is selected.", muted)
        facts = self.console.runtime.facts(job.ref.profile)
        if Capability.ARTIFACTS not in facts.capabilities:
            return Text(facts.why_not(Capability.ARTIFACTS), muted)
        text = Text()
        if self._error is not None:
            return trouble(tree, self._error)
        if self.artifacts is None:
            text.append(f"Asking for the files{tree.glyphs.ellipsis}", muted)
        elif job.status.active:
            text.append("Nothing made yet. ", muted)
            text.append("Checkpoints and samples appear here as the job writes them.", faint)
        else:
            text.append("This job made no files.", muted)
        return text

    # The line below

    def on_descendant_focus(self) -> None:
        """``d`` takes what the cursor is on."""
        self._tell()

    def on_descendant_blur(self) -> None:
        """``d`` takes everything."""
        self._tell()

    @on(FileTree.Changed)
    def _changed(self, event: FileTree.Changed) -> None:
        event.stop()
        self._tell()

    def _tell(self) -> None:
        """Say what ``d`` would take, and what is to be known of the row under the cursor."""
        tree = self.tree_view
        node, glyphs = tree.current, tree.glyphs
        text = Text(" ", no_wrap=True, overflow="ellipsis")
        if tree.marked:
            files = self._marked()
            total = sum(file.size or 0 for file in files)
            noun = "file" if len(files) == 1 else "files"
            text.append(f"{len(files)} {noun} marked", tree.paint("accent"))
            text.append(f" {glyphs.dot} {size(total)}")
            if tree.has_focus:
                text.append(f" {glyphs.dot} d downloads")
        elif node is not None and node.leaf and tree.has_focus:
            row = tree.downloads.get(node.key)
            file = node.files[0]
            if row is not None and row.phase is DownloadPhase.DONE:
                text.append(f"{glyphs.ok} ", tree.paint("status-succeeded"))
                text.append(str(row.target))
            elif row is not None and row.phase is DownloadPhase.FAILED:
                text.append(f"{glyphs.bad} {row.note}", tree.paint("status-failed"))
            else:
                seed = "" if file.seed is None else f"seed {file.seed}"
                prompt = f"“{file.prompt}”" if file.prompt and glyphs.unicode else file.prompt or ""
                text.append(f" {glyphs.dot} ".join(filter(None, (file.name, seed, prompt))))
        elif node is not None:
            # From elsewhere d takes all that the job has.
            count = len(node.files if tree.has_focus else self.artifacts or ())
            what, them = ("1 file", "it") if count == 1 else (f"{count} files", "them")
            text.append(f"{what} {glyphs.dot} d downloads {them}")
        if (told := text.markup) != self._told:
            self._told = told
            self.query_one("#files-line", Static).update(text)

    # Keys

    def _marked(self) -> list[Artifact]:
        return [a for a in self.artifacts or () if key_of(a) in self.tree_view.marked]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without files the keys are the app's."""
        mine = {"mark", "mark_all", "unmark", "download", "fold", "open", "copy"}
        return bool(self.artifacts) if action in mine else True

    def action_mark(self) -> None:
        """Mark what the cursor is on, or unmark it, and go on to the next row."""
        tree = self.tree_view
        if (node := tree.current) is not None:
            keys = {key_of(file) for file in node.files}
            if keys <= tree.marked:
                tree.marked -= keys
            else:
                tree.marked |= keys
            tree.refresh()
            tree.put_cursor(tree.cursor + 1)
            self._tell()

    def action_mark_all(self) -> None:
        """Mark every file."""
        self.tree_view.marked = {key_of(artifact) for artifact in self.artifacts or ()}
        self.tree_view.refresh()
        self._tell()

    def action_unmark(self) -> None:
        """Unmark every file."""
        self.tree_view.marked.clear()
        self.tree_view.refresh()
        self._tell()

    def action_download(self) -> None:
        """Download the marked files, or those under the cursor."""
        node = self.tree_view.current
        files = self._marked() or (list(node.files) if node else [])
        if files and self.job is not None:
            self.console.download(self.job.ref, files)
            self.action_unmark()

    def action_fold(self) -> None:
        """Open or close."""
        node = self.tree_view.current
        if node is not None and not node.leaf:
            self._toggled ^= {node.key}
            self._list()

    def action_open(self, wanted: bool) -> None:
        """Open a group; close it, or go to it from one of its files."""
        tree = self.tree_view
        node = tree.current
        if node is None:
            return
        if not node.leaf and node.open != wanted:
            self.action_fold()
        elif not wanted and node.depth:
            above = range(tree.cursor - 1, -1, -1)
            tree.put_cursor(next((n for n in above if tree.nodes[n].depth < node.depth), 0))

    def action_copy(self) -> None:
        """Copy the path of a downloaded file, or the name of one that is not."""
        node = self.tree_view.current
        if node is None or not node.leaf:
            return
        row = self.tree_view.downloads.get(node.key)
        if row is not None and row.phase is DownloadPhase.DONE:
            self.console.copy(str(row.target), "the path")
        else:
            self.console.copy(node.files[0].name, "the name")
