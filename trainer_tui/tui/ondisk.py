"""A file whose text is being edited here: noticed when somebody else writes it."""

from __future__ import annotations

from pathlib import Path

from trainer_tui.core.yamlconfig import MAX_SIZE


class OnDisk:
    """A file, and its text as it was last read here."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text
        self._stamp: tuple[int, int, int] | None = None
        """Of the last look that found the text as it was; none yet: the first look reads it."""

    @property
    def name(self) -> str:
        """What it is called on the screen."""
        return f"{self.path.name} on disk"

    def changed(self) -> str | None:
        """The file's text if it is another one now; a file that is gone or no text is none.

        Cheap while nobody writes: the file is read only when it was touched.
        """
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp or found.st_size > 4 * MAX_SIZE:
                return None
            text = self.path.read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            return None
        if text == self.text:
            self._stamp = stamp
            return None
        return text

    def accept(self, text: str) -> None:
        """This text of it is known now."""
        self.text, self._stamp = text, None
