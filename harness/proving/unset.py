"""Tries probes without claims in both states of an unset custom setting: never set, and left empty.

A pooled connection that has served a user with claims has ``''`` where a new one has NULL: a policy that casts the
setting to a type which has no such value fails on the one and not on the other. Decides which settings are meant.
Not here: a new connection for the first state (``probes/session.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from harness.catalog.model import Catalog
from harness.declarations import DeclaredCheck
from harness.kinds.base import Begun
from harness.probes import Probe, Scenario
from harness.proving.draws import changed

OWN = "harness."
LEFT_EMPTY = " with settings left empty"
"""The end of an aspect that is tried after an earlier transaction."""
_SET = re.compile(r"set_config\s*\(|\bset\s+(?:local\s+|session\s+)?\w+\.", re.IGNORECASE)


def sets(check: DeclaredCheck) -> bool:
    """Whether statements of the check itself may set a custom setting."""
    return _SET.search(repr(check.rule)) is not None


def set_by_code(catalog: Catalog) -> tuple[str, ...]:
    """The custom settings that the code of the database may set."""
    return _custom(each.name or "" for each in catalog.settings if each.set)


def left_empty(declared: Iterable[DeclaredCheck], catalog: Catalog) -> tuple[str, ...]:
    """The custom settings that an earlier transaction may have left empty, and that claims or code read."""
    claimed = (name for check in declared for name in check.rule.settings())
    return _custom([*claimed, *(each.name or "" for each in catalog.settings if each.read)])


def _custom(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({each.lower() for each in names if "." in each and not each.startswith(OWN)}))


def in_both_states(
    stated: st.SearchStrategy[Scenario] | Begun | None, settings: Sequence[str]
) -> st.SearchStrategy[Scenario] | Begun | None:
    """The same scenarios with each probe of a role without claims in both states.

    What the rows before it have set for their users can only be left empty.
    """
    if stated is None or not settings:
        return stated
    names = tuple(settings)
    return changed(stated, lambda scenario: _twice(scenario, names))


def _twice(scenario: Scenario, names: tuple[str, ...]) -> Scenario:
    first = tuple(
        replace(each, never_set=tuple(name for name in names if name not in each.left_empty))
        if isinstance(each, Probe) and "role" in each.settings and not any("." in name for name in each.settings)
        else each
        for each in scenario.probes
    )
    again = (
        replace(each, never_set=(), left_empty=names, aspect=f"{each.aspect}{LEFT_EMPTY}")
        for each in first
        if isinstance(each, Probe) and each.never_set
    )
    return replace(scenario, probes=(*first, *again))
