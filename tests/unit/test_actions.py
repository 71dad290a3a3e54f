"""Acts: whether they may be asked, what they bring about, and asked → acknowledged → observed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes import EVERYTHING, FakeClock, FakeProvider, facts, job, settle
from trainer_tui.core import questions
from trainer_tui.core.actions import AT_ONCE, Actions
from trainer_tui.core.acts import Act, Outcome, consequence, why_not
from trainer_tui.core.board import GONE, Board, gone, unseen
from trainer_tui.core.observing import observed
from trainer_tui.core.store import Store
from trainer_tui.errors import NetworkError, NotFoundError, StateError, UsageError
from trainer_tui.model import Capability, EventKind, Job, JobRef, Model, Progress, Status
from trainer_tui.providers.base import Submission
from trainer_tui.providers.base import facts as provider_facts

REF = JobRef("p", "1")


class Hurried:
    """Notes who is looked at."""

    def __init__(self) -> None:
        self.now: set[JobRef] = set()
        self.woken: list[JobRef] = []

    def hurry(self, ref: JobRef, on: bool) -> None:
        (self.now.add if on else self.now.discard)(ref)

    def wake(self, ref: JobRef) -> None:
        self.woken.append(ref)


class Rig:
    """Actions with their surroundings."""

    def __init__(self, path: Path, *jobs: Job, hurried: bool = True) -> None:
        self.provider = FakeProvider(facts(lists=False), *jobs)
        self.store = Store(path)
        self.clock = FakeClock()
        self.board = Board(self.store)
        self.hurried = Hurried()
        self.done: list[Outcome] = []
        self.bugs: list[BaseException] = []
        self.read_only: str | None = None
        self.board.merge("p", jobs, self.clock.now())
        self.actions = Actions(
            self.store,
            self.board,
            self.clock,
            provider=self._open,
            facts=lambda profile: self.provider.facts,
            hurrier=self.hurried if hurried else None,
            observe_within=60,
            read_only=lambda profile: self.read_only,
            on_done=self.done.append,
            on_bug=self.bugs.append,
        )

    async def _open(self, profile: str) -> FakeProvider:
        return self.provider

    def phase(self) -> str | None:
        entry = self.board.get(REF)
        return entry.pending.phase if entry and entry.pending else None

    def polled(self) -> None:
        """What the poller would bring next."""
        self.board.merge("p", self.provider.jobs.values(), self.clock.now())

    def events(self, ref: JobRef = REF) -> list[str]:
        return [e.text for e in self.store.events(ref) if e.kind is not EventKind.SEEN]


@pytest.fixture
def rig_of(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(*jobs: Job, hurried: bool = True) -> Rig:
        made.append(Rig(tmp_path / f"{len(made)}.db", *jobs, hurried=hurried))
        return made[-1]

    yield make
    for rig in made:
        rig.store.close()


RigOf = Callable[..., Rig]


async def test_asked_acknowledged_observed(rig_of: RigOf) -> None:
    """The row shows each stage; the job is looked at often until the act is seen, then no more."""
    rig = rig_of(job())
    phases: list[str | None] = []
    rig.board.subscribe(lambda delta: phases.append(rig.phase()))
    outcome = await rig.actions.perform(Act.CANCEL, job())
    assert outcome.ok and outcome.message == "job1: cancel was accepted"
    await settle()
    assert phases == ["asked", "acknowledged"] and rig.hurried.now == {REF}
    assert rig.hurried.woken == [REF]
    rig.polled()
    await settle()
    assert rig.phase() == "acknowledged"
    rig.provider.set("1", Status.CANCELED)
    rig.polled()
    await settle()
    assert rig.phase() is None and rig.hurried.now == set()
    assert rig.events() == ["cancel asked", "cancel accepted", "running → canceled"]
    assert rig.done == [outcome]


async def test_an_answer_that_shows_the_effect_is_enough(rig_of: RigOf) -> None:
    """Stop answered with ``stopping``: nothing is pending, the status itself tells the rest."""
    rig = rig_of(job())
    outcome = await rig.actions.perform(Act.STOP, job())
    assert outcome.ok and outcome.job and outcome.job.status is Status.STOPPING
    assert rig.phase() is None and rig.hurried.now == set()


async def test_an_act_that_is_not_seen_says_so(rig_of: RigOf) -> None:
    """Accepted, but a minute later nothing changed: late, with an event; seen later, it clears."""
    rig = rig_of(job())
    await rig.actions.perform(Act.CANCEL, job())
    await rig.clock.turn(59)
    assert rig.phase() == "acknowledged"
    await rig.clock.turn(1)
    assert rig.phase() == "late" and rig.hurried.now == set()
    assert rig.events()[-1] == "cancel was accepted, but is not seen after 60 s"
    rig.provider.set("1", Status.CANCELED)
    rig.polled()
    await settle()
    assert rig.phase() is None


async def test_a_failure_clears_the_mark_and_says_what_happened(rig_of: RigOf) -> None:
    """No connection: nothing is pending, the outcome and the history say why."""
    rig = rig_of(job())
    rig.provider.fail = NetworkError("connection refused")
    outcome = await rig.actions.perform(Act.CANCEL, job())
    assert not outcome.ok and outcome.error is rig.provider.fail
    assert outcome.message == "cancel failed: connection refused"
    assert rig.phase() is None
    assert rig.events() == ["cancel asked", "cancel failed: connection refused"]


async def test_too_late_is_an_answer_about_state(rig_of: RigOf) -> None:
    """The service says it does not run: the job is asked afresh and shown as it is."""
    rig = rig_of(job())

    def refuse(call: str) -> None:
        if call.startswith("cancel"):
            rig.provider.set("1", Status.SUCCEEDED)
            raise StateError("JOB_NOT_RUNNING", code="50951")

    rig.provider.on_call = refuse
    outcome = await rig.actions.perform(Act.CANCEL, job())
    assert not outcome.ok and isinstance(outcome.error, StateError)
    assert outcome.message == "job1: it had already finished (succeeded)"
    entry = rig.board.get(REF)
    assert entry and entry.job.status is Status.SUCCEEDED and entry.pending is None


async def test_a_job_that_is_gone_is_marked(rig_of: RigOf) -> None:
    """404 to an act: the job stays on the board, as gone."""
    rig = rig_of(job())
    del rig.provider.jobs["1"]
    rig.provider.on_call = lambda call: (_ for _ in ()).throw(NotFoundError("no such job"))
    outcome = await rig.actions.perform(Act.CANCEL, job())
    assert not outcome.ok and outcome.message == "cancel failed: no such job"
    entry = rig.board.get(REF)
    assert entry and entry.job.raw_status == GONE


async def test_a_fault_of_the_program_is_an_outcome_too(rig_of: RigOf) -> None:
    """An unforeseen exception is handed on and does not leave the row pending."""
    rig = rig_of(job())
    rig.provider.fail = ZeroDivisionError("oops")
    outcome = await rig.actions.perform(Act.CANCEL, job())
    assert not outcome.ok and "ZeroDivisionError" in outcome.message
    assert rig.bugs == [rig.provider.fail] and rig.phase() is None


async def test_what_is_not_allowed_is_not_asked(rig_of: RigOf) -> None:
    """The board's newest picture decides, not the one that the person saw a second ago."""
    rig = rig_of(job(status=Status.SUCCEEDED))
    outcome = await rig.actions.perform(Act.CANCEL, job())
    assert not outcome.ok
    rig.read_only = "this console is read-only (--read-only)"
    outcome = await rig.actions.perform(Act.DELETE, job())
    assert outcome.message == rig.read_only
    assert rig.provider.calls == [] and rig.events() == []


