"""How a job looks in kaos's protocol: its state, its partitions and models, what they came from."""

from __future__ import annotations

import codecs
import io
import json
import math
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from trainer_tui import bundles
from trainer_tui.model import Status
from trainer_tui.server.dialects.kaos_wire import KaosError, descriptor, when
from trainer_tui.server.dialects.kaos_workspaces import Life, Workspace
from trainer_tui.server.records import JobRecord
from trainer_tui.server.runners import bundle_config
from trainer_tui.server.runners.base import JobFolder
from trainer_tui.server.runners.bundle import regular_files
from trainer_tui.server.runners.bundle_child import BUILT
from trainer_tui.server.runners.files import open_regular

PAGE = 10
_PIECE = 256 * 1024
_BUILD_END = f"] {BUILT}\n".encode()
_SMALLER_IS_BETTER = ("loss", "error", "err", "mse", "mae", "rmse", "perplexity", "wer", "cer")
_STATES = {
    Status.QUEUED: "JOB_STARTING",
    Status.PREPARING: "JOB_STARTING",
    Status.RUNNING: "JOB_RUNNING",
    Status.STOPPING: "JOB_RUNNING",
    Status.SUCCEEDED: "JOB_SUCCESS",
    Status.INTERRUPTED: "JOB_KILLED",
    Status.CANCELED: "JOB_KILLED",
    Status.FAILED: "JOB_FAILURE",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A job of this dialect, looked at."""

    record: JobRecord
    life: Life
    folder: JobFolder

    @property
    def ended(self) -> bool:
        """Whether nothing more will come: a job that is being killed counts as killed."""
        return self.record.status.ended or self.record.requested == "cancel"

    @property
    def state(self) -> str:
        """In kaos's words."""
        if self.record.requested == "cancel":
            return "JOB_KILLED"
        return _STATES.get(self.record.status, "JOB_RUNNING")

    @property
    def group(self) -> str:
        """``building`` until its training begins, ``training`` from then on."""
        return "training" if bundle_config.grid_file(self.folder).exists() else "building"

    @property
    def inputs(self) -> bundle_config.Inputs:
        """What it is trained on."""
        return bundle_config.inputs(self.folder, self.life.options)

    def model_id(self, index: int) -> str:
        """Names the model of a partition in all workspaces."""
        return f"{self.record.id}-{index}"


def submitted(seen: Seen) -> dict[str, Any]:
    """A job in the list."""
    record = seen.record
    duration: int | str = "?"
    if record.started_at and record.finished_at:
        duration = round((record.finished_at - record.started_at).total_seconds())
    percent = record.progress.percent if record.progress else None
    return {
        "job_id": record.id,
        "state": seen.state,
        "started": when(record.started_at or record.created_at),
        "duration": duration,
        "progress": "?" if percent is None else int(percent),
        "hyperopt": bool(seen.inputs.params),
    }


def info(seen: Seen, page: int, sort_by: str | None) -> dict[str, Any]:
    """A page of the job's partitions.

    Raises:
        KaosError: ``UNFINISHED_COMMIT``, ``PAGE_ERROR``, ``METRIC_NOT_FOUND``.
    """
    if not seen.ended:
        message = f"The output of job {seen.record.id} is not finished yet."
        raise KaosError(500, "UNFINISHED_COMMIT", message)
    parts = bundle_config.parts(seen.folder)
    available = sorted({name for part in parts for name in part.metrics})
    if sort_by is not None:
        if sort_by not in available:
            shown = ", ".join(available) or "none"
            message = f"There is no metric {sort_by[:80]!r}; there are: {shown}"
            raise KaosError(404, "METRIC_NOT_FOUND", message)
        parts = ranked(parts, sort_by)
    metric = sort_by or (available[0] if len(available) == 1 else None)
    count = max(1, math.ceil(len(parts) / PAGE))
    if page >= count:
        raise KaosError(400, "PAGE_ERROR", f"There is no page {page}; the last is {count - 1}.")
    shown_parts = parts[page * PAGE : (page + 1) * PAGE]
    inputs = seen.inputs
    return {
        "page_id": page,
        "page_count": count,
        "response": {
            "job_id": seen.record.id,
            "state": seen.state,
            "available_metrics": available,
            "process_time": round(sum(part.seconds for part in parts), 3),
            "partitions": [_partition(seen, inputs, part, metric) for part in shown_parts],
        },
    }


def ranked(parts: Sequence[bundle_config.Part], metric: str) -> list[bundle_config.Part]:
    """Best first; what lacks the metric, or has no number for it, last."""
    lower = any(word in _SMALLER_IS_BETTER for word in metric.lower().replace("-", "_").split("_"))

    def key(part: bundle_config.Part) -> tuple[bool, float]:
        value = part.metrics.get(metric, math.nan)
        return (math.isnan(value), 0.0 if math.isnan(value) else value if lower else -value)

    return sorted(parts, key=key)


def _partition(
    seen: Seen, inputs: bundle_config.Inputs, part: bundle_config.Part, metric: str | None
) -> dict[str, Any]:
    workspace, user = seen.life.workspace, seen.life.options.user
    commits = inputs.commits
    score = part.metrics.get(metric) if metric else None
    if score is not None and not math.isfinite(score):
        score = None
    return {
        "datum_id": f"{seen.record.id}/{part.index}",
        "code": descriptor(f"{workspace}-code", commits.get("code"), "/", user),
        "data": descriptor(f"{workspace}-data", commits.get("data"), "/", user),
        "image": descriptor(f"{workspace}-image", commits.get("code"), "/", user),
        "output": descriptor(
            f"{workspace}-models", seen.record.id, f"master:{seen.model_id(part.index)}", user
        ),
        "score": score,
        "hyperparams": dict(part.params) or None,
    }


def provenance(seen: Seen, index: int) -> str:
    """What a model was made of, as Graphviz DOT."""
    commits, workspace = seen.inputs.commits, seen.life.workspace
    model, job = seen.model_id(index), f"job {seen.record.id}"
    lines = ["digraph provenance {", "  rankdir=LR;"]
    lines.append(f"  {_quoted(model)} [label={_quoted(f'model {model}')}];")
    lines.append(f"  {_quoted(job)} [shape=box];")
    lines.append(f"  {_quoted(job)} -> {_quoted(model)};")
    for kind in ("code", "data", "hyper"):
        commit = commits.get(kind)
        if commit is None:
            continue
        node = f"{workspace}-{kind}@{commit}"
        lines.append(f"  {_quoted(node)} [label={_quoted(f'{kind} {commit[:12]}')}];")
        lines.append(f"  {_quoted(node)} -> {_quoted(job)};")
    params = next((p.params for p in bundle_config.parts(seen.folder) if p.index == index), {})
    if params:
        text = ", ".join(f"{key}={value}" for key, value in params.items())
        lines.append(f'  "parameters" [label={_quoted(text)}];')
        lines.append(f'  "parameters" -> {_quoted(model)};')
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def pipeline(workspace: Workspace) -> dict[str, str]:
    """What the workspace would train now."""
    name = workspace.name
    sources = {"data": workspace.data, "image": workspace.code, "hyper": workspace.hyper}
    more = {"cpu": workspace.cpu, "memory": workspace.memory, "gpu": workspace.gpu}
    commit_of = {kind: source.commit for kind, source in sources.items() if source}
    found = {
        "image": f"{name}-image:{commit_of['image'][:12]}",
        "commands": "model/train /pfs/out",
        "description": f"training in {name}, by trainer-tui's local server",
        "parallelism": "1",
        "output_branch": "master",
        **{key: "null" if value is None else str(value) for key, value in more.items()},
    }
    for kind in sources:
        source, commit = sources[kind], commit_of.get(kind)
        found[f"{kind}_name"] = kind if source else "null"
        found[f"{kind}_repo"] = f"{name}-{kind}" if source else "null"
        found[f"{kind}_branch"] = "master" if source else "null"
        found[f"{kind}_glob"] = f"{source.root}:{commit}" if source else "null"
    return found


def logs(seen: Seen, *, build_only: bool) -> Iterator[str]:
    """The whole log, or that of the build, in pieces: it may be larger than the memory."""
    try:
        file = open_regular(seen.folder.log)
    except OSError:
        commit = seen.life.options.commits.get("code", "")
        yield f"[{when(seen.record.created_at)}] Waiting for a slot: {commit}\n"
        return
    with io.BufferedReader(cast(io.RawIOBase, file), _PIECE) as lines:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # A line of the build is short; of what comes after it only the end would be looked at.
        while line := lines.readline(_PIECE) if build_only else lines.read(_PIECE):
            yield decoder.decode(line)
            if build_only and line.endswith(_BUILD_END):
                return
        yield decoder.decode(b"", final=True)


def bundle(seen: Seen, code: bool, data: bool, model: int | None, models: bool) -> Path:
    """Make the zip that was asked for, below the job's ``work`` folder; gives it.

    The code is at the zip's root as it was sent, the rest in ``data`` and ``models/ID``.

    Args:
        model: Only this one of the models.
        models: Whether models are wanted at all.
    """
    done = bundle_config.done(seen.folder) if models else []
    wanted = done if model is None else [model]
    label = "" if not models else "models" if model is None else f"model{model}"
    words = [seen.record.id, "code" if code else "", "data" if data else "", label]
    target = seen.folder.work / "bundles" / f"{'-'.join(word for word in words if word)}.zip"
    if target.exists() and seen.record.status.ended:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    growing = target.with_name(f".{target.name}.{id(seen):x}")
    try:
        with zipfile.ZipFile(growing, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made:
            if code:
                _add_bundle(made, seen.life.options.bundle, "")
            if data and (source := seen.inputs.data) is not None:
                _add_bundle(made, source, "data")
            for index in wanted:
                out = bundle_config.out(seen.folder, index)
                root = f"models/{seen.model_id(index)}"
                bundles.add(made, out, regular_files(out), root=root)
        growing.rename(target)
    finally:
        growing.unlink(missing_ok=True)
    return target


def _add_bundle(made: zipfile.ZipFile, archive: Path, root: str) -> None:
    """Add what a zip holds that was judged when it came."""
    with bundles.opened(archive) as source:
        for path, entry in bundles.judge(source):
            name = f"{root}/{path}" if root else str(path)
            copy = zipfile.ZipInfo(name, entry.date_time)
            copy.external_attr, copy.compress_type = entry.external_attr, zipfile.ZIP_DEFLATED
            with source.open(entry) as reader, made.open(copy, "w") as writer:
                shutil.copyfileobj(reader, writer, 1024 * 1024)
