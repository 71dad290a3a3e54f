"""What the jobs table says when there is nothing in it: each case with what to press."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer_tui.tui.commands import BY_ID, key_names

if TYPE_CHECKING:
    from trainer_tui.core.poller import ProfileState
    from trainer_tui.tui.app import TrainerApp
    from trainer_tui.tui.widgets.jobs_table import Line


def empty_state(app: TrainerApp) -> Sequence[Line]:
    """Lines of text and colour, to be centred."""
    total = len(app.board.entries())
    if total:
        return (
            ((f"None of {total} jobs matches ", "text-muted"), (app.filter.text, "accent")),
            *(((sentence, "warning"),) for sentence in app.strangers()[:3]),
            (),
            _keys(app, ("view.filter", "change the filter"), ("view.back", "clear it")),
        )
    states = list(app.runtime.states().values())
    if not states:
        return (
            (("No profile yet", "foreground"),),
            (),
            (("A profile is an account on a service, or this machine.", "text-muted"),),
            (),
            _keys(app, ("app.profiles", "add one"), ("app.help", "help")),
        )
    troubled = [state for state in states if state.error is not None]
    if troubled:
        return _trouble(app, troubled)
    if any(state.phase in {"loading", "idle"} and state.last_ok is None for state in states):
        names = ", ".join(state.name for state in states)
        return (
            (("Asking ", "text-muted"), (names, "foreground"), (f" {_dots(app)}", "text-muted")),
        )
    return (
        (("No jobs yet", "foreground"),),
        (),
        _keys(app, ("job.new", "write the first one"), ("job.track", "track one made elsewhere")),
    )


def _trouble(app: TrainerApp, states: Sequence[ProfileState]) -> Sequence[Line]:
    lines: list[Line] = []
    for state in states[:3]:
        assert state.error is not None
        lines.append(((f"{app.glyphs.bad} {state.name}: ", "status-failed"),
                      (state.error.title, "status-failed")))  # fmt: skip
        lines.append(((state.error.message[:100], "text-muted"),))
        if state.error.hint:
            lines.append(((state.error.hint[:100], "text-muted"),))
        lines.append(())
    what = "set its credential" if states[0].phase == "unauthorized" else "see it in full"
    lines.append(_keys(app, ("app.profiles", what), ("app.refresh", "try again now")))
    return lines


def _keys(app: TrainerApp, *wanted: tuple[str, str]) -> Line:
    pieces: list[tuple[str, str]] = []
    for command_id, words in wanted:
        keys = app.config.keys.get(command_id, BY_ID[command_id].keys)
        if pieces:
            pieces.append(("     ", "text-muted"))
        pieces += [(key_names(keys).split(" ")[0], "accent"), (f" {words}", "text-muted")]
    return tuple(pieces)


def _dots(app: TrainerApp) -> str:
    return app.glyphs.ellipsis if app.glyphs.unicode else "..."