async def test_acts_on_one_job_wait_for_each_other_and_others_do_not(rig_of: RigOf) -> None:
    """Two acts on a job never overlap; a slow one on another job holds nobody up."""
    rig = rig_of(job("1"), job("2"), job("3"))
    go = asyncio.Event()

    async def slow(call: str) -> None:
        if call.endswith(" 1"):
            await go.wait()

    rig.provider.on_call = slow
    first = asyncio.ensure_future(rig.actions.perform(Act.STOP, job("1")))
    second = asyncio.ensure_future(rig.actions.perform(Act.CANCEL, job("1")))
    rest = await asyncio.gather(*(rig.actions.perform(Act.STOP, job(i)) for i in "23"))
    assert all(outcome.ok for outcome in rest)
    assert [c for c in rig.provider.calls if c.endswith(" 1")] == ["stop 1"]
    assert rig.actions.busy == 2
    go.set()
    outcomes = await asyncio.gather(first, second)
    assert [o.ok for o in outcomes] == [True, True]
    assert [c for c in rig.provider.calls if c.endswith(" 1")] == ["stop 1", "cancel 1"]


async def test_many_acts_leave_room_for_the_poller(rig_of: RigOf) -> None:
    """All rows show at once what was asked; only so many requests are under way together."""
    jobs = [job(str(n)) for n in range(3 * AT_ONCE)]
    rig, go = rig_of(*jobs), asyncio.Event()
    rig.provider.on_call = lambda call: go.wait()
    acts = [asyncio.ensure_future(rig.actions.perform(Act.CANCEL, each)) for each in jobs]
    await settle()
    assert all(entry.pending for entry in rig.board.entries())
    assert len(rig.provider.calls) == AT_ONCE
    go.set()
    assert all(outcome.ok for outcome in await asyncio.gather(*acts))
    assert len(rig.provider.calls) == len(jobs)


