"""``trainer-tui profiles``: list, add, check and remove."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from pathlib import Path

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, FAILED, CliContext
from trainer_tui.cli.parser import Nested
from trainer_tui.cli.service import Service, run_async
from trainer_tui.config import LOCAL, Profile, Secret, provider_names
from trainer_tui.config_write import add_profile, check_removable, remove_managed_profile
from trainer_tui.core.clock import utcnow
from trainer_tui.errors import StateError, TrainerError, UsageError
from trainer_tui.model import Account
from trainer_tui.providers import base


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do; ``list`` when nothing is said."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", parser_class=Nested)
    what.add_parser("list", help="all profiles (the default)")
    check = what.add_parser("check", help="prove that URL and credential work")
    check.add_argument("names", nargs="*", metavar="NAME", help="which; all without one")
    add = what.add_parser("add", help="add one to the managed file; config.toml is not touched")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--provider", metavar="PROVIDER", help="one of those of: profiles list")
    add.add_argument("--base-url", metavar="URL", help="where the provider's own is not meant")
    add.add_argument(
        "--token", metavar="PLACE",
        help="env:NAME, file:PATH, cmd:COMMAND, keyring:SERVICE/USER, or - to be asked for it",
    )  # fmt: skip
    add.add_argument("--workspace", metavar="NAME")
    add.add_argument("--socket", metavar="PATH", help="only local: another server's socket")
    add.add_argument("--insecure", action="store_true", help="allow plain http to another machine")
    add.add_argument("--protect", action="store_true", help="allow no writing act on it")
    add.add_argument("--timeout", metavar="SECONDS", type=float, help="per request; 20 if not said")
    add.add_argument("--no-check", action="store_true", help="do not ask the service first")
    add.add_argument("--replace", action="store_true", help="write over one that was added before")
    remove = what.add_parser("remove", help="take one out of the managed file")
    remove.add_argument("name", metavar="NAME")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Do one of the four."""
    match args.what:
        case "add":
            return _add(args, context)
        case "remove":
            return _remove(args, context)
        case "check":
            return run_async(_check(args.names, context))
    return _list(context)


# -- list ------------------------------------------------------------------------------------------


def _list(context: CliContext) -> int:
    config = context.config
    profiles = dict(config.profiles)
    profiles.setdefault(LOCAL, config.profile(LOCAL))
    if context.profile is not None:
        profiles = {context.profile: config.profile(context.profile)}
    values = [_value(profile) for profile in profiles.values()]
    if context.json:
        context.print_json(values)
        return DONE
    columns = [
        render.Column(title) for title in ("NAME", "PROVIDER", "URL", "CREDENTIAL", "READ-ONLY")
    ]
    rows = [
        [
            str(value["name"]),
            str(value["provider"]),
            str(value["base_url"] or value["socket"] or render.NOTHING),
            str(value["credential"] or render.NOTHING),
            "yes" if value["read_only"] else "no",
        ]
        for value in values
    ]
    for line in render.table(columns, rows, color=context.color):
        context.out(line)
    return DONE


def _value(profile: Profile) -> dict[str, object]:
    """A profile as it may be shown."""
    facts = base.facts(profile.provider) if profile.provider in provider_names() else None
    return {
        "name": profile.name,
        "provider": profile.provider,
        "base_url": profile.base_url or (facts.default_base_url if facts else None),
        "socket": str(profile.socket) if profile.socket else None,
        "credential": profile.token.place if profile.token else None,
        "workspace": profile.workspace,
        "read_only": profile.read_only,
        "capabilities": sorted(facts.capabilities) if facts else [],
    }


# -- check -----------------------------------------------------------------------------------------


async def _check(names: list[str], context: CliContext) -> int:
    async with Service(context) as service:
        wanted = names or ([context.profile] if context.profile else None)
        wanted = wanted or list(context.config.profiles) or [LOCAL]
        answers = await asyncio.gather(*(_ask(service, name) for name in wanted))
    code = DONE
    for name, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, TrainerError):
            code = code or answer.exit_code
            if answer.code != "NO_SUCH_PROFILE":
                answer.message = f"{name}: {answer.message}"
            context.print_error(answer)
        elif context.json:
            context.print_json_line(
                {"profile": name, "ok": True, "summary": answer.summary, "jobs": answer.jobs}
            )
        else:
            context.out(f"{name}: {answer.summary}")
    return code


