"""The names of rules: sqlfluff's and the house's, and which of them somebody means."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from harness.errors import nearest

if TYPE_CHECKING:
    from sqlfluff.core.rules import BaseRule

_PREFIXES = ("", "Harness_", "harness.")
_NO_RULES = {"PRS", "LXR", "TMP"}
"""What sqlfluff's settings and comments may name besides: that something cannot be read."""


def rules() -> Mapping[str, set[str]]:
    """The codes of rules by all that names them: codes, names, groups, and aliases of sqlfluff's older versions."""
    from sqlfluff.core.rules import get_ruleset

    return get_ruleset().rule_reference_map()


def classes() -> Mapping[str, type[BaseRule]]:
    """The rules by their codes."""
    from sqlfluff.core.rules import get_ruleset

    return {code: manifest.rule_class for code, manifest in get_ruleset()._register.items()}


def is_rule(word: str, known: Collection[str]) -> bool:
    """Whether a word, or a pattern, names rules."""
    return word in _NO_RULES or bool(fnmatch.filter(known, word))


def spelled(word: str, known: Iterable[str]) -> str | None:
    """The known name that a word is another spelling of: ``hs01`` and ``Text`` are ``Harness_HS01``'s."""
    lower = {each.lower(): each for each in known}
    found = (lower.get(f"{prefix}{word}".lower()) for prefix in _PREFIXES)
    return next((each for each in found if each), None)


def meant(word: str, known: Collection[str]) -> str | None:
    """The known name that a word is another spelling of, or else the nearest."""
    lower = {each.lower().removeprefix("harness_"): each for each in known}
    return spelled(word, known) or lower.get(nearest(word.lower().removeprefix("harness_"), lower) or "")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """``; did you mean Harness_HS01?`` or nothing, to end a sentence with."""
    near = meant(word, known)
    return f"; did you mean {near}?" if near else ""
