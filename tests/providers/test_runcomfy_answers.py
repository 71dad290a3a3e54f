"""What RunComfy's answers mean, without a network."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.server import ESCAPES
from trainer_tui.errors import ProtocolError
from trainer_tui.model import ArtifactKind, Capability, Job, JobRef, Status
from trainer_tui.providers import _runcomfy_answers as answers
from trainer_tui.providers.runcomfy import FACTS

REF = JobRef("comfy", "job-1")


def build(status: dict[str, Any], result: dict[str, Any] | None = None, **more: Any) -> Job:
    """A job out of a status and perhaps a result."""
    total = (status.get("progress") or {}).get("total_steps")
    return answers.build_job(
        REF,
        status,
        capabilities=FACTS.capabilities,
        previous=more.get("previous"),
        result=answers.read_result(result, total) if result is not None else None,
    )


def progress(current: int, total: int) -> dict[str, Any]:
    """As the status tells it."""
    return {"current_step": current, "total_steps": total, "percent": 100 * current // total}


@pytest.mark.parametrize(
    ("status", "result", "expected"),
    [
        ({"status": "IN_QUEUE"}, None, Status.QUEUED),
        ({"status": "RUNNING", "progress": progress(3, 9)}, None, Status.RUNNING),
        ({"status": "FAILED"}, None, Status.FAILED),
        ({"status": "CANCELED"}, None, Status.CANCELED),
        ({"status": "CANCELLED"}, None, Status.CANCELED),
        ({"status": "STOPPED"}, {}, Status.SUCCEEDED),
        ({"status": "STOPPED", "progress": None}, {}, Status.SUCCEEDED),
        ({"status": "STOPPED", "progress": progress(9, 9)}, {}, Status.SUCCEEDED),
        ({"status": "STOPPED", "progress": progress(8, 9)}, {}, Status.INTERRUPTED),
        ({"status": "STOPPED", "progress": {"percent": 40}}, {}, Status.INTERRUPTED),
        (
            {"status": "STOPPED", "progress": progress(9, 9)},
            {"error": {"message": "preempted", "code": 50099}},
            Status.INTERRUPTED,
        ),
        ({"status": "STOPPED"}, {"error": "node lost"}, Status.INTERRUPTED),
        ({"status": "STOPPED"}, {"error": {}}, Status.SUCCEEDED),
        ({"status": "STOPPED"}, {"error": None}, Status.SUCCEEDED),
        ({"status": "SOMETHING_NEW"}, None, Status.UNKNOWN),
        ({}, None, Status.UNKNOWN),
    ],
)
def test_the_meaning_of_each_word(
    status: dict[str, Any], result: dict[str, Any] | None, expected: Status
) -> None:
    """STOPPED means finished or interrupted; the rest means what it says."""
    job = build(status, result)
    assert job.status is expected
    assert job.raw_status == status.get("status", "?")


def test_what_each_state_allows() -> None:
    """Edit and resume are for jobs that do not run; cancel for those that do."""
    queued = build({"status": "IN_QUEUE"}).allowed
    stopped = build({"status": "STOPPED", "progress": progress(1, 9)}).allowed
    finished = build({"status": "STOPPED", "progress": progress(9, 9)}).allowed
    assert Capability.CANCEL in queued and Capability.EDIT not in queued
    assert {Capability.EDIT, Capability.RESUME} <= stopped and Capability.CANCEL not in stopped
    assert Capability.EDIT in finished and Capability.RESUME not in finished


def test_a_finished_job_can_be_resumed_once_edited() -> None:
    """An edit gives a finished job something to do; running it uses that up."""
    before = build({"status": "STOPPED"}).replace(extra={answers.EDITED: "yes"})
    assert Capability.RESUME in build({"status": "STOPPED"}, previous=before).allowed
    running = build({"status": "RUNNING"}, previous=before)
    assert answers.EDITED not in running.extra


@pytest.mark.parametrize(
    "fields",
    [
        {"error": "CUDA out of memory"},
        {"errors": "CUDA out of memory"},
        {"errors": ["CUDA out of memory"]},
        {"errors": [{"message": "CUDA out of memory", "code": "E1"}]},
        {"error": {"message": "CUDA out of memory", "code": "E1"}},
        {"error": None, "errors": {"msg": "CUDA out of memory"}},
    ],
)
def test_error_and_errors(fields: dict[str, Any]) -> None:
    """A failed job's reason is found under both names and in every shape."""
    job = build({"status": "FAILED", **fields})
    assert job.error is not None
    assert job.error.message == "CUDA out of memory"


