"""What the rules about a column let suppose of its values: constants, patterns, the present moment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.oracle import Oracle
from harness.project import sql
from harness.project.sql import Pattern

_STRING = re.compile(r"'((?:[^']|'')*)'")
_QUOTED = re.compile(r'"""(.*?)"""|"((?:[^"\\\n]|\\.)*)"', re.DOTALL)
"""Texts of Python, Perl and JavaScript; in SQL these are names."""

_SLASHED = re.compile(r"(?:=~\s*m?|[(,=:]\s*|return\s+)/((?:[^/\\\n]|\\.)+)/")
"""Regular expressions of Perl and JavaScript."""

_NUMBER = re.compile(r"(?<![\w.'])\d+(?:\.\d+)?(?![\w.'])")
_NOW = re.compile(
    r"\bnow\(\)|\bcurrent_(date|timestamp|time)\b|\blocaltime(stamp)?\b|\b(clock|statement|transaction)_timestamp\(\)",
    re.IGNORECASE,
)
_FUNCTIONS = re.compile(r"\bpg_proc\b|\binformation_schema\.routines\b|\b(to_)?regproc\b", re.IGNORECASE)
"""Where names of functions are looked for."""

_CONFIGURATION = re.compile(r"::\s*(?:pg_catalog\.)?regconfig\b", re.IGNORECASE)
"""Where a text is the name of a text search configuration: there is always one that is called ``simple``."""

_ROLES = re.compile(r"\bpg_(user|roles|authid|shadow)\b", re.IGNORECASE)
"""Where names of roles are looked for."""

_PATTERN = re.compile(r"[\^$*+\[\\%_]")


@dataclass(frozen=True)
class Hints:
    """Literals that a column is compared with, patterns that it is matched against; ``now`` if with the clock.

    If ``opaque``, functions decide whose text does not say what they expect.
    """

    constants: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    now: bool = False
    opaque: bool = False

    def also(self, constants: Iterable[str]) -> Hints:
        """With more constants, behind those of the rules."""
        return replace(self, constants=tuple(dict.fromkeys((*self.constants, *constants))))


def of_constants(texts: Iterable[str]) -> Hints:
    """Nothing but constants."""
    return Hints(tuple(dict.fromkeys(texts)))


def hints(oracle: Oracle, schema: str, predicates: Iterable[str]) -> Hints:
    """Those of some predicates, and of the functions that they call."""
    constants: dict[str, None] = {}
    patterns: dict[Pattern, None] = {}
    now = opaque = False
    for predicate in predicates:
        constants |= dict.fromkeys(constant.text for constant in sql.constants(predicate))
        patterns |= dict.fromkeys(sql.patterns(predicate))
        now = now or bool(_NOW.search(predicate))
        constants |= dict.fromkeys(oracle.computed(sql.constant_calls(predicate)))
        bodies = [source.text for source in oracle.sources(schema, sql.calls(predicate))]
        called = of_bodies(bodies)
        constants |= dict.fromkeys(called.constants)
        if any(_FUNCTIONS.search(text) for text in (predicate, *bodies)):
            constants |= dict.fromkeys(oracle.functions(schema))
        if any(_ROLES.search(text) for text in (predicate, *bodies)):
            constants |= dict.fromkeys(oracle.roles())
        patterns |= dict.fromkeys(called.patterns)
        now, opaque = now or called.now, opaque or bool(bodies)
    return Hints(tuple(constants), tuple(patterns), now, opaque)


def of_bodies(bodies: Iterable[str]) -> Hints:
    """Those of functions, whose text is not parsed but looked through."""
    constants: dict[str, None] = {}
    patterns: dict[Pattern, None] = {}
    now = False
    for body in bodies:
        constants |= dict.fromkeys(["simple"] if _CONFIGURATION.search(body) else [])
        texts = [text.replace("''", "'") for text in _STRING.findall(body)]
        texts += [long or short for long, short in _QUOTED.findall(body)]
        constants |= dict.fromkeys([*texts, *_NUMBER.findall(body)])
        patterns |= dict.fromkeys(_possible_patterns([*texts, *_SLASHED.findall(body)]))
        now = now or bool(_NOW.search(body))
    return Hints(tuple(constants), tuple(patterns), now, opaque=True)


def words(bodies: Iterable[str], pattern: str = r"\w+") -> set[str]:
    """The words of functions, in lower case."""
    return {word for body in bodies for word in re.findall(pattern, body.lower())}


def _possible_patterns(texts: Sequence[str]) -> Iterable[Pattern]:
    """A function's body is not parsed: what may be a pattern is tried as one."""
    return (Pattern(text, "regex") for text in texts if _PATTERN.search(text) and len(text) < 200)
