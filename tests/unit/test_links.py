"""Open providers: one a profile, of the config as it is now."""

from __future__ import annotations

import asyncio
import threading
from typing import cast

from tests.unit.fakes import FakeProvider, facts, job
from trainer_tui.config import Profile
from trainer_tui.core.links import Links
from trainer_tui.providers.base import Provider


async def test_a_provider_that_is_being_opened_is_dropped_too() -> None:
    """A profile that is changed meanwhile: the one opened for the old one is never given again."""
    old, new = (Profile("p", "runcomfy", base_url=f"https://{name}.example") for name in "ab")
    wanted, go = [old], threading.Event()
    made: dict[str | None, FakeProvider] = {}

    def opened(profile: Profile) -> Provider:
        assert go.wait(30)
        made[profile.base_url] = FakeProvider(facts(), job())
        return cast(Provider, made[profile.base_url])

    links = Links(lambda name: wanted[0], opened, lambda error: None)
    first = asyncio.ensure_future(links.get("p"))
    await asyncio.sleep(0)
    wanted[0] = new
    dropped = asyncio.ensure_future(links.drop("p"))
    go.set()
    await asyncio.gather(first, dropped)
    assert made[old.base_url].closed
    assert await links.get("p") is made[new.base_url]
    await links.aclose()
