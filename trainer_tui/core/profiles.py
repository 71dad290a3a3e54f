"""What is known of the profiles without asking anybody."""

from __future__ import annotations

from collections.abc import Callable

from trainer_tui.config import LOCAL, Config, Profile
from trainer_tui.core.store import Store
from trainer_tui.model import Job
from trainer_tui.providers.base import Facts


class Profiles:
    """The config's profiles, with their providers' facts.

    Args:
        facts: A provider's facts by its name; raises ConfigError for one that is not known.
        read_only: Whether the whole console may change nothing.
    """

    def __init__(
        self, config: Config, store: Store, facts: Callable[[str], Facts], *, read_only: bool
    ) -> None:
        self._config = config
        self._store = store
        self._ask = facts
        self._read_only = read_only
        self._facts: dict[str, Facts] = {}

    @property
    def config(self) -> Config:
        """As last taken over."""
        return self._config

    def replace(self, config: Config) -> Config:
        """Go by another config; gives the one before."""
        before, self._config = self._config, config
        self._facts = {}
        return before

    def get(self, name: str) -> Profile:
        """One profile. Raises ConfigError when there is none of the name."""
        return self._config.profile(name)

    def facts(self, name: str) -> Facts:
        """What the profile's provider can do."""
        return self.facts_of(self.get(name))

    def facts_of(self, profile: Profile) -> Facts:
        """The same, for a profile at hand."""
        found = self._facts.get(profile.name)
        if found is None:
            found = self._facts[profile.name] = self._ask(profile.provider)
        return found

    def polled(self) -> list[str]:
        """The configured profiles, and ``local`` once it has been used."""
        names = list(self._config.profiles)
        if LOCAL not in names and LOCAL in self._store.profiles():
            names.append(LOCAL)
        return names

    def known_jobs(self, *, after: int = 0) -> list[Job]:
        """The store's jobs of these profiles; ``after``: as :meth:`Store.jobs`."""
        polled = set(self.polled())
        return [job for job in self._store.jobs(after=after) if job.ref.profile in polled]

    def why_read_only(self, name: str) -> str | None:
        """Why nothing may be changed at a profile, or ``None``."""
        if self._read_only:
            return "this console is read-only (--read-only)"
        if self._config.read_only:
            return "this console is read-only (read_only = true in the config)"
        if self.get(name).read_only:
            return f"profile {name} is read-only (read_only = true in the config)"
        return None

    def literal_secrets(self) -> list[str]:
        """Credentials that stand in the config itself, so that they can be kept out of logs."""
        tokens = [p.token for p in self._config.profiles.values() if p.token is not None]
        return [token.spec for token in tokens if token.kind == "literal"]
