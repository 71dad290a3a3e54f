"""What a screen with a text being written says of it; its children say more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.screen import Screen

from trainer_tui.model import JobRef
from trainer_tui.tui.checking import Rules
from trainer_tui.tui.inside import InConsole
from trainer_tui.tui.ondisk import OnDisk

if TYPE_CHECKING:
    from trainer_tui.core.acts import Outcome
    from trainer_tui.tui.screens.diff import Other
    from trainer_tui.tui.screens.odds import Odds


class TextBase(Screen[None], InConsole):
    """A screen with a text, and what can be asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.sending = False
        self.began = False
        self.noted = ""
        self.odds: Odds | None = None
        """A choice that is open between one's own text and another."""
        self.datasets: Mapping[str, str] | None = None
        """The account's datasets, once the service has told them."""
        self.files: list[OnDisk] = []
        """Files whose text is edited here."""

    # For the children -------------------------------------------------------------------------

    def about(self) -> str:
        """What is edited, for the heading."""
        return ""

    def base(self) -> str | None:
        """What the text is compared with."""
        return None

    def base_name(self) -> str:
        """What that is called."""
        return "before"

    def rules(self) -> Rules:
        """What the text is checked by."""
        return Rules()

    def file_name(self) -> str:
        """What a file with this text is called."""
        return "config"

    def started(self) -> None:
        """The screen is up: get the text. (Textual would call an `on_mount` of a child first.)"""

    def ended(self) -> None:
        """The screen is gone."""

    def others(self) -> list[Other]:
        """More texts that one's own can be compared with."""
        return []

    def ref_of(self) -> JobRef | None:
        """The job whose config it is, where there is one."""
        return None

    def tells(self, outcome: Outcome) -> bool:
        """Whether a refusal is told here, above the text, and needs no other telling."""
        return False

    def profile_of(self) -> str:
        """The profile that it will be sent to."""
        return ""
