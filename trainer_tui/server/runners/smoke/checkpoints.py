"""Checkpoints as safetensors, named as AI Toolkit names them, and the state to go on from.

A checkpoint holds the adapter alone, in the type that the config asks for. The state file holds
what training itself needs to continue as if it had never stopped: the adapter in full precision
and the optimizer's moments. Both are replaced in one step, so a half-written one is never met.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer_tui import __version__
from trainer_tui.errors import TrainerError
from trainer_tui.paths import write_atomic
from trainer_tui.server.runners.smoke.latent import Array
from trainer_tui.server.runners.smoke.model import Adam, Denoiser, Tensors
from trainer_tui.server.runners.smoke.options import Options, SaveType

_PREFIX = "smoke.transformer"
_NAMES: dict[SaveType, str] = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
_DTYPES = {"F32": np.float32, "F16": np.float16}


class MismatchError(TrainerError):
    """What is there to go on from was made with another config."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Tensors and metadata of a file."""

    path: Path
    step: int
    tensors: Tensors
    metadata: Mapping[str, str]


def save(
    folder: Path,
    state: Path,
    options: Options,
    model: Denoiser,
    adam: Adam,
    step: int,
    *,
    last: bool,
) -> Path:
    """Write a checkpoint and the state that belongs to it, then remove the oldest numbered
    checkpoints beyond ``options.keep``.

    The new state lies beside the old one until the checkpoint is there: wherever the process is
    killed, one of the two states is that of the newest checkpoint.
    """
    _save_state(_next(state), model, adam, step)
    path = _save_checkpoint(folder, options, model, step, last=last)
    _next(state).replace(state)
    numbered = sorted(numbered_checkpoints(folder, options.stem).items())
    for _, old in numbered[: -options.keep]:
        old.unlink(missing_ok=True)
    return path


def _save_checkpoint(
    folder: Path, options: Options, model: Denoiser, step: int, *, last: bool
) -> Path:
    name = f"{options.stem}.safetensors" if last else f"{options.stem}_{step:09d}.safetensors"
    metadata = {
        "format": "pt",
        "name": options.name,
        "training_info": json.dumps({"step": step, "epoch": 0}),
        "software": json.dumps({"name": "trainer-tui smoke", "version": __version__}),
        "ss_base_model": "trainer-tui smoke base (not the base model that the config names)",
        "ss_network_dim": str(options.rank),
        "ss_network_alpha": str(options.alpha),
    }
    named = {f"{_PREFIX}.{key}.weight": tensor for key, tensor in model.tensors.items()}
    _write(folder / name, named, options.save_type, metadata)
    return folder / name


def _save_state(path: Path, model: Denoiser, adam: Adam, step: int) -> None:
    tensors = dict(model.tensors)
    tensors |= {f"first.{name}": tensor for name, tensor in adam.first.items()}
    tensors |= {f"second.{name}": tensor for name, tensor in adam.second.items()}
    metadata = {"training_info": json.dumps({"step": step}), "count": str(adam.count)}
    _write(path, tensors, "float32", metadata)


def _next(state: Path) -> Path:
    return state.with_name(f"next-{state.name}")


def numbered_checkpoints(folder: Path, stem: str) -> dict[int, Path]:
    """The numbered checkpoints of a run by their step."""
    pattern = re.compile(re.escape(stem) + r"_(\d{9,})\.safetensors")
    found = {}
    if folder.is_dir():
        for entry in folder.iterdir():
            match = pattern.fullmatch(entry.name)
            if match:
                found[int(match[1])] = entry
    return found


def newest(folder: Path, stem: str) -> Loaded | None:
    """The checkpoint with the highest step that can be read; broken ones are passed over."""
    candidates = list(numbered_checkpoints(folder, stem).values())
    candidates.append(folder / f"{stem}.safetensors")
    readable = [loaded for path in candidates if (loaded := read(path)) is not None]
    return max(readable, key=lambda loaded: loaded.step, default=None)


def restore(folder: Path, state: Path, options: Options, model: Denoiser, adam: Adam) -> int:
    """Put what was saved last into ``model`` and ``adam``; gives its step, 0 if there is nothing.

    Where no state belongs to the newest checkpoint, its weights alone are taken.

    Raises:
        MismatchError: It does not fit the config, say because the rank was changed.
    """
    checkpoint = newest(folder, options.stem)
    if checkpoint is None:
        return 0
    for path in (state, _next(state)):
        whole = read(path)
        if whole is None or whole.step != checkpoint.step:
            continue
        _put(model.tensors, {n: whole.tensors.get(n) for n in model.tensors}, whole.path)
        for kind, moments in (("first", adam.first), ("second", adam.second)):
            _put(moments, {n: whole.tensors.get(f"{kind}.{n}") for n in moments}, whole.path)
        adam.count = int(whole.metadata.get("count", whole.step))
        return whole.step
    named = {n: checkpoint.tensors.get(f"{_PREFIX}.{n}.weight") for n in model.tensors}
    _put(model.tensors, named, checkpoint.path)
    return checkpoint.step


def read(path: Path) -> Loaded | None:
    """A file's tensors in full precision, or ``None`` where it is missing or damaged."""
    try:
        raw = path.read_bytes()
        start = 8 + int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:start])
        metadata = header.pop("__metadata__")
        step = int(json.loads(metadata["training_info"])["step"])
        tensors = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            if start + end > len(raw):
                return None  # cut short
            tensors[name] = _decode(
                entry["dtype"], raw[start + begin : start + end], entry["shape"]
            )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Loaded(path, step, tensors, metadata)


def _write(path: Path, tensors: Tensors, kind: SaveType, metadata: dict[str, str]) -> None:
    """Write the safetensors format: length of the header, header as JSON, the tensors' bytes.

    By hand because the library's numpy half knows no bfloat16. The format:
    github.com/huggingface/safetensors#format
    """
    header: dict[str, object] = {"__metadata__": metadata}
    blobs, offset = [], 0
    for name in sorted(tensors):
        blob = _encode(tensors[name], kind)
        header[name] = {
            "dtype": _NAMES[kind],
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    write_atomic(path, b"".join([len(head).to_bytes(8, "little"), head, *blobs]), mode=0o644)


def _encode(tensor: Array, kind: SaveType) -> bytes:
    if kind == "float32":
        return tensor.tobytes()
    if kind == "float16":
        return tensor.astype(np.float16).tobytes()
    bits = np.ascontiguousarray(tensor).view(np.uint32)  # bfloat16: the upper half, rounded to even
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(tensor), 0x7FC0, rounded).astype(np.uint16).tobytes()


def _decode(kind: str, data: bytes, shape: list[int]) -> Array:
    if kind == "BF16":
        wide = np.frombuffer(data, np.uint16).astype(np.uint32) << np.uint32(16)
        return wide.view(np.float32).reshape(shape)
    return np.frombuffer(data, _DTYPES[kind]).astype(np.float32).reshape(shape)


def _put(target: Tensors, found: Mapping[str, Array | None], path: Path) -> None:
    for name, tensor in target.items():
        saved = found.get(name)
        if saved is None or saved.shape != tensor.shape:
            was = "nothing" if saved is None else "×".join(map(str, saved.shape))
            now = "×".join(map(str, tensor.shape))
            raise MismatchError(
                f"cannot go on from {path.name}: {name} is {was} there, {now} by this config; "
                "undo the change of network.linear or resolution, or start a new job"
            )
        tensor[...] = saved
