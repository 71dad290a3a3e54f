"""The text of a new job: written, checked, asked about in words, submitted."""

from __future__ import annotations

import uuid
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from trainer_tui.core.acts import Act, Outcome
from trainer_tui.core.drafts import Keeper, Place, ago, put_place, submitted_before
from trainer_tui.core.rows import Draft
from trainer_tui.core.yamlconfig import summary
from trainer_tui.errors import TrainerError
from trainer_tui.model import Capability, JobRef
from trainer_tui.providers.base import Submission
from trainer_tui.sanitize import line as clean
from trainer_tui.tui import forecasting
from trainer_tui.tui.amounts import size
from trainer_tui.tui.checking import Checked, Rules
from trainer_tui.tui.ondisk import OnDisk
from trainer_tui.tui.present import bar
from trainer_tui.tui.screens.diff import Other
from trainer_tui.tui.screens.new_job_parts import Target
from trainer_tui.tui.screens.text_flows import TextFlows


class NewTextScreen(TextFlows):
    """Writes the config of a new job."""

    VERB = "New job"
    SEND = "submit"

    def __init__(
        self,
        target: Target,
        text: str,
        draft: Draft | None = None,
        *,
        place: Place | None = None,
    ) -> None:
        """Args: where it runs; the text; the draft that it is, where it is one; where the text
        came from (of ``place`` only that counts)."""
        super().__init__()
        self.target = target
        self._text, self._draft = text, draft
        self.place = Place(
            target.gpu_type, target.gpu_count, target.runner,
            place.file if place else None, place.like if place else None,
        )  # fmt: skip
        self.token = draft.id if draft is not None else uuid.uuid4().hex
        """The same for every try: sent twice, it makes one job where the service can tell."""
        self._percent = -1

    def about(self) -> str:
        """Where it will run."""
        gpu = self.target.gpu_type
        parts = [self.target.profile]
        if gpu:
            times = self.console.glyphs.times
            parts.append(f"{gpu} {times}{self.target.gpu_count or 1}")
        if self.target.runner:
            parts.append(self.target.runner)
        return f" {self.console.glyphs.dot} ".join(parts)

    def base(self) -> str | None:
        """What it began from."""
        return self._text

    def base_name(self) -> str:
        """What that is called."""
        return "began from"

    def others(self) -> list[Other]:
        """The files that it came from."""
        return [Other(file.name, file.changed() or file.text) for file in self.files]

    def profile_of(self) -> str:
        """Where it goes."""
        return self.target.profile

    def file_name(self) -> str:
        """What a file with this text is called."""
        return str(summary(self.area.text)["name"] or "config")

    def rules(self) -> Rules:
        """The trainer's rules and the service's."""
        target = self.target
        extra = self.console.config.schema_extra_keys
        return Rules(
            target.provider, began_from=self._text, extra_keys=extra, gpu_type=target.gpu_type,
            gpu_count=target.gpu_count, datasets=self.datasets,
            base_folder=self._folder(),
        )  # fmt: skip

    def _folder(self) -> Path | None:
        """Where relative paths are meant from: the folder of the file that it came from."""
        return Path(self.place.file).parent if self.place.file else None

    def _to_send(self, text: str) -> tuple[str, list[str]]:
        """The text as it is sent, and in words what that writes out."""
        folder = self._folder()
        if self.target.provider != "local" or folder is None:
            return text, []
        from trainer_tui.core.yamlconfig.whole_paths import whole_paths

        text, moved = whole_paths(text, folder)
        return text, [f"{clean(old)} is sent as {clean(new)}" for old, new in moved]

    def started(self) -> None:
        """The text is there already."""
        shown, draft = self._text, self._draft
        if draft is None:
            # Compared with nothing: whatever is written is worth keeping.
            draft = Draft(
                id=self.token, profile=self.target.profile, text=self._text,
                updated_at=self.console.now(), kind="new", base_text=self._text,
            )  # fmt: skip
        else:
            draft = replace(draft, profile=self.target.profile)
            if draft.base_text is not None:
                self._text = draft.base_text
        keeper = Keeper(
            self.console.store, self.console.now, profile=self.target.profile, kind="new",
            base_text=draft.base_text, draft=draft if self._draft is not None else None,
            draft_id=self.token,
        )  # fmt: skip
        self.begin(shown, keeper)
        self._keep_place()
        if self.place.file is not None:
            self.files.append(OnDisk(Path(self.place.file), self._text))
            self.look_at_files()
        self.ask_for_datasets()

    def ended(self) -> None:
        """Where it is to run is kept with the draft."""
        self._keep_place()

    def _keep_place(self) -> None:
        try:
            put_place(self.console.store, self.token, self.place)
        except TrainerError as error:
            self.console.say_error(error)

    def file_changed(self, file: OnDisk, text: str) -> None:
        """What it began from is the file's present text."""
        self._text = text
        if self.keeper is not None:
            self.keeper.rebase(text)

    def kept(self) -> str:
        """What is said when one leaves before submitting."""
        return "Not submitted. The text is kept as a draft; n offers it again."

    def ask_to_send(self, checked: Checked) -> None:
        """Say in words what the job will do, then ask."""
        from trainer_tui.tui.screens.diff import DiffScreen

        text = self.area.text
        notes = self.notes(checked)
        if notes:
            notes.append(("foreground", ""))
        name = summary(text)["name"]
        same = [e.job for e in self.console.board.entries() if name and e.job.name == name]
        if same:
            notes.append(("warning", f"There is a job of this name already: {same[0].ref}"))
        try:
            before = submitted_before(self.console.store, text)
        except TrainerError:
            before = None
        if before is not None and before.sent_at is not None:
            when = ago(before.sent_at, self.console.now())
            notes.append(("warning", f"This very text was submitted before, {when}."))
        target = self.target
        like = JobRef.parse(self.place.like) if self.place.like else None
        will = forecasting.forecast_new(
            self.console, text, target.profile, target.gpu_type, target.gpu_count, like
        )
        notes += forecasting.told(None, will)
        text, whole = self._to_send(text)
        notes += [("foreground", line) for line in whole]
        facts = self.console.facts(self.target.profile)
        told = facts.consequences.get(Capability.SUBMIT) if facts is not None else None
        if told:
            notes.append(("foreground", told))
        notes.append(("text-muted", f"Runs on {self.about()}."))
        question = f"Submit it to {self.target.profile}{' all the same' if checked.errors else ''}?"

        def answered(yes: bool | None) -> None:
            if yes:
                self._submit(text)

        self.app.push_screen(
            DiffScreen(
                "Submit",
                str(name or "a new job"),
                self._text if self._text.strip() else text,
                text,
                names=("began from", "now"),
                others=self.others(),
                notes=notes,
                question=question,
                same="",
            ),
            answered,
        )

    def tells(self, outcome: Outcome) -> bool:
        """Of a job that was submitted there."""
        return outcome.act is Act.SUBMIT and outcome.ref.profile == self.target.profile

    def _submit(self, text: str) -> None:
        target = self.target
        self.busy(f"Submitting to {target.profile}{self.console.glyphs.ellipsis}")
        submission = Submission(
            config_text=text,
            gpu_type=target.gpu_type,
            gpu_count=target.gpu_count,
            runner=target.runner,
            token=self.token,
            moved=self._moved,
        )
        future = self.console.runtime.submit(target.profile, submission)

        def done(future: Future[Outcome]) -> None:
            self.app.call_later(self._submitted, future)

        future.add_done_callback(done)

    def _moved(self, sent: int, total: int) -> None:
        """On the network thread: so many bytes of a bundle are on their way."""
        percent = 100 * sent // total if total else 100
        if percent != self._percent:
            self._percent = percent
            self.app.call_later(self._uploading, sent, total)

    def _uploading(self, sent: int, total: int) -> None:
        if self.sending and self.is_mounted:
            filled, track = bar(sent / total if total else 1.0, 20, self.console.glyphs)
            done = f"{filled}{track}  {size(sent)} of {size(total)}"
            self.busy(f"Uploading to {self.target.profile}  {done}")

    def _submitted(self, future: Future[Outcome]) -> None:
        """The service has answered."""
        outcome = self.answer_of(future, "the job was not submitted")
        if outcome is None or not outcome.ok:
            return
        self.accepted()
        main = self.console.main
        if main is not None:
            main.table.select(outcome.ref)
        self.leave()
