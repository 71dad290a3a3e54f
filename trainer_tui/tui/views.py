"""What the commands do that only change what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer_tui.errors import UsageError
from trainer_tui.tui.columns import SORTABLE
from trainer_tui.tui.commands import BY_ID
from trainer_tui.tui.screens.main import MainScreen

if TYPE_CHECKING:
    from trainer_tui.tui.app import TrainerApp

_MIN_SPLIT, _MAX_SPLIT = 15, 85


def _main(app: TrainerApp) -> MainScreen:
    assert app.main is not None
    return app.main


# -- movement and marks --------------------------------------------------------------------------


def move(app: TrainerApp, rows: str) -> None:
    """Move the cursor by rows."""
    _main(app).table.move(int(rows))


def move_page(app: TrainerApp, pages: str) -> None:
    """Move the cursor by screens."""
    table = _main(app).table
    table.move(int(pages) * table.page)


def move_to(app: TrainerApp, end: str) -> None:
    """Move the cursor to the first or the last job."""
    table = _main(app).table
    table.move_to(0 if end == "0" else len(table.jobs) - 1)


def mark(app: TrainerApp) -> None:
    """Mark or unmark the job under the cursor."""
    _main(app).table.toggle_mark()
    _main(app).renew()


def mark_all(app: TrainerApp) -> None:
    """Mark all that is shown."""
    _main(app).table.mark_all()
    _main(app).renew()


def unmark_all(app: TrainerApp) -> None:
    """Take every mark away."""
    _main(app).table.unmark_all()
    _main(app).renew()


# -- order and filter ----------------------------------------------------------------------------


def sort_next(app: TrainerApp) -> None:
    """Sort by the next column."""
    current = _main(app).table.jobs.sort
    place = SORTABLE.index(current) if current in SORTABLE else -1
    sort_by(app, SORTABLE[(place + 1) % len(SORTABLE)])


def sort_reverse(app: TrainerApp) -> None:
    """Turn the order round."""
    sort_by(app, _main(app).table.jobs.sort)


def sort_by(app: TrainerApp, column: str) -> None:
    """Sort by a column; by the one that sorts already, the other way round."""
    main = _main(app)
    jobs = main.table.jobs
    reverse = not jobs.reverse if column == jobs.sort else False
    jobs.arrange(sort=column, reverse=reverse)
    app.session.sort, app.session.reverse = column, reverse
    app.session_changed()
    main.table.rearranged()
    from trainer_tui.tui.widgets.jobs_table import TableHeader

    main.query_one(TableHeader).refresh()
    main.renew()


def filter_jobs(app: TrainerApp) -> None:
    """Open the filter line."""
    from trainer_tui.tui.widgets.filter_bar import FilterBar

    main = _main(app)
    if main.filter_bar is not None:
        return
    if main.single and main.in_detail:
        main.close_detail()
    bar = FilterBar(app.filter.text)
    app.typed.hold()
    main.jobs_frame.query_one(".box").mount(bar, before=0)


def filter_typed(app: TrainerApp, text: str) -> None:
    """Filter by what is typed so far; what cannot be read leaves the last good filter in force."""
    main = _main(app)
    bar = main.filter_bar
    try:
        app.filter.set(text)
    except UsageError as error:
        if bar is not None:
            bar.tell_mistake(error)
        return
    main.table.jobs.arrange(matches=app.filter.matches)
    main.table.rearranged()
    main.renew()
    if bar is not None:
        bar.tell(len(main.table.jobs), main.table.jobs.total, app.strangers())


def filter_closed(app: TrainerApp, *, keep: bool) -> None:
    """Close the filter line, with what it gave or back to what was before."""
    main = _main(app)
    bar = main.filter_bar
    if bar is None or not bar.display:
        return
    bar.display = False
    if not keep:
        filter_typed(app, bar.before)
    app.session_changed()
    bar.remove()
    main.table.focus()


# -- detail and layout ---------------------------------------------------------------------------


def open_detail(app: TrainerApp) -> None:
    """Go into the detail."""
    if app.selected is not None:
        _main(app).open_detail()


def back(app: TrainerApp) -> None:
    """Out of the detail; in the table, undo filter, then marks."""
    main = _main(app)
    if main.detail.has_focus_within or main.in_detail or main.zoom == "detail":
        main.close_detail()
    elif app.filter.text:
        filter_typed(app, "")
        app.session_changed()
    elif main.table.marks:
        unmark_all(app)


def tab(app: TrainerApp, name: str) -> None:
    """Open a tab; where the detail is not seen it is shown."""
    main = _main(app)
    main.settle()
    main.detail.open_tab(name)
    if not main.detail.display:
        main.open_detail()


def tab_step(app: TrainerApp, step: str) -> None:
    """Open the next tab that can be opened."""
    from trainer_tui.tui.widgets.detail import TABS

    detail = _main(app).detail
    place = TABS.index(detail.tab)
    for _ in TABS:
        place = (place + int(step)) % len(TABS)
        if detail.why_no_tab(TABS[place]) is None:
            return tab(app, TABS[place])


def other_focus(app: TrainerApp) -> None:
    """Between the table and the detail."""
    main = _main(app)
    if main.detail.has_focus_within:
        if main.jobs_frame.display:
            main.table.focus()
        elif main.single:
            main.close_detail()
    else:
        main.open_detail()


def zoom(app: TrainerApp) -> None:
    """Give the whole screen to the pane that has the keys, or share it again."""
    main = _main(app)
    here = "detail" if main.detail.has_focus_within else "jobs"
    main.zoom = "" if main.zoom else here
    app.session.zoom = main.zoom
    app.session_changed()
    main.lay_out()


def split(app: TrainerApp, step: str) -> None:
    """Move the line between table and detail."""
    main = _main(app)
    session, settings = app.session, app.config.ui
    wide = main.has_class("-wide")
    usual = settings.split or (56 if wide else 46)
    now = (session.split_wide if wide else session.split) or usual
    share = max(_MIN_SPLIT, min(_MAX_SPLIT, now + int(step)))
    if wide:
        session.split_wide = share
    else:
        session.split = share
    app.session_changed()
    main.zoom = session.zoom = ""
    main.lay_out()


# -- screens -------------------------------------------------------------------------------------


def logs(app: TrainerApp) -> None:
    """The log on the whole screen; of several marked jobs their logs as one."""
    targets = app.targets()
    if len(targets) > 1:
        refs = [entry.job.ref for entry in targets]
        app.command_screen("merged_screen", "MergedScreen", refs)
        return
    if app.selected is None:
        app.say("There is no job to read the log of.", "warning")
        return
    app.command_screen("log_screen", "LogScreen", app.selected.job.ref)


def metrics(app: TrainerApp) -> None:
    """The curves on the whole screen."""
    if app.selected is None:
        app.say("There is no job to show curves of.", "warning")
        return
    app.command_screen("metrics_screen", "MetricsScreen", app.selected.job.ref)


def compare(app: TrainerApp) -> None:
    """The marked jobs side by side on the whole screen."""
    refs = [entry.job.ref for entry in app.targets()]
    if len(refs) < 2:
        app.say("Mark two or more jobs with space, then compare them.", "warning")
        return
    app.command_screen("compare_screen", "CompareScreen", refs)


def pipeline(app: TrainerApp) -> None:
    """What a job that is submitted now would run on."""
    profile = app.pipeline_profile()
    if profile is None:
        reason = app.why_not_command(BY_ID["app.pipeline"])
        app.say(reason or "No profile here has a pipeline to show.", "warning")
        return
    app.command_screen("pipeline", "PipelineScreen", profile)


def downloads(app: TrainerApp) -> None:
    """The download queue."""
    app.command_screen("downloads", "DownloadsScreen")


def profiles(app: TrainerApp) -> None:
    """The profiles."""
    app.command_screen("profiles", "ProfilesScreen")


def palette(app: TrainerApp) -> None:
    """Find a command."""
    app.command_screen("palette", "PaletteScreen")


def help_screen(app: TrainerApp) -> None:
    """What the keys do where the focus is."""
    from trainer_tui.tui.screens.help import HelpScreen

    app.push_screen(HelpScreen(app.screen))


def theme(app: TrainerApp) -> None:
    """Choose a theme."""
    app.command_screen("theme_picker", "ThemePicker")


# -- services ------------------------------------------------------------------------------------


def refresh(app: TrainerApp) -> None:
    """Ask everyone now."""
    app.reload_theme()
    states = app.runtime.states()
    limited = [name for name, state in states.items() if state.phase == "rate_limited"]
    if app.paused:
        app.say("Asked once; polling is still paused (p goes on).")
    elif limited:
        names = ", ".join(limited)
        others = "The others are asked now; " if len(limited) < len(states) else ""
        app.say(f"{others}{names} asked us to wait, and is asked when that time is over.")
    else:
        app.say("Asking the services now.", seconds=1.5)
    app.runtime.wake()


def pause(app: TrainerApp) -> None:
    """Stop asking, or go on."""
    app.paused = not app.paused
    app.runtime.pause(app.paused)
    _main(app).renew()
    app.say("Polling is paused; p goes on." if app.paused else "Polling goes on.")


def quit_console(app: TrainerApp) -> None:
    """Leave; where downloads run, say so first."""
    from trainer_tui.core.rows import DownloadPhase

    waiting = {DownloadPhase.RUNNING, DownloadPhase.WAITING}
    count = sum(1 for row in app.runtime.downloads() if row.phase in waiting)
    if not count:
        app.exit()
        return
    from trainer_tui.tui.screens.confirm import ConfirmScreen, Item

    noun = "download runs" if count == 1 else "downloads run"

    def answered(yes: bool | None) -> None:
        if yes:
            app.exit()

    app.push_screen(
        ConfirmScreen(
            "Quit",
            [Item(f"{count} {noun}", "paused now, resumed from the same byte next time")],
            question="Leave now?",
        ),
        answered,
    )
