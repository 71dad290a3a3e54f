"""Every provider keeps the contract of ``providers/base.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.providers.support import context
from trainer_tui.config import provider_names
from trainer_tui.model import Capability
from trainer_tui.providers import base, capabilities

PROTOCOLS: dict[Capability, type] = {
    Capability.CANCEL: capabilities.CanCancel,
    Capability.STOP: capabilities.CanStop,
    Capability.RESUME: capabilities.CanResume,
    Capability.EDIT: capabilities.CanEdit,
    Capability.SUBMIT: capabilities.CanSubmit,
    Capability.DELETE: capabilities.CanDelete,
    Capability.LOGS: capabilities.HasLogs,
    Capability.METRICS: capabilities.HasMetrics,
    Capability.ARTIFACTS: capabilities.HasArtifacts,
    Capability.CONFIG: capabilities.HasConfig,
    Capability.BUNDLE: capabilities.HasBundle,
    Capability.PIPELINE: capabilities.HasPipeline,
    Capability.PROVENANCE: capabilities.HasProvenance,
    Capability.MODELS: capabilities.HasModels,
    Capability.STAR: capabilities.CanStar,
}
ACTS = {
    Capability.CANCEL,
    Capability.STOP,
    Capability.RESUME,
    Capability.EDIT,
    Capability.SUBMIT,
    Capability.DELETE,
    Capability.STAR,
}
pytestmark = pytest.mark.parametrize("name", provider_names())


def test_every_capability_is_had_or_has_a_reason(name: str) -> None:
    """What a provider lacks, it can say why, in one sentence that says what to do instead."""
    facts = base.facts(name)
    assert facts.name == name
    assert facts.title
    for capability in Capability:
        reason = facts.reasons.get(capability)
        if capability in facts.capabilities:
            assert reason is None, capability
        else:
            assert reason and reason.endswith("."), capability
            assert len(reason) <= 90, "it must fit on a line of the status bar"


def test_every_act_says_what_it_does_here(name: str) -> None:
    """Before an act is confirmed, the consequence on this provider can be read."""
    facts = base.facts(name)
    for act in ACTS & facts.capabilities:
        assert facts.consequences[act].endswith(".")


def test_methods_and_capabilities_agree(name: str, tmp_path: Path) -> None:
    """A capability that is told has its methods, and one that is not has none."""
    provider = base.open_named(context(tmp_path, name, base_url="http://127.0.0.1:9"))
    for capability, protocol in PROTOCOLS.items():
        assert isinstance(provider, protocol) == (capability in provider.facts.capabilities), (
            capability
        )


def test_opening_asks_nothing(name: str, tmp_path: Path) -> None:
    """A provider is built without a request, even where no server could be reached."""
    provider = base.open_named(context(tmp_path, name, base_url="http://192.0.2.1", autostart=True))
    assert provider.facts.name == name
    assert list(tmp_path.iterdir()) == []
