"""A page is tried with little effort: what it shows does not depend on a clock."""

from __future__ import annotations

import pytest

from harness.proving import draws, trial

REPLAYS = 60


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small enough is small enough; and no clock decides what a page shows."""
    monkeypatch.setattr(trial, "REPLAYS", REPLAYS)
    monkeypatch.setattr(draws, "SHRINKING", 600.0)
