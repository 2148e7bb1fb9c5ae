"""A bug planted in the kind ``check``: for tests in this process, and as a file that Python runs in every process."""

from __future__ import annotations

CONSTRAINTS = ("items_amount_positive", "chk_amount")
"""Those of the small projects of tests."""

SITECUSTOMIZE = f"""\
from harness.kinds.check import CheckKind

scenarios = CheckKind.scenarios


def planted(self, subject):
    if self.constraint in {CONSTRAINTS!r}:
        return {{}}["planted"]
    return scenarios(self, subject)


CheckKind.scenarios = planted
"""
"""As ``sitecustomize.py`` on ``PYTHONPATH`` it is also there in workers, which are spawned and inherit nothing."""

SWALLOWING = f"""\
import os, signal, time
from harness.kinds.check import CheckKind

scenarios = CheckKind.scenarios


def planted(self, subject):
    if self.constraint in {CONSTRAINTS!r}:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except KeyboardInterrupt:
            raise ValueError("an interrupt, translated") from None
    return scenarios(self, subject)


CheckKind.scenarios = planted
"""
"""An interrupt that comes out of a check as another exception, as it may out of a library's code."""