async def _ask(service: Service, name: str) -> Account | TrainerError:
    try:
        return await service.provider(name).check()
    except TrainerError as error:
        return error


# -- add, remove -----------------------------------------------------------------------------------


def _add(args: argparse.Namespace, context: CliContext) -> int:
    if context.read_only_flag:
        raise StateError("--read-only was given: nothing may be changed", code="READ_ONLY")
    provider = args.provider or (args.name if args.name in provider_names() else None)
    if provider is None:
        raise UsageError(
            "which provider?", hint=f"--provider with one of {', '.join(provider_names())}"
        )
    facts = base.facts(provider)
    fields: dict[str, object] = {
        "name": args.name,
        "provider": provider,
        "base_url": args.base_url,
        "token": _token(args, context, facts),
        "workspace": args.workspace,
        "socket": args.socket,
        "insecure": True if args.insecure else None,
        "read_only": True if args.protect else None,
        "timeout": args.timeout,
    }
    from trainer_tui.config_write import prove

    profile = prove(context.paths, fields, replace=args.replace)
    account = None if args.no_check else run_async(_prove(profile, context))
    add_profile(context.paths, fields, replace=args.replace)
    if context.json:
        context.print_json(_value(profile))
    else:
        told = f": {account.summary}" if account else ""
        context.say(f"added {args.name}{told}")
        context.say(f"it is in {context.paths.managed_profiles}")
    return DONE


async def _prove(profile: Profile, context: CliContext) -> Account:
    provider = base.open_named(base.Context(profile, context.paths, utcnow))
    try:
        return await provider.check()
    except TrainerError as error:
        if not error.hint:
            error.hint = "Nothing was added. To add it all the same: --no-check"
        raise
    finally:
        await provider.aclose()


def _token(args: argparse.Namespace, context: CliContext, facts: base.Facts) -> str | None:
    """The credential's place; asked for where it is needed and a person is there."""
    given: str | None = args.token
    if given is not None and given != "-":
        if Secret(given).kind == "literal":
            context.warn(
                "a credential on the command line stays in the shell's history; "
                "better --token - or env:NAME"
            )
        kind, colon, place = given.partition(":")
        if (kind, colon) == ("file", ":") and place and not place.startswith(("~", "/")):
            return f"file:{Path.cwd() / place}"  # in the file it would be meant from the config
        return given
    if given is None and (not facts.needs_credential or not context.can_ask):
        if facts.needs_credential:
            raise UsageError(
                f"{facts.title} needs a credential",
                hint=f"--token env:NAME. {facts.credential_help}".strip(),
            )
        return None
    if not context.stdin.isatty():
        return context.stdin.readline().strip() or None
    if facts.credential_help:
        context.say(facts.credential_help)
    entered = getpass.getpass(f"credential for {args.name} (not shown): ").strip()
    if not entered:
        raise UsageError("no credential was entered: nothing was added")
    return entered


def _remove(args: argparse.Namespace, context: CliContext) -> int:
    if context.read_only_flag:
        raise StateError("--read-only was given: nothing may be changed", code="READ_ONLY")
    try:
        stays = len(context.store.jobs(args.name))
    except TrainerError:
        stays = 0
    kept = f" Its {stays} known jobs stay in the history." if stays else ""
    check_removable(context.paths, args.name)
    if not context.confirm(
        f"Remove the profile {args.name}?",
        consequence=f"Takes it out of {context.paths.managed_profiles}; jobs go on.{kept}",
        what=f"remove the profile {args.name}",
    ):
        context.say("nothing was changed")
        return FAILED
    remove_managed_profile(context.paths, args.name)
    context.say(f"removed {args.name}")
    return DONE
