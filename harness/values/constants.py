"""Constants and patterns that rules and functions mention: values that a column probably has to have.

Reads predicates by the parser, and bodies of functions without it. Not here: neighbours and edges (``candidates.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain

from harness.oracle import Introspection
from harness.project import sql
from harness.project.sql import Pattern

_STRING = re.compile(r"'((?:[^']|'')*)'")
_QUOTED = re.compile(r'"""(.*?)"""|"((?:[^"\\\n]|\\.)*)"', re.DOTALL)
"""String literals of Python, Perl and JavaScript; in SQL these are names."""

_SLASHED = re.compile(r"(?:=~\s*m?|[(,=:]\s*|return\s+)/((?:[^/\\\n]|\\.)+)/")
"""Regular expression literals of Perl and JavaScript."""

_NUMBER = re.compile(r"(?<![\w.'])\d+(?:\.\d+)?(?![\w.'])")
_NOW = re.compile(
    r"\bnow\(\)|\bcurrent_(date|timestamp|time)\b|\blocaltime(stamp)?\b|\b(clock|statement|transaction)_timestamp\(\)",
    re.IGNORECASE,
)
_FUNCTIONS = re.compile(r"\bpg_proc\b|\binformation_schema\.routines\b|\b(to_)?regproc\b", re.IGNORECASE)
"""A rule with one of these expects the name of a function."""

_CONFIGURATION = re.compile(r"::\s*(?:pg_catalog\.)?regconfig\b", re.IGNORECASE)
"""A function with this cast expects the name of a text search configuration: ``simple`` always exists."""

_ROLES = re.compile(r"\bpg_(user|roles|authid|shadow)\b", re.IGNORECASE)
"""A rule with one of these expects the name of a role."""

_LENGTH = re.compile(r"(?:length|\bcardinality)\(", re.IGNORECASE)
"""Measures a value: ``length(a)``, ``octet_length(a)``, ``cardinality(a)``."""

LONGEST = 100_000
"""The longest value that a rule makes us try which measures it: longer ones take seconds to send."""

_PATTERN = re.compile(r"[\^$*+\[\\%_]")


@dataclass(frozen=True)
class RuleConstants:
    """Literals that a column is compared with and patterns that it is matched against.

    ``now``: it is compared with the clock. ``opaque``: functions decide about it whose text may not say what they need.
    ``longest`` is the largest number among them that may be the length of a value.
    """

    literals: tuple[str, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    now: bool = False
    opaque: bool = False
    longest: int = 20_000

    def also(self, literals: Iterable[str]) -> RuleConstants:
        """The same with more literals behind its own."""
        return replace(self, literals=_distinct(self.literals, literals))

    def __or__(self, other: RuleConstants) -> RuleConstants:
        return RuleConstants(
            _distinct(self.literals, other.literals),
            tuple(dict.fromkeys((*self.patterns, *other.patterns))),
            self.now or other.now,
            self.opaque or other.opaque,
            max(self.longest, other.longest),
        )


def _distinct(*texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain(*texts)))


def constants_of(introspection: Introspection, schema: str, predicates: Iterable[str]) -> RuleConstants:
    """The constants of predicates and of the functions that they call; names are looked up in ``schema`` first."""
    found = RuleConstants()
    for predicate in predicates:
        literals = [constant.text for constant in sql.constants(predicate)]
        literals += introspection.constant_results(sql.constant_calls(predicate))
        bodies = [source.text for source in introspection.function_sources(schema, sql.calls(predicate))]
        called = constants_of_bodies(bodies)
        literals += called.literals
        if any(_FUNCTIONS.search(text) for text in (predicate, *bodies)):
            literals += introspection.function_names(schema)
        if any(_ROLES.search(text) for text in (predicate, *bodies)):
            literals += introspection.role_names()
        patterns = (*sql.patterns(predicate), *called.patterns)
        now = called.now or bool(_NOW.search(predicate))
        found |= RuleConstants(_distinct(literals), patterns, now, opaque=bool(bodies))
        if any(_LENGTH.search(text) for text in (predicate, *bodies)):
            found = replace(found, longest=LONGEST)
    return found


def constants_of_bodies(bodies: Iterable[str]) -> RuleConstants:
    """The constants in the bodies of functions, which are searched without being parsed."""
    found = RuleConstants(opaque=True)
    for body in bodies:
        texts = [text.replace("''", "'") for text in _STRING.findall(body)]
        texts += [long or short for long, short in _QUOTED.findall(body)]
        simple = ["simple"] if _CONFIGURATION.search(body) else []
        possible = (text for text in (*texts, *_SLASHED.findall(body)) if _PATTERN.search(text) and len(text) < 200)
        patterns = tuple(Pattern(text, "regex") for text in possible)
        found |= RuleConstants(_distinct(simple, texts, _NUMBER.findall(body)), patterns, bool(_NOW.search(body)))
    return found


def words(bodies: Iterable[str], pattern: str = r"\w+") -> set[str]:
    """The words in the bodies of functions, in lower case."""
    return {word for body in bodies for word in re.findall(pattern, body.lower())}
