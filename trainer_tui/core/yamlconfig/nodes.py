"""A YAML document as a tree in which every node knows its line and column.

PyYAML's own node classes are built by recursion and forget where a value without its anchor and
tag begins; these do not. Offsets are characters in the text, lines and columns count from 1.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, count
from operator import add
from typing import Literal

ScalarKind = Literal["null", "bool", "int", "float", "str"]

_BOOLS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_SPELLED = frozenset(way for word in _BOOLS for way in (word, word.title(), word.upper()))
_NUMERIC = frozenset("+-.0123456789")
"""What a number can begin with."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"  # AI Toolkit's loader reads 1e-4 as a number
    r"|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*[ \t]*(?:#[^\n]*)?\n?[ \t]*)*")


@dataclass(slots=True, eq=False)
class Node:
    """What every node has: where it stands in the text."""

    start: int
    end: int
    line: int
    column: int
    tag: str | None = None
    anchor: str | None = None


@dataclass(slots=True, eq=False)
class Scalar(Node):
    """One value, as written."""

    text: str = ""
    """The value after YAML's own unquoting and folding."""
    style: str | None = None
    """``None`` for plain, else one of ``' " | >``."""

    @property
    def plain(self) -> bool:
        """Written without quotes, so that YAML guesses the type."""
        return self.style in (None, "")

    @property
    def kind(self) -> ScalarKind:
        """The type that YAML 1.1, with AI Toolkit's rule for ``1e-4``, gives this value."""
        if not self.plain or self.tag == "tag:yaml.org,2002:str" or self.tag == "!":
            return "str"
        return plain_kind(self.text)

    @property
    def data(self) -> object:
        """The value in Python: ``None``, bool, int, float or str."""
        return scalar_data(self.text, self.kind)


@dataclass(slots=True, eq=False)
class Alias(Node):
    """``*name``: stands for another node. ``target`` is ``None`` when nothing has that name."""

    name: str = ""
    target: Scalar | Sequence | Mapping | None = None


@dataclass(slots=True, eq=False)
class Sequence(Node):
    """A list."""

    items: list[AnyNode] = field(default_factory=list)
    flow: bool = False


@dataclass(slots=True, eq=False)
class Mapping(Node):
    """Keys and values in the order written, duplicates included."""

    items: list[tuple[AnyNode, AnyNode]] = field(default_factory=list)
    flow: bool = False
    _index: dict[str, tuple[Scalar, AnyNode]] = field(default_factory=dict, repr=False)
    _indexed: int = 0

    def pair(self, key: str) -> tuple[Scalar, AnyNode] | None:
        """The key and value nodes; of duplicates the last one, as YAML loaders take it."""
        if self._indexed != len(self.items):
            self._index = {name.text: (name, value) for name, value in self.pairs()}
            self._indexed = len(self.items)
        return self._index.get(key)

    def get(self, key: str) -> AnyNode | None:
        """The value of a key, through ``<<`` merges where the mapping itself has none."""
        stack: list[Mapping] = [self]
        seen: set[int] = set()  # merges of merges may name one mapping very often
        while stack:
            one = stack.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            found = one.pair(key)
            if found is not None:
                return found[1]
            stack += reversed(one._merged())
        return None

    def _merged(self) -> list[Mapping]:
        """The mappings that ``<<`` names; the first has the say."""
        found = self.pair("<<")
        if found is None or not found[0].plain:
            return []
        real = resolve(found[1])
        sources = real.items if isinstance(real, Sequence) else [real]
        mappings = [resolve(source) for source in sources]
        return [one for one in mappings if isinstance(one, Mapping)]

    def pairs(self) -> Iterator[tuple[Scalar, AnyNode]]:
        """The pairs whose key is a plain value (all of them, in any sane config)."""
        for name, value in self.items:
            if isinstance(name, Scalar):
                yield name, value


AnyNode = Scalar | Alias | Sequence | Mapping


def resolve(node: AnyNode | None) -> Scalar | Sequence | Mapping | None:
    """The node itself, or what an alias stands for."""
    if isinstance(node, Alias):
        return node.target
    return node


def plain_kind(text: str) -> ScalarKind:
    """The type of an unquoted value."""
    if text in _NULLS:
        return "null"
    if text in _SPELLED:
        return "bool"
    if text[0] not in _NUMERIC:
        return "str"
    if _INT.match(text) or (_SEXAGESIMAL.match(text) and "." not in text):
        return "int"
    if _FLOAT.match(text) or _SEXAGESIMAL.match(text):
        return "float"
    return "str"


def is_sexagesimal(text: str) -> bool:
    """Whether YAML 1.1 reads this in base 60 (``1:30`` is 90)."""
    return bool(_SEXAGESIMAL.match(text))


def is_octal(text: str) -> bool:
    """Whether YAML 1.1 reads this in base 8 (``012`` is 10)."""
    return bool(re.match(r"[-+]?0[0-7_]*[0-7][0-7_]*\Z", text))


def scalar_data(text: str, kind: ScalarKind) -> object:
    """The Python value of a plain text of a known kind."""
    if kind == "null":
        return None
    if kind == "bool":
        return _BOOLS[text.lower()]
    if kind == "int":
        return _integer(text)
    if kind == "float":
        return _floating(text)
    return text


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if len(digits) > 250:  # no number that anybody meant; slow to convert, and no float holds it
        return sign * 10**300
    if ":" in digits:
        value = 0
        for part in digits.split(":"):
            value = value * 60 + int(part)
        return sign * value
    if digits.startswith("0b"):
        return sign * int(digits[2:] or "0", 2)
    if digits.startswith("0x"):
        return sign * int(digits[2:] or "0", 16)
    if digits.startswith("0") and len(digits) > 1:
        return sign * int(digits, 8)
    return sign * int(digits or "0")


def _floating(text: str) -> float:
    digits = text.replace("_", "").lower()
    if digits.endswith((".inf", ".nan")):
        return float(digits.replace(".", "", 1))
    if ":" in digits:
        sign = -1.0 if digits.startswith("-") else 1.0
        value = 0.0
        for part in digits.lstrip("+-").split(":"):
            value = value * 60 + float(part)
        return sign * value
    return float(digits)


def value_start(text: str, node: Node) -> int:
    """Where the value itself begins, after ``&anchor`` and ``!tag``."""
    if node.anchor is None and node.tag is None:
        return node.start
    match = _PROPERTIES.match(text, node.start, max(node.start, node.end))
    return match.end() if match else node.start


class Lines:
    """Turns character offsets into lines and columns, both from 1.

    Lines end at ``\\n``, ``\\r\\n`` and ``\\r``, as they do in an editor (YAML 1.1 itself also
    breaks lines at U+0085, U+2028 and U+2029, which would disagree with what a person sees).
    """

    __slots__ = ("starts",)

    def __init__(self, text: str) -> None:
        if "\r" in text:
            self.starts = [0, *(m.end() for m in re.finditer(r"\r\n|\n|\r", text))]
        else:
            self.starts = [0, *map(add, accumulate(map(len, text.split("\n"))), count(1))]
            self.starts.pop()  # the last line has no end

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        index = bisect_right(self.starts, offset) - 1
        return index + 1, offset - self.starts[index] + 1

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column; a line beyond the end gives the last one."""
        index = min(max(line, 1), len(self.starts)) - 1
        return self.starts[index] + max(column, 1) - 1
