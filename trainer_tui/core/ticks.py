"""Round numbers for axes, and numbers in few characters: pure functions, no clock.

Whatever draws a curve, for a terminal or into a file, takes its ticks and its words from here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo

MICRO = "µ"
Level = Callable[[float], int]
"""value → row of dots from the top."""
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
# Round distances on an axis of time, in seconds: up to half a day, then whole days.
_DURATIONS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY = 86_400


def nice_step(span: float, count: int) -> float:
    """The round distance (1, 2 or 5 × a power of ten) that makes about ``count`` ticks."""
    if span <= 0 or count < 1 or not math.isfinite(span):
        return 1.0
    rough = span / count
    if rough < 1e-300:
        return 1e-300
    power = 10.0 ** math.floor(math.log10(rough))
    # The borders are the geometric means: as far from one round number as from the next.
    for factor, border in ((1.0, 1.41), (2.0, 3.16), (5.0, 7.07)):
        if rough <= border * power:
            return factor * power
    return 10.0 * power


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values inside [low, high]."""
    step = nice_step(high - low, count)
    if not all(map(math.isfinite, (step, low / step, high / step))):
        return []
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)] if last - first < 1000 else []


def step_ticks(low: float, high: float, count: int) -> list[float]:
    """Round whole numbers inside [low, high]: there is no half a step."""
    return [value for value in ticks(low, high, count) if value == round(value)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values inside [low, high] for a logarithmic axis; both above 0."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for factors in ((1.0, 2.0, 5.0), (1.0,)):
        found = [f * _power(d) for d in decades for f in factors]
        found = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(found) <= count + 1:
            break
    if len(found) < 2:
        return [value for value in ticks(low, high, count) if value > 0]
    return found[:: math.ceil(len(found) / (count + 1))]


def _power(exponent: int) -> float:
    return 10.0**exponent if -307 <= exponent <= 307 else math.inf if exponent > 0 else 0.0


def time_ticks(low: float, high: float, count: int) -> list[float]:
    """Round durations, in seconds, inside [low, high]."""
    if high - low < max(1, count):
        return ticks(low, high, count)
    step = _time_step((high - low) / max(1, count))
    return [float(n * step) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def clock_ticks(low: float, high: float, count: int, zone: tzinfo | None) -> list[float]:
    """Moments (Unix seconds) at round times of day in ``zone``; ``None``: this machine's."""
    step = _time_step(max(1.0, (high - low) / max(1, count)))
    shift = _offset(low, zone)
    first, last = math.ceil((low + shift) / step), math.floor((high + shift) / step)
    return [float(n * step - shift) for n in range(first, last + 1)]


def clock_labels(values: Sequence[float], zone: tzinfo | None) -> list[str]:
    """What to write below moments: ``18:30``; the date where a day begins or all are days."""
    moments = [datetime.fromtimestamp(value, zone) for value in values]
    step = values[1] - values[0] if len(values) > 1 else 60.0
    out = []
    for moment in moments:
        midnight = not (moment.hour or moment.minute or moment.second)
        if step >= _DAY or (midnight and len(moments) > 1):
            out.append(f"{moment:%d %b}")
        else:
            out.append(f"{moment:%H:%M}" if step >= 60 else f"{moment:%H:%M:%S}")
    return out


def moment(value: float, zone: tzinfo | None, *, near: float | None = None) -> str:
    """A moment to the second; with its date where that is not the date of ``near``."""
    when = datetime.fromtimestamp(value, zone)
    if near is not None and datetime.fromtimestamp(near, zone).date() == when.date():
        return f"{when:%H:%M:%S}"
    return f"{when:%d %b %H:%M:%S}"


def _offset(value: float, zone: tzinfo | None) -> float:
    """Seconds that local time is ahead of UTC at a moment."""
    offset = datetime.fromtimestamp(value, zone).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset else 0.0


def _time_step(rough: float) -> int:
    step = next((d for d in _DURATIONS if d >= rough * 0.75), None)
    return step or max(1, math.ceil(rough / _DAY)) * _DAY


def number(value: float, digits: int = 4) -> str:
    """A value in few characters: ``0.3123``, ``12.5k``, ``3e-04`` → ``3e-4``, ``nan``.

    Below a thousandth it is written as configs write it, with a power of ten.
    """
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-3 or size >= 1e16:
        mantissa, _, power = f"{value:.{max(0, digits - 2)}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(power)}"
    return _above(value, digits)


def reading(value: float, span: float) -> str:
    """A value with as many digits as tell a thousandth of a span, four at least."""
    digits = 4
    if 0 < span < abs(value) < math.inf:
        digits = min(12, max(digits, 3 + math.ceil(math.log10(abs(value) / span))))
    return number(value, digits)


def _above(value: float, digits: int) -> str:
    """A value of at least a thousandth, in thousands, millions … where it has them."""
    size = abs(value)
    for unit, letter in _UNITS:
        # A value that rounds up to the next unit is written in that unit.
        if round(size / unit, max(0, digits - 1)) >= 1 and size >= unit * 0.9999:
            return _decimals(value / unit, digits - 1) + letter
    return _decimals(value, digits)


def _decimals(value: float, digits: int) -> str:
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    text = f"{value:.{max(0, digits - whole)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def labels(values: Sequence[float], *, micro: str = MICRO) -> list[str]:
    """Labels of one axis, in SI units, with the same number of decimals so that they line up.

    An axis that lies wholly below a thousandth is in µ, n or p; ``micro`` is what the terminal can
    show of the first.
    """
    top = max((abs(value) for value in values), default=0.0)
    if 0 < top < 0.9999e-3:
        for unit, letter in ((1e-6, micro), (1e-9, "n"), (1e-12, "p")):
            if top >= unit * 0.9999:
                return _lined([_unit(value / unit, letter) for value in values], letter)
    texts = [_digits_enough(values, index) for index in range(len(values))]
    return _lined(texts, "")


def _unit(value: float, letter: str) -> str:
    text = _decimals(value, 4)
    return "0" if text in {"0", "-0"} else text + letter


def _digits_enough(values: Sequence[float], index: int) -> str:
    """One label, with as many digits as tell it from its neighbours."""
    value = values[index]
    near = [values[i] for i in (index - 1, index + 1) if 0 <= i < len(values)]
    step = min((abs(value - other) for other in near), default=abs(value))
    digits = 4
    if step > 0 and value:
        digits = min(12, max(4, 1 + math.ceil(math.log10(max(1.0, abs(value) / step)))))
    return number(value, digits)


def _lined(texts: list[str], letter: str) -> list[str]:
    """Zeros after the point, so that all plain labels of an axis end in the same place."""

    def bare(text: str) -> str | None:
        body = text.removesuffix(letter) if letter else text
        return body if body[-1:].isdigit() and "e" not in body else None

    plain = [body for text in texts if (body := bare(text)) is not None and body != "0"]
    most = max((len(body.partition(".")[2]) for body in plain), default=0)
    out = []
    for text in texts:
        body = bare(text)
        if body is None or not most or (body == "0" and letter):
            out.append(text)
            continue
        whole, _, part = body.partition(".")
        out.append(f"{whole}.{part.ljust(most, '0')}{text[len(body) :]}")
    return out


def duration(seconds: float) -> str:
    """A time span in its two largest units: ``45s``, ``10m``, ``1h30m``, ``2d4h``."""
    if 0 < abs(seconds) < 10 and seconds != round(seconds):
        return f"{seconds:.2g}s"
    left = round(abs(seconds))
    sign = "-" if seconds < 0 and left else ""
    parts = []
    for size, letter in ((_DAY, "d"), (3600, "h"), (60, "m"), (1, "s")):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount}{letter}")
    return sign + ("".join(parts[:2]) or "0s")


def scale(low: float, high: float, rows: int, *, log: bool = False) -> Level:
    """value → row of dots from the top, for an axis from ``low`` at the bottom to ``high``.

    What lies outside is put on the edge; on a logarithmic axis that is so of 0 and below.
    """
    bottom = rows - 1
    if log:
        floor = math.log10(low)
        span = math.log10(high) - floor

        def level_log(value: float) -> int:
            if value <= low:
                return bottom
            part = (math.log10(value) - floor) / span if span > 0 else 0.5
            return bottom - round(min(1.0, part) * bottom)

        return level_log
    # Halves, so that an axis over all that a float can hold has a length.
    half = high / 2 - low / 2

    def level(value: float) -> int:
        part = (value / 2 - low / 2) / half if half > 0 else 0.5
        return bottom - round(min(1.0, max(0.0, part)) * bottom)

    return level
