"""Where each key of a TOML text stands: ``tomllib`` tells values, not places.

Only for text that ``tomllib`` has already accepted, so nothing here checks anything.
"""

from __future__ import annotations

import re

Place = tuple[int, int]
"""Line and column, from 1."""
KeyPath = tuple[str, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|(?!""").)*"{3,5}' r"|'''(?:(?!''').)*'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN_VALUE = re.compile(r"[^,\]}#\n]*")


def positions(text: str) -> dict[KeyPath, Place]:
    """Every key and table of a valid TOML text, with the place of its first mention."""
    return _Scanner(text).scan()


def nearest_place(places: dict[KeyPath, Place], path: KeyPath) -> Place | None:
    """The place of a key or, when it is not written itself, of the table it is missing from."""
    while path:
        if path in places:
            return places[path]
        path = path[:-1]
    return None


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[KeyPath, Place] = {}

    def scan(self) -> dict[KeyPath, Place]:
        prefix: KeyPath = ()
        while True:
            self.blank()
            if self.at >= len(self.text):
                return self.found
            start = self.at
            if self.text[self.at] == "[":
                while self.text.startswith("[", self.at):
                    self.at += 1
                prefix = self.key((), start)
                while self.text.startswith("]", self.at):
                    self.at += 1
            else:
                self.pair(prefix)
            if self.at == start:  # not valid TOML after all: stop rather than loop
                return self.found

    def pair(self, prefix: KeyPath) -> None:
        path = self.key(prefix, self.at)
        self.at += 1  # the equals sign
        self.value(path)

    def key(self, prefix: KeyPath, start: int) -> KeyPath:
        path = prefix
        while True:
            self.blank()
            match = _STRING.match(self.text, self.at) or _BARE_KEY.match(self.text, self.at)
            if match is None:
                return path
            name = match[0]
            if name[0] in "\"'":
                import tomllib

                name = next(iter(tomllib.loads(f"{name} = 0")))
            path = (*path, name)
            self.found.setdefault(path, self.place(start))
            self.at = match.end()
            self.blank()
            if not self.text.startswith(".", self.at):
                return path
            self.at += 1

    def value(self, path: KeyPath) -> None:
        self.blank()
        opener = self.text[self.at : self.at + 1]
        if opener in {"[", "{"} and opener:
            closer = "]" if opener == "[" else "}"
            self.at += 1
            index = 0
            while True:
                self.blank()
                if self.at >= len(self.text):
                    return
                if self.text[self.at] == closer:
                    self.at += 1
                    return
                if self.text[self.at] == ",":
                    self.at += 1
                    continue
                before = self.at
                if opener == "{":
                    self.pair(path)
                else:
                    item = (*path, str(index))
                    self.found.setdefault(item, self.place(self.at))
                    self.value(item)
                    index += 1
                if self.at == before:
                    return
        else:
            match = _STRING.match(self.text, self.at) or _PLAIN_VALUE.match(self.text, self.at)
            self.at = match.end() if match else len(self.text)

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def place(self, index: int) -> Place:
        line = self.text.count("\n", 0, index) + 1
        return line, index - (self.text.rfind("\n", 0, index) + 1) + 1
