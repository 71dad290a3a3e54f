"""Our own SQLite file: every job ever seen, its events, metrics, drafts and downloads."""

from __future__ import annotations


class Store:
    """The registry and history."""
