"""Profiles and settings, as the user wrote them.

The shapes are here; reading and checking is in :mod:`trainer_tui.config_read`, which a console
without a config file starts without, writing the profiles that the console itself adds in
:mod:`trainer_tui.config_write`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from trainer_tui.config_problem import Problem, did_you_mean
from trainer_tui.errors import ConfigError
from trainer_tui.paths import Paths

LOCAL = "local"
"""Name of the profile, and of the provider, of the local server. The profile needs no entry in
the config: asked for by name it is there."""

COLUMNS = ("name", "profile", "status", "progress", "step", "eta", "loss", "age")
"""Columns of the jobs table, in their usual order."""


class Secret:
    """A credential's *place*, never shown, resolved when it is used.

    Args:
        spec: ``env:NAME``, ``file:PATH``, ``cmd:COMMAND``, ``keyring:SERVICE/USER``, or the
            credential itself.
    """

    __slots__ = ("_spec",)

    def __init__(self, spec: str) -> None:
        self._spec = spec

    @property
    def spec(self) -> str:
        """The text as configured. Not for showing: a literal is the credential."""
        return self._spec

    @property
    def kind(self) -> str:
        """``env``, ``file``, ``cmd``, ``keyring`` or ``literal``."""
        prefix, colon, _ = self._spec.partition(":")
        return prefix if colon and prefix in _SECRET_KINDS else "literal"

    @property
    def place(self) -> str:
        """Where it is, in words that may be shown."""
        from trainer_tui.config_secrets import place

        return place(self)

    def resolve(self) -> str:
        """The credential itself. Raises ConfigError naming the place, never the value."""
        from trainer_tui.config_secrets import resolve

        return resolve(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._spec == self._spec

    def __hash__(self) -> int:
        return hash(self._spec)

    def __repr__(self) -> str:
        return f"Secret({self.kind}, not shown)"


_SECRET_KINDS = frozenset({"env", "file", "cmd", "keyring"})


@dataclass(frozen=True, slots=True)
class Profile:
    """One account on a provider."""

    name: str
    provider: str
    base_url: str | None = None
    token: Secret | None = None
    workspace: str | None = None
    socket: Path | None = None
    """Only ``local``: another server's Unix socket."""
    read_only: bool = False
    insecure: bool = False
    """Allow a plain-http base URL that is not loopback."""
    timeout: float = 20.0
    """Seconds without an answer before a request is given up."""
    extra: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """Keys that only this provider knows: the profile's ``options`` table."""


@dataclass(frozen=True, slots=True)
class UiSettings:
    """``[ui]``: how the console looks."""

    theme: str = "midnight"
    ascii: bool | None = None
    """``None``: ASCII only where the locale is not UTF-8."""
    mouse: bool = True
    split: int | None = None
    """Per cent of the height (or width) that the jobs table takes; ``None``: by the terminal."""
    columns: tuple[str, ...] = COLUMNS
    confirm_word: bool = True
    """Whether canceling several running jobs asks for the word ``cancel``."""


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """``[notify]``: what happens when a job ends."""

    bell: bool = True
    desktop: Literal["auto", "osc9", "osc777", "off"] = "auto"
    all: bool = False
    """Every job that ends, not only the watched ones."""


@dataclass(frozen=True, slots=True)
class PollSettings:
    """``[poll]``: seconds between two questions to a service."""

    selected: float = 2.0
    running: float = 5.0
    queued: float = 15.0
    unfocused: float = 30.0
    observe_within: float = 60.0
    """How long an acknowledged act may stay unseen before that is said."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """``[local]``: the local server."""

    port: int | None = None
    """Listen on 127.0.0.1 at this port too; ``None``: on the Unix socket alone."""
    token: Secret | None = None
    """What callers at the port must know; ``None``: one is made."""
    cpu_slots: int | None = None
    """Jobs without a GPU at once; ``None``: one per two cores."""
    gpus: Literal["auto"] | tuple[int, ...] = "auto"
    ai_toolkit: Path | None = None
    """A checkout of AI Toolkit."""
    ai_toolkit_python: Path | None = None
    """The Python that runs it; ``None``: the checkout's ``venv``, else this one."""
    projects: Path | None = None
    """Images as ``WORKSPACE/PROJECT/VERSION/…``, served to Roboflow's clients."""
    bundle_venv: bool = False
    """Whether a kaos bundle gets an environment of its own with what its requirements ask for."""
    grace: float = 10.0
    """Seconds from SIGINT to SIGTERM."""
    kill_after: float = 5.0
    """Seconds from SIGTERM to SIGKILL."""


