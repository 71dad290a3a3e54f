"""``trainer-tui datasets``: what a service keeps to be trained on; RunComfy has such a place."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, FAILED, CliContext
from trainer_tui.cli.jsontext import time_value
from trainer_tui.cli.parser import Nested
from trainer_tui.cli.service import Service, run_async
from trainer_tui.errors import NotFoundError, StateError, TrainerError, UsageError
from trainer_tui.providers.base import Dataset
from trainer_tui.providers.capabilities import KeepsDatasets
from trainer_tui.sanitize import filename

if TYPE_CHECKING:
    from trainer_tui.core.datasetupload import Sent

MOUNT = "/app/ai-toolkit/datasets/"
"""Where jobs see datasets, by their names (RunComfy's datasets reference)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do; ``list`` when nothing is said."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", parser_class=Nested)
    what.add_parser("list", help="all datasets of the account (the default)")
    show = what.add_parser("show", help="one dataset and, where they are told, its files")
    show.add_argument("name", metavar="NAME", help="its name or its id")
    create = what.add_parser("create", help="make an empty one; prints the path for a config")
    create.add_argument("name", metavar="NAME", nargs="?", help="the service names it without")
    upload = what.add_parser(
        "upload", help="send files, and the files right in folders; goes on where it broke off"
    )
    upload.add_argument("name", metavar="NAME", help="made when there is none of that name")
    upload.add_argument("paths", metavar="PATH", nargs="+", help="a folder or a file")
    upload.add_argument("--again", action="store_true", help="send also what is there already")
    delete = what.add_parser("delete", help="delete datasets and their files")
    delete.add_argument("names", metavar="NAME", nargs="+", help="their names or ids")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Do one of the five."""
    return run_async(_run(args, context))


async def _run(args: argparse.Namespace, context: CliContext) -> int:
    async with Service(context) as service:
        profile = context.profile or _only(service)
        title = service.facts(profile).title
        provider = service.provider(profile)
        if not isinstance(provider, KeepsDatasets):
            raise StateError(
                f"{profile} ({title}) keeps no datasets apart from its jobs",
                hint="RunComfy does: add --profile with one of its.",
                code="NOT_ALLOWED",
            )
        if args.what in {"create", "upload"} and args.name is not None and not args.name.strip():
            raise UsageError("a dataset's name is not empty")
        if args.what in {"create", "upload", "delete"} and (
            reason := service.why_read_only(profile)
        ):
            raise StateError(reason, code="READ_ONLY")
        account = Account(context, profile, title, provider)
        match args.what:
            case "show":
                return await account.show(args.name)
            case "create":
                return await account.create(args.name)
            case "upload":
                from trainer_tui.cli.dataset_upload import upload

                return await upload(account, args.name, args.paths, again=args.again)
            case "delete":
                return await account.delete(list(dict.fromkeys(args.names)))
        return await account.list()


def _only(service: Service) -> str:
    """The one profile that keeps datasets. Raises UsageError."""
    names = [name for name in service.usual_profiles() if service.facts(name).datasets]
    if len(names) == 1:
        return names[0]
    if not names:
        raise UsageError("no profile here keeps datasets; those of RunComfy do")
    raise UsageError("which profile?", hint=f"Add --profile with one of {', '.join(names)}")


class Account:
    """An account that keeps datasets, and what can be asked of it."""

    def __init__(
        self, context: CliContext, profile: str, title: str, provider: KeepsDatasets
    ) -> None:
        self.context = context
        self.profile = profile
        self.title = title
        self.provider = provider

    async def list(self) -> int:
        """Newest first."""
        context, found = self.context, list(await self.provider.list_datasets())
        found.sort(key=lambda each: time_value(each.created_at) or "", reverse=True)
        if context.json:
            context.print_json([dataset_value(each) for each in found])
            return DONE
        columns = [render.Column(title) for title in ("NAME", "STATUS", "CREATED", "ID")]
        rows = [[d.name, d.status, render.moment(d.created_at), d.id] for d in found]
        if not rows:
            context.say(
                f"no datasets at {self.profile} yet: trainer-tui datasets upload NAME FOLDER"
            )
            return DONE
        for line in render.table(columns, rows, color=context.color):
            context.out(line)
        return DONE

    async def show(self, name: str) -> int:
        """All that the service tells of one."""
        context, dataset = self.context, await self._find(name)
        if context.json:
            context.print_json(dataset_value(dataset))
            return DONE
        facts = {"name": dataset.name, "status": dataset.status, "id": dataset.id}
        if dataset.error:
            facts["error"] = dataset.error
        facts["created"] = render.moment(dataset.created_at)
        facts["in a config"] = MOUNT + dataset.name
        if dataset.files is not None:
            total = render.size(sum(dataset.files.values()))
            facts["files"] = f"{len(dataset.files)}, {total}" if dataset.files else "none yet"
        wide = max(map(len, facts))
        for label, text in facts.items():
            pad = " " * (wide - len(label))
            context.out(f"{render.paint(label, '2', context.color)}{pad}  {text}")
        if dataset.files:
            columns = [render.Column("FILE"), render.Column("SIZE", "right")]
            rows = [[file, render.size(size)] for file, size in dataset.files.items()]
            context.out()
            for line in render.table(columns, rows, color=context.color):
                context.out(line)
        return DONE

    async def create(self, name: str | None) -> int:
        """An empty one."""
        context = self.context
        what = f"the dataset {name}" if name else "a dataset"
        if not context.confirm(
            f"Create {what} at {self.profile}?",
            consequence="It is empty: no job can use it until files were uploaded.",
            what=f"create {what}",
        ):
            context.say("nothing was changed")
            return FAILED
        dataset = await self.provider.create_dataset(name)
        if context.json:
            context.print_json(dataset_value(dataset))
        else:
            context.out(MOUNT + dataset.name)
            context.say(f"created {dataset.name}, {dataset.status}")
        return DONE

    async def delete(self, names: Sequence[str]) -> int:
        """All of them, or the rest where one fails; the exit code is the first failure's."""
        context, known = self.context, await self.provider.list_datasets()
        code, chosen = DONE, []
        for name in names:
            try:
                chosen.append(named(name, known, needed=self.title))
            except TrainerError as error:
                if len(names) == 1:
                    raise
                context.print_error(error)
                code = code or error.exit_code
        datasets = [each for each in chosen if each is not None]
        if not datasets:
            return code
        shown = ", ".join(dataset.name for dataset in datasets)
        if not context.confirm(
            f"Delete {shown} at {self.profile}?",
            consequence=f"{self.title} deletes the files too; a job that names it can no longer "
            "be started or resumed.",
            what=f"delete {shown}",
        ):
            context.say("nothing was changed")
            return FAILED
        for dataset in datasets:
            try:
                await self.provider.delete_dataset(dataset.id)
            except TrainerError as error:
                error.message = f"{dataset.name}: {error.message}"
                context.print_error(error)
                code = code or error.exit_code
                continue
            self.sent(dataset).forget()
            if context.json:
                context.print_json_line({"id": dataset.id, "name": dataset.name, "deleted": True})
            else:
                context.say(f"deleted {dataset.name}")
        return code

    async def _find(self, name: str) -> Dataset:
        found = named(name, await self.provider.list_datasets(), needed=self.title)
        assert found is not None
        return await self.fresh(found)

    async def fresh(self, dataset: Dataset) -> Dataset:
        """Asked for afresh; the answer need not repeat the name or the time."""
        import dataclasses

        now = await self.provider.dataset_status(dataset.id)
        made = now.created_at or dataset.created_at
        return dataclasses.replace(now, name=dataset.name, created_at=made)

    def sent(self, dataset: Dataset) -> Sent:
        from trainer_tui.core.datasetupload import Sent

        folder = self.context.paths.state / "uploads" / filename(self.profile)
        return Sent(folder / f"{filename(dataset.id)}.jsonl")


def dataset_value(dataset: Dataset) -> dict[str, object]:
    """A dataset as every command prints it."""
    files: Mapping[str, int] | None = dataset.files
    return {
        "id": dataset.id,
        "name": dataset.name,
        "status": dataset.status,
        "created_at": time_value(dataset.created_at),
        "error": dataset.error,
        "folder_path": MOUNT + dataset.name,
        "files": None if files is None else [{"name": n, "size": s} for n, s in files.items()],
    }


def named(name: str, known: Sequence[Dataset], *, needed: str = "") -> Dataset | None:
    """The dataset that a person means, by its id or its name.

    Args:
        needed: The service's title where one must be there; else ``None`` says that none is.

    Raises:
        NotFoundError: None is called that, and one is needed.
        UsageError: Several are.
    """
    found = [each for each in known if each.id == name] or [d for d in known if d.name == name]
    if len(found) > 1:
        ids = ", ".join(f"{each.id} ({each.status})" for each in found[:8])
        raise UsageError(
            f"{len(found)} datasets are named {name!r}: {ids}",
            hint="Say which by its id.",
            code="AMBIGUOUS_NAME",
        )
    if not found and needed:
        from trainer_tui.config_problem import did_you_mean

        near = did_you_mean(name, [each.name for each in known])
        raise NotFoundError(
            f"{needed} has no dataset {name!r}{near}",
            hint="List them with: trainer-tui datasets",
            code="NO_SUCH_DATASET",
        )
    return found[0] if found else None


def files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
