"""How many examples a property test is tried on."""

from __future__ import annotations

from hypothesis import settings

HALF = settings(max_examples=settings().max_examples // 2)
"""For tests whose examples are dear; HYPOTHESIS_PROFILE=thorough still searches."""
