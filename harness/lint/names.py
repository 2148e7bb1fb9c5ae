"""The names of rules, sqlfluff's and the house's, and the rule that a misspelled name means.

Not here: the faults that such a name causes (``settings.py``).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping

from sqlfluff.core.rules import BaseRule, get_ruleset

from harness.errors import nearest

_PREFIXES = ("", "Harness_", "harness.")
_NO_RULES = {"PRS", "LXR", "TMP"}
"""Other codes that sqlfluff's settings and comments may name: something cannot be read."""


def rules() -> Mapping[str, set[str]]:
    """The codes of rules by all that names them: codes, names, groups, and aliases of sqlfluff's older versions."""
    return get_ruleset().rule_reference_map()


def classes() -> Mapping[str, type[BaseRule]]:
    """The rules by their codes."""
    return {code: manifest.rule_class for code, manifest in get_ruleset()._register.items()}


def is_rule(word: str, known: Collection[str]) -> bool:
    """Whether a word, or a pattern, names rules."""
    return word in _NO_RULES or bool(fnmatch.filter(known, word))


def spelled(word: str, known: Iterable[str]) -> str | None:
    """The known name of which a word is another spelling: ``hs01`` and ``Text`` for ``Harness_HS01``."""
    lower = {each.lower(): each for each in known}
    return next(filter(None, (lower.get(f"{prefix}{word}".lower()) for prefix in _PREFIXES)), None)


def meant(word: str, known: Collection[str]) -> str | None:
    """The known name of which a word is another spelling, or else the nearest."""
    lower = {each.lower().removeprefix("harness_"): each for each in known}
    return spelled(word, known) or lower.get(nearest(word.lower().removeprefix("harness_"), lower) or "")


def did_you_mean(word: str, known: Collection[str]) -> str:
    """``; did you mean Harness_HS01?`` or nothing, to end a sentence with."""
    near = meant(word, known)
    return f"; did you mean {near}?" if near else ""
