"""What happens to a text being written besides typing: compared, edited elsewhere, at odds with
another one, sent, refused, left."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from trainer_tui.core.acts import Outcome
from trainer_tui.core.drafts import set_aside
from trainer_tui.errors import TrainerError
from trainer_tui.tui.checking import Checked
from trainer_tui.tui.ondisk import OnDisk
from trainer_tui.tui.screens.text_screen import TextScreen

if TYPE_CHECKING:
    from trainer_tui.tui.screens.odds import Odds, Settled
    from trainer_tui.tui.widgets.notice import Severity

LOOK_EVERY = 2.0
"""Seconds between two looks at the files that a text came from."""


class TextFlows(TextScreen):
    """The flows. A child sends: its ``ask_to_send`` asks, then calls ``busy`` and ``answer_of``."""

    def on_mount(self) -> None:
        """Files are looked at again and again."""
        self.set_interval(LOOK_EVERY, self.look_at_files)

    def on_unmount(self) -> None:
        """No file is looked at any more."""
        self.let_go_of_files()

    # Compared -----------------------------------------------------------------------------------

    def action_difference(self) -> None:
        """What was changed so far."""
        from trainer_tui.tui.screens.diff import DiffScreen

        if self.began:
            self.app.push_screen(
                DiffScreen(
                    "Difference",
                    self.about(),
                    self.base() or "",
                    self.area.text,
                    names=(self.base_name(), "yours"),
                    others=self.others(),
                )
            )

    # Edited elsewhere ---------------------------------------------------------------------------

    def action_external(self) -> None:
        """Lend the terminal to the person's own editor."""
        from trainer_tui.tui.external import edit

        if not self.began or self.sending:
            return
        app = self.console
        self.write()
        self.look_at_files()
        try:
            back = edit(app, self.area.text, name=self.file_name(), env=app.env)
        except SuspendNotSupported:
            app.say("This terminal cannot be lent to another program.", "warning")
        except TrainerError as error:
            app.say_error(error)
        else:
            if back.left is not None:
                self.files.append(back.left)
                app.say("The text came back as it was; what is saved later is noticed here.")
            elif back.text == self.area.text:
                app.say("The text came back as it was.")
            else:
                self.area.replace_all(back.text)
                self.check_soon()
        self.look_at_files()
        self.refresh(layout=True)

    def look_at_files(self) -> None:
        """Notice files that were written since; what only they changed is taken over."""
        if not self.began or self.sending or self.odds is not None:
            return
        for file in self.files:
            text = file.changed()
            if text is None:
                continue
            mine = self.area.text
            if text == mine:
                file.accept(text)
            elif mine == file.text:
                file.accept(text)
                self.file_changed(file, text)
                self.area.replace_all(text)
                said = f"{file.path.name} has changed on disk: this is its text now."
                self.banner("accent", said, "ctrl+z brings back the one before.")
            else:
                self._odds_with(file, text)
                return

    def _odds_with(self, file: OnDisk, text: str) -> None:
        from trainer_tui.tui.screens.odds import Odds

        def settled(theirs: str) -> None:
            file.accept(theirs)
            self.file_changed(file, theirs)

        said = f"{file.path.name} was changed on disk while you edited its text here."
        self.be_at_odds(Odds(file.text, text, file.name, said, settled))

    def file_changed(self, file: OnDisk, text: str) -> None:
        """The file that the text came from has another text, and it was taken into account."""

    def let_go_of_files(self) -> None:
        """Remove those that were left for an editor, but for what was saved and not taken."""
        from trainer_tui.tui.external import forget, is_ours

        for file in self.files:
            if is_ours(file):
                if file.changed() is None:
                    forget(file)
                else:
                    self.console.say(f"What your editor saved is in {file.path}.", "warning")

    # At odds ------------------------------------------------------------------------------------

    def be_at_odds(self, odds: Odds) -> None:
        """Another text has come up: say so, and keep the choice open."""
        from trainer_tui.tui.commands import key_name

        self.odds = odds
        keys = [key for key, b in self.active_bindings.items() if b.binding.id == "editor.choose"]
        key = key_name(keys[0]) if keys else "ctrl+t"
        self.banner(
            "warning",
            odds.said,
            f"{key} shows both: keep yours, take theirs, or merge. Nothing is lost.",
        )
        self.renew()
        self.keys.renew()

    def action_choose(self) -> None:
        """Show the two texts, and ask."""
        from trainer_tui.tui.screens.odds import OddsScreen

        odds = self.odds
        if odds is None:
            self.console.say("Nobody else has changed the text.")
            return

        def answered(settled: Settled | None) -> None:
            if self.odds is not odds:  # and meanwhile there is a third text
                self.action_choose()
            elif settled is not None:
                self._settle(odds, settled)

        self.app.push_screen(OddsScreen(odds, self.about(), self.area.text), answered)

    def _settle(self, odds: Odds, settled: Settled) -> None:
        """Go on as chosen. What was not chosen is on the disk before anything is replaced."""
        app = self.console
        try:
            for text in settled.beside:
                if text not in (settled.text, odds.base):
                    set_aside(
                        app.store, app.now(), profile=self.profile_of(), ref=self.ref_of(),
                        text=text, base_text=odds.base,
                    )  # fmt: skip
        except TrainerError as error:
            app.say_error(error)
            return
        self.odds = None
        self.note.display = False
        self.keys.renew()
        odds.settled(odds.theirs)
        self.area.replace_all(settled.text)
        self.noted = self.area.text
        self.changed()
        said = {
            "mine": "Your text stays; the other is in :drafts.",
            "theirs": "The other text is here now; yours is in :drafts, and ctrl+z brings it back.",
            "merge": "Merged; ctrl+s shows what it changes.",
        }
        app.say(said[settled.choice])

    # Sent ---------------------------------------------------------------------------------------

    def action_send(self) -> None:
        """Send, unless that is under way; first choose where two texts are at odds."""
        if self.may_send():
            self.when_checked(self.ask_to_send, hold=True)

    def ask_to_send(self, checked: Checked) -> None:
        """Say what the text will do and what is wrong with it, and ask."""

    def may_send(self) -> bool:
        """Whether it can be sent now; where two texts are at odds that is to be chosen first."""
        if not self.began or self.sending:
            return False
        self.look_at_files()
        if self.odds is not None:
            self.action_choose()
            return False
        return True

    def notes(self, checked: Checked) -> list[tuple[str, str]]:
        """What is to be read before sending: errors and warnings, worst first."""
        out = []
        for severity, colour in (("error", "error"), ("warning", "warning")):
            found = [p for p in checked.problems if p.severity == severity]
            for problem in found[:5]:
                place = f"line {problem.line}, column {problem.column}"
                out.append((colour, f"{severity.capitalize()} in {place}: {problem.message}"))
            if len(found) > 5:
                out.append((colour, f"and {len(found) - 5} more of them"))
        return out

    def banner(self, colour: str, text: str, hint: str = "") -> None:
        """Say something that stays above the text until the next key."""
        self.note.say(colour, text, hint)
        self.noted = self.area.text

    def busy(self, text: str) -> None:
        """Something is being sent: the text is held as it is, and on the disk before it goes."""
        if self.keeper is not None:
            try:
                self.keeper.flush()
            except TrainerError as error:
                self.state.draft_error = error.message
        self.sending = True
        self.area.read_only = True
        self.note.say("accent", text)
        self.renew()

    def answer_of(self, future: Future[Outcome], never: str) -> Outcome | None:
        """What the service has answered; ``None`` when nothing was sent, which is said.

        The draft stays until the service has accepted.
        """
        if future.cancelled():
            self.refused(TrainerError(f"{never}: the console is closing"))
            return None
        broken = future.exception()
        if isinstance(broken, TrainerError):
            self.refused(broken)
            return None
        if broken is not None:
            raise broken
        outcome = future.result()
        if not outcome.ok:
            self.refused(outcome.error or TrainerError(outcome.message))
        return outcome

    def refused(self, error: TrainerError) -> None:
        """It was not accepted: say why; text and draft stay."""
        self.sending = False
        self.area.read_only = False
        hint = error.hint or "Your text is kept as a draft."
        self.banner("error", error.message, hint)
        self.renew()

    def accepted(self) -> None:
        """It was accepted: there is no draft any more."""
        self.sending = False
        self.area.read_only = False
        self.note.display = False
        if self.keeper is not None:
            self.keeper.change(self.area.text)
            try:
                self.keeper.sent()
            except TrainerError as error:
                self.console.say_error(error)
            self.keeper = None
        self.renew()

    def leave(self, said: str = "", severity: Severity = "information") -> None:
        """Back to where one came from; what is said is said there, not on a screen that goes."""
        if self.is_current:
            self.dismiss(None)
        if said:
            self.console.say(said, severity)

    # Left ---------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; what is not sent stays as a draft and says so. Nothing unsaved is left behind."""
        if self.stop_waiting() or self.area.step_back():
            return
        if self.began and self.focused not in (None, self.area):  # the list of problems
            self.area.focus()
            return
        if self.note.display and not self.sending:
            self.note.display = False
            return
        self.write()
        keeper, said = self.keeper, ""
        if self.began and keeper is not None and self.area.text != (self.base() or ""):
            if keeper.waiting:
                self._ask_to_lose()
                return
            said = self.kept()
        self.leave(said)

    def _ask_to_lose(self) -> None:
        from trainer_tui.tui.screens.choose import Answer, ChooseScreen

        why = self.state.draft_error or "it cannot be written"
        words = [
            ("error", f"The text is not sent and could not be saved: {why}."),
            ("text-muted", "It is tried again every two seconds while you stay."),
        ]
        answers = [
            Answer("s", "Stay", "keep the text on the screen", "stay"),
            Answer("c", "Copy and leave", "put it on the clipboard of your terminal", "copy"),
            Answer("x", "Leave", "the text is lost", "lose"),
        ]

        def answered(choice: str | None) -> None:
            if choice in ("copy", "lose"):
                self.leave()
            if choice == "copy":
                self.console.copy(self.area.text, "the text")

        self.app.push_screen(ChooseScreen("Not saved", words, answers), answered)

    def kept(self) -> str:
        """What is said when one leaves with something unsent."""
        return "Not sent. Your edit is kept as a draft; e on the job opens it again."
