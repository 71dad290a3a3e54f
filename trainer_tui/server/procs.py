"""Processes told apart for good: by pid and start time."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from trainer_tui.server.supervisor import (
    group_alive,
    signal_group,
    signal_strays,
    start_time,
    strays,
)


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can be recognised later, though pids come round again."""

    pid: int
    start_time: str

    @classmethod
    def current(cls) -> Process:
        """This process."""
        return cls(os.getpid(), start_time(os.getpid()) or "")

    @classmethod
    def read(cls, value: object) -> Process | None:
        """From ``{"pid": …, "start_time": …}``; ``None`` for anything else."""
        if not isinstance(value, Mapping):
            return None
        pid, began = value.get("pid"), value.get("start_time")
        if isinstance(pid, int) and pid > 1 and isinstance(began, str):
            return cls(pid, began)
        return None

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return start_time(self.pid) == self.start_time

    def signal(self, number: signal.Signals) -> bool:
        """Send it a signal; ``False`` when it is gone."""
        if not self.alive():
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a job: the leader of its group, the session that it was made in, its id."""

    leader: Process
    session: int
    job: str

    def alive(self) -> bool:
        """Whether any of it runs, with or without its leader, in the group or not."""
        return self._together() or bool(strays(self.job))

    def _together(self) -> bool:
        """Whether any of the group runs.

        Where the leader's pid names another process now, the group is over: a pid is not given
        out again while a group bears it.
        """
        now = start_time(self.leader.pid)
        if now is not None:
            return now == self.leader.start_time
        return group_alive(self.leader.pid, self.session)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of it."""
        if self._together():
            signal_group(self.leader.pid, number)
        if number is not signal.SIGINT or not self.leader.alive():  # it hands that on itself
            signal_strays(self.job, self.leader.pid, number)