async def test_acts_on_one_job_never_overlap(rig_of: RigOf) -> None:
    """However many wait: the one that comes when another is just over waits its turn too."""
    rig, under_way, most = rig_of(job()), 0, 0

    async def call(name: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    rig.provider.on_call = call
    first = [asyncio.ensure_future(rig.actions.perform(Act.CANCEL, job())) for _ in range(3)]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*first, rig.actions.perform(Act.STOP, job()))
    assert most == 1


async def test_a_canceled_caller_does_not_cancel_the_act(rig_of: RigOf) -> None:
    """Whoever waits may go away; the act is carried out and its outcome told."""
    rig = rig_of(job())
    go = asyncio.Event()
    rig.provider.on_call = lambda call: go.wait()
    waiting = asyncio.ensure_future(rig.actions.perform(Act.STOP, job()))
    await settle()
    waiting.cancel()
    await settle()
    assert rig.done == []
    go.set()
    await rig.actions.finish(5)
    assert [o.ok for o in rig.done] == [True]


async def test_the_next_act_replaces_what_was_pending(rig_of: RigOf) -> None:
    """Cancel, then cancel again while the first is unseen: one watch, one mark."""
    rig = rig_of(job())
    await rig.actions.perform(Act.CANCEL, job())
    await rig.clock.turn(50)
    await rig.actions.perform(Act.CANCEL, job())
    await rig.clock.turn(50)
    assert rig.phase() == "acknowledged" and rig.hurried.now == {REF}
    await rig.clock.turn(10)
    assert rig.phase() == "late"


async def test_edit_and_resume_pass_what_they_were_given(rig_of: RigOf) -> None:
    """The text goes byte for byte with what it began from; resume carries the GPU."""
    rig = rig_of(job(status=Status.FAILED, checkpoint_step=500))
    current = rig.provider.jobs["1"]
    edit = await rig.actions.perform(Act.EDIT, current, config_text="a: 2\n", base_text="a: 1\n")
    assert edit.ok and rig.phase() is None and rig.hurried.woken == [REF]
    resume = await rig.actions.perform(Act.RESUME, current, gpu_type="H200", gpu_count=8)
    assert resume.message == "job1: resume was accepted; it continues from step 500"
    assert rig.provider.calls == ["edit 1 'a: 2\\n' 'a: 1\\n'", "resume 1 H200 8"]
    assert rig.phase() == "acknowledged"
    rig.provider.set("1", Status.QUEUED)
    rig.polled()
    await settle()
    assert rig.phase() is None


