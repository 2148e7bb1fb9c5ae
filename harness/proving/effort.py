"""The effort of a run: how many scenarios each check draws, varies and races, and the seed.

Decides the profile of a run that names none (``ci`` or ``dev``), and takes a random seed if none is given.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from harness.project.model import Profile

PROBE_MILLISECONDS = 10_000
"""The time limit for one probe, unless a profile sets another."""

DRAWN = 20
"""Scenarios that are always drawn, if a profile asks for so many; drawing one takes as long as hundreds of probes."""


@dataclass(frozen=True)
class Effort:
    """``scenarios`` for each check, and the ``seed`` that all draws follow from.

    Without ``shrink`` a broken check shows the first case that was found, not the smallest. ``profile`` is the name
    of the profile, for a command that repeats the run. A probe may take ``timeout`` milliseconds.
    """

    scenarios: int
    seed: int
    shrink: bool = True
    profile: str | None = None
    timeout: int = PROBE_MILLISECONDS

    @property
    def drawn(self) -> int:
        """The scenarios that Hypothesis draws; for the rest only the values of these are varied."""
        return min(self.scenarios, DRAWN + math.isqrt(max(self.scenarios - DRAWN, 0)))

    @property
    def variety(self) -> int:
        """The rows that are tried for each drawn one, so that there are as many as the profile asks for."""
        return -(-self.scenarios // self.drawn)

    @property
    def races(self) -> int:
        """The scenarios that are raced or committed; one takes as long as thousands of probes."""
        return max(2, self.scenarios // 5)

    @property
    def doors(self) -> int:
        """The scenarios in which each door is used: rows are marked, and arguments laid out, so that few are enough."""
        return 1 if self.scenarios <= DRAWN else 2

    @classmethod
    def of(cls, profile: Profile, seed: int | None) -> Effort:
        """The effort of a profile; with a random seed where none is given."""
        seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        timeout = PROBE_MILLISECONDS if profile.timeout is None else profile.timeout
        return cls(profile.scenarios, seed, profile=profile.name, timeout=timeout)


def default_profile(environ: Mapping[str, str]) -> str:
    """The profile of a run that names none: ``ci`` where the environment variable CI is set, else ``dev``."""
    return "ci" if environ.get("CI", "").lower() not in ("", "0", "false") else "dev"
