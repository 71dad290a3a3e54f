"""Texts to begin from for the services that take a few keys in the place of a training config."""

from __future__ import annotations

from trainer_tui.sanitize import line as clean

ROBOFLOW = """\
# A training of one version of a dataset at Roboflow.
project: my-project          # its id: the last part of its URL, or workspace/project
version: 1                   # a version that has been generated
model_type: rfdetr-medium    # what to train
epochs: 100
# speed: fast                # as the service offers it
# checkpoint: coco           # what to begin from: a checkpoint's name
"""

ROBOFLOW_NAS = """\
# A search (NAS) at Roboflow: one training makes several models, to be compared and starred.
project: my-project          # its id: the last part of its URL, or workspace/project
version: 1                   # a version that has been generated
model_type: rfdetr-nas
epochs: 50
"""

KAOS = """\
# A source bundle for kaos: a folder with Dockerfile and model/, whose `train` is run once for
# each combination of params.
bundle: ~/path/to/bundle
# data: ~/path/to/data       # becomes the workspace's data
params:                      # stays with the workspace until it is replaced; {} clears it
  lr: [0.1, 0.01]
# cpu: 2
# memory: 4Gi
# gpu: 1
"""


def for_folder(path: str) -> str:
    """The text that submits a source bundle which lies in a folder, or in a zip."""
    quoted = "'" + path.replace("'", "''") + "'"
    return f"# The source bundle {clean(path, limit=120)}.\nbundle: {quoted}\n" + "\n".join(
        (
            "# data: ~/path/to/data       # becomes the workspace's data",
            "# params:                    # a grid: every combination is trained",
            "#   lr: [0.1, 0.01]",
            "# cpu: 2",
            "# memory: 4Gi",
            "# gpu: 1",
            "",
        )
    )
