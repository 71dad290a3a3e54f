"""Small checks of one config value each: take what TOML gave, give what the program wants.

A check raises ``ValueError`` with what was expected, in the words that follow "expected".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trainer_tui.config import HealthRule, MetricPattern, Secret
from trainer_tui.config_problem import did_you_mean, unknown

Check = Callable[[object], object]

PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z")


def boolean(value: object) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def text(value: object) -> str:
    """A string with something in it and nothing a terminal would act on."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a text in quotes")
    if not value.isprintable():
        raise ValueError("expected a text without control characters")
    return value


def whole(low: int, high: int) -> Check:
    """A whole number within bounds."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return value

    return check


def number(low: float, high: float, unit: str = "") -> Check:
    """A number within bounds."""

    def check(value: object) -> float:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not low <= float(value) <= high:  # type: ignore[arg-type]
            of_what = f" of {unit}" if unit else ""
            raise ValueError(f"expected a number{of_what} from {low:g} to {high:g}")
        return float(value)  # type: ignore[arg-type]

    return check


def one_of(*words: str) -> Check:
    """One of a few words."""

    def check(value: object) -> str:
        if value not in words:
            near = did_you_mean(value, words) if isinstance(value, str) else ""
            raise ValueError(f"expected one of {', '.join(words)}{near}")
        return str(value)

    return check


def words_of(*words: str) -> Check:
    """A list of distinct words out of a few."""

    def check(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise ValueError(f"expected a list of some of {', '.join(words)}")
        for item in value:
            if item not in words:
                raise ValueError(f"expected some of {', '.join(words)}{did_you_mean(item, words)}")
        return tuple(dict.fromkeys(value))

    return check


def texts(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise ValueError("expected a list of texts in quotes")
    return tuple(text(item) for item in value)


def path(base: Path) -> Check:
    """A path: ``~`` is the home, a relative one starts at the config's folder."""

    def check(value: object) -> Path:
        try:
            return base / Path(text(value)).expanduser()
        except (ValueError, RuntimeError):
            raise ValueError("expected a path in quotes") from None

    return check


def gpus(value: object) -> str | tuple[int, ...]:
    """``"auto"`` or a list of GPU numbers."""
    if value == "auto":
        return "auto"
    if isinstance(value, list) and all(
        isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 1024 for v in value
    ):
        return tuple(dict.fromkeys(value))
    raise ValueError('expected "auto" or a list of GPU numbers such as [0, 1]')


def keys(value: object) -> str:
    """Keys for a command: ``"c,ctrl+x"`` or a list; empty takes the keys away."""
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        value = ",".join(value)
    if not isinstance(value, str) or not (value == "" or value.isprintable()):
        raise ValueError('expected keys such as "c" or "ctrl+x,f9"')
    names = [part.strip() for part in value.split(",") if part.strip()]
    for name in names:
        if len(name) > 1 and not all(name.split("+")):
            raise ValueError(f'expected keys such as "c" or "ctrl+x,f9"; {name!r} is none')
    # "F1" and "Ctrl+X" mean what they say; a single letter's case tells c from C.
    return ",".join(name if len(name) == 1 else name.lower() for name in names)


def health_rules(value: object) -> tuple[HealthRule, ...]:
    """``[[health.rules]]``: what to do by itself when something is found wrong."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("expected tables: [[health.rules]]")
    known: dict[str, Check] = {
        "on": one_of("nan", "divergence", "plateau", "stall"),
        "do": one_of("stop", "cancel"),
        "profile": text,
    }
    rules = []
    for number, table in enumerate(value, 1):
        for key in table:
            if key not in known:
                raise ValueError(f"rule {number}: {key}: {unknown(key, known)}")
        for key in ("on", "do"):
            if key not in table:
                raise ValueError(f"rule {number}: {key} is missing")
        found: dict[str, Any] = {}
        for key, item in table.items():
            try:
                found[key] = known[key](item)
            except ValueError as error:
                raise ValueError(f"rule {number}: {key}: {error}") from None
        rules.append(HealthRule(**found))
    return tuple(rules)


def metric_patterns(value: object) -> tuple[MetricPattern, ...]:
    """``[metrics] patterns``: tables of a name and a regular expression with named groups."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("expected tables: [{ name = \"…\", regex = '…' }]")
    found: list[MetricPattern] = []
    for number, table in enumerate(value, 1):
        where = f"pattern {number}"
        for key in table:
            if key not in {"name", "regex"}:
                raise ValueError(f"{where}: {key}: {unknown(key, ('name', 'regex'))}")
        if "regex" not in table:
            raise ValueError(f"{where}: regex is missing")
        try:
            name = text(table.get("name", where))
            found.append(MetricPattern(name, _metric_regex(table["regex"])))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return tuple(found)


def _metric_regex(value: object) -> str:
    """A regular expression of which something is a metric."""
    if not isinstance(value, str) or not value:
        raise ValueError("regex: expected a text in quotes")
    try:
        pattern = re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"regex: {error}") from None
    groups = set(pattern.groupindex)
    if ("key" in groups) != ("value" in groups):
        raise ValueError("regex: the groups key and value need each other")
    if not groups - {"step", "epoch"}:
        raise ValueError(
            "regex: expected a named group for each metric, such as (?P<loss>[0-9.]+),"
            " or the groups key and value"
        )
    if pattern.match("") is not None:
        raise ValueError("regex: it finds something in an empty line")
    return value


def base_url(value: object) -> str:
    """An http(s) URL without credentials, query or fragment; the last slash is dropped."""
    expected = 'expected a URL such as "https://api.example.com"'
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise ValueError(expected)
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError(expected)
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected a URL without a credential in it; put that in token")
    if parts.query or parts.fragment:
        raise ValueError("expected a URL without a query or fragment")
    return value.rstrip("/")


def is_plain_remote(url: str) -> bool:
    """Whether a URL would send the credential in the clear to another machine."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    host = parts.hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return False
    import ipaddress

    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def secret(base: Path) -> Check:
    """A credential's place, or the credential itself. The value is never part of a message."""

    def check(value: object) -> Secret:
        expected = 'expected "env:NAME", "file:PATH", "cmd:COMMAND" or "keyring:SERVICE/USER"'
        if not isinstance(value, str) or not value.strip():
            raise ValueError(expected)
        found = Secret(value.strip())
        rest = found.spec.partition(":")[2].strip()
        if found.kind == "literal":
            if found.spec.startswith("$"):
                raise ValueError('expected "env:NAME" for an environment variable, without the $')
            if not (found.spec.isascii() and found.spec.isprintable()):
                raise ValueError(f"{expected} (or printable ASCII on one line)")
        elif not rest:
            raise ValueError(f"{expected}; nothing follows {found.kind}:")
        elif found.kind == "env" and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", rest):
            raise ValueError("expected the name of an environment variable after env:")
        elif found.kind == "keyring" and not all(rest.partition("/")[::2]):
            raise ValueError("expected keyring:SERVICE/USER")
        elif found.kind == "file":
            return Secret(f"file:{path(base)(rest)}")
        return found

    return check
