"""Every command: its name, the module that does it, and one line of help.

A module is imported when its command runs (or is asked for its own ``--help``), never before.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):  # a dataclass would cost the help text ten milliseconds of imports
    """One word of the command line."""

    name: str
    module: str
    """Below ``trainer_tui.cli``."""
    help: str
    refs: bool = False
    """Whether its arguments are jobs, for completion."""


COMMANDS = (
    Command("jobs", "jobs", "list jobs, of all profiles or some", True),
    Command("show", "show", "everything known about a job", True),
    Command("submit", "submit", "start a job from a config file"),
    Command("cancel", "acts", "cancel jobs", True),
    Command("stop", "acts", "end jobs early and keep what they made", True),
    Command("resume", "acts", "run jobs again from their newest checkpoint", True),
    Command("edit", "edit", "change the config of a job that does not run", True),
    Command("logs", "logs", "print or follow a job's log", True),
    Command("view", "view", "read log files, or standard input, in the log view"),
    Command("metrics", "metrics", "print a job's loss and other curves", True),
    Command("models", "models", "the models that a job made, with their metrics", True),
    Command("star", "star", "mark one of a job's models as a favourite", True),
    Command("download", "download", "fetch checkpoints, samples and other files", True),
    Command("bundle", "bundle", "fetch a job's code, data or models as a zip", True),
    Command("provenance", "provenance", "what a job's model was made from, as a tree", True),
    Command("pipeline", "pipeline", "what a job submitted now would be trained on"),
    Command("wait", "wait", "wait until jobs have ended", True),
    Command("track", "track", "watch a job that was made elsewhere"),
    Command("forget", "acts", "drop jobs from this console's own list", True),
    Command("delete", "acts", "delete ended jobs and their files at the service", True),
    Command("datasets", "datasets", "list, fill and delete the datasets that a service keeps"),
    Command("profiles", "profiles", "list, add, check and remove profiles"),
    Command("config", "configuration", "where the config is, what it says, what is wrong"),
    Command("check", "check", "find mistakes in a training config"),
    Command("themes", "themes", "list the colour themes"),
    Command("serve", "serve", "run the local training server"),
    Command("demo", "demo", "try it: a throw-away server, a few jobs, the console"),
    Command("completion", "completion", "print a completion script for a shell"),
    Command("version", "version", "print the version"),
)
