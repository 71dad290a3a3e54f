"""PyYAML's events: by libyaml where there is one, else by its pure parser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def events(text: str) -> Iterator[Any]:
    """The events of a text, less its byte-order mark. Raises YAMLError."""
    import yaml

    text = text.removeprefix("\ufeff")
    try:
        parser: Any = yaml.cyaml.CParser(text)  # type: ignore[attr-defined]
    except AttributeError:
        parser = _pure_parser(text)
    try:
        while parser.check_event():
            yield parser.get_event()
    finally:
        parser.dispose()


def _pure_parser(text: str) -> Any:
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class PureParser(Reader, Scanner, Parser, Composer):
        def __init__(self, stream: str) -> None:
            Reader.__init__(self, stream)
            Scanner.__init__(self)
            Parser.__init__(self)

    return PureParser(text)
