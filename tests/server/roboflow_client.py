"""The official client against the server at ``API_URL``: a program of its own, since it reads the
address when it is imported.

``cli``: runs a command line of ``roboflow`` for each JSON list on stdin, and answers each with a
line: exit status, stdout, stderr. It is imported once: it brings OpenCV along.
``sdk FOLDER``: uses the SDK, and prints one JSON object of what it saw.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from typing import Any


def cli() -> None:
    """Command lines, one after the other."""
    from roboflow.roboflowpy import main

    for line in sys.stdin:
        sys.argv = ["roboflow", *json.loads(line)]
        status: object = 0
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                status = end.code or 0
        print(json.dumps([status, out.getvalue(), err.getvalue()]), flush=True)


def sdk(folder: str) -> None:
    """Read, train twice on one version, stop one and cancel the other."""
    import roboflow
    from roboflow.adapters.rfapi import RoboflowError

    saw: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        workspace = roboflow.Roboflow(api_key=os.environ["ROBOFLOW_API_KEY"]).workspace()
        project = workspace.project("dogs")
        version = project.version(3)
        saw["projects"] = workspace.projects()
        saw["versions"] = sorted(each.id for each in project.versions())
        saw["images"] = version.images
        first = version.create_training(model_type="rfdetr-base", epochs=10_000)
        second = version.create_training(model_type="rfdetr-base", epochs=10_000)
        saw["two"] = sorted(each.training_id for each in version.trainings())
        saw["made"] = sorted([first.training_id, second.training_id])
        until(lambda: measured(project))
        saw["stop"] = [first.stop(), first.stop()]
        saw["cancel"] = second.cancel()
        try:
            second.cancel()
        except RoboflowError as error:
            saw["cancel again"] = json.loads(str(error))
        until(lambda: first.refresh().status == "finished")
        saw["status"] = [first.refresh().status, second.refresh().status]
        model = first.models[0]
        saw["model"] = [model.model_id, model.model_type, sorted(model.metrics)]
        saw["weights"] = os.path.getsize(model.download(location=folder))  # noqa: PTH202
        saw["recipe"] = version.describe_train_recipe("rfdetr-base")["template"]
    print(json.dumps(saw))


def measured(project: Any) -> bool:
    """Whether an epoch of the older training has been measured, so that it can have weights."""
    rows = [training.models for training in project.version(3).trainings()]
    return any(model.metrics for models in rows[-1:] for model in models)


def until(probe: Any) -> None:
    """Ask again and again, for half a minute."""
    deadline = time.monotonic() + 30
    while not probe():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[1] == "cli":
        cli()
    else:
        sdk(sys.argv[2])
