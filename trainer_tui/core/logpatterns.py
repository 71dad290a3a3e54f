"""What trainers print: each kind of line as the values it holds and where along the training.

All works on raw bytes of one *state*: the text between two ends of line or carriage returns, with
its escape sequences taken out. The formats are those of

* tqdm, with a postfix of ``name=value`` or ``name: value`` (AI Toolkit, Lightning, plain loops),
* Lightning's Rich bar,
* Keras' bar, old and new, after its line ``Epoch 3/10``,
* Ultralytics' table of losses and its ``all`` row of a validation,
* a mapping printed by Python or as JSON (Hugging Face's Trainer, accelerate, mmcv),
* words and numbers (nanoGPT, Megatron, fairseq, Detectron2, PyTorch's examples, one's own loop).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_NAME = 60
"""Characters of a metric's name."""
MAX_PAIRS = 64
"""Values that one line gives at most."""
_MAX_NAMES = 4000

NUMBER = (
    rb"[-+]?(?:(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?|[nN]a[nN]|NAN|[iI]nf(?:inity)?+)"
    rb"(?![\w:/]|[.-]\d)"
)
_WORD = rb"[A-Za-z_][\w./@-]{0,60}+"
_PAIR = re.compile(rb"(?<![\w.])(" + _WORD + rb")\s{0,3}[:=]\s{0,12}(" + NUMBER + rb")")
_LOOSE = re.compile(
    rb"(?<![\w.])(" + _WORD + rb")(?:\s{0,3}([:=])\s{0,12}|[ \t]{1,6})(" + NUMBER + rb")"
)
_AFTER = re.compile(
    rb"[\w./@-]{0,60}+[^\w\s:=]{0,3}\s{0,3}[:=]?\s{0,12}[-+]?(?:\.?\d|nan|inf)", re.I
)
_QUOTED = re.compile(
    rb"""['"]([^'"]{1,60})['"]\s?:\s?(?:tensor\()?['"]?(""" + NUMBER + rb""")['"]?(?=[^\w.]|$)"""
)
_BAR = re.compile(rb"(?<![\d.])(\d++)/(\d++) \[[^,\]]{1,40}+,[^,\]]{1,40}+, ([^\]]++)\]")
_ENDLESS = re.compile(rb"(?<![\d.])(\d++)it \[[^,\]]{1,40}+,[^,\]]{1,40}+, ([^\]]++)\]")
_RICH = re.compile(
    rb"Epoch (\d++)/-?\d++ [ \x80-\xff]{0,600}(\d++)/(\d++) .{0,200}?it/s (.*)", re.S
)
_EPOCH_OF = re.compile(rb"(?i)epoch:?\s{0,3}\[?(\d++)(/\d++)?")
_KERAS_EPOCH = re.compile(rb"\s{0,3}Epoch (\d++)/(\d++)\s{0,3}\Z")
_KERAS = re.compile(rb"\s{0,8}(\d++)/(\d++) (?:\[[=>.]*+\]|[\x80-\xff ]*+|-).{0,60}? - (.*)", re.S)
_YOLO_EPOCH = re.compile(rb"\s{2,}(\d++)/(\d++)\s++([\d.]++G?)\s++(.*)", re.S)
_YOLO_HEAD = re.compile(rb"\s{2,}Epoch\s+(?:GPU_mem|gpu_mem)\s+(.*)", re.S)
_YOLO_TEST = re.compile(rb"\s{2,}(?:Class\s+Images\s+(.*?)|classes\s+(top1_acc.*?))(?::|$)")
_YOLO_ALL = re.compile(rb"\s{2,}all\s+(.*)", re.S)
_STEP = re.compile(
    rb"(?i)(?<![\w.])(global[_ ]?step|step|iter|iteration|it|update|batch)s?\b\W{0,6}?(\d++)"
    rb"(?:\s{0,3}/\s{0,4}(\d++))?(?!\.\d)"
)
_EPOCH = re.compile(
    rb"(?i)(?<![\w.])epoch\b[^\w\n]{0,6}(\d++)(\.\d++)?(?:\s?/\s?(\d++))?"
    rb"(?:\]?[\s,\[]{1,4}(\d++)\s?/\s{0,4}(\d++))?"
)

