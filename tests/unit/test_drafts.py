"""Drafts of configs: on disk soon, never older over newer, gone when they are no draft any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trainer_tui.core.drafts import (
    Keeper,
    Place,
    Spot,
    ago,
    last_sent,
    place_of,
    put_place,
    put_spot,
    sent_before,
    set_aside,
    spot_of,
    submitted_before,
    unsent_edit,
    unsent_new,
)
from trainer_tui.core.store import Store
from trainer_tui.errors import TrainerError
from trainer_tui.model import JobRef

REF = JobRef("comfy", "j1")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.db")


def edit(store: Store, clock: Clock) -> Keeper:
    return Keeper(store, clock, profile="comfy", kind="edit", ref=REF, base_text="a: 1\n")


def test_an_edit_is_found_again_by_another_program(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    """What was flushed is there for whoever opens the store next, with its base and its time."""
    keeper = edit(store, clock)
    keeper.change("a: 2\n")
    assert keeper.waiting
    clock.time += timedelta(seconds=1)
    assert keeper.flush()
    assert not keeper.waiting
    other = Store(tmp_path / "store.db")
    draft = unsent_edit(other, REF)
    assert draft is not None
    assert (draft.text, draft.base_text, draft.updated_at) == ("a: 2\n", "a: 1\n", clock.time)
    assert unsent_edit(other, JobRef("comfy", "j2")) is None


def test_a_text_that_is_the_base_again_is_no_draft(store: Store, clock: Clock) -> None:
    """Undoing all changes leaves nothing to be offered."""
    keeper = edit(store, clock)
    keeper.change("a: 2\n")
    keeper.flush()
    keeper.change("a: 1\n")
    assert not keeper.flush()
    assert store.drafts() == []


def test_a_restored_draft_goes_on_as_itself(store: Store, clock: Clock) -> None:
    """Editing a restored draft replaces it rather than making a second one."""
    first = edit(store, clock)
    first.change("a: 2\n")
    first.flush()
    draft = unsent_edit(store, REF)
    again = Keeper(
        store, clock, profile="comfy", kind="edit", ref=REF, base_text="a: 1\n", draft=draft
    )
    again.change("a: 3\n")
    again.flush()
    assert [d.text for d in store.drafts()] == ["a: 3\n"]
    again.discard()
    assert store.drafts() == []


def test_what_was_sent_is_remembered_but_not_offered(store: Store, clock: Clock) -> None:
    """A sent edit is no unsent one; sending the same text again is noticed."""
    for number in range(8):
        keeper = edit(store, clock)
        keeper.change(f"a: {number + 2}\n")
        clock.time += timedelta(minutes=1)
        keeper.sent()
    assert unsent_edit(store, REF) is None
    assert sent_before(store, REF, "a: 9\n") is not None
    assert sent_before(store, REF, "a: 99\n") is None
    last = last_sent(store, REF)
    assert last is not None and last.text == "a: 9\n"
    assert len(store.drafts(REF)) == 5


def test_new_jobs_are_listed_newest_first(store: Store, clock: Clock) -> None:
    """Unsubmitted configs are offered, the newest first, and vanish when submitted."""
    keepers = []
    for text in ("one: 1\n", "two: 2\n"):
        keeper = Keeper(store, clock, profile="comfy", kind="new", base_text="")
        keeper.change(text)
        clock.time += timedelta(minutes=1)
        keeper.flush()
        keepers.append(keeper)
    assert [d.text for d in unsent_new(store)] == ["two: 2\n", "one: 1\n"]
    keepers[1].sent()
    assert [d.text for d in unsent_new(store)] == ["one: 1\n"]
    assert submitted_before(store, "two: 2\n") is not None
    assert submitted_before(store, "one: 1\n") is None


def test_what_was_set_aside_stays(store: Store, clock: Clock) -> None:
    """A text that was not chosen is listed, never offered as an edit; the same is kept once."""
    for number in range(25):
        clock.time += timedelta(minutes=1)
        for _ in range(2):
            set_aside(
                store, clock.time, profile="comfy", ref=REF, text=f"a: {number}", base_text="a: 1"
            )
    kept = store.drafts(REF)
    assert [d.text for d in kept] == [f"a: {n}" for n in range(24, 4, -1)]
    assert {d.kind for d in kept} == {"kept"}
    assert unsent_edit(store, REF) is None
    assert sent_before(store, REF, "a: 24") is None


def test_a_new_jobs_place_is_kept_with_it(store: Store, clock: Clock) -> None:
    """GPU, count, runner and file come back with the draft, and go when it goes."""
    keeper = Keeper(store, clock, profile="comfy", kind="new", base_text="")
    keeper.change("a: 1")
    keeper.flush()
    place = Place("HOPPER_141", 8, None, "/home/me/a.yaml")
    put_place(store, keeper.draft.id, place)
    assert place_of(store, keeper.draft.id) == place
    assert place_of(store, "other") == Place()
    keeper.discard()
    put_place(store, "other", Place("X"))
    assert place_of(store, keeper.draft.id) == Place()


def test_where_one_was_is_kept_of_the_newest(store: Store) -> None:
    """The cursor's place is found again; of very many drafts only of those written last."""
    for number in range(60):
        put_spot(store, str(number), Spot(number, 3, 1))
        put_spot(store, "0", Spot(2, 5, 7))
    assert spot_of(store, "0") == Spot(2, 5, 7)
    assert spot_of(store, "59") == Spot(59, 3, 1)
    assert spot_of(store, "1") is None


def test_a_full_disk_is_told_and_tried_again(store: Store, clock: Clock) -> None:
    """When writing fails the text still waits, and the next flush writes it."""

    class Full:
        full = True

        def put_draft(self, draft: object) -> None:
            if self.full:
                raise TrainerError("no space left")

    table = Full()
    keeper = Keeper(table, clock, profile="comfy", kind="edit", ref=REF, base_text="")  # type: ignore[arg-type]
    keeper.change("x")
    with pytest.raises(TrainerError):
        keeper.flush()
    assert keeper.waiting
    table.full = False
    assert keeper.flush()


def test_rebase_keeps_the_text(store: Store, clock: Clock) -> None:
    """When the service's config changed meanwhile, the draft is compared with the new one."""
    keeper = edit(store, clock)
    keeper.change("a: 2\n")
    keeper.flush()
    keeper.rebase("a: 5\n")
    keeper.flush()
    draft = unsent_edit(store, REF)
    assert draft is not None
    assert (draft.text, draft.base_text) == ("a: 2\n", "a: 5\n")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (59, "just now"), (60, "1m ago"), (7300, "2h ago"), (200000, "2d ago")],
)
def test_ago(seconds: int, words: str) -> None:
    """One rough unit is enough to recognise one's own edit."""
    assert ago(NOON, NOON + timedelta(seconds=seconds)) == words
