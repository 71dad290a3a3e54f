"""Every act of the console, once: its id, keys, words and where it applies.

From this table come the key bindings, the palette, the help screen, the key bar and
``docs/keys.md`` (``python -m trainer_tui.tui.commands`` writes it). A command's handler is a
function of the app, named ``module:function`` inside this package and imported when it first
runs.

Keys that belong to one pane (searching a log, panning a chart) are the ``BINDINGS`` of that
pane's class, with ids and tooltips of their own; the help screen and the document read them there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType


class Scope(StrEnum):
    """Where a command's keys work."""

    APP = "app"
    """Everywhere but in dialogs."""
    MAIN = "main"
    """On the main screen, in the table and in the detail."""
    TABLE = "table"
    """In the jobs table."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that the console can do."""

    id: str
    """``group.verb``; what ``[keys]`` in the config names."""
    keys: str
    """Comma-separated; empty when it is reached by the palette alone."""
    title: str
    help: str
    """One sentence for the help screen."""
    run: str
    """``module:function`` below ``trainer_tui.tui``, or ``module:function:argument``."""
    scope: Scope = Scope.MAIN
    label: str = ""
    """Its word in the key bar; empty: not shown there."""
    write: bool = False
    """Whether it changes something at a service; taken away by ``--read-only``."""
    act: str | None = None
    """The act it asks of a job, which decides whether it is greyed."""
    hidden: bool = False
    """Not in the palette: plain movement."""
    needs: str | None = None
    """The capability without which it is greyed, with the provider's reason."""


_TABS = ("overview", "logs", "metrics", "config", "artifacts", "models", "events")

