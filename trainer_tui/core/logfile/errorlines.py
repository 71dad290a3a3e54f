"""Where an error begins. Used in the process that searches."""

from __future__ import annotations

import re
from itertools import accumulate

from trainer_tui.core.logfile.matcher import Matcher, numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainer_tui.core.logfile.matcher import Watch

_TRACEBACK = "Traceback (most recent call last)"
_ERROR = (
    r"Traceback \(most recent call last\)"
    r"|\b(?:ERROR|CRITICAL|FATAL|Error|Exception|panic(?:ked)?|Segmentation fault|Killed)\b"
    r"|\b[A-Z]\w*(?:Error|Exception)\b"
    r"|\b(?:error|fatal|out of memory)\b:?(?! ?[=:]? ?0\b)"
)
# Every match of it holds one of these; as few as will do, for each is looked for.
_ERROR_NEEDLES = (
    *("Traceback (most recent call last)", "rror", "ERROR", "CRITICAL", "FATAL", "fatal"),
    *("xception", "panic", "Segmentation fault", "Killed", "out of memory"),
)
# Several processes of one training write to one log: "[rank0]: Traceback …".
_WRITER = re.compile(r"\[[^\]\s]{1,40}\]:? ?")


class ErrorMatcher(Matcher):
    """Finds the lines where an error begins; a traceback counts once, at its first line."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(_ERROR, 0, watch, [_ERROR_NEEDLES])

    def lines(self, text: str, before: Iterable[str]) -> list[int]:
        """A place in each line where an error begins."""
        candidates = numbers(text, super().lines(text, before))
        if not candidates:
            return []
        lines = text.split("\n")
        found: list[int] = []
        inside = _begins_inside(before)
        at = 0
        for index in candidates:
            if inside:
                while at < index and _is_frame(lines[at]):
                    at += 1
                if at == index:
                    at += 1
                    if _is_frame(lines[index]):
                        continue
                    # The first line that is no frame is the error itself.
                    if _TRACEBACK not in lines[index]:
                        inside = False
                        continue
            found.append(index)
            inside = _TRACEBACK in lines[index]
            at = index + 1
        places = list(accumulate(map(len, lines), initial=0))
        return [places[index] + index for index in found]


def _is_frame(line: str) -> bool:
    """Whether a line inside a traceback belongs to it and is not its last."""
    writer = _WRITER.match(line)
    body = line[writer.end() :] if writer else line
    return body.startswith(" ") or not body


def _begins_inside(before: Iterable[str]) -> bool:
    """Whether the lines before, the nearest first, leave a traceback open."""
    for line in before:
        if _TRACEBACK in line:
            return True
        if not _is_frame(line):
            return False
    return False
