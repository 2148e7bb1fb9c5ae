"""Calls of routines as probes: what is worked out before them, the statements, and what is asked after them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.kinds.base import Subject, one_line, shorten
from harness.kinds.routines.given import Given, Value
from harness.kinds.routines.results import Results, asks, typed
from harness.probes import Accepted, Execute, Postcondition, Probe, Refused
from harness.project import sql


@dataclass(frozen=True)
class Calls:
    """Statements with variables. ``types`` are those of the variables, ``results`` is what queries may ask for."""

    before: Mapping[str, Sequence[str]]
    call: Sequence[str]
    then: Sequence[str]
    types: Mapping[str, str]
    results: Results
    commits: bool

    @classmethod
    def of(
        cls,
        subject: Subject,
        given: Given,
        before: Mapping[str, Sequence[str]],
        call: Sequence[str],
        then: Sequence[str],
        at_once: bool,
        commits: bool,
    ) -> Calls:
        """Raises ``psycopg.Error`` if the database does not know what is called, and :class:`Unreliable`."""
        types: dict[str, str] = {}
        for row in given:
            table = subject.catalog.table(row.table)
            for name, column in row.variables.items():
                types.setdefault(name, table.column(column).type)
        for name, expressions in before.items():
            # One type for all of them: NULL takes that of the others.
            tried = "\nunion all ".join(f"select ({typed(each, types)}\n)" for each in expressions)
            types[name] = subject.pools.introspection.result_columns(tried)[0][1]
        for each in filter(_is_query, call):
            subject.pools.introspection.result_columns(typed(each, types))
        return cls(before, call, then, types, Results.of(subject, call, then, types, at_once), commits)

    def probes(
        self, values: Mapping[str, Value], settings: Mapping[str, str], refused: Refused | None
    ) -> Iterator[Probe]:
        """With each choice of what is worked out before, and for each query after them."""
        choices = [[(name, each) for each in expressions] for name, expressions in self.before.items()]
        for chosen in itertools.product(*choices):
            yield from self._chosen(values, settings, refused, dict(chosen))

    def _chosen(
        self,
        values: Mapping[str, Value],
        settings: Mapping[str, str],
        refused: Refused | None,
        chosen: Mapping[str, str],
    ) -> Iterator[Probe]:
        bound = {name: value.sql for name, value in values.items()}
        before = []
        for name, expression in chosen.items():
            before.append(_keep(name, sql.bind(expression, bound)))
            bound[name] = _kept(name, self.types[name])
        calls = [sql.bind(each, bound) for each in self.call]
        known = {name: shorten(value.text) for name, value in values.items()}
        known |= {name: each for name, each in chosen.items() if len(self.before[name]) > 1}
        of_choice = "".join(f", ${name} = {each}" for name, each in known.items() if name in chosen)
        words = _Words(self.call, settings, known, self.commits)

        def probe(count: int, expected: Accepted | Refused, aspect: str, query: str | None = None) -> Probe:
            statements, then = calls[:count], None
            if query is not None:
                results = self.results if asks(query) else Results()
                statements = results.remembering(statements)
                asked = f"{results.relations()}select ({sql.bind(query, bound)}\n)::text"
                then = Postcondition(asked, "true", one_line(query))
            *ahead, last = statements
            return Probe(
                Execute(last if self.commits else ";\n".join(statements)),
                expected,
                f"{aspect}{of_choice}",
                words.of(count),
                settings,
                then,
                "; ".join(before) or None,
                unmasked=True,
                ahead=tuple(map(Execute, ahead)) if self.commits else None,
            )

        if refused is not None:
            if len(calls) > 1:
                yield probe(len(calls) - 1, Accepted(), "the calls before")
            yield probe(len(calls), refused, "call")
        elif not self.then:
            yield probe(len(calls), Accepted(), "call")
        for query in self.then:
            yield probe(len(calls), Accepted(), query, query)


@dataclass(frozen=True)
class _Words:
    """Calls for a report, with who sends them, what their variables stand for and whether each is committed."""

    call: Sequence[str]
    settings: Mapping[str, str]
    known: Mapping[str, str]
    commits: bool

    def of(self, count: int) -> str:
        calls = self.call[:count]
        role = f" as {self.settings['role']}" if "role" in self.settings else ""
        named = {name for each in calls for name in sql.variables(each)}
        stand = ", ".join(f"${name} = {each}" for name, each in self.known.items() if name in named)
        sent = [f"begin; {each}; commit" if self.commits and not sql.is_call(each) else each for each in calls]
        return f"{one_line('; '.join(sent))}{role}{f' with {stand}' if stand else ''}:"


def _keep(name: str, expression: str) -> str:
    """Works out a value ahead of the call; in an array, for a setting holds no NULL."""
    return f"select set_config('harness.before_{name}', jsonb_build_array(({expression}\n)::text)::text, false)"


def _kept(name: str, kind: str) -> str:
    return f"(current_setting('harness.before_{name}')::jsonb ->> 0)::{kind}"


def _is_query(text: str) -> bool:
    try:
        sql.query(text)
    except sql.SqlError:
        return False
    return True