async def test_an_edit_without_text_is_refused(rig_of: RigOf) -> None:
    """Forgetting the text is said, not sent."""
    rig = rig_of(job(status=Status.FAILED))
    outcome = await rig.actions.perform(Act.EDIT, rig.provider.jobs["1"])
    assert isinstance(outcome.error, UsageError) and rig.provider.calls == []


async def test_delete_and_forget_take_the_row_away(rig_of: RigOf) -> None:
    """Deleted at the service or only here: gone from the board and the store."""
    rig = rig_of(job("1", Status.FAILED), job("2"))
    assert (await rig.actions.perform(Act.DELETE, rig.provider.jobs["1"])).ok
    assert (await rig.actions.perform(Act.FORGET, rig.provider.jobs["2"])).ok
    assert rig.board.entries() == [] and rig.store.jobs() == []
    assert rig.provider.calls == ["delete 1"]


async def test_a_submitted_id_is_on_disk_before_anything_else(rig_of: RigOf) -> None:
    """At the moment of acceptance, long before the answer is complete, the store has the id."""
    rig = rig_of()
    seen: list[list[JobRef]] = []
    rig.provider.on_call = lambda call: seen.append(rig.store.tracked("p"))
    outcome = await rig.actions.submit("p", Submission("job: x", name="dog"))
    new = JobRef("p", "new")
    assert seen == [[], [new]]
    assert outcome.ok and outcome.ref == new and rig.board.get(new) is not None
    assert rig.events(new) == ["submitted"]


async def test_a_submission_that_breaks_after_acceptance_is_not_lost(rig_of: RigOf) -> None:
    """The connection dies once the id is known: it is accepted, shown, and asked about."""
    rig = rig_of()

    def cut(call: str) -> None:
        if call == "after accepted":
            raise NetworkError("reset")

    rig.provider.on_call = cut
    outcome = await rig.actions.submit("p", Submission("job: x"))
    new = JobRef("p", "new")
    assert outcome.ok and outcome.message == "it was accepted as p/new, but then: reset"
    entry = rig.board.get(new)
    assert entry and entry.job.status is Status.UNKNOWN
    assert rig.store.tracked("p") == [new] and rig.hurried.woken == [new]


async def test_a_refused_submission_leaves_nothing(rig_of: RigOf) -> None:
    """No id, no row; the outcome says why. Read-only does not even ask."""
    rig = rig_of()
    rig.provider.fail = NetworkError("refused")
    outcome = await rig.actions.submit("p", Submission("job: x"))
    assert not outcome.ok and outcome.message == "submit failed: refused"
    rig.provider.fail = None
    rig.read_only = "read-only"
    assert not (await rig.actions.submit("p", Submission("job: x"))).ok
    assert rig.board.entries() == [] and rig.provider.calls == ["submit"]


async def test_without_a_poller_acknowledged_is_the_end(rig_of: RigOf) -> None:
    """The command line's way: no watch is left behind."""
    rig = rig_of(job(), hurried=False)
    assert (await rig.actions.perform(Act.CANCEL, job())).ok
    assert rig.phase() is None


FACTS = facts(lists=False)