_c = Command
COMMANDS: tuple[Command, ...] = (
    # Acts on jobs
    _c("job.stop", "s", "Stop", "End the job early and keep what it has made.",
       "acts:stop", label="stop", write=True, act="stop"),
    _c("job.cancel", "c", "Cancel", "Cancel the marked jobs, or the one under the cursor.",
       "acts:cancel", label="cancel", write=True, act="cancel"),
    _c("job.resume", "r", "Resume", "Run it again from its newest checkpoint.",
       "acts:resume", label="resume", write=True, act="resume"),
    _c("job.edit", "e", "Edit config", "Edit the job's config, see the difference, send it.",
       "acts:edit", label="edit", write=True, act="edit"),
    _c("job.download", "d", "Download artifacts", "Fetch what the job has made so far.",
       "acts:download", label="download", needs="artifacts"),
    _c("job.logs", "l", "Logs, full screen",
       "Read the job's log on the whole screen; the logs of marked jobs as one, by time.",
       "views:logs", label="logs", needs="logs"),
    _c("job.metrics", "m", "Metrics", "Show the job's curves.", "views:metrics"),
    _c("job.compare", "equals_sign", "Compare marked jobs",
       "Lay the curves of the marked jobs over each other, and show what their configs differ in.",
       "views:compare"),
    _c("job.new", "n", "New job", "Write a config and submit it.",
       "acts:new", label="new", write=True),
    _c("job.copy_as_new", "y", "New job from this one",
       "Begin a new job with this one's config.", "acts:new_from", write=True),
    _c("job.delete", "x", "Delete or forget",
       "Delete the job at the service; where that cannot be, drop it from this console.",
       "acts:delete", write=True, act="delete"),
    _c("job.watch", "w", "Tell me when it ends",
       "Ring the bell and notify the desktop when the job ends; again: do not.",
       "acts:watch"),
    _c("job.track", "T", "Track a job by id",
       "Follow a job that was made elsewhere.", "acts:track"),
    _c("job.copy_ref", "Y", "Copy the job's ref",
       "Put profile/id on the clipboard of your own terminal (OSC 52).", "acts:copy_ref"),
    _c("job.copy_id", "I", "Copy the job's id",
       "Put the service's own id on the clipboard (OSC 52).", "acts:copy_id"),
    # Marks, filter, order
    _c("table.mark", "space", "Mark",
       "Mark the job under the cursor, or unmark it; acts take all marked jobs.",
       "views:mark", Scope.TABLE),
    _c("table.mark_all", "asterisk", "Mark all shown", "Mark every job that the filter shows.",
       "views:mark_all", Scope.TABLE),
    _c("table.unmark", "u", "Unmark all", "Take every mark away.", "views:unmark_all", Scope.TABLE),
    _c("view.filter", "slash", "Filter",
       "Show only jobs that match: words, status:active, age<2h, loss<0.5 …",
       "views:filter_jobs", label="filter"),
    _c("view.sort", "o", "Sort by the next column", "Sort the table by its next column.",
       "views:sort_next"),
    _c("view.reverse", "O", "Reverse the order", "Turn the order of the table round.",
       "views:sort_reverse"),
    # The detail
    _c("view.open", "enter", "Open", "Go into the job's detail.", "views:open_detail", Scope.TABLE),
    _c("view.back", "escape", "Back", "Back to the table; there, clear the filter, then the marks.",
       "views:back"),
    *(
        _c(f"tab.{name}", str(number), f"{name.capitalize()} tab",
           f"Show the job's {name}.", f"views:tab:{name}",
           needs=name if name in {"logs", "config", "artifacts", "models"} else None)
        for number, name in enumerate(_TABS, 1)
    ),
    _c("tab.previous", "left_square_bracket", "Previous tab", "Show the tab on the left.",
       "views:tab_step:-1"),
    _c("tab.next", "right_square_bracket", "Next tab", "Show the tab on the right.",
       "views:tab_step:1"),
    _c("view.next_pane", "tab", "Next pane", "Move between the table and the detail.",
       "views:other_focus", hidden=True),
    _c("view.previous_pane", "shift+tab", "Previous pane", "Move between the panes, backwards.",
       "views:other_focus", hidden=True),
    _c("view.zoom", "z", "Zoom", "Give the whole screen to the pane you are in; again: share it.",
       "views:zoom"),
    _c("view.grow", "plus", "Larger table", "Move the line between table and detail.",
       "views:split:5"),
    _c("view.shrink", "minus", "Smaller table", "Move the line the other way.", "views:split:-5"),
    # Services
    _c("app.refresh", "R", "Refresh now", "Ask the services now.", "views:refresh"),
    _c("app.pause", "p", "Pause polling", "Ask the services nothing until you press it again.",
       "views:pause"),
    _c("app.profiles", "P", "Profiles", "Accounts: their state, add, check, remove.",
       "views:profiles"),
    _c("app.drafts", "", "Drafts", "Texts that were not sent, were sent, or were not chosen.",
       "acts:drafts"),
    _c("app.pipeline", "", "Pipeline", "What a job that is submitted to kaos now would run on.",
       "views:pipeline", needs="pipeline"),
    _c("app.downloads", "D", "Download queue", "See, pause, retry downloads.", "views:downloads"),
    # The console itself
    _c("app.palette", "colon,ctrl+p", "Commands", "Find any command by a few letters of its name.",
       "views:palette", Scope.APP, label="command"),
    _c("app.help", "question_mark", "Help", "All keys that work where you are.",
       "views:help_screen", Scope.APP, label="help"),
    _c("app.theme", "t", "Theme", "Choose a theme and see it at once.", "views:theme", Scope.APP),
    _c("app.quit", "q", "Quit", "Leave the console; jobs go on by themselves.",
       "views:quit_console", Scope.APP),
    # Movement
    _c("table.down", "down,j", "Down", "One job down.", "views:move:1", Scope.TABLE, hidden=True),
    _c("table.up", "up,k", "Up", "One job up.", "views:move:-1", Scope.TABLE, hidden=True),
    _c("table.page_down", "pagedown,ctrl+f", "Page down", "A screen of jobs down.",
       "views:move_page:1", Scope.TABLE, hidden=True),
    _c("table.page_up", "pageup,ctrl+b", "Page up", "A screen of jobs up.",
       "views:move_page:-1", Scope.TABLE, hidden=True),
    _c("table.first", "home,g", "First job", "To the top of the table.", "views:move_to:0",
       Scope.TABLE, hidden=True),
    _c("table.last", "end,G", "Last job", "To the bottom of the table.", "views:move_to:-1",
       Scope.TABLE, hidden=True),
)  # fmt: skip

BY_ID = {command.id: command for command in COMMANDS}

_NAMES = {
    "equals_sign": "=",
    "asterisk": "*",
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "colon": ":",
    "question_mark": "?",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "exclamation_mark": "!",
    "ampersand": "&",
    "comma": ",",
    "full_stop": ".",
    "semicolon": ";",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "percent_sign": "%",
    "number_sign": "#",
    "at": "@",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "tilde": "~",
    "underscore": "_",
    "circumflex_accent": "^",
    "backspace": "bksp",
    "delete": "del",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def key_name(key: str, *, unicode: bool = True) -> str:
    """A key as people write it: ``slash`` is ``/``, ``ctrl+p`` is ``ctrl+p``."""
    *mods, last = key.split("+") if key != "+" else ("+",)
    name = _NAMES.get(last, last)
    if not unicode and not name.isascii():
        name = last
    return "+".join((*mods, name))


def key_names(keys: str, *, unicode: bool = True) -> str:
    """Several keys as people write them, with spaces between."""
    return " ".join(key_name(key.strip(), unicode=unicode) for key in keys.split(",") if key)


def bindings(*scopes: Scope) -> list[BindingType]:
    """Textual's bindings for the commands of some scopes, remappable by id."""
    return [
        Binding(
            command.keys,
            f"app.command('{command.id}')",
            command.title,
            show=bool(command.label),
            tooltip=command.help,
            id=command.id,
        )
        for command in COMMANDS
        if command.scope in scopes and command.keys
    ]


def unknown_ids(ids: Iterable[str], more: Iterable[str] = ()) -> list[str]:
    """Names in ``[keys]`` that no command has; each with the nearest that exists."""
    from difflib import get_close_matches

    known = {*BY_ID, *more}
    told = []
    for name in ids:
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1)
            told.append(f"{name}{f' (did you mean {near[0]}?)' if near else ''}")
    return told


