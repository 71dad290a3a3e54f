"""What this machine has to run jobs on, and who has which part of it."""

from __future__ import annotations

import csv
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trainer_tui import sanitize
from trainer_tui.server.runners.base import Slot
from trainer_tui.server.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class GpuInfo:
    """One GPU as nvidia-smi names it."""

    index: int
    name: str
    memory: int | None = None
    """MiB."""


def parse_gpus(text: str) -> tuple[GpuInfo, ...]:
    """Read ``nvidia-smi --query-gpu=index,name,memory.total --format=csv,noheader,nounits``.

    Lines of another shape (warnings, error texts) are passed over.
    """
    found = []
    for row in csv.reader(sanitize.text(text).splitlines(), skipinitialspace=True):
        if len(row) >= 2 and row[0].strip().isdecimal():
            memory = row[2].strip() if len(row) > 2 else ""
            known = int(memory) if memory.isdecimal() else None
            found.append(GpuInfo(int(row[0]), row[1].strip(), known))
    return tuple(found)


def find_gpus(settings: ServerSettings) -> tuple[GpuInfo, ...]:
    """The GPUs that may be used; none where nvidia-smi is missing, fails or hangs.

    A ``CUDA_VISIBLE_DEVICES`` that the server itself was started with is kept to where it is
    empty, -1, or plain indexes.
    """
    if settings.gpus == ():
        return ()
    query = ["nvidia-smi", "--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if done.returncode != 0:
        return ()
    found = parse_gpus(done.stdout.decode("utf-8", "replace"))
    if settings.gpus != "auto":
        return tuple(gpu for gpu in found if gpu.index in settings.gpus)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return ()
    if visible is not None and all(part.strip().isdecimal() for part in visible.split(",")):
        allowed = {int(part) for part in visible.split(",")}
        return tuple(gpu for gpu in found if gpu.index in allowed)
    return found


class Pool:
    """Hands out slots. A GPU belongs to one job at a time."""

    def __init__(self, cpu_total: int, gpus: Sequence[GpuInfo], threads: int) -> None:
        self.cpu_total = cpu_total
        self.gpus = tuple(gpus)
        self._threads = threads
        self._cpu_used = 0
        self._gpus_used: set[int] = set()

    @property
    def cpu_free(self) -> int:
        return max(0, self.cpu_total - self._cpu_used)

    @property
    def gpus_free(self) -> tuple[int, ...]:
        return tuple(gpu.index for gpu in self.gpus if gpu.index not in self._gpus_used)

    def take(self, gpu_count: int) -> Slot | None:
        """A slot with that many GPUs (0: a CPU slot), or ``None`` while there is none free."""
        if gpu_count == 0:
            if self.cpu_free == 0:
                return None
            self._cpu_used += 1
            return Slot(threads=self._threads)
        free = self.gpus_free
        if len(free) < gpu_count:
            return None
        taken = free[:gpu_count]
        self._gpus_used.update(taken)
        return Slot(gpus=taken, threads=self._threads)

    def hold(self, gpus: Iterable[int]) -> None:
        """Count in a job that was found running."""
        indexes = tuple(gpus)
        if indexes:
            self._gpus_used.update(indexes)
        else:
            self._cpu_used += 1

    def give_back(self, gpus: Iterable[int]) -> None:
        """A job has ended."""
        indexes = tuple(gpus)
        if indexes:
            self._gpus_used.difference_update(indexes)
        else:
            self._cpu_used = max(0, self._cpu_used - 1)

    def environment(self, slot: Slot) -> dict[str, str]:
        """What keeps a job to its slot. Nothing is hidden where no GPU is known of."""
        if not self.gpus:
            return {}
        return {
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "CUDA_VISIBLE_DEVICES": ",".join(str(index) for index in slot.gpus),
        }
