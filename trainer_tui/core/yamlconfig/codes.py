"""Every code that a problem of a config can have; ``docs/check.md`` is made of this.

``python -m trainer_tui.core.yamlconfig.codes > docs/check.md``
"""

from __future__ import annotations

CODES: dict[str, tuple[str, str]] = {
    "yaml-syntax": ("error", "the text is not YAML; the message says why in plain words"),
    "yaml-tab": ("error", "a tab indents a line"),
    "yaml-duplicate-key": ("error", "a key is there twice; only the last one counts"),
    "yaml-alias": ("error", "`*name` without an `&name` above it, or inside of what it names"),
    "yaml-aliases": ("error", "more than 1,000 aliases, or 100,000 values when written out"),
    "yaml-documents": ("error", "a second document begins (`---`)"),
    "yaml-character": ("error", "a character that cannot stand in YAML, such as U+0007"),
    "yaml-empty": ("error", "there is nothing but remarks"),
    "yaml-too-large": ("error", "more than 2 million characters or 40,000 values"),
    "yaml-too-deep": ("error", "more than 100 levels, aliases written out"),
    "yaml-boolean": ("warning", "`on`, `off`, `yes`, `no` where text is meant: read as a boolean"),
    "yaml-octal": ("warning", "`012`: read in base 8, as 10"),
    "yaml-sexagesimal": ("warning", "`1:30`: read in base 60, as 90"),
    "yaml-date": ("warning", "`2024-05-01` where text is meant: read as a date"),
    "yaml-list": ("error", "`[name]` without quotes where text is meant: read as a list"),
    "unknown-key": ("warning", "a key that the trainer is not known to have (an error at kaos and "
                    "Roboflow, which refuse it)"),
    "missing-key": ("error", "a key that a job cannot be without"),
    "type": ("error", "another type than the key takes; a warning where the trainer copes"),
    "range": ("error", "a number beyond its limits, or `.nan`, `.inf`"),
    "enum": ("warning", "none of the words that are known for the key"),
    "deprecated": ("info", "an older spelling of a key"),
    "provider-training-folder": ("error", "RunComfy: `training_folder` is fixed there"),
    "provider-dataset-path": ("error", "RunComfy: a dataset is `/app/ai-toolkit/datasets/` and its "
                              "name; local: a dataset names no folder"),
    "provider-dataset-unknown": ("error", "RunComfy: the account has no dataset of that name "
                                 "(where it could be asked)"),
    "provider-dataset-status": ("error", "RunComfy: the dataset is there and not READY"),
    "provider-dataset-missing": ("error", "local: the folder is not there"),
    "provider-dataset-empty": ("error", "local: the folder holds no images and no videos"),
    "provider-captions": ("info", "local: images without a caption beside them"),
    "provider-control-path": ("error", "a folder of control images, masks and the like that is not "
                              "there; on RunComfy, outside of its datasets, a warning"),
    "provider-model-missing": ("error", "local: the model is a path, and nothing is there"),
    "provider-name-changed": ("error", "RunComfy: `config.name` was changed by an edit"),
    "provider-gpu-count": ("error", "RunComfy: 1 GPU or 8, and 8 only as `ADA_80_PLUS`"),
    "provider-roboflow": ("error", "Roboflow: not the few keys that name a version of a project"),
    "provider-bundle": ("error", "kaos: the folder that is sent is not named, not there, or lacks "
                        "what a bundle needs"),
    "advice-lr": ("warning", "a learning rate that hardly trains: 0.01 and more (1.0 is right for "
                  "Prodigy and its like), or less than 1e-7"),
    "advice-save-every": ("warning", "`save_every` beyond the steps, or 0: nothing to resume from"),
    "advice-sample-every": ("warning", "`sample_every` 0; beyond the steps, a note"),
    "advice-steps": ("warning", "no more steps than the checkpoint has that a resume begins at"),
    "advice-resolution": ("info", "a size that is no multiple of 64"),
    "advice-accumulation": ("error", "both ways to accumulate gradients at once"),
    "advice-sampler": ("warning", "`sample.sampler` does not go with `train.noise_scheduler`"),
    "advice-text-encoder": ("error", "Qwen-Image-Edit cannot unload its text encoder"),
    "advice-trigger": ("info", "`[trigger]` in a prompt, and no `trigger_word`"),
    "advice-path": ("warning", "a dataset folder is still the example's `/path/to/…`"),
    "more-problems": ("info", "more than 500 problems: how many are left out; as severe as they"),
}  # fmt: skip
"""Code → its usual severity, and what it means."""

_HEAD = """\
# What `check` finds

`trainer-tui check FILE…` and the editor have the same rules; `submit` and `edit` refuse a config \
with an error (`--no-check` sends it all the same). With `--profile` the rules of that service \
hold too, RunComfy is asked which datasets it has, and a file without errors is told what it \
would do, as `submit` does, on standard error; `--gpu-type` and `--gpu-count` are what it would \
run on, for the rules and for the money. Relative paths are looked up from the folder of the file.

```
$ trainer-tui check train.yaml
train.yaml:17:9: warning unknown-key the trainer knows no 'stpes' in train (did you mean 'steps'?)
```

On a terminal the line is shown below, with carets under the place. `-` reads standard input.

`--json` prints an array:

```json
[
  {
    "severity": "warning",
    "code": "unknown-key",
    "line": 17,
    "column": 9,
    "message": "the trainer knows no 'stpes' in train",
    "fix": "did you mean 'steps'?"
  }
]
```

Lines and columns count from 1, columns in characters. `fix` may be `null`. Of several files each \
problem names its `file` besides. The exit code is 1 when one of them is an `error`, else 0. \
New codes may come; the ones below stay.

Numbers are read as the trainer reads them: `1e-4` is one. `${NAME}` is not judged, as only the \
trainer knows what it will be. Keys that your trainer has and the table of known ones lacks are \
named in the config: `[schema] extra_keys = ["train.my_key"]`.

| code | severity | what it says |
|---|---|---|
"""


def table() -> str:
    """The documentation of all codes, in Markdown."""
    rows = [f"| `{code}` | {severity} | {words} |\n" for code, (severity, words) in CODES.items()]
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    print(table(), end="")
