"""The names of rules: sqlfluff's and the house's, and which of them somebody means."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping

from harness.errors import nearest

_PREFIXES = ("", "Harness_", "harness.")
_NO_RULES = {"PRS", "LXR", "TMP"}
"""What sqlfluff's settings and comments may name besides: that something cannot be read."""


def rules() -> Mapping[str, set[str]]:
    """The codes of rules by all that names them: codes, names, groups, and aliases of sqlfluff's older versions."""
    from sqlfluff.core.rules import get_ruleset

    return get_ruleset().rule_reference_map()


def is_rule(word: str, known: Collection[str]) -> bool:
    """Whether a word, or a pattern, names rules."""
    return word in _NO_RULES or bool(fnmatch.filter(known, word))


def meant(word: str, known: Iterable[str]) -> str | None:
    """The known name that a word is another spelling of, or else the nearest: ``hs01`` means ``Harness_HS01``."""
    spelled = {each.lower(): each for each in known}
    for prefix in _PREFIXES:
        if exact := spelled.get(f"{prefix}{word}".lower()):
            return exact
    near = nearest(word.lower(), spelled)
    return spelled[near] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean Harness_HS01?`` or nothing, to end a sentence with."""
    near = meant(word, known)
    return f"; did you mean {near}?" if near else ""
