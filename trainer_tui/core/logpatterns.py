"""What trainers print: each kind of line as the values it holds and where along the training.

All works on raw bytes of one *state*: the text between two ends of line or carriage returns, with
its escape sequences taken out. Here are

* a mapping printed by Python or as JSON (Hugging Face's Trainer, accelerate, mmcv),
* words and numbers (nanoGPT, Megatron, fairseq, Detectron2, PyTorch's examples, one's own loop),

and what is common to all; bars are in ``logbars``, Ultralytics' tables in ``logtables``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

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
_SETTINGS = re.compile(rb"[=:]\s?(?:None|True|False|null|true|false)\b")
"""A line that has one of these lists what a program was called with."""
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
_SAID_WITH_RAW = frozenset(word.encode() for word in _SAID_WITH)
_NO_METRIC = re.compile(
    r"(?:.*_)?(?:eta|time|runtime|elapsed|remaining|date|seconds|secs?|ms|mem|memory|v_num"
    r"|epochs?|steps?|global_step|iters?|iterations?|batch|update|total_flos|size|seed|rank|pid"
    r"|port|version|line|wps|wpb|bsz|ups|tokens?|num_\w+|n_\w+|max_\w+|min_\w+|samples|instances|images|gpu_mem)"
    r"|.*per_second|.*_per_sec"
)
_PER = re.compile(r"(.+)_(?:step|epoch)$")
"""Lightning's name of a metric that is told for each step and for each epoch."""
_AT = re.compile(r"@\d+$")
_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
_NAME_WITH_DIGIT = re.compile(rb"[A-Za-z_]\d")
_DIGIT = re.compile(r"\d")
_SHORT = {"Loss": "loss", "LOSS": "loss", "Acc": "acc", "Accuracy": "accuracy", "LR": "lr"}


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
    if not _NO_METRIC.fullmatch(name.lower()):
        return name
    per = _PER.fullmatch(name)
    return name if per is not None and _PROPER.fullmatch(_last_word(per[1])) else ""


@lru_cache(maxsize=_MAX_NAMES)
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
            # a whole one of Hugging Face's evaluation may be told without the point
            epoch, fraction = float(number), b"." in number or b"_runtime'" in state
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


def _named(state: bytes, names: Names) -> Iterator[tuple[str, str, int, int]]:
    """The values of a line of words and numbers: each key, what its name ends in, and where its
    number begins and stops."""
    for count, pair in enumerate(_LOOSE.finditer(state)):
        if count == MAX_PAIRS:
            break
        raw, sign, _ = pair.groups()
        end = _last_word(raw.decode())
        if not (sign or end in _PLAIN):
            continue
        at = pair.start()
        said_with = state[max(0, at - 2 * MAX_NAME) : at].split()[-2:]
        while said_with and said_with[0].lower() not in _SAID_WITH_RAW:
            del said_with[0]  # says nothing of the name, and is another in each line
        if len(said_with) == 2 and said_with[1].lower() not in _SAID_WITH_RAW:
            said_with.clear()
        if key := names.of(b" ".join([*said_with, raw])):
            yield key, "loss" if key.lower().startswith("loss_") else end, *pair.span(3)


def words(state: bytes, names: Names) -> Said | None:
    """Words and numbers, one of them at least a metric's; bars and settings are none of these."""
    if b"\xe2\x94\x81" in state or b"%|" in state or b"/step" in state:
        return None
    if _SETTINGS.search(state):
        return None
    found: list[Value] = []
    ends: list[str] = []
    for key, end, start, stop in _named(state, names):
        found.append((key, float(state[start:stop])))
        ends.append(end)
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


class Plan(NamedTuple):
    """Where the step and the values are in lines that differ in digits only."""

    step: tuple[int, int] | None
    values: tuple[tuple[str, int, int], ...]

    def said(self, state: bytes) -> Said:
        """What such a line says."""
        values = [(key, float(state[start:stop])) for key, start, stop in self.values]
        if self.step is None:
            return NOWHERE, values
        return (int(state[self.step[0] : self.step[1]]), None, False), values


def shape(state: bytes) -> bytes:
    """A line with a 0 for each digit: what :func:`words` reads off it is at the same places in all
    lines of a shape, where :func:`plan` says so."""
    return state.translate(_ZEROS)


def plan(state: bytes, said: Said, names: Names) -> Plan | None:
    """Where all lines of this one's shape say what :func:`words` found in it; ``None`` where other
    digits may mean another thing: in a name, or an epoch."""
    if _NAME_WITH_DIGIT.search(state) or b"epoch" in state.lower():
        return None
    (step, _, _), values = said
    keys = {key for key, _ in values}
    found = tuple((key, a, b) for key, _, a, b in _named(state, names) if key in keys)
    place = _STEP.search(state)
    if len(found) != len(values) or any(not key.isascii() or _DIGIT.search(key) for key in keys):
        return None
    return Plan(None if step is None or place is None else place.span(2), found)


def _epoch(said: re.Match[bytes]) -> Place:
    return None, float(said[1] + (said[2] or b"")), said[2] is not None


def _whole(number: float) -> int | None:
    return int(number) if abs(number) < 1 << 62 else None
