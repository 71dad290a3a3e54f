"""What the console remembers from one time to the next: selection, filter, order, layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer_tui.core.rows import Values

KEY = "session"


@dataclass(slots=True)
class Session:
    """How the console was left."""

    selected: str = ""
    """A ref, or empty."""
    filter: str = ""
    sort: str = "age"
    reverse: bool = False
    tab: str = "overview"
    theme: str = ""
    """Chosen in the console; empty: the config's."""
    split: int = 0
    """Per cent of the height that the table has; 0: the config's or the usual."""
    split_wide: int = 0
    """The same of the width, where table and detail stand side by side."""
    zoom: str = ""
    """``jobs`` or ``detail`` when one has the whole screen."""

    @classmethod
    def read(cls, store: Values) -> Session:
        """What was kept; what is missing or makes no sense has its default."""
        held = store.get_value(KEY)
        if not isinstance(held, Mapping):
            return cls()
        session = cls()
        for field in fields(cls):
            value = held.get(field.name)
            if type(value) is type(getattr(session, field.name)):
                setattr(session, field.name, value)
        return session

    def write(self, store: Values) -> None:
        """Keep it."""
        store.set_value(KEY, asdict(self))
