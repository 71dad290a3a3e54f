"""A training that does badly, as the console shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.console import make, running, screen_text, until
from tests.tui.fake import few
from trainer_tui.core.health import Ailment, Finding
from trainer_tui.core.messages import Ailing
from trainer_tui.model import Status


@pytest.mark.parametrize(
    ("ailment", "word"),
    [
        (Ailment.NAN, "nan loss"),
        (Ailment.DIVERGENCE, "diverging"),
        (Ailment.PLATEAU, "plateau"),
        (Ailment.STALL, "stalled"),
    ],
)
async def test_a_finding_is_seen_in_the_row_and_in_the_overview(
    tmp_path: Path, ailment: Ailment, word: str
) -> None:
    """The row has a word, the overview a sentence, and a notice says it once; then it goes."""
    app = make(tmp_path)
    job = next(job for job in few() if job.status is Status.RUNNING)
    finding = Finding(ailment, 120, "something is odd since step 120")
    async with running(app, (120, 40)) as pilot:
        assert app.main is not None
        app.main.table.select(job.ref)
        await until(pilot, lambda: "RUNNING" in screen_text(app))
        app.board.set_finding(job.ref, finding)
        app.runtime.tell(Ailing(job.ref, finding))  # type: ignore[attr-defined]

        def row() -> str:
            return next(line for line in screen_text(app).splitlines() if job.name in line)

        await until(pilot, lambda: word in row())
        await until(pilot, lambda: screen_text(app).count("something is odd since step 120") >= 2)
        app.board.set_finding(job.ref, None)
        await until(pilot, lambda: word not in row() and "running" in row())