def test_what_a_status_does_not_tell_is_kept() -> None:
    """Times, GPU and the newest checkpoint survive a poll that does not mention them."""
    full = build(
        {"status": "RUNNING", "name": "dog", "progress": progress(500, 900)},
        {
            "created_at": "2026-01-31T12:00:00.143086",
            "started_at": "2026-01-31T12:03:10",
            "artifacts": {"checkpoints": [{"path": "https://x/dog_000000250.safetensors"}]},
        },
    )
    later = build({"status": "RUNNING"}, previous=full)
    assert later.created_at == full.created_at and later.created_at is not None
    assert later.started_at == full.started_at
    assert later.checkpoint_step == 250
    assert later.progress == full.progress
    assert later.name == "dog"
    assert str(later.created_at.tzinfo) == "UTC"


@pytest.mark.parametrize(
    ("names", "step"),
    [
        (["dog_000000250.safetensors", "dog_000001000.safetensors"], 1000),
        (["dog_00000100.safetensors"], 100),
        (["dog_000000250.safetensors", "dog.safetensors"], 2000),
        (["dog.safetensors"], 2000),
        (["optimizer.pt", "dog_000000250.safetensors"], 250),
        ([], 0),
    ],
)
def test_where_a_resume_would_go_on(names: list[str], step: int) -> None:
    """The newest checkpoint is read from the names; the unnumbered one is the last step."""
    paths = [{"path": f"https://cdn.example/o/{name}?sig=1"} for name in names]
    result = answers.read_result({"artifacts": {"checkpoints": paths}}, 2000)
    assert result.checkpoint_step == step


def test_an_unnumbered_checkpoint_without_a_known_end() -> None:
    """Where nobody knows the last step, nobody claims a step."""
    result = answers.read_result(
        {"artifacts": {"checkpoints": [{"path": "https://x/dog.safetensors"}]}}, None
    )
    assert result.checkpoint_step is None


def test_artifacts_of_the_reference_page() -> None:
    """Checkpoints, config and samples become artifacts with safe and unique names."""
    result = answers.read_result(
        {
            "artifacts": {
                "checkpoints": [
                    {"path": "https://e.com/output/dog_00000100.safetensors"},
                    {"path": "https://e.com/other/dog_00000100.safetensors"},
                ],
                "config": {"path": "https://e.com/output/resolved_config.yaml"},
                "samples": [
                    {
                        "sample_index": 1,
                        "type": "image",
                        "step": 2000,
                        "seed": 42,
                        "prompt": "a dog \x1b[31m",
                        "control_image": [],
                        "path": "https://e.com/samples/step_2000.png?X-Sig=a/b",
                    },
                    {"path": "javascript:alert(1)"},
                    {"path": "https://e.com/..%2f..%2fetc%2fpasswd"},
                    {"path": 7},
                    "odd",
                ],
            }
        },
        2000,
    )
    assert [(a.name, a.kind, a.step) for a in result.artifacts] == [
        ("dog_00000100.safetensors", ArtifactKind.CHECKPOINT, 100),
        ("dog_00000100-2.safetensors", ArtifactKind.CHECKPOINT, 100),
        ("resolved_config.yaml", ArtifactKind.CONFIG, None),
        ("step_2000.png", ArtifactKind.SAMPLE, 2000),
        ("passwd", ArtifactKind.SAMPLE, None),
    ]
    sample = result.artifacts[3]
    assert (sample.prompt, sample.seed, sample.own_origin) == ("a dog ", 42, False)
    assert result.config_url == "https://e.com/output/resolved_config.yaml"


def test_hostile_text_is_made_safe() -> None:
    """Names, words and errors with escape sequences are harmless when they leave here."""
    job = build({"status": ESCAPES, "name": ESCAPES, "error": ESCAPES})
    assert job.error is not None
    for text in (job.name, job.raw_status, job.error.message):
        assert not set(text) & {"\x1b", "\x07", "\u202e", "\x9b", "\r"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["status", "progress", "current_step", "total_steps", "percent", "error", "errors",
             "name", "artifacts", "checkpoints", "config", "samples", "path", "created_at", "step"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_JSON, _JSON)
def test_any_answer_is_survived(status: Any, result: Any) -> None:
    """Whatever shape comes, there is a job or a ProtocolError."""
    try:
        read = answers.read_result(result, None)
    except ProtocolError:
        assert not isinstance(result, dict)
        return
    told = status if isinstance(status, dict) else {}
    job = answers.build_job(REF, told, capabilities=FACTS.capabilities, previous=None, result=read)
    assert job.ref == REF