@pytest.mark.parametrize(
    ("status", "act", "said"),
    [
        (Status.RUNNING, Act.CANCEL, None),
        (Status.RUNNING, Act.STOP, None),
        (Status.FAILED, Act.RESUME, None),
        (Status.FAILED, Act.EDIT, None),
        (Status.RUNNING, Act.EDIT, "job1 is running: cancel or stop it before editing"),
        (Status.QUEUED, Act.EDIT, "job1 is queued: cancel it before editing"),
        (Status.RUNNING, Act.DELETE, "job1 is running: cancel or stop it before deleting"),
        (
            Status.SUCCEEDED,
            Act.RESUME,
            "job1 has already succeeded: nothing to resume; "
            "edit its steps to go on, or submit its config as a new job",
        ),
        (Status.RUNNING, Act.RESUME, "job1 is running: nothing to resume"),
        (Status.SUCCEEDED, Act.CANCEL, "job1 has already succeeded: nothing to cancel"),
        (Status.CANCELED, Act.STOP, "job1 has already been canceled: nothing to stop"),
        (Status.STOPPING, Act.STOP, "job1 is already stopping"),
        (Status.QUEUED, Act.STOP, "job1 is queued, nothing of it runs yet: cancel it instead"),
        (
            Status.UNKNOWN,
            Act.CANCEL,
            "the state of job1 is not known yet: refresh to ask the service",
        ),
        (Status.RUNNING, Act.FORGET, None),
    ],
)
def test_every_refusal_says_what_to_do_instead(status: Status, act: Act, said: str | None) -> None:
    """One whole sentence for each act in each wrong state."""
    assert why_not(job(status=status), act, FACTS, read_only=False) == said


def test_every_act_in_every_state_has_an_answer() -> None:
    """No combination fails or answers with an empty sentence."""
    for status in Status:
        for act in Act:
            assert why_not(job(status=status), act, FACTS) != ""
            assert consequence(job(status=status), act, FACTS) is not None


def test_a_provider_s_own_reason_and_read_only_come_first() -> None:
    """What a provider cannot do is told in its words; read-only is told before all."""
    kaos = replace(
        facts("kaos", capabilities=EVERYTHING - {Capability.RESUME, Capability.STOP}),
        reasons={Capability.RESUME: "kaos cannot resume; submit it again"},
    )
    failed = job(status=Status.FAILED)
    assert why_not(failed, Act.RESUME, kaos) == "kaos cannot resume; submit it again"
    assert why_not(failed, Act.STOP, kaos) == "Kaos has no stop."
    said = why_not(failed, Act.RESUME, kaos, read_only=True)
    assert said == "this console is read-only (--read-only)"
    assert why_not(failed, Act.RESUME, kaos, read_only="profile x is") == "profile x is"
    listed = why_not(failed, Act.FORGET, kaos)
    assert listed == "Kaos lists job1, so it would come back: delete it instead"
    assert why_not(gone(job()), Act.FORGET, kaos) is None
    assert "gone at the service" in (why_not(gone(job()), Act.CANCEL, kaos) or "")


def test_consequences_are_told_before_the_act() -> None:
    """The provider's sentence, and where a resume would begin."""
    told = replace(
        FACTS,
        consequences={Capability.CANCEL: "cancel discards the weights; s stops and keeps them"},
    )
    assert consequence(job(), Act.CANCEL, told).startswith("Cancel discards the weights")
    assert consequence(job(), Act.CANCEL, FACTS).endswith("stays.")
    at = {
        None: "newest checkpoint",
        0: "Has no checkpoint: starts again at step 0",
        500: "step 500",
    }
    for step, words in at.items():
        assert words in consequence(job(checkpoint_step=step), Act.RESUME, FACTS)
    parts = job(checkpoint_step=3, progress=Progress.of(3, 9, "partition"))
    assert "from partition 3" in consequence(parts, Act.RESUME, FACTS)
    again = consequence(job(checkpoint_step=0, extra={"Runner": "command"}), Act.RESUME, FACTS)
    assert "its command again" in again and "checkpoint" not in again


@pytest.mark.parametrize("name", ["local", "runcomfy", "roboflow", "kaos"])
def test_a_queued_job_is_not_said_to_run(name: str) -> None:
    """Nothing of it has begun: there is no process to end, nothing made, nothing to lose."""
    facts = provider_facts(name)
    queued = consequence(job(status=Status.QUEUED), Act.CANCEL, facts)
    running = consequence(job(status=Status.RUNNING), Act.CANCEL, facts)
    assert queued != running
    assert not {"process", "checkpoints", "discards", "was making"} & set(re.split(r"\W+", queued))
    assert ("can be resumed" in queued) == (Capability.RESUME in facts.capabilities)


