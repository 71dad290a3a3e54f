"""``trainer-tui models``: the models of a job, a page at a time."""

from __future__ import annotations

import argparse

from trainer_tui.cli import render
from trainer_tui.cli.context import DONE, CliContext
from trainer_tui.cli.jsontext import time_value
from trainer_tui.cli.service import Service, run_async
from trainer_tui.errors import StateError, UsageError
from trainer_tui.model import Capability, Job, Model, ModelPage
from trainer_tui.providers.capabilities import HasModels


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The job, the order and the page."""
    parser.add_argument("ref", metavar="REF", help="profile/id, beginning of an id, or a name")
    parser.add_argument("--sort", metavar="METRIC", help="best first by this metric")
    parser.add_argument("--page", metavar="N", type=int, default=1, help="counted from 1")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print one line a model; with ``--json`` the page as an object."""
    if args.page < 1:
        raise UsageError(f"--page {args.page}: pages are counted from 1")
    job, page = run_async(_fetch(context, args.ref, args.page - 1, args.sort))
    if context.json:
        context.print_json(page_value(job, page))
    elif not page.models:
        context.say(f"{job.ref} has no models yet")
    else:
        _print_table(context, page)
        if args.page > page.pages:
            context.say(f"there is no page {args.page}: this is the last, {page.page + 1}")
        elif page.pages > 1:
            context.say(f"page {page.page + 1} of {page.pages}; --page N shows another")
    return DONE


async def _fetch(
    context: CliContext, text: str, page: int, sort_by: str | None
) -> tuple[Job, ModelPage]:
    async with Service(context) as service:
        job = await service.find(text)
        provider = service.provider(job.ref.profile)
        facts = provider.facts
        if Capability.MODELS not in facts.capabilities or not isinstance(provider, HasModels):
            raise StateError(facts.why_not(Capability.MODELS))
        found = await provider.models(job.ref.id, page=page, sort_by=sort_by)
        return job, found


def _print_table(context: CliContext, page: ModelPage) -> None:
    models = page.models
    metrics = list(dict.fromkeys(key for model in models for key in model.metrics))
    # kaos scores by the metric that sorts: the same number need not be there twice.
    scored = any(m.score not in (None, m.metrics.get(page.sort_by or "")) for m in models)
    tuned = list(dict.fromkeys(key for model in models for key in model.hyperparameters))
    columns = [
        render.Column("MODEL"),
        render.Column(""),
        *(render.Column(key, "right") for key in metrics),
        *([render.Column("SCORE", "right")] if scored else []),
        *(render.Column(key, "right") for key in tuned),
    ]
    rows = []
    for model in models:
        marks = [
            word for word, on in (("starred", model.starred), ("best", model.recommended)) if on
        ]
        numbers = [model.metrics.get(key) for key in metrics]
        if scored:
            numbers.append(model.score)
        rows.append(
            [
                model.id,
                ",".join(marks),
                *("" if value is None else f"{value:.6g}" for value in numbers),
                *(model.hyperparameters.get(key, "") for key in tuned),
            ]
        )
    for line in render.table(columns, rows, color=context.color):
        context.out(line)


def page_value(job: Job, page: ModelPage) -> dict[str, object]:
    """A page as ``--json`` prints it."""
    return {
        "ref": str(job.ref),
        "page": page.page + 1,
        "pages": page.pages,
        "sort": page.sort_by,
        "metrics": list(page.available_metrics),
        "models": [model_value(model) for model in page.models],
    }


def model_value(model: Model) -> dict[str, object]:
    """A model as ``--json`` prints it."""
    return {
        "id": model.id,
        "name": model.name,
        "status": model.status or None,
        "metrics": dict(model.metrics),
        "score": model.score,
        "hyperparameters": dict(model.hyperparameters),
        "starred": model.starred,
        "recommended": model.recommended,
        "group": model.group,
        "created_at": time_value(model.created_at),
        "extra": dict(model.extra),
    }
