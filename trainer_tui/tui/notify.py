"""Telling a person who looks elsewhere: bell and desktop notifications through the terminal.

OSC 9 is iTerm2's notification (kitty, WezTerm, ghostty and Windows Terminal take it too), OSC 777
is rxvt's (foot, VTE). Inside tmux a sequence must be wrapped to reach the terminal outside
(``allow-passthrough on``).
"""

from __future__ import annotations

from collections.abc import Mapping

from trainer_tui.config import NotifySettings
from trainer_tui.model import Job
from trainer_tui.sanitize import line

_OSC777 = ("foot", "rxvt", "vte")


def sequence(title: str, job: Job, settings: NotifySettings, env: Mapping[str, str]) -> str:
    """What to send to the terminal when there is news of a job."""
    return ("\a" if settings.bell else "") + desktop(title, f"{job.ref}", settings, env)


def desktop(title: str, body: str, settings: NotifySettings, env: Mapping[str, str]) -> str:
    """A desktop notification, or nothing where that is switched off or would show as rubbish."""
    how = settings.desktop
    term = env.get("TERM", "")
    if how == "auto":
        if term in {"linux", "dumb", ""}:
            return ""
        named = term.startswith(_OSC777) or "VTE_VERSION" in env
        how = "osc777" if named else "osc9"
    if how == "off":
        return ""
    title, body = (line(text, limit=200).replace(";", ",") for text in (title, body))
    if how == "osc777":
        return through_tmux(f"\x1b]777;notify;{title};{body}\x1b\\", env)
    return through_tmux(f"\x1b]9;{title} ({body})\x07", env)


def through_tmux(text: str, env: Mapping[str, str]) -> str:
    """A sequence wrapped so that tmux or screen hands it on; as it is outside of them."""
    if env.get("TMUX"):
        return "\x1bPtmux;" + text.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if env.get("TERM", "").startswith("screen"):
        return f"\x1bP{text}\x1b\\" if "\x1b\\" not in text else text
    return text