_PROPER = re.compile(
    r"loss|acc|accuracy|ppl|perplexity|bpb|bpc|error|err|mse|mae|rmse|f1|auc|map|map50|miou|iou"
    r"|dice|precision|recall|psnr|ssim|lpips|fid|bleu|rouge|rougel|wer|cer|reward|nll|elbo|kl"
    r"|top1|top5|return|score"
)
"""A line of words and numbers counts when one of these ends the name of a value in it."""
_ALONE = frozenset({"loss", "acc", "accuracy", "ppl", "perplexity"})
"""One of these ends a name where the line tells no step and no epoch."""
_PLAIN = _ALONE | {"lr", "norm", "gnorm", "rate", "mfu", "f1", "bpb", "bpc", "psnr", "ssim"}
"""What needs no colon before its number."""
_SAID_WITH = frozenset(
    {
        *("train", "training", "val", "valid", "validation", "test", "eval", "dev", "avg", "mean"),
        *("average", "total", "running", "smooth", "smoothed", "ema", "best", "lm", "mlm", "loss"),
        *("grad", "gradient", "learning", "cls", "box", "seg", "reg", "aux", "student", "teacher"),
    }
)
"""Words that belong to the name that follows them."""
_NO_METRIC = re.compile(
    r"(?:.*_)?(?:eta|time|runtime|elapsed|remaining|date|seconds|secs?|ms|mem|memory|v_num"
    r"|epochs?|steps?|global_step|iters?|iterations?|batch|update|total_flos|size|seed|rank|pid"
    r"|port|version|line|wps|wpb|bsz|ups|tokens?|num_\w+|n_\w+|max_\w+|min_\w+|samples|instances|images|gpu_mem)"
    r"|.*per_second|.*_per_sec"
)
_AT = re.compile(r"@\d+$")
_SHORT = {"Loss": "loss", "LOSS": "loss", "Acc": "acc", "Accuracy": "accuracy", "LR": "lr"}
_BOX = {"P": "precision", "R": "recall"}


Value = tuple[str, float]
"""One value of a line: its key, the number."""


Place = tuple[int | None, float | None, bool]
"""Where along the training a line stands: its step, else its epoch, and whether that was told as
a fraction. Neither: the line does not say."""
NOWHERE: Place = (None, None, False)
Said = tuple[Place, list[Value]]


class Names:
    """Metrics' names as they are kept; each is judged once."""

    def __init__(self) -> None:
        self.held: dict[bytes, str] = {}
        """What was judged so far."""

    def of(self, raw: bytes) -> str:
        """The key of a name; empty for what is no metric."""
        key = self.held.get(raw)
        if key is None:
            key = _key(raw)
            if len(self.held) < _MAX_NAMES:
                self.held[raw] = key
        return key


def _key(raw: bytes) -> str:
    words = raw.decode("ascii", "replace").split()
    name = words.pop() if words else ""
    while words and words[-1].lower() in _SAID_WITH:
        name = f"{words.pop()}_{name}"
    name = "".join(c for c in name[:MAX_NAME] if c.isprintable()).rstrip("-./_")
    name = _SHORT.get(name, name)
    return "" if _NO_METRIC.fullmatch(name.lower()) else name


def _last_word(key: str) -> str:
    return re.split(r"[\W_]", _AT.sub("", key.lower()))[-1]


def pairs(text: bytes, names: Names) -> list[Value]:
    """``name=value`` and ``name: value``."""
    held = names.held
    return [
        (key, float(number))
        for raw, number in _PAIR.findall(text)[:MAX_PAIRS]
        if (key := held[raw] if raw in held else names.of(raw))
    ]


