"""What a config will do when it is run: steps, checkpoints, samples, time and money.

Pure. :func:`forecast` reads a text once and gives a :class:`Forecast`; its ``words`` are what is
shown before something is sent, resumed or submitted, ``data`` is the same for programs, and
:func:`compared` says what an edit changes of it. Numbers are those of AI Toolkit: a checkpoint
at every multiple of ``save_every`` and one without a number at the end, samples before the first
step, at every multiple of ``sample_every`` and at the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from trainer_tui.core.pace import Pace
from trainer_tui.core.yamlconfig import Document, Scalar, parsed, resolve, summary
from trainer_tui.model import Gpu, Job
from trainer_tui.sanitize import line as clean

_PROCESS = ("config", "process", 0)
_SHOWN_STEPS = 4
_KINDS = {"lora": "LoRA", "lokr": "LoKr", "lycoris": "LyCORIS", "dora": "DoRA"}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a config will do. ``None`` is what it does not say."""

    steps: int | None = None
    start: int = 0
    """The step that it goes on from."""
    start_known: bool = True
    batch: int = 1
    accumulation: int = 1
    lr: float | None = None
    save_every: int | None = None
    kept: int | None = None
    """How many numbered checkpoints stay; ``None``: all."""
    sample_every: int | None = None
    prompts: int | None = None
    first_samples: bool = True
    resolution: tuple[int, ...] = ()
    datasets: tuple[str, ...] = ()
    model: str | None = None
    network: str | None = None
    rank: object = None
    pace: Pace | None = None
    gpu: Gpu | None = None
    price: float | None = None
    """Of one GPU, an hour."""

    # Numbers ------------------------------------------------------------------------------------

    @property
    def left(self) -> int | None:
        """Steps that will be run."""
        return None if self.steps is None else max(0, self.steps - self.start)

    @property
    def images(self) -> int:
        """Images a step."""
        return self.batch * self.accumulation

    @property
    def checkpoints(self) -> range:
        """The steps of the numbered checkpoints that will be saved."""
        return _multiples(self.save_every, self.start, self.steps)

    @property
    def rounds(self) -> int | None:
        """How often samples are made."""
        if not self.prompts or self.steps is None or not self.left:
            return None
        between = len(_multiples(self.sample_every, self.start, self.steps))
        return between + int(self.first_samples and not self.start) + 1

    @property
    def seconds(self) -> float | None:
        """How long the steps take."""
        if self.pace is None or self.left is None:
            return None
        return self.left * self.pace.seconds

    @property
    def money(self) -> float | None:
        """What they cost."""
        if self.seconds is None or self.price is None or self.gpu is None:
            return None
        return self.seconds / 3600 * self.price * self.gpu.count

    def data(self) -> dict[str, object]:
        """All of it, for programs."""
        saved = self.checkpoints
        return {
            "start_step": self.start if self.start_known else None,
            "steps": self.steps,
            "steps_to_run": self.left,
            "batch_size": self.batch,
            "gradient_accumulation": self.accumulation,
            "checkpoint_steps": list(saved[:1000]),
            "checkpoints": len(saved) + 1 if self.left else 0,
            "checkpoints_kept": self._staying() + 1 if self.left else 0,
            "sample_prompts": self.prompts,
            "sample_rounds": self.rounds,
            "resolution": list(self.resolution),
            "datasets": list(self.datasets),
            "model": self.model,
            "seconds_per_step": self.pace.seconds if self.pace else None,
            "seconds": self.seconds,
            "gpu": {"type": self.gpu.type, "count": self.gpu.count} if self.gpu else None,
            "money": None if self.money is None else round(self.money, 2),
        }

    # Words --------------------------------------------------------------------------------------

    def words(self) -> list[str]:
        """A few whole sentences, the most telling first."""
        said = [self._run(), self._cost(), self._saves(), self._samples(), self._subject()]
        return [sentence for sentence in said if sentence]

    def _run(self) -> str:
        if self.steps is None:
            return ""
        rate = f"{self.lr:g}".replace("e-0", "e-") if self.lr is not None else ""
        lr = f" at a learning rate of {rate}" if rate else ""
        each = f", {self.images} images each" if self.images > 1 else ""
        if self.accumulation > 1:
            each += f" (batch of {self.batch}, accumulated {self.accumulation} times)"
        if not self.left:
            return (
                f"Runs no step: the checkpoint is at {self.start:,}"
                f" and train.steps is {self.steps:,}."
            )
        if self.start:
            return f"Runs {self.left:,} steps, from {self.start:,} to {self.steps:,}{lr}{each}."
        unknown = "" if self.start_known else ", less those before its newest checkpoint"
        return f"Runs {self.steps:,} steps{lr}{each}{unknown}."

    def _cost(self) -> str:
        if self.seconds is None or not self.left:
            return ""
        assert self.pace is not None
        most = "" if self.start_known else " at most"
        said = f"Takes about {span(self.seconds)}{most} at {_pace(self.pace)}"
        if self.money is not None and self.gpu is not None:
            many = f"{self.gpu.count} " if self.gpu.count > 1 else ""
            said += (
                f", and costs about ${self.money:,.2f} ({many}{self.gpu.type} at"
                f" ${self.price:,.2f} an hour{' each' if many else ''})"
            )
        return said + "."

    def _staying(self) -> int:
        count = len(self.checkpoints)
        return min(count, self.kept) if self.kept else count

    def _saves(self) -> str:
        if not self.left:
            return ""
        saved = self.checkpoints
        if not saved:
            if self.save_every is None:
                return "Saves at the end only."
            return (
                f"Saves at the end only (train.steps comes before save_every {self.save_every:,})."
            )
        if len(saved) > _SHOWN_STEPS:
            shown = f"{', '.join(f'{step:,}' for step in saved[:2])} and so on to {saved[-1]:,}"
        else:
            shown = ", ".join(f"{step:,}" for step in saved)
        where = f"at {shown} and at the end"
        said = f"Saves {_count(len(saved) + 1, 'checkpoint')}: {where}"
        if self.kept and self.kept < len(saved):
            return f"{said}; the last {self.kept} of the numbered ones are kept."
        return said + "."

    def _samples(self) -> str:
        if not self.left:
            return ""
        if self.prompts == 0:
            return "Makes no samples."
        rounds = self.rounds
        if self.prompts is None or rounds is None:
            return ""
        images = self.prompts * rounds
        often = f"every {self.sample_every:,} steps" if self.sample_every else "at the end"
        return (
            f"Makes {_count(images, 'sample')}: {_count(self.prompts, 'prompt')}"
            f" {_count(rounds, 'time')}, {often}."
        )

    def _subject(self) -> str:
        kind = _KINDS.get(str(self.network).lower(), "")
        if kind and self.rank is not None:
            kind = f"{kind} of rank {clean(self.rank, limit=20)}"
        what = f"a {kind} on {self.model}" if kind and self.model else self.model or ""
        where = ""
        if self.datasets:
            more = f" and {len(self.datasets) - 2} more" if len(self.datasets) > 2 else ""
            where = f" with {', '.join(self.datasets[:2])}{more}"
        sizes = f" at {', '.join(map(str, self.resolution))} px" if self.resolution else ""
        return f"Trains{' ' + what if what else ''}{where}{sizes}." if what or where else ""


