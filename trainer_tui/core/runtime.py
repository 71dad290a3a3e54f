"""A thread with its own event loop that owns everything that touches the network."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from trainer_tui.config import Config, Profile
from trainer_tui.core.actions import Act, Outcome
from trainer_tui.core.board import Board
from trainer_tui.core.messages import Aspect, Message
from trainer_tui.core.poller import ProfileState
from trainer_tui.core.rows import DownloadRow
from trainer_tui.core.store import Store
from trainer_tui.model import Account, Artifact, Job, JobRef
from trainer_tui.paths import Paths
from trainer_tui.providers import base
from trainer_tui.providers.base import Context, Facts, Provider, Submission

T = TypeVar("T")


def utcnow() -> datetime:
    """The machine's clock, aware UTC."""
    return datetime.now(UTC)


class Runtime:
    """The headless console: what the interface shows comes from here, what it asks goes here.

    The board holds the jobs of the store as soon as the runtime is made, before :meth:`start`.
    Every method may be called from any thread and returns at once.
    """

    config: Config
    store: Store
    board: Board

    def __init__(
        self,
        config: Config,
        paths: Paths,
        *,
        store: Store | None = None,
        now: Callable[[], datetime] = utcnow,
        open_provider: Callable[[Context], Provider] = base.open_named,
        provider_facts: Callable[[str], Facts] = base.facts,
        read_only: bool = False,
    ) -> None:
        raise NotImplementedError

    def facts(self, profile: str) -> Facts:
        """What the profile's provider can do. Raises ConfigError for an unknown profile."""
        raise NotImplementedError

    def why_not(self, job: Job, act: Act) -> str | None:
        """Why the act cannot be asked of the job now; minds --read-only and the profile's."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the thread; providers are opened in it. Returns at once."""
        raise NotImplementedError

    def close(self, timeout: float = 3.0) -> None:
        """Stop: pollers at once, a writing act in flight may finish within the time."""
        raise NotImplementedError

    def subscribe(self, callback: Callable[[Message], None]) -> Callable[[], None]:
        """Call back with every message, on the network thread; gives what ends it."""
        raise NotImplementedError

    def run(self, factory: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the network loop."""
        raise NotImplementedError

    async def provider(self, profile: str) -> Provider:
        """The profile's provider, opened when first asked for. Network loop only."""
        raise NotImplementedError

    def states(self) -> Mapping[str, ProfileState]:
        """How it stands with every profile."""
        raise NotImplementedError

    def wake(self, target: str | JobRef | None = None) -> None:
        """Ask now: everyone, one profile, or about one job."""
        raise NotImplementedError

    def pause(self, on: bool) -> None:
        """Stop polling, or go on."""
        raise NotImplementedError

    def focus(self, on: bool) -> None:
        """The terminal has the focus or not; without it polling relaxes."""
        raise NotImplementedError

    def select(self, ref: JobRef | None) -> None:
        """The job under the cursor is asked about most often."""
        raise NotImplementedError

    def watch(self, ref: JobRef, aspects: Collection[Aspect]) -> None:
        """Follow sides of a job. Each begins with all there is (``reset``), then what is new.

        Watching what is watched already begins it anew.
        """
        raise NotImplementedError

    def unwatch(self, ref: JobRef, aspects: Collection[Aspect] | None = None) -> None:
        """Stop following some sides of a job, or all."""
        raise NotImplementedError

    def perform(
        self,
        act: Act,
        ref: JobRef,
        *,
        config_text: str | None = None,
        base_text: str | None = None,
        gpu_type: str | None = None,
        gpu_count: int | None = None,
    ) -> concurrent.futures.Future[Outcome]:
        """Ask an act of a job. Canceling the future does not cancel the act."""
        raise NotImplementedError

    def submit(self, profile: str, submission: Submission) -> concurrent.futures.Future[Outcome]:
        """Ask for a new job."""
        raise NotImplementedError

    def download(
        self, ref: JobRef, artifacts: Iterable[Artifact], folder: Path | None = None
    ) -> list[int]:
        """Queue artifacts; gives the rows' ids.

        Without a folder: a folder named after the job inside the configured one.
        """
        raise NotImplementedError

    def downloads(self) -> list[DownloadRow]:
        """All rows of the queue, oldest first."""
        raise NotImplementedError

    def pause_download(self, row: int) -> None:
        """Hold a download; what is there stays."""
        raise NotImplementedError

    def retry_download(self, row: int) -> None:
        """Go on with a paused, failed or canceled download from the byte already held."""
        raise NotImplementedError

    def cancel_download(self, row: int) -> None:
        """Give a download up and remove its partial file."""
        raise NotImplementedError

    def clear_downloads(self) -> None:
        """Forget the rows that have ended (the files stay)."""
        raise NotImplementedError

    def track(self, profile: str, job_id: str) -> concurrent.futures.Future[Job]:
        """Follow a job made elsewhere by its id. NotFoundError leaves nothing behind."""
        raise NotImplementedError

    def forget(self, ref: JobRef) -> None:
        """Drop a job from the board and the store; nothing happens at the service."""
        raise NotImplementedError

    def set_watched(self, ref: JobRef, on: bool) -> None:
        """Whether the end of the job is to be told."""
        raise NotImplementedError

    def add_profile(self, profile: Profile) -> None:
        """Poll one more profile from now on (the config file is not touched)."""
        raise NotImplementedError

    def check_profile(self, profile: Profile) -> concurrent.futures.Future[Account]:
        """Prove URL and credential of a profile that need not be known yet."""
        raise NotImplementedError

    def apply_config(self, config: Config) -> None:
        """Take over a changed config: new, changed and removed profiles, intervals."""
        raise NotImplementedError