def default_download_folder() -> Path:
    """``~/Downloads/trainer-tui`` where there is a ``~/Downloads``, else the current folder."""
    downloads = Path.home() / "Downloads"
    return downloads / "trainer-tui" if downloads.is_dir() else Path.cwd()


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """``[downloads]``."""

    folder: Path = field(default_factory=default_download_folder)
    parallel: int = 3


@dataclass(frozen=True, slots=True)
class HealthRule:
    """One of ``[[health.rules]]``: an act that is asked for by itself."""

    on: Literal["nan", "divergence", "plateau", "stall"]
    do: Literal["stop", "cancel"]
    profile: str | None = None
    """Only jobs of this profile; ``None``: of all."""


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """``[health]``: when a running job is marked as doing badly."""

    nan: bool = True
    divergence: float = 2.0
    """The averaged loss is so many times its lowest; 0: never said."""
    plateau: int = 5000
    """So many steps without the averaged loss getting lower by 1 %; 0: never said."""
    stall: float = 10.0
    """No step for so many times the job's own pace (and 60 seconds at least); 0: never said."""
    rules: tuple[HealthRule, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricPattern:
    """One of ``[metrics] patterns``: a regular expression that finds metrics in a log's line."""

    name: str
    regex: str


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """``[metrics]``: where metrics come from."""

    from_log: bool = True
    """Whether the lines of a log give points where the service gives none."""
    patterns: tuple[MetricPattern, ...] = ()
    """Looked at before the built-in ones."""


@dataclass(frozen=True, slots=True)
class Config:
    """All that the config says."""

    profiles: Mapping[str, Profile] = field(default_factory=lambda: MappingProxyType({}))
    ui: UiSettings = field(default_factory=UiSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    poll: PollSettings = field(default_factory=PollSettings)
    local: LocalSettings = field(default_factory=LocalSettings)
    downloads: DownloadSettings = field(default_factory=DownloadSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    keys: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Command id → comma-separated keys."""
    pricing: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """GPU type → money an hour."""
    read_only: bool = False
    warnings: tuple[str, ...] = ()
    """What works but should not stay so. Free of secrets."""
    files: tuple[Path, ...] = ()
    """The files that were read."""
    schema_extra_keys: tuple[str, ...] = ()
    """``[schema] extra_keys``: keys of training configs (``train.my_key``) that a fork of the
    trainer knows, so that the editor does not call them unknown."""

    def profile(self, name: str) -> Profile:
        """One profile by its name; ``local`` always answers.

        Raises:
            ConfigError: There is none of that name.
        """
        found = self.profiles.get(name)
        if found is not None:
            return found
        if name == LOCAL:
            return Profile(LOCAL, LOCAL)
        known = [*self.profiles, *([] if LOCAL in self.profiles else [LOCAL])]
        raise ConfigError(
            f"there is no profile {name!r}{did_you_mean(name, known)}",
            hint=f"Known profiles: {', '.join(known)}. Add one with: trainer-tui profiles add",
            code="NO_SUCH_PROFILE",
        )

    @property
    def has_profiles(self) -> bool:
        """Whether anything has been configured beside the local server that is always there."""
        return bool(self.profiles)


class ConfigFileError(ConfigError):
    """The files hold mistakes; ``problems`` has them all, the message is the first."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(
            f"{first}{more}",
            hint=f"The file is {first.file}. See all with: trainer-tui config check",
        )
        self.problems = problems
        self.line = first.line
        self.column = first.column


def load(paths: Paths) -> Config:
    """Read and check both config files; what is missing has its default.

    Raises:
        ConfigFileError: There are mistakes: ``config.toml:12: profiles.comfy.provder: unknown
            key; did you mean 'provider'?``
    """
    if not paths.config_file.exists() and not paths.managed_profiles.exists():
        return Config()
    from trainer_tui.config_read import read

    config, problems = read(paths)
    if problems:
        raise ConfigFileError(problems)
    return config


def provider_names() -> tuple[str, ...]:
    """The providers that there are, found by their file names without importing one."""
    shared = {"base", "capabilities", "http", "table"}
    found = {file.stem for file in (Path(__file__).parent / "providers").glob("[!_]*.py")}
    return tuple(sorted(found - shared))