def forecast(
    text: str | Document,
    *,
    start: int | None = 0,
    pace: Pace | None = None,
    gpu: Gpu | None = None,
    pricing: Mapping[str, float] | None = None,
) -> Forecast | None:
    """What a config says that it will do; ``None`` for one that is no AI Toolkit's, or no YAML.

    Args:
        text: The config, or what was parsed of it.
        start: The checkpoint that it goes on from; ``None``: nobody knows.
        pace: How long a step takes, where that is known.
        gpu: What it runs on.
        pricing: GPU type to money an hour.
    """
    document = parsed(text) if isinstance(text, str) else text
    if document.broken or document.at(*_PROCESS) is None:
        return None

    def value(*path: str) -> object:
        node = resolve(document.at(*_PROCESS, *path))
        return node.data if isinstance(node, Scalar) else None

    facts = summary(document.text if not isinstance(text, str) else text)
    accumulation = [
        _whole(value("train", key)) or 1
        for key in ("gradient_accumulation", "gradient_accumulation_steps")
    ]
    steps = _whole(facts["steps"])
    prompts = facts["samples"]
    datasets, sizes = facts["datasets"], facts["resolution"]
    known = gpu if gpu is not None else None
    return Forecast(
        steps=steps,
        start=start or 0,
        start_known=start is not None,
        batch=_whole(facts["batch_size"]) or 1,
        accumulation=max(accumulation),
        lr=facts["lr"] if isinstance(facts["lr"], float) else None,
        save_every=_whole(facts["save_every"]),
        kept=_whole(value("save", "max_step_saves_to_keep")),
        sample_every=_whole(facts["sample_every"]),
        prompts=prompts if isinstance(prompts, int) else None,
        first_samples=value("train", "skip_first_sample") is not True,
        resolution=tuple(sizes) if isinstance(sizes, list) else (),
        datasets=tuple(datasets) if isinstance(datasets, list) else (),
        model=None if facts["model"] is None else str(facts["model"]),
        network=None if value("network", "type") is None else str(value("network", "type")),
        rank=facts["rank"],
        pace=pace,
        gpu=known,
        price=(pricing or {}).get(known.type) if known is not None else None,
    )


