"""Calls of routines: as probes, with the queries asked after them, and as a race of two sessions.

Decides the types of variables, and which call is expected to be refused.
Not here: rows before the calls (``given.py``), and the rows that a call returns (``results.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.kinds.base import Subject, literal, one_line, shorten
from harness.kinds.routine_parts.given import BoundVariable, Given
from harness.kinds.routine_parts.results import Results, asks, typed
from harness.kinds.toolkit.invariants import found
from harness.probes import Accepted, Execute, Postcondition, Probe, Refused, SqlStatement
from harness.project import sql
from harness.races import NOTHING, Invariant, Race, Races

BOTH = "both accepted"


def variable_types(
    subject: Subject, given: Given, before: Mapping[str, Sequence[str]], call: Sequence[str]
) -> dict[str, str]:
    """Returns the types of the variables. Raises ``psycopg.Error`` if the database does not know what is called."""
    types: dict[str, str] = {}
    for row in given:
        table = subject.catalog.table(row.table)
        for name, column in row.variables.items():
            types.setdefault(name, table.column(column).type)
    for name, expressions in before.items():
        # One type for all of them: NULL gets the type of the others.
        tried = "\nunion all ".join(f"select ({typed(each, types)}\n)" for each in expressions)
        types[name] = subject.pools.introspection.result_columns(tried)[0][1]
    for each in filter(_is_query, call):
        subject.pools.introspection.result_columns(typed(each, types))
    return types


@dataclass(frozen=True)
class Calls:
    """Statements with variables, expressions worked out ``before`` them, and queries that are true after them.

    ``types`` are those of the variables. ``commits`` means that each call is committed by itself. The last call may be
    expected to be ``refused``.
    """

    before: Mapping[str, Sequence[str]]
    call: Sequence[str]
    then: Sequence[str]
    types: Mapping[str, str]
    results: Results
    commits: bool
    refused: Refused | None

    def probes(self, values: Mapping[str, BoundVariable], settings: Mapping[str, str]) -> Iterator[Probe]:
        """Yields the calls with each choice of the expressions before them, and once for each query after them."""
        choices = [[(name, each) for each in expressions] for name, expressions in self.before.items()]
        for chosen in itertools.product(*choices):
            yield from _CallsInOrder(self, values, settings, dict(chosen)).probes()

    def races(
        self, setup: tuple[SqlStatement, ...], values: Mapping[str, BoundVariable], settings: Mapping[str, str]
    ) -> Races:
        """Returns the race of the last call in one session with the calls before it in another."""
        bound = {name: value.sql for name, value in values.items()}
        *ahead, last = [Execute(sql.bind(each, bound)) for each in self.call]
        *before, after = [one_line(each) for each in self.call]
        if self.refused is not None:
            never = f"select {literal(BOTH).strip()}"
            watch = Invariant(never, f"one of them {self.refused}", lambda *_: False, only_at_end=True)
        else:
            query, results = self._untrue(bound), bool(self.results.each)
            watch = Invariant(query, "what should hold then does", only_at_end=True, results=results)
        race = Race(
            "the calls",
            f"{'; '.join(before)} and {after}",
            ahead,
            [last],
            watch,
            refusals=() if self.refused is None else (self.refused,),
            settings=settings,
            writes_other_rows=True,
        )
        return Races(setup, (race,))

    def _untrue(self, bound: Mapping[str, str]) -> str:
        """Returns a query for those of the queries that are not true, with their results."""
        if not self.then:
            return f"select {literal(NOTHING).strip()}"
        texts = ((literal(one_line(each)).strip(), sql.bind(each, bound)) for each in self.then)
        rows = ", ".join(f"({text}, ({query}\n)::text)" for text, query in texts)
        answers = f"(values {rows}) as harness_t (query, answer)"
        return found(
            f"{self.results.relations('received')}select query || ': ' || coalesce(answer, 'null') as found"
            f" from {answers} where answer is distinct from 'true'"
        )


@dataclass(frozen=True)
class _CallsInOrder:
    """The calls with the values of their variables, and one expression ``chosen`` for each variable before them."""

    calls: Calls
    values: Mapping[str, BoundVariable]
    settings: Mapping[str, str]
    chosen: Mapping[str, str]

    @cached_property
    def _bound(self) -> Mapping[str, str]:
        kept = {name: _kept(name, self.calls.types[name]) for name in self.chosen}
        return {**{name: value.sql for name, value in self.values.items()}, **kept}

    @cached_property
    def _shown(self) -> Mapping[str, str]:
        """The variables in a report: those before the calls only if there is a choice."""
        shown = {name: shorten(value.text) for name, value in self.values.items()}
        return shown | {name: each for name, each in self.chosen.items() if len(self.calls.before[name]) > 1}

    def probes(self) -> Iterator[Probe]:
        count, refused = len(self.calls.call), self.calls.refused
        if refused is not None and count > 1:
            yield self._probe(count - 1, Accepted(), "the calls before")
        if refused is not None or not self.calls.then:
            yield self._probe(count, refused or Accepted(), "call")
        for query in self.calls.then:
            yield self._probe(count, Accepted(), query, query)

    def _probe(self, count: int, expected: Accepted | Refused, aspect: str, query: str | None = None) -> Probe:
        """Returns the first calls as a probe, with a query that is true after them."""
        calls, then = self.calls, None
        statements = [sql.bind(each, self._bound) for each in calls.call[:count]]
        if query is not None:
            results = calls.results if asks(query) else Results()
            statements = results.remembering(statements)
            asked = f"{results.relations('remembered')}select ({sql.bind(query, self._bound)}\n)::text"
            then = Postcondition(asked, "true", one_line(query))
        *ahead, last = statements
        before = [_keep(name, sql.bind(expression, self._bound)) for name, expression in self.chosen.items()]
        of_choice = "".join(f", ${name} = {each}" for name, each in self._shown.items() if name in self.chosen)
        return Probe(
            Execute(last if calls.commits else ";\n".join(statements)),
            expected,
            f"{aspect}{of_choice}",
            self._words(count),
            self.settings,
            then,
            "; ".join(before) or None,
            never_masked=True,
            ahead=tuple(map(Execute, ahead)) if calls.commits else None,
        )

    def _words(self, count: int) -> str:
        """Returns the first calls for a report: with the role, the variables, and whether each is committed."""
        calls = self.calls.call[:count]
        role = f" as {self.settings['role']}" if "role" in self.settings else ""
        named = {name for each in calls for name in sql.variables(each)}
        variables = ", ".join(f"${name} = {each}" for name, each in self._shown.items() if name in named)
        sent = [f"begin; {each}; commit" if self.calls.commits and not sql.is_call(each) else each for each in calls]
        return f"{one_line('; '.join(sent))}{role}{f' with {variables}' if variables else ''}:"


def _keep(name: str, expression: str) -> str:
    """Returns a query that keeps the value of an expression in a setting; in an array, for a setting holds no NULL."""
    return f"select set_config('harness.before_{name}', jsonb_build_array(({expression}\n)::text)::text, false)"


def _kept(name: str, kind: str) -> str:
    return f"(current_setting('harness.before_{name}')::jsonb ->> 0)::{kind}"


def _is_query(text: str) -> bool:
    try:
        sql.query(text)
    except sql.SqlError:
        return False
    return True
