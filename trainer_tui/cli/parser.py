"""The command line's grammar, with each command's part read from its module when it is needed."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from trainer_tui.cli.table import COMMANDS, Command
from trainer_tui.errors import UsageError

_EPILOG = """\
Without a command the console opens. Exit codes: 0 done, 1 the act failed, 2 wrong usage,
3 not allowed in this state, 4 not found, 5 unauthorised, 6 network or server, 7 interrupted but
resumable (wait), 130 on ctrl-C."""


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would end the program."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"argument COMMAND: invalid choice: '(.*?)' \(", message)
        if unknown is not None:
            from trainer_tui.config_problem import did_you_mean

            near = did_you_mean(unknown[1], [command.name for command in COMMANDS])
            raise UsageError(
                f"there is no command {unknown[1]!r}{near}",
                hint=f"All commands: {self.prog} --help",
                code="USAGE",
            )
        usage = " ".join(self.format_usage().split())
        message = self._plainly(message)
        raise UsageError(message, hint=f"{usage}\n  More: {self.prog} --help", code="USAGE")

    def _plainly(self, message: str) -> str:
        """argparse's words for a wrong value in ours, with the nearest name."""
        from trainer_tui.config_problem import did_you_mean

        said = message.removeprefix("argument ")
        if found := re.fullmatch(r"(.+): invalid (int|float) value: (.*)", said, re.DOTALL):
            kind = "whole number" if found[2] == "int" else "number"
            return f"{found[1]} takes a {kind}, not {found[3]}"
        if found := re.fullmatch(r"(.+): invalid choice: '(.*)' \(choose from (.+)\)", said):
            choices = found[3].replace("'", "")
            near = did_you_mean(found[2], choices.split(", "))
            return f"{found[1]}: {found[2]!r} is none of {choices}{near}"
        if found := re.fullmatch(r"unrecognized arguments: (--[\w-]+).*", said, re.DOTALL):
            return said + did_you_mean(found[1], self._option_string_actions)
        return re.sub(r"^(\S+): expected one argument$", r"\1 takes a value", said)

    def refuse_extras(self, extras: Sequence[str]) -> None:
        """Arguments that nobody takes are told with this parser's usage. Raises UsageError."""
        if extras:
            self.error(f"unrecognized arguments: {' '.join(extras)}")


class CommandParser(Parser):
    """The part of one command; ``command`` is its name, for modules that do several."""

    def __init__(self, *args: Any, command: Command | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **{"conflict_handler": "resolve", **kwargs})
        self.command = command.name if command else ""
        self._module = command.module if command else ""
        self._ready = False

    def prepare(self) -> None:
        """Take in the module's arguments, once."""
        if not self._ready:
            self._ready = True
            add_common(self, nested=True)
            importlib.import_module(f"trainer_tui.cli.{self._module}").add_arguments(self)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        self.prepare()
        found, extras = super().parse_known_args(args, namespace)
        self.refuse_extras(extras)
        return found, extras


class Nested(Parser):
    """A word below a command, such as ``profiles add``; knows what every command knows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"conflict_handler": "resolve", "allow_abbrev": False, **kwargs})
        add_common(self, nested=True)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        found, extras = super().parse_known_args(args, namespace)
        self.refuse_extras(extras)
        return found, extras


def build(only: str = "") -> Parser:
    """The whole grammar; of the commands only the one of a name, if there is one."""
    parser = Parser(
        prog="trainer-tui",
        description="A terminal console for machine-learning training jobs, wherever they run.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_common(parser, nested=False)
    console = parser.add_argument_group("the console")
    console.add_argument("--ascii", action="store_true", default=None, help="draw with ASCII only")
    console.add_argument(
        "--filter", metavar="FILTER", dest="begin_with", default="", help="begin with this filter"
    )
    parser.add_argument("--version", "-V", action="store_true", help="print the version")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", parser_class=CommandParser
    )
    for command in [command for command in COMMANDS if command.name == only] or COMMANDS:
        commands.add_parser(
            command.name,
            help=command.help,
            description=command.help[0].upper() + command.help[1:] + ".",
            command=command,
            allow_abbrev=False,
        )
    return parser


def add_common(parser: argparse.ArgumentParser, *, nested: bool) -> None:
    """What every command knows, before it or after it."""
    default: dict[str, Any] = {"default": argparse.SUPPRESS} if nested else {}
    group = parser.add_argument_group("for every command")
    group.add_argument("--profile", metavar="NAME", help="the profile to use", **default)
    group.add_argument("--config", metavar="PATH", help="the config file", **default)
    flags = {
        "--json": ("json", "print JSON; errors as JSON on standard error"),
        "--yes": ("yes", "answer every question with yes"),
        "--read-only": ("read_only", "allow nothing that changes anything"),
    }
    for flag, (name, text) in flags.items():
        names = ["-y", flag] if flag == "--yes" else [flag]
        group.add_argument(*names, dest=name, action="store_true", help=text, **default)


def run_command(args: argparse.Namespace, context: Any) -> int:
    """Do the command that was asked for; gives the exit code."""
    command = next(c for c in COMMANDS if c.name == args.command)
    module = importlib.import_module(f"trainer_tui.cli.{command.module}")
    return int(module.run(args, context))
