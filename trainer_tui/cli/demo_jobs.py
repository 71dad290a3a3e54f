"""The jobs of the demo: their configs, and the order that they are submitted in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trainer_tui.cli import demo_bundle

DATASET = "hills"
"""The name of the pictures that the demo paints."""


@dataclass(frozen=True, slots=True)
class DemoJob:
    """One job of the demo: where it goes, and what its config asks for."""

    profile: str
    name: str
    steps: int
    rank: int
    lr: str
    prompts: tuple[str, ...]


# Steps are chosen so that each job takes a minute or two on one core: long enough to look at.
JOBS = (
    DemoJob(
        "local",
        "hills_style_lora",
        2400,
        16,
        "3e-5",
        (
            "an orange sun on the left over low hills at dusk",
            "a moon in the middle over high mountains at night",
        ),
    ),
    DemoJob(
        "comfy-local",
        "dusk_portrait_lora",
        3600,
        32,
        "2e-5",
        ("a pale sun in the middle over low hills at dawn",),
    ),
    DemoJob(
        "local",
        "night_sketch_lora",
        1600,
        8,
        "5e-5",
        ("a moon on the right over high mountains at night",),
    ),
)


def config_text(job: DemoJob, dataset: str, training_folder: str) -> str:
    """The AI Toolkit config of a demo job."""
    prompts = "\n".join(f'          - "{prompt}"' for prompt in job.prompts)
    return f"""\
---
# A small LoRA run on pictures that the demo painted. Edit it: e in the console.
job: extension
config:
  name: "{job.name}"
  process:
    - type: 'sd_trainer'
      training_folder: "{training_folder}"
      network:
        type: "lora"
        linear: {job.rank}
        linear_alpha: {job.rank}
      save:
        dtype: float16
        save_every: {job.steps // 8}  # a checkpoint every this many steps
        max_step_saves_to_keep: 4
      datasets:
        - folder_path: "{dataset}"
          caption_ext: "txt"
          resolution: [ 768 ]
      train:
        batch_size: 96
        gradient_accumulation: 1
        steps: {job.steps}
        noise_scheduler: "flowmatch"
        optimizer: "adamw8bit"
        lr: {job.lr}
        dtype: bf16
      model:
        name_or_path: "black-forest-labs/FLUX.1-dev"
        is_flux: true
      sample:
        sampler: "flowmatch"
        sample_every: {job.steps // 8}
        width: 256
        height: 256
        prompts:
{prompts}
        seed: 42
        walk_seed: true
meta:
  name: "[name]"
  version: '1.0'
"""


def submissions(home: Path) -> list[tuple[str, str]]:
    """The jobs in the order to submit them: profile and config.

    The grid of kaos is done after some seconds, the search at Roboflow's dialect soon after it,
    so that both have models to look at; the last one waits behind them.
    """
    dataset = str(home / "datasets" / DATASET)
    mounted = f"/app/ai-toolkit/datasets/{DATASET}"
    first, second, last = (
        (job.profile, config_text(job, dataset, "output"))
        if job.profile == "local"
        else (job.profile, config_text(job, mounted, "/app/ai-toolkit/output"))
        for job in JOBS
    )
    return [
        first,
        second,
        ("kaos-local", demo_bundle.SUBMISSION.format(bundle=home / "bundles" / demo_bundle.NAME)),
        ("vision-local", f"project: {DATASET}\nversion: 1\nmodel_type: rfdetr-nas\nepochs: 12\n"),
        last,
    ]
