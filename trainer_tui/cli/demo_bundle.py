"""The source bundle that the demo submits to kaos's dialect: a tiny network, trained for real.

Its ``train`` needs nothing but Python. It learns to tell two interleaved moons apart, once for
each combination of hidden units and learning rate, so that its leaderboard has two pages.
"""

from __future__ import annotations

from pathlib import Path

NAME = "moons"

SUBMISSION = """\
# A source bundle of kaos: model/train runs once for each combination of params.
bundle: '{bundle}'
params:
  hidden: [2, 4, 8, 12]
  rate: [0.3, 0.1, 0.02]
user: demo
"""

_DOCKERFILE = """\
FROM python:3.12-slim
COPY model /model
"""

_TRAIN = '''\
#!/usr/bin/env python3
"""Two moons, one hidden layer: `train OUT` writes OUT/model/weights.json and OUT/metrics/*.json."""

import json
import math
import os
import random
import sys
from pathlib import Path

EPOCHS = 40


def parameters():
    """The combination that is this run's."""
    for place in (os.environ.get("KAOS_PARAMS"), "/pfs/hyper/params.json"):
        if place and Path(place).is_file():
            found = json.loads(Path(place).read_text())
            return {key: each[0] if isinstance(each, list) else each for key, each in found.items()}
    return {}


def moons(count, rng):
    """Points of two interleaved half circles, with some noise."""
    points = []
    for number in range(count):
        angle = math.pi * rng.random()
        upper = number % 2
        x, y = math.cos(angle), math.sin(angle)
        if not upper:
            x, y = 1 - x, 0.5 - y
        points.append((x + rng.gauss(0, 0.27), y + rng.gauss(0, 0.27), upper))
    return points


def guess(net, x, y):
    """Hidden values and the probability of the upper moon."""
    hidden = [math.tanh(a * x + b * y + c) for a, b, c in net["in"]]
    total = sum(w * h for w, h in zip(net["out"], hidden)) + net["bias"]
    return hidden, 1 / (1 + math.exp(-max(-40.0, min(40.0, total))))


def measure(net, points):
    """Accuracy and mean cross-entropy."""
    right = loss = 0.0
    for x, y, label in points:
        _, p = guess(net, x, y)
        right += (p > 0.5) == bool(label)
        loss -= math.log(max(1e-9, p if label else 1 - p))
    return right / len(points), loss / len(points)


def main(out):
    """Train one network."""
    told = parameters()
    hidden, rate = int(told.get("hidden", 4)), float(told.get("rate", 0.1))
    rng = random.Random(7)
    points, unseen = moons(240, rng), moons(120, rng)
    net = {
        "in": [[rng.gauss(0, 1), rng.gauss(0, 1), 0.0] for _ in range(hidden)],
        "out": [rng.gauss(0, 0.5) for _ in range(hidden)],
        "bias": 0.0,
    }
    print(f"hidden={hidden} rate={rate}", flush=True)
    for epoch in range(1, EPOCHS + 1):
        rng.shuffle(points)
        for x, y, label in points:
            values, p = guess(net, x, y)
            wrong = p - label
            for row, (weight, value) in enumerate(zip(net["out"], values)):
                slope = wrong * weight * (1 - value * value)
                net["out"][row] -= rate * wrong * value
                for place, given in enumerate((x, y, 1.0)):
                    net["in"][row][place] -= rate * slope * given
            net["bias"] -= rate * wrong
        if epoch % 10 == 0:
            accuracy, loss = measure(net, unseen)
            print(f"epoch {epoch}/{EPOCHS} accuracy {accuracy:.3f} loss {loss:.3f}", flush=True)
    accuracy, loss = measure(net, unseen)
    for folder in ("model", "metrics"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    (out / "model" / "weights.json").write_text(json.dumps(net))
    for name, value in (("accuracy", accuracy), ("loss", loss)):
        (out / "metrics" / f"{name}.json").write_text(json.dumps(round(value, 5)))


main(Path(sys.argv[1]))
'''


def write(folder: Path) -> None:
    """Write the bundle into a folder that does not exist yet."""
    model = folder / "model"
    model.mkdir(parents=True)
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    (model / "__init__.py").write_text("")
    (model / "requirements.txt").write_text("")
    train = model / "train"
    train.write_text(_TRAIN)
    train.chmod(0o755)