def compared(old: Forecast | None, new: Forecast | None) -> list[str]:
    """What an edit changes of it: ``Steps from 2,000 to 3,000, about 1h12m more.``"""
    if old is None or new is None:
        return []
    out = []
    if old.steps != new.steps and old.steps is not None and new.steps is not None:
        said = f"Steps from {old.steps:,} to {new.steps:,}"
        if new.pace is not None and not _other_work(old, new):
            was, now = replace(old, pace=new.pace).seconds, new.seconds
            if was is not None and now is not None and was != now:
                said += f", about {span(abs(now - was))} {'more' if now > was else 'less'}"
                if new.price is not None and new.gpu is not None:
                    money = abs(now - was) / 3600 * new.price * new.gpu.count
                    said += f", about ${money:,.2f}"
        out.append(said + ".")
    if old.images != new.images:
        out.append(f"Images a step from {old.images} to {new.images}.")
    if new.pace is not None and _other_work(old, new):
        out.append("A step is other work than before, so the time is a guess from its old pace.")
    had, has = len(old.checkpoints) + 1, len(new.checkpoints) + 1
    if had != has and old.left and new.left:
        out.append(f"Checkpoints from {had} to {has}.")
    made, makes = (old.prompts or 0) * (old.rounds or 0), (new.prompts or 0) * (new.rounds or 0)
    if made != makes and old.left and new.left:
        out.append(f"Samples from {made} to {makes}.")
    return out


def _other_work(old: Forecast, new: Forecast) -> bool:
    """Whether a step of the one takes another time than a step of the other."""
    return (old.images, old.resolution, old.model) != (new.images, new.resolution, new.model)


def resume_words(job: Job, pace: Pace | None, pricing: Mapping[str, float]) -> str:
    """What a resume will run, where the job's config is not at hand: ``Runs 1,250 steps, …``."""
    total = job.progress.total if job.progress else None
    if job.checkpoint_step is None or total is None:
        return ""
    if job.progress is not None and job.progress.unit != "step":
        return ""
    price = pricing.get(job.gpu.type) if job.gpu is not None else None
    made = Forecast(total, job.checkpoint_step, pace=pace, gpu=job.gpu, price=price)
    return " ".join(part for part in (made._run(), made._cost()) if part)


def span(seconds: float) -> str:
    """A duration in at most two units: ``45s 7m 1h12m 2d4h``."""
    if seconds < 60:
        return f"{math.ceil(seconds)}s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours}h" if days else f"{hours}h{minutes:02d}m"


def _pace(pace: Pace) -> str:
    if pace.seconds < 1:
        return f"{1 / pace.seconds:.1f} steps a second {pace.source}"
    return f"{pace.seconds:.2f} s a step {pace.source}"


def _multiples(every: int | None, start: int, end: int | None) -> range:
    """Multiples after ``start`` and before ``end``."""
    if not every or end is None or end <= start:
        return range(0)
    return range((start // every + 1) * every, end, every)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _whole(value: object) -> int | None:
    """A count, where it is one: no config means a trillion of anything."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 < value < 10**12 else None
