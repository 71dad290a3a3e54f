"""What a pane of the detail is: one widget that shows one side of the selected job.

The detail (``widgets/detail.py``) imports a pane's module when its tab is first opened, keeps the
pane mounted, and hands it facts; a pane never fetches. In short:

* ``show(entry)`` is called when another job is selected, when the shown job changed, and when the
  pane is opened. ``None`` means that there is no job. Compare ``entry.job.ref`` with what is held
  to tell the cases apart.
* ``receive(message)`` is called on the interface's thread with what the runtime learned of the
  shown job (``LogArrived``, ``MetricsArrived``, ``ArtifactsArrived``, ``ConfigArrived``,
  ``EventsArrived``, ``AspectFailed``, ``DownloadChanged``, …).
* While the pane is the one that is seen, the job is watched for ``ASPECTS``.
* Nothing is repainted unless its text changed.

A pane reaches the app through ``self.console``: ``now()``, ``glyphs``, ``config``, ``paths``,
``runtime``, ``store``, ``read_only``, ``say(text, severity)``, ``command(id)`` (run a command of
the table), ``perform(act, refs)``, ``download(ref, artifacts)``, ``copy(text, what)``.

Keys of a pane are ordinary ``BINDINGS``: give every ``Binding`` an ``id`` such as
``logs.follow`` (so that ``[keys]`` in the config can remap it), a ``description`` for the key bar
(``show=True`` only for the three or four that matter most) and a ``tooltip``, one sentence, for
the help screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.widget import Widget

from trainer_tui.tui.inside import InConsole

if TYPE_CHECKING:
    from trainer_tui.core.board import Entry
    from trainer_tui.core.messages import Aspect, Message


class JobPane(Widget, InConsole):
    """One side of the selected job; see the module's text for what it may rely on."""

    DEFAULT_CSS = """
    JobPane {
        width: 1fr;
        height: 1fr;
    }
    """

    TAB: ClassVar[str] = ""
    """Which tab it fills: overview, logs, metrics, config, artifacts, models or events."""

    ASPECTS: ClassVar[frozenset[Aspect]] = frozenset()
    """What of the job is watched while the pane is seen."""

    def greyed(self, action: str) -> bool:
        """Whether one of its keys can do nothing just now; pressed, it says why."""
        return False

    def show(self, entry: Entry | None) -> None:
        """Show a job (``None``: there is none), or what changed of the one that is shown."""

    def receive(self, message: Message) -> None:
        """Take what was learned of the shown job."""
