"""Configs to begin from: shipped ones, fitted to the service that will run them."""

from __future__ import annotations

from dataclasses import dataclass

from trainer_tui.core.yamlconfig import get_value, set_value
from trainer_tui.core.yamlconfig.provider_rules import RUNCOMFY_DATASETS, RUNCOMFY_OUTPUT
from trainer_tui.errors import UsageError


@dataclass(frozen=True, slots=True)
class Template:
    """A config to begin from."""

    id: str
    title: str
    note: str

    def text(self, provider: str | None = None) -> str:
        """The config, with the fixed folders of the provider where it has such."""
        from importlib.resources import files

        folder = files("trainer_tui.core").joinpath("starters")
        text = folder.joinpath(f"{self.id}.yaml").read_bytes().decode()
        return fitted(text, provider)


TEMPLATES = (
    Template("flux", "Flux LoRA", "FLUX.1-dev, 24 GB"),
    Template("qwen-image-edit", "Qwen-Image-Edit LoRA", "pairs of images, 32 GB"),
    Template("wan", "Wan 2.1 LoRA", "video, 14B, 24 GB"),
    Template("smoke", "Smoke test", "a minute, no GPU"),
)


def fitted(text: str, provider: str | None) -> str:
    """A config with what a provider fixes filled in; any other byte as it was."""
    if provider != "runcomfy":
        return text
    changes = [("process[0].training_folder", RUNCOMFY_OUTPUT)]
    for number in range(20):
        for key in ("folder_path", "control_path"):
            path = f"process[0].datasets[{number}].{key}"
            try:
                value = get_value(text, path)
            except UsageError:
                continue
            if not str(value).startswith(RUNCOMFY_DATASETS + "/"):
                name = str(value).rstrip("/").rsplit("/", 1)[-1] or "NAME"
                changes.append((path, f"{RUNCOMFY_DATASETS}/{name}"))
    for path, value in changes:
        try:
            text = set_value(text, path, value)
        except UsageError:
            continue
    return text