def pane_ids() -> set[str]:
    """Ids of the keys that belong to panes and dialogs; imports all of them."""
    import importlib
    import pkgutil

    found: set[str] = set()
    for folder in ("screens", "widgets"):
        package = importlib.import_module(f"trainer_tui.tui.{folder}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for owner in vars(importlib.import_module(module.name)).values():
                if isinstance(owner, type) and owner.__module__ == module.name:
                    keys = Binding.make_bindings(owner.__dict__.get("BINDINGS", ()))
                    found.update(binding.id for binding in keys if binding.id)
    return found


_PANES = (
    ("Log (pane and full screen)", "widgets.log_view", "LogView"),
    ("Log: search, filter, go to, save", "widgets.log_question", "AskingPane"),
    ("Log: several of one job", "widgets.log_pane", "LogPane"),
    ("Log, full screen", "screens.log_screen", "LogScreen"),
    ("Logs of several jobs, full screen", "screens.merged_screen", "MergedScreen"),
    ("Log files (trainer-tui view)", "widgets.log_files", "FilesPane"),
    ("Metrics and comparison", "widgets.chart_panel", "ChartPanel"),
    ("Metrics, small charts", "widgets.chart_grid", "ChartGrid"),
    ("Comparison", "screens.compare_screen", "CompareScreen"),
    ("Comparison, what the configs differ in", "widgets.config_table", "ConfigTable"),
    ("Artifacts", "widgets.artifacts_pane", "ArtifactsPane"),
    ("Models", "widgets.models_pane", "ModelsPane"),
    ("Model", "screens.model", "ModelScreen"),
    ("Config", "widgets.config_pane", "ConfigPane"),
    ("Editor", "screens.editor", "EditorScreen"),
    ("Editor, the text", "widgets.yaml_area", "YamlArea"),
    ("Editor, find and replace", "widgets.find_bar", "FindBar"),
    ("Difference", "screens.diff", "DiffScreen"),
    ("Two texts at odds", "screens.odds", "OddsScreen"),
    ("Merge", "screens.merge", "MergeScreen"),
    ("Drafts", "screens.drafts", "DraftsScreen"),
    ("New job", "screens.new_job", "NewJobScreen"),
    ("Pipeline", "screens.pipeline", "PipelineScreen"),
    ("Downloads", "screens.downloads", "DownloadsScreen"),
    ("Profiles", "screens.profiles", "ProfilesScreen"),
)


def document() -> str:
    """``docs/keys.md``: every key that there is."""
    import importlib

    lines = [
        "# Keys",
        "",
        "Made from the command table by `python -m trainer_tui.tui.commands > docs/keys.md`.",
        "Any of them can be changed: `[keys]` in the config maps an id to keys, separated by",
        'commas, as in `"job.cancel" = "C,f9"`.',
    ]

    def table(title: str, rows: Iterable[tuple[str, str, str]]) -> None:
        found = list(rows)
        if not found:
            return
        lines.extend(["", f"## {title}", "", "| key | id | what it does |", "|---|---|---|"])
        for keys, name, text in found:
            shown = " ".join(f"`{key_name(key.strip())}`" for key in keys.split(",") if key.strip())
            lines.append(f"| {shown} | `{name}` | {text} |".replace("|` |", "\\|` |"))

    titles = {Scope.MAIN: "Main screen", Scope.TABLE: "Jobs table", Scope.APP: "Everywhere"}
    for scope, title in titles.items():
        table(title, ((c.keys, c.id, c.help) for c in COMMANDS if c.scope is scope and c.keys))
    for title, module, name in _PANES:
        try:
            owner = getattr(importlib.import_module(f"trainer_tui.tui.{module}"), name)
        except (ImportError, AttributeError):
            continue
        table(
            title,
            (
                (binding.key, binding.id, binding.tooltip or binding.description)
                for binding in Binding.make_bindings(owner.__dict__.get("BINDINGS", ()))
                if binding.id
            ),
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(document())
