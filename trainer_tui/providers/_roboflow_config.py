"""The small YAML by which a training at Roboflow is asked for: read strictly, and made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer_tui import sanitize
from trainer_tui.config_problem import did_you_mean
from trainer_tui.errors import UsageError
from trainer_tui.model import Job
from trainer_tui.providers import _roboflow_answers as answers
from trainer_tui.providers import _wire
from trainer_tui.providers._roboflow_answers import Name

KEYS = ("workspace", "project", "version", "model_type", "epochs", "speed", "checkpoint")
_LARGEST = 64 << 10
_HINT = "It needs project and version; model_type, epochs, speed and checkpoint are optional."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A training to be started."""

    project: str
    version: str
    workspace: str | None
    body: Mapping[str, object]
    """What the call takes, with the keys of the reference page."""

    @property
    def epochs(self) -> int | None:
        """Asked for."""
        return _wire.integer(self.body.get("epochs"))

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """Read the config. Raises UsageError naming what is wrong."""
        found = _mapping(text)
        for key in found:
            if key not in KEYS:
                shown = sanitize.line(key, limit=60)
                raise UsageError(f"unknown key {shown!r}{did_you_mean(str(key), KEYS)}", hint=_HINT)
        workspace, project = found.get("workspace"), found.get("project")
        if isinstance(project, str) and project.count("/") == 1 and workspace is None:
            workspace, _, project = project.partition("/")
        version = found.get("version")
        if isinstance(version, int) and not isinstance(version, bool):
            version = str(version)
        if workspace is not None and not _wire.is_id(workspace):
            raise UsageError("workspace: an id is expected", hint=_HINT)
        for key, value in (("project", project), ("version", version)):
            if value is None:
                raise UsageError(f"{key} is missing", hint=_HINT)
            if not _wire.is_id(value):
                raise UsageError(f"{key}: an id is expected", hint=_HINT)
        return cls(str(project), str(version), workspace, _body(found))


def _mapping(text: str) -> Mapping[Any, Any]:
    import yaml

    if len(text) > _LARGEST:
        raise UsageError("the config is too large to be one of Roboflow's", hint=_HINT)
    where = ""
    try:
        # Aliases are of no use here, and could make little text much.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise UsageError("aliases have no place in this config", hint=_HINT)
        found = yaml.safe_load(text)
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        what = sanitize.line(problem.problem or "it cannot be read", limit=200)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        what = sanitize.line(problem, limit=200)
    else:
        if isinstance(found, dict):
            return found
        what = "it is no mapping"
    raise UsageError(f"the config is not the YAML that is expected: {where}{what}", hint=_HINT)


def _body(found: Mapping[Any, Any]) -> dict[str, object]:
    body: dict[str, object] = {}
    for key in ("model_type", "speed", "checkpoint"):
        value = found.get(key)
        if value is None:
            continue
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{key}: a name is expected", hint=_HINT)
        body[key] = value.strip()
    epochs = found.get("epochs")
    if epochs is not None:
        if isinstance(epochs, bool) or not isinstance(epochs, int) or not 0 < epochs <= 100_000:
            raise UsageError("epochs: a whole number from 1 on is expected", hint=_HINT)
        body["epochs"] = epochs
    return body


def anew(job: Job, name: Name) -> str:
    """A config that would start a training like this one, as far as it is known."""
    lines = [
        "# Starts a training like this one, as far as Roboflow tells what it was started with.",
        f"project: {name.project}",
        f"version: {name.version}",
    ]
    kind = job.extra.get(answers.MODEL_TYPE)
    if kind and _wire.is_id(kind):
        lines.append(f"model_type: {kind}")
    if job.progress is not None and job.progress.total:
        lines.append(f"epochs: {job.progress.total}")
    return "\n".join(lines) + "\n"
