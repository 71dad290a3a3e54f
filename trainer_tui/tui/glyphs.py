"""Every symbol that the console draws, once for Unicode terminals and once for ASCII ones."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from trainer_tui.model import Status


class Glyphs(NamedTuple):  # a dataclass of so many fields takes milliseconds to make
    """A set of symbols. Each is one cell wide but for the strings named as such."""

    unicode: bool
    status: Mapping[Status | str, str]
    """The shape of a status: it is told by shape *and* colour, never by colour alone."""
    blocks: tuple[str, ...]
    """Left-to-right fill of one cell, from nothing to full: nine steps, or two in ASCII."""
    track: str
    """The part of a bar that is not filled yet."""
    bar: str
    """A bar cell fully filled."""
    sparks: tuple[str, ...]
    """Bottom-to-top fill of one cell, lowest to highest: eight steps."""
    cursor: str
    mark: str
    watched: str
    up: str
    down: str
    right: str
    dash: str
    """Stands where there is no value."""
    dot: str
    """Between two facts on a line."""
    times: str
    ellipsis: str
    ok: str
    bad: str
    warn: str
    info: str
    refresh: str
    pause: str
    h: str
    v: str
    corners: tuple[str, str, str, str]
    """Top left, top right, bottom left, bottom right."""
    tees: tuple[str, str]
    """Left and right end of a line across a box."""
    branch: str
    """A tree's branch; two cells."""
    stem: str
    plus_minus: str
    follow: str
    folder_open: str
    folder_closed: str
    star: str
    no_star: str
    recommended: str
    """What the service itself recommends."""

    def plain(self, text: str) -> str:
        """What the core says, in the signs that the terminal has."""
        return text if self.unicode else text.replace("→", "->")

    def dotted(self, *parts: str) -> str:
        """Parts of a line of hints, as ``enter saves · esc closes``."""
        return f" {self.dot} ".join(parts)


UNICODE = Glyphs(
    unicode=True,
    status=MappingProxyType(
        {
            "queued": "◌",
            "preparing": "◔",
            "running": "●",
            "stopping": "◐",
            "succeeded": "✓",
            "interrupted": "↯",
            "failed": "✗",
            "canceled": "■",
            "unknown": "?",
        }
    ),
    blocks=(" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"),
    track="·",
    bar="█",
    sparks=("▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"),
    cursor="▸",
    mark="◆",
    watched="♪",
    up="↑",
    down="↓",
    right="→",
    dash="—",
    dot="·",
    times="×",
    ellipsis="…",
    ok="✓",
    bad="✗",
    warn="▲",
    info="●",
    refresh="↻",
    pause="‖",
    h="─",
    v="│",
    corners=("╭", "╮", "╰", "╯"),
    tees=("├", "┤"),
    branch="├ ",
    stem="│ ",
    plus_minus="±",
    follow="⇣",
    folder_open="▾",
    folder_closed="▸",
    star="★",
    no_star="☆",
    recommended="◈",
)

ASCII = Glyphs(
    unicode=False,
    status=MappingProxyType(
        {
            "queued": "o",
            "preparing": "~",
            "running": "*",
            "stopping": "%",
            "succeeded": "+",
            "interrupted": "!",
            "failed": "x",
            "canceled": "#",
            "unknown": "?",
        }
    ),
    blocks=(" ", "#"),
    track=".",
    bar="#",
    sparks=("_", "_", ".", "-", "-", "=", "^", "^"),
    cursor=">",
    mark="+",
    watched="@",
    up="^",
    down="v",
    right=">",
    dash="-",
    dot="-",
    times="x",
    ellipsis="~",
    ok="+",
    bad="x",
    warn="!",
    info="*",
    refresh="every",
    pause="=",
    h="-",
    v="|",
    corners=("+", "+", "+", "+"),
    tees=("+", "+"),
    branch="|-",
    stem="| ",
    plus_minus="+-",
    follow="v",
    folder_open="v",
    folder_closed=">",
    star="*",
    no_star=".",
    recommended="!",
)


def utf8_terminal(env: Mapping[str, str] | None = None) -> bool:
    """Whether the locale says that the terminal shows UTF-8 and it is more than a dumb one."""
    env = os.environ if env is None else env
    if env.get("TERM", "") in {"dumb", "linux", "vt100", "vt220"}:
        return False
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := env.get(name):
            return "utf-8" in value.lower() or "utf8" in value.lower()
    return "utf" in locale.getpreferredencoding(False).lower() and env is os.environ


def choose(ascii_only: bool | None, env: Mapping[str, str] | None = None) -> Glyphs:
    """The symbols to draw with: as asked for, or (``None``) as the locale allows."""
    if ascii_only is None:
        ascii_only = not utf8_terminal(env)
    return ASCII if ascii_only else UNICODE
