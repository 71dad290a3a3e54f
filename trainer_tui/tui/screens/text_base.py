"""What a screen with a text being written has, and what its children say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from textual.screen import Screen

from trainer_tui.core.drafts import Keeper
from trainer_tui.model import JobRef
from trainer_tui.tui.checking import Checked, Rules
from trainer_tui.tui.ondisk import OnDisk

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp
    from trainer_tui.tui.screens.diff import Other
    from trainer_tui.tui.screens.odds import Odds
    from trainer_tui.tui.screens.text_lines import Banner, StateLine
    from trainer_tui.tui.widgets.key_bar import KeyBar
    from trainer_tui.tui.widgets.yaml_area import YamlArea


class TextBase(Screen[None]):
    """What the flows and the screen itself know of each other."""

    area: YamlArea
    note: Banner
    keys: KeyBar
    state: StateLine
    checked: Checked
    keeper: Keeper | None

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

    @property
    def console(self) -> TrainerApp:
        """The app, by its own type."""
        return cast("TrainerApp", self.app)

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

    def send(self) -> None:
        """Ask, then send."""
        raise NotImplementedError

    def others(self) -> list[Other]:
        """More texts that one's own can be compared with."""
        return []

    def ref_of(self) -> JobRef | None:
        """The job whose config it is, where there is one."""
        return None

    def profile_of(self) -> str:
        """The profile that it will be sent to."""
        return ""

    # By the screen itself -----------------------------------------------------------------------

    def write(self) -> None:
        """Write the draft now."""
        raise NotImplementedError

    def renew(self) -> None:
        """Show where the editing stands."""
        raise NotImplementedError

    def changed(self) -> None:
        """The text, or what it is compared with, is another one."""
        raise NotImplementedError

    def check_now(self) -> Checked:
        """The text as it is at this moment, checked."""
        raise NotImplementedError
