"""Parts of the tool that its core does without, registered under names and loaded when they are used.

They are entry points of the group ``harness``: see ``pyproject.toml``. Raises where no package registers the name.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import Any

from harness.errors import HarnessError

GROUP = "harness"


@cache
def load(name: str) -> Any:
    """The object that is registered under a name; raises :class:`HarnessError` where no package registers one."""
    for found in metadata.entry_points(group=GROUP, name=name):
        return found.load()
    raise HarnessError(f"no part called {name!r} is installed", hint="install constraint-harness again: pip install -U")
