"""One TOML file of the config: its data, the places of its keys, and what was found wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer_tui.config_positions import KeyPath, Place, nearest_place, positions
from trainer_tui.config_problem import Problem, unknown

if TYPE_CHECKING:
    from trainer_tui.config_checks import Check

_LARGEST = 4 << 20  # bytes; a config is written by hand


class ConfigFile:
    """A file that need not be there.

    Args:
        data: Taken in place of the file's, for a table that is not written yet.
        text: Taken in place of the file's.
    """

    def __init__(
        self, file: Path, data: dict[str, Any] | None = None, *, text: str | None = None
    ) -> None:
        self.file = file
        self.base = file.parent.absolute()
        """Where relative paths in it start."""
        self.present = False
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.text = ""
        self._places: dict[KeyPath, Place] | None = None
        if data is None:
            data = self._read() if text is None else self._parse(text.encode())
        self.data = data

    def _read(self) -> dict[str, Any]:
        try:
            with self.file.open("rb") as handle:
                raw = handle.read(_LARGEST + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._file_problem(f"cannot be read: {error.strerror or type(error).__name__}")
            return {}
        self.present = True
        return self._parse(raw)

    def _parse(self, raw: bytes) -> dict[str, Any]:
        if len(raw) > _LARGEST:
            self._file_problem("is too large to be a config")
            return {}
        try:
            self.text = raw.decode("utf-8-sig").replace("\r\n", "\n")
            return tomllib.loads(self.text)
        except UnicodeDecodeError as error:
            self._file_problem("is not UTF-8 text", raw.count(b"\n", 0, error.start) + 1, None)
        except tomllib.TOMLDecodeError as error:
            self._syntax_problem(str(error))
        except RecursionError:
            self._file_problem("is nested too deep")
        return {}

    def _syntax_problem(self, message: str) -> None:
        found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", message)
        if found is None:
            self._file_problem(message)
            return
        what = message[: found.start()]
        if found[1]:
            line, column = int(found[1]), int(found[2])
        else:
            line = self.text.rstrip("\n").count("\n") + 1
            column = len(self.text.rstrip("\n").rpartition("\n")[2]) + 1
        self._file_problem(f"not valid TOML: {what[:1].lower()}{what[1:]}", line, column)

    def _file_problem(
        self, message: str, line: int | None = None, column: int | None = None
    ) -> None:
        if column is not None:
            message = f"{message} (column {column})"
        self.problems.append(Problem(self.file, message, line, column))

    def problem(self, path: KeyPath, message: str) -> None:
        """Something at a key is wrong."""
        line, column = self.place(path) or (None, None)
        self.problems.append(Problem(self.file, message, line, column, ".".join(path)))

    def place(self, path: KeyPath) -> Place | None:
        """Line and column of a key, or of the nearest table around it."""
        if self._places is None:
            self._places = positions(self.text)
        return nearest_place(self._places, path)

    def warn(self, path: KeyPath, message: str) -> None:
        """Something at a key is better done otherwise."""
        line, _ = self.place(path) or (None, None)
        self.warnings.append(str(Problem(self.file, message, line, None, ".".join(path))))

    def table(self, *path: str) -> dict[str, Any]:
        """The table at a path; an empty one where none stands."""
        value: Any = self.data
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.problem(path, f"expected a table: [{'.'.join(path)}]")
            return {}
        return value

    def values(
        self,
        prefix: KeyPath,
        known: Mapping[str, Check],
        table: Mapping[str, object],
        *,
        strict: bool = True,
    ) -> dict[str, Any]:
        """What the known keys of a table say; others are mistakes, unless not ``strict``."""
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key in known:
                try:
                    values[key] = known[key](value)
                except ValueError as error:
                    self.problem((*prefix, key), str(error))
            elif strict:
                self.problem((*prefix, key), unknown(key, known))
        return values
