"""Configs to begin from: shipped ones, fitted to the service that will run them."""

from __future__ import annotations

from dataclasses import dataclass

from trainer_tui.core.small_starters import KAOS, ROBOFLOW, ROBOFLOW_NAS
from trainer_tui.core.yamlconfig import get_value, set_value
from trainer_tui.core.yamlconfig.provider_rules import RUNCOMFY_DATASETS, RUNCOMFY_OUTPUT
from trainer_tui.errors import UsageError


@dataclass(frozen=True, slots=True)
class Template:
    """A config to begin from."""

    id: str
    title: str
    note: str
    providers: frozenset[str] = frozenset({"local", "runcomfy"})
    """Whose configs are of this shape."""
    body: str | None = None
    """The text itself; ``None``: a file beside this one."""

    def text(self, provider: str | None = None) -> str:
        """The config, with the fixed folders of the provider where it has such."""
        if self.body is not None:
            return self.body
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

_ROBOFLOW, _KAOS = frozenset({"roboflow"}), frozenset({"kaos"})
SMALL = (
    Template("roboflow", "A training", "of a version of a dataset", _ROBOFLOW, ROBOFLOW),
    Template(
        "roboflow-nas", "A search (NAS)", "several models to compare", _ROBOFLOW, ROBOFLOW_NAS
    ),
    Template("kaos", "A bundle with parameters", "a grid, data, machines", _KAOS, KAOS),
)
"""For services that take a few keys in the place of a training config."""


def templates_for(provider: str | None) -> list[Template]:
    """What a config for a provider can begin from."""
    return [t for t in (*TEMPLATES, *SMALL) if provider is None or provider in t.providers]


def same_shape(one: str | None, other: str | None) -> bool:
    """Whether a config of one provider means something to another."""
    return one == other or any({one, other} <= t.providers for t in TEMPLATES)


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