@dataclass(slots=True)
class Bars:
    """Progress bars, which begin anew with each epoch."""

    names: Names
    epoch: int | None = None
    """Of Keras' last ``Epoch 3/10``, from 0."""
    total: int | None = None
    """Batches of that epoch."""
    done: bool = False
    """That epoch came to its end: what is drawn now is an evaluation."""
    last: int = 0
    """Of the last bar that says no epoch: where it stood, how long it is, steps before it."""
    length: int = 0
    before: int = 0

    def tqdm(self, state: bytes) -> Said | None:
        """A state of tqdm's bar that has a postfix."""
        bracket = max(0, state.find(b" [") - 24)
        bar = _BAR.search(state, bracket)
        if bar is None:
            if (bar := _ENDLESS.search(state, bracket)) is None:
                return None
            found = pairs(bar[2], self.names)
            return ((int(bar[1]), None, False), found) if found else None
        found = pairs(bar[3], self.names)
        if not found:
            return None
        at, total = int(bar[1]), int(bar[2])
        if b"poch" in state and (said := _EPOCH_OF.search(state, 0, bar.start())) is not None:
            # "Epoch 0:" counts from 0 (Lightning), "Epoch 1/10" from 1
            epoch = int(said[1]) - (1 if said[2] and said[1] != b"0" else 0)
            return (epoch * total + at, None, False), found
        if total == self.length and at < self.last == total:
            self.before += total
        elif total != self.length:
            self.before = 0
        self.last, self.length = at, total
        return (self.before + at, None, False), found

    def rich(self, state: bytes) -> Said | None:
        """A state of the Rich bar of Lightning."""
        bar = _RICH.search(state)
        if bar is None:
            return None
        step = int(bar[1]) * int(bar[3]) + int(bar[2])
        return (step, None, False), pairs(bar[4], self.names)

    def keras_epoch(self, state: bytes) -> bool:
        """Keras' line above a bar."""
        said = _KERAS_EPOCH.match(state)
        if said is None:
            return False
        self.epoch, self.total, self.done = max(0, int(said[1]) - 1), None, False
        return True

    def keras(self, state: bytes) -> Said | None:
        """A state of Keras' bar; those of ``evaluate`` and ``predict`` belong to no epoch."""
        if self.epoch is None or (bar := _KERAS.match(state)) is None:
            return None
        at, total = int(bar[1]), int(bar[2])
        if self.total is not None and total != self.total:
            return None
        if self.done and at < total:
            return None
        self.total, self.done = total, at >= total
        return (self.epoch * total + at, None, False), pairs(bar[3], self.names)


@dataclass(slots=True)
class Yolo:
    """Ultralytics' tables: a header, then lines of numbers below it."""

    names: Names
    losses: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    epoch: int | None = None
    tested: bool = False
    """The ``all`` row of this epoch was there; what follows are others' (the best model's)."""

    def take(self, state: bytes) -> Said | None:
        """A line of one of the tables."""
        if (head := _YOLO_HEAD.match(state)) is not None:
            self.losses = [
                "" if name in {"Instances", "Size", "labels", "img_size"} else name
                for name in head[1].decode("ascii", "replace").split()[:MAX_PAIRS]
            ]
            return None
        if (head := _YOLO_TEST.match(state)) is not None:
            self.tests = _columns((head[1] or head[2]).decode("ascii", "replace"))
            return None
        if self.losses and (line := _YOLO_EPOCH.match(state)) is not None:
            self.epoch, self.tested = int(line[1]), False
            numbers = [_float(cell) for cell in line[4].split()[: len(self.losses)]]
            return (self.epoch, None, False), _row(self.losses, numbers, self.names)
        if self.epoch is not None and (line := _YOLO_ALL.match(state)) is not None:
            if self.tested or not self.tests:
                return None
            self.tested = True
            numbers = [_float(cell) for cell in line[1].split()[: len(self.tests)]]
            return (self.epoch, None, False), _row(self.tests, numbers, self.names)
        return None


