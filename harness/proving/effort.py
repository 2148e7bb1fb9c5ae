"""How hard to try."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from harness.probes.time_limits import PROBE_MILLISECONDS
from harness.project.model import Profile

DRAWN = 20
"""Scenarios that are always drawn, if so many are expected: to draw one takes as long as hundreds of probes."""


@dataclass(frozen=True)
class Effort:
    """How hard to try: scenarios for each check, and the seed that all draws follow from.

    Without ``shrink`` a broken check shows the first case that was found, not the smallest. ``profile`` is the name
    of what says so, for a command that repeats the run. A probe may take ``timeout`` milliseconds.
    """

    scenarios: int
    seed: int
    shrink: bool = True
    profile: str | None = None
    timeout: int = PROBE_MILLISECONDS

    @property
    def drawn(self) -> int:
        """How many scenarios Hypothesis draws: of more than some the values vary, and the rest of a scenario stays."""
        return min(self.scenarios, DRAWN + math.isqrt(max(self.scenarios - DRAWN, 0)))

    @property
    def variety(self) -> int:
        """How many rows are tried of each that is drawn, so that there are as many as was asked for."""
        return -(-self.scenarios // self.drawn)

    @property
    def races(self) -> int:
        """Of how many scenarios the races are run, and what commits: one takes as long as thousands of probes."""
        return max(2, self.scenarios // 5)

    @classmethod
    def of(cls, profile: Profile, seed: int | None) -> Effort:
        """As hard as a profile says; with a seed of its own where none is given."""
        seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        timeout = PROBE_MILLISECONDS if profile.timeout is None else profile.timeout
        return cls(profile.scenarios, seed, profile=profile.name, timeout=timeout)
