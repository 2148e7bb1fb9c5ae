"""Calls of routines in two sessions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.kinds._races import found
from harness.kinds.base import one_line
from harness.kinds.routines.given import Value
from harness.kinds.routines.results import Results
from harness.probes import Execute, Refused, SqlStatement
from harness.probes.statement import literal
from harness.project import sql
from harness.races import NOTHING, Invariant, Race, Races

BOTH = "both accepted"


def races(
    setup: Sequence[SqlStatement],
    values: Mapping[str, Value],
    settings: Mapping[str, str],
    call: Sequence[str],
    then: Sequence[str],
    refused: Refused | None,
    results: Results,
) -> Races:
    """The last call in one session, those before it in another."""
    bound = {name: value.sql for name, value in values.items()}
    *ahead, last = [Execute(sql.bind(each, bound)) for each in call]
    *before, after = [one_line(each) for each in call]
    if refused is not None:
        watch = Invariant(
            f"select {literal(BOTH).strip()}", f"one of them {refused}", lambda *_: False, only_at_end=True
        )
    else:
        query = _untrue(then, bound, results)
        watch = Invariant(query, "what should hold then does", only_at_end=True, results=bool(results.each))
    race = Race(
        "the calls",
        f"{'; '.join(before)} and {after}",
        ahead,
        [last],
        watch,
        refusals=() if refused is None else (refused,),
        settings=settings,
        writes_other_rows=True,
    )
    return Races(tuple(setup), (race,))


def _untrue(queries: Sequence[str], bound: Mapping[str, str], results: Results) -> str:
    """A query for those of some queries that are not true, with what they are."""
    if not queries:
        return f"select {literal(NOTHING).strip()}"
    rows = ", ".join(f"({literal(one_line(each)).strip()}, ({sql.bind(each, bound)}\n)::text)" for each in queries)
    answers = f"(values {rows}) as harness_t (query, answer)"
    return found(
        f"{results.relations(received=True)}select query || ': ' || coalesce(answer, 'null') as found from {answers}"
        " where answer is distinct from 'true'"
    )
