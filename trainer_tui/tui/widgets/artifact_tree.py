"""A job's artifacts as a tree of rows: groups, steps, files. No terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from trainer_tui.model import Artifact, ArtifactKind

_GROUPS: tuple[tuple[str, frozenset[ArtifactKind]], ...] = (
    ("Weights", frozenset({ArtifactKind.WEIGHTS})),
    ("Checkpoints", frozenset({ArtifactKind.CHECKPOINT})),
    ("Samples", frozenset({ArtifactKind.SAMPLE})),
    ("Config", frozenset({ArtifactKind.CONFIG})),
    ("Bundles", frozenset({ArtifactKind.BUNDLE})),
    ("Logs", frozenset({ArtifactKind.LOG})),
    ("Other", frozenset({ArtifactKind.OTHER})),
)


@dataclass(frozen=True, slots=True)
class Node:
    """One row: a group, a step of samples, or a file."""

    key: str
    """Stays the same when the list is asked for again."""
    depth: int
    label: str
    files: tuple[Artifact, ...]
    """The file, or all files below."""
    leaf: bool
    open: bool = True

    @property
    def artifact(self) -> Artifact | None:
        """The file of a leaf."""
        return self.files[0] if self.leaf else None

    @property
    def size(self) -> int | None:
        """Bytes of all files, as far as they are known; ``None`` when none is."""
        known = [file.size for file in self.files if file.size is not None]
        return sum(known) if known else None


def key_of(artifact: Artifact) -> str:
    """What tells an artifact from the others of its job."""
    return f"{artifact.kind}/{artifact.name}"


def rows(artifacts: Iterable[Artifact], toggled: Collection[str]) -> list[Node]:
    """The rows to show, newest steps first.

    Groups are open and steps of samples closed, but for the newest one; ``toggled`` holds the
    keys of those that are the other way round.
    """
    held = list(artifacts)
    out: list[Node] = []
    for title, kinds in _GROUPS:
        files = sorted((a for a in held if a.kind in kinds), key=_order)
        if not files:
            continue
        key = title.lower()
        is_open = key not in toggled
        out.append(Node(key, 0, title, tuple(files), leaf=False, open=is_open))
        if not is_open:
            continue
        steps = _by_step(files) if ArtifactKind.SAMPLE in kinds else {}
        if len(steps) < 2:
            out += [_leaf(file, 1) for file in files]
            continue
        for number, (step, some) in enumerate(steps.items()):
            step_key = f"{key}/step {step}"
            is_open = (step_key in toggled) != (number == 0)
            label = "no step" if step is None else f"step {step:,}"
            out.append(Node(step_key, 1, label, tuple(some), leaf=False, open=is_open))
            if is_open:
                out += [_leaf(file, 2) for file in some]
    return out


def _by_step(files: Iterable[Artifact]) -> dict[int | None, list[Artifact]]:
    steps: dict[int | None, list[Artifact]] = {}
    for file in files:
        steps.setdefault(file.step, []).append(file)
    return steps


def _leaf(file: Artifact, depth: int) -> Node:
    label = file.prompt if file.kind is ArtifactKind.SAMPLE and file.prompt else file.name
    return Node(key_of(file), depth, label, (file,), leaf=True)


def _order(artifact: Artifact) -> tuple[int, str]:
    """The newest step first; without a step last, by name."""
    return (-artifact.step if artifact.step is not None else 1, artifact.name)