def _columns(head: str) -> list[str]:
    """``Instances Box(P R mAP50 mAP50-95) Mask(P R …``: a name a column."""
    found, group = [""], ""  # the first number is that of the images
    for word in head.split()[:MAX_PAIRS]:
        before, opened, name = word.rpartition("(")
        if opened:
            group = "" if before == "Box" else f"{before.lower()}/"
        name = name.rstrip("):")
        name = _BOX.get(name, name)
        found.append("" if name in {"Instances", "Labels"} else group + name)
    return found if len(found) > 1 and not head.startswith("top1") else found[1:]


def _row(names: list[str], numbers: list[float | None], known: Names) -> list[Value]:
    return [
        (known.of(name.encode()) or name, number)
        for name, number in zip(names, numbers, strict=False)
        if name and number is not None
    ]


def _float(cell: bytes) -> float | None:
    try:
        return float(cell.rstrip(b":"))
    except ValueError:
        return None


def mapping(state: bytes, names: Names) -> Said | None:
    """A mapping as Python or JSON prints it; ``epoch`` and ``step`` in it say where."""
    found: list[Value] = []
    step: int | None = None
    epoch: float | None = None
    fraction = False
    at = state.find(b"{")
    for raw, number in _QUOTED.findall(state, at)[: 4 * MAX_PAIRS]:
        name = raw.lower()
        if name == b"epoch":
            epoch, fraction = float(number), b"." in number
        elif name in {b"step", b"global_step", b"iteration", b"iter", b"current_steps"}:
            step = _whole(float(number))
        elif len(found) < MAX_PAIRS and (key := names.of(raw.replace(b" ", b"_"))):
            found.append((key, float(number)))
    if not found:
        return None
    if step is None and epoch is None and (said := _EPOCH.search(state, 0, at)) is not None:
        return _epoch(said), found
    return (step, epoch, fraction), found


def may_say(lower: bytes, word: bytes) -> bool:
    """Whether a number may follow a word, somewhere in a state of small letters."""
    at = lower.find(word)
    while at >= 0:
        if _AFTER.match(lower, at + len(word)):
            return True
        at = lower.find(word, at + len(word))
    return False


def words(state: bytes, names: Names) -> Said | None:
    """Words and numbers, one of them at least a metric's; bars are none of these."""
    if b"\xe2\x94\x81" in state or b"%|" in state or b"/step" in state:
        return None
    found: list[Value] = []
    ends: list[str] = []
    for count, pair in enumerate(_LOOSE.finditer(state)):
        if count == MAX_PAIRS:
            break
        raw, sign, number = pair.groups()
        end = _last_word(raw.decode())
        if not (sign or end in _PLAIN):
            continue
        at = pair.start()
        said_with = state[max(0, at - 2 * MAX_NAME) : at].split()[-2:]
        if key := names.of(b" ".join([*said_with, raw])):
            found.append((key, float(number)))
            ends.append("loss" if key.lower().startswith("loss_") else end)
    if not any(_PROPER.fullmatch(end) for end in ends):
        return None
    step, epoch = _STEP.search(state), _EPOCH.search(state)
    if epoch is not None and epoch[5] and int(epoch[5]):  # Epoch: [3][10/500], epoch 3  10 / 500
        return (int(epoch[1]) * int(epoch[5]) + int(epoch[4]), None, False), found
    if step is None and epoch is None:
        alone = [value for value in found if _last_word(value[0]) in _ALONE]
        return (NOWHERE, alone) if alone else None
    if step is None:
        assert epoch is not None
        return _epoch(epoch), found
    at = int(step[2])
    if epoch is None or epoch[2] or step[1].lower().startswith(b"global"):
        return (at, None, False), found
    if step[3]:
        first = 1 if epoch[3] and epoch[1] != b"0" else 0
        return ((int(epoch[1]) - first) * int(step[3]) + at, None, False), found
    return (at, float(epoch[1]), False), found


def _epoch(said: re.Match[bytes]) -> Place:
    return None, float(said[1] + (said[2] or b"")), said[2] is not None


def _whole(number: float) -> int | None:
    return int(number) if abs(number) < 1 << 62 else None
