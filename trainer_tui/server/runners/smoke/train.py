"""The training loop: steps, samples, saves, the log's lines and the metrics file."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer_tui.server.runners.smoke import checkpoints, evaluation, sampling
from trainer_tui.server.runners.smoke.data import Examples, load
from trainer_tui.server.runners.smoke.latent import Array, Codec
from trainer_tui.server.runners.smoke.model import Adam, Denoiser, Tensors
from trainer_tui.server.runners.smoke.options import Options

_REFRESH = 0.2  # seconds between two states of the bar and two writes of metrics
_DRAWS = 40  # noisy versions of an image in a batch of one: a calmer loss for little time


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run keeps its files."""

    out: Path

    @property
    def checkpoints(self) -> Path:
        return self.out / "checkpoints"

    @property
    def samples(self) -> Path:
        return self.out / "samples"

    @property
    def metrics(self) -> Path:
        return self.out / "metrics.jsonl"

    @property
    def state(self) -> Path:
        return self.out / "work" / "state.safetensors"

    @property
    def evaluations(self) -> Path:
        return self.out / "work" / "evaluations.jsonl"

    @property
    def sample_index(self) -> Path:
        return self.out / "work" / "samples.jsonl"


def say(line: str) -> None:
    """One line of the log, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def run(options: Options, out: Path, stop: Callable[[], bool]) -> bool:
    """Train from the newest checkpoint to ``options.steps``, or until ``stop()`` says so.

    Gives whether the last step was reached.

    Raises:
        TrainerError: The dataset or the checkpoint cannot be used.
    """
    places = Places(out)
    codec = Codec.for_resolution(options.resolution)
    examples = load(options, codec, say, stop)
    if stop():
        say("Stopped before the first step")
        return False
    model = Denoiser(codec.size, options.rank, options.alpha, options.seed)
    adam = Adam(model.tensors, options.adam_lr, options.weight_decay)
    for folder in (places.checkpoints, places.samples, places.state.parent):
        _clear_halves(folder)
    start = checkpoints.restore(places.checkpoints, places.state, options, model, adam)
    count = sum(tensor.size for tensor in model.tensors.values())
    say(f"Rank {options.rank} adapter, alpha {options.alpha:g}: {count:,} parameters to train")
    if start:
        say(f"Resuming from step {start}")
    with np.errstate(all="ignore"):  # a run that diverges shows it as NaN loss
        return _Loop(options, places, codec, examples, model, adam, stop).run(start)


def _clear_halves(folder: Path) -> None:
    """Remove what an earlier process was killed over: hidden files, not yet renamed."""
    for path in folder.glob(".*"):
        if path.is_file():
            path.unlink()


class _Loop:
    def __init__(
        self,
        options: Options,
        places: Places,
        codec: Codec,
        examples: Examples,
        model: Denoiser,
        adam: Adam,
        stop: Callable[[], bool],
    ) -> None:
        self.options, self.places, self.codec = options, places, codec
        self.examples, self.model, self.adam, self.stop = examples, model, adam, stop
        self.draws = max(1, round(_DRAWS / options.batch_size))
        self.weights = codec.weights()
        self.masks = {
            size: codec.mask(size) for sizes in set(examples.resolutions) for size in sizes
        }

    def run(self, start: int) -> bool:
        """Give whether the last step was reached."""
        options = self.options
        if start >= options.steps:
            say(f"Already at step {start} of {options.steps}: nothing to train")
            return True
        bar = _Bar(options, start)
        metrics = _Metrics(self.places.metrics)
        try:
            if start == 0 and options.first_sample:
                self.sample(0)
            step, saved = start, start
            while step < options.steps and not self.stop():
                step += 1
                loss = self.step(step)
                metrics.add(step, "loss", loss)
                if step == start + 1 or step % 10 == 0 or step == options.steps:
                    metrics.add(step, "lr", options.lr)
                now = time.monotonic()
                if now - bar.drawn >= _REFRESH or step == options.steps:
                    bar.draw(step, loss, now)
                    metrics.flush()
                if options.evaluate_every and step % options.evaluate_every == 0:
                    self.evaluate(step, metrics)
                if options.save_every and step % options.save_every == 0 and step < options.steps:
                    bar.leave()
                    metrics.flush()
                    self.save(step)
                    saved = step
                if self.sampling_due(step) and step < options.steps:
                    bar.leave()
                    metrics.flush()
                    self.sample(step)
            bar.leave()
            metrics.flush()
            if step == options.steps:
                self.save(step, last=True)
                self.sample(step)
            elif step > saved:
                say(f"Interrupted: saving step {step}")
                self.save(step)
        finally:
            metrics.close()
        return step == options.steps

    def step(self, step: int) -> float:
        """One optimizer step. What is drawn depends on the seed and the step alone."""
        options = self.options
        rng = np.random.default_rng([options.seed, step])
        total: Tensors = {}
        loss = 0.0
        for _ in range(options.accumulation):
            part, gradient = self.micro_batch(rng)
            loss += part / options.accumulation
            for name, slope in gradient.items():
                slope /= options.accumulation
                total[name] = total[name] + slope if name in total else slope
        self.adam.step(self.model.tensors, total)
        return loss

    def micro_batch(self, rng: np.random.Generator) -> tuple[float, Tensors]:
        examples, batch = self.examples, self.options.batch_size
        chosen = rng.integers(len(examples), size=batch)
        heard = rng.random(batch) >= examples.dropout[chosen]
        texts = examples.texts[chosen] * heard[:, None].astype(np.float32)
        sizes = [examples.resolutions[i] for i in chosen]
        picks = [options[int(rng.integers(len(options)))] for options in sizes]
        weights: Array = np.stack([self.masks[size] for size in picks]) * self.weights
        clean = examples.latents[chosen]
        rows = np.repeat(np.arange(batch), self.draws)
        # Logit-normal times, shifted to the noisy end: there the caption matters.
        t = 1 / (1 + np.exp(-(rng.standard_normal(len(rows)) + 0.8)))
        noise = rng.standard_normal((len(rows), self.model.size), dtype=np.float32)
        return self.model.gradient(
            clean[rows], noise, texts[rows], t.astype(np.float32), weights[rows]
        )

    def evaluate(self, step: int, metrics: _Metrics) -> None:
        """Measure the model, for the curves and for whoever asks how good it is."""
        options = self.options
        epoch = step // options.evaluate_every
        found = evaluation.evaluate(
            self.examples, self.codec, self.model, options.seed, epoch=epoch, step=step
        )
        for key, value in found.curves.items():
            metrics.add(step, key, value)
        evaluation.append(self.places.evaluations, found)

    def sampling_due(self, step: int) -> bool:
        options = self.options
        every = options.sample_every
        return bool(every) and step % every == 0 and step >= options.sample_start

    def sample(self, step: int) -> None:
        options, places = self.options, self.places
        if not options.sampling or not options.prompts:
            return
        say(f"Generating {len(options.prompts)} samples at step {step}")
        for path in sampling.make(
            options, self.model, self.codec, places.samples, places.sample_index, step, self.stop
        ):
            say(f"Saved sample to {path}")

    def save(self, step: int, *, last: bool = False) -> None:
        options, places = self.options, self.places
        path = checkpoints.save(
            places.checkpoints, places.state, options, self.model, self.adam, step, last=last
        )
        say(f"Saved checkpoint to {path}")
        say(f"Saved optimizer to {places.state}")


class _Metrics:
    """Appends lines to the metrics file; a last line that an earlier process left half is ended."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        if self._file.tell():
            self._file.seek(-1, 2)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")
        self._lines: list[str] = []

    def add(self, step: int, key: str, value: float) -> None:
        shown: float | str = value
        if not math.isfinite(value):
            shown = "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
        point = {"step": step, "time": round(time.time(), 3), "key": key, "value": shown}
        self._lines.append(json.dumps(point) + "\n")

    def flush(self) -> None:
        self._file.write("".join(self._lines).encode())
        self._file.flush()
        self._lines.clear()

    def close(self) -> None:
        self.flush()
        self._file.close()


class _Bar:
    """The progress line, written over itself with a carriage return, as tqdm writes it."""

    _WIDTH = 10

    def __init__(self, options: Options, start: int) -> None:
        self.name, self.total, self.lr = options.name, options.steps, options.lr
        self.start, self.began = start, time.monotonic()
        self.drawn = 0.0
        self.dirty = False

    def draw(self, step: int, loss: float, now: float) -> None:
        self.drawn, self.dirty = now, True
        spent = max(now - self.began, 1e-6)
        rate = (step - self.start) / spent
        left = (self.total - step) / rate if rate else 0.0
        pace = f"{rate:5.2f}it/s" if rate >= 1 else f"{1 / rate:5.2f}s/it"
        eighths = round(step / self.total * self._WIDTH * 8)
        cells = "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")
        sys.stdout.write(
            f"\r{self.name}: {100 * step // self.total:3d}%|{cells:<{self._WIDTH}}| "
            f"{step}/{self.total} [{_clock(spent)}<{_clock(left)}, {pace}, "
            f"lr: {self.lr:.1e} loss: {loss:.3e}]"
        )
        sys.stdout.flush()

    def leave(self) -> None:
        """End the line, so that what is said next stands on its own."""
        if self.dirty:
            self.dirty = False
            say("")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