def test_what_counts_as_observed() -> None:
    """A resume that failed again at once is seen by its times; an unseen job shows nothing."""
    before = job(status=Status.FAILED)
    again = before.replace(finished_at=FakeClock().now())
    assert observed(Act.RESUME, before, again)
    assert not observed(Act.RESUME, before, before)
    assert not observed(Act.CANCEL, before, unseen(REF, "fake"))


async def test_a_star_is_of_a_model(rig_of: RigOf) -> None:
    """The answer shows the star; the job's row has no part in it, its history does."""
    rig = rig_of(job())
    rig.provider.made = [Model("m1", "first", starred=False)]
    outcome = await rig.actions.perform(Act.STAR, job(), model_id="m1", starred=True)
    assert outcome.ok and outcome.model_id == "m1" and outcome.message == "first is starred"
    assert rig.phase() is None and rig.hurried.now == set()
    rig.provider.silent_stars = True
    outcome = await rig.actions.perform(Act.STAR, job(), model_id="m1", starred=False)
    assert outcome.ok and outcome.message == "m1: unstar was accepted"
    assert rig.provider.calls == ["star 1 m1 True", "star 1 m1 False"]
    assert rig.events()[:2] == ["star of m1 asked", "star of m1 accepted"]


async def test_a_model_that_cannot_be_starred_is_explained(rig_of: RigOf) -> None:
    """``MODEL_NOT_NAS`` is told in words; the job is not asked again for it."""
    rig = rig_of(job())
    rig.provider.fail = StateError("nope", code="MODEL_NOT_NAS")
    outcome = await rig.actions.perform(Act.STAR, job(), model_id="m1")
    assert not outcome.ok and outcome.error is rig.provider.fail
    assert outcome.message.startswith("m1 cannot be starred: stars are for the children of a NAS")
    assert rig.provider.calls == ["star 1 m1 True"]
    assert not (await rig.actions.perform(Act.STAR, job())).ok


async def test_questions_are_asked_once_or_explained() -> None:
    """Provenance, bundle and pipeline come from the service, or with the reason why not."""
    provider = FakeProvider(facts())

    async def open_(profile: str) -> FakeProvider:
        return provider

    assert await questions.provenance(open_, REF, "m") == "digraph { a -> b }"
    assert (await questions.bundle(open_, REF, "m")).name == "bundle.zip"
    assert await questions.pipeline(open_, "p") == {"image": "python:3.11"}
    provider.facts = replace(facts(capabilities=frozenset()), reasons={Capability.PIPELINE: "why"})
    with pytest.raises(StateError, match="why"):
        await questions.pipeline(open_, "p")
    with pytest.raises(StateError, match="no provenance"):
        await questions.provenance(open_, REF)


async def test_the_files_of_one_model() -> None:
    """Its own file, else the bundle with it, else the job's files that are called after it."""
    provider = FakeProvider(facts())
    provider.files = {"m1.pt": b"", "m10.pt": b"", "m1": b""}

    async def open_(profile: str) -> FakeProvider:
        return provider

    model = Model("ws/m1", "m1")
    own = (await provider.artifacts("1"))[1]
    assert await questions.files_of(open_, REF, replace(model, artifact=own)) == (own,)
    assert [f.name for f in await questions.files_of(open_, REF, model)] == ["bundle.zip"]
    provider.facts = facts(capabilities=EVERYTHING - {Capability.BUNDLE})
    assert [f.name for f in await questions.files_of(open_, REF, model)] == ["m1.pt", "m1"]
    provider.facts = facts(capabilities=frozenset())
    assert await questions.files_of(open_, REF, model) == ()
