"""What is asked of a service once, when a person wants to see it: nothing here is followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from trainer_tui.core.sides import NO_CAPABILITY
from trainer_tui.errors import StateError
from trainer_tui.model import Artifact, Capability, JobRef, Model
from trainer_tui.providers.base import Provider
from trainer_tui.providers.capabilities import HasArtifacts, HasBundle, HasPipeline, HasProvenance

Open = Callable[[str], Awaitable[Provider]]
"""A profile's name → its provider."""


async def provenance(open_: Open, ref: JobRef, model_id: str | None = None) -> str:
    """What a model of a job was made of, as Graphviz DOT.

    Raises:
        StateError: The service does not tell, or there is no model yet.
    """
    provider = await _able(open_, ref.profile, Capability.PROVENANCE)
    return await cast(HasProvenance, provider).provenance(ref.id, model_id)


async def bundle(open_: Open, ref: JobRef, model_id: str | None = None) -> Artifact:
    """The zip with a job's code and models; with a model's id, with that one only."""
    provider = await _able(open_, ref.profile, Capability.BUNDLE)
    return await cast(HasBundle, provider).bundle(ref.id, model=True, model_id=model_id)


async def files_of(open_: Open, ref: JobRef, model: Model) -> Sequence[Artifact]:
    """A model's own files: what it names itself, else those of the job that are called after it,
    else a bundle with it. Empty where there are none to be had."""
    if model.artifact is not None:
        return (model.artifact,)
    provider = await open_(ref.profile)
    if Capability.BUNDLE in provider.facts.capabilities:
        return (await bundle(open_, ref, model.id),)
    if Capability.ARTIFACTS not in provider.facts.capabilities:
        return ()
    found = await cast(HasArtifacts, provider).artifacts(ref.id)
    names = {model.name, model.id.rpartition("/")[2]}
    return [file for file in found if {file.name, file.name.rpartition(".")[0]} & names]


async def pipeline(open_: Open, profile: str) -> Mapping[str, str]:
    """What a job that is submitted now would run on."""
    provider = await _able(open_, profile, Capability.PIPELINE)
    return await cast(HasPipeline, provider).pipeline()


async def _able(open_: Open, profile: str, capability: Capability) -> Provider:
    provider = await open_(profile)
    facts = provider.facts
    if capability not in facts.capabilities:
        raise StateError(facts.why_not(capability), title="Not to be had here", code=NO_CAPABILITY)
    return provider
