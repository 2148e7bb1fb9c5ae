"""Which tables can be filled: one drawn row of each, with its parents, tried on the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from hypothesis import strategies as st

from harness.catalog.model import Catalog, Missing, Table
from harness.declarations import Check
from harness.generation import Draft, Oracle, Pools, Unfillable, Unsupported
from harness.probes import Refusal, Scenario, Session
from harness.project.model import TableName
from harness.proving.prover import rules
from harness.proving.trial import drawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.generation import Rule

DRAWN = (3, 30)
"""Rows drawn of each table; the second time only where all of the first were refused: triggers let few values pass."""


@dataclass(frozen=True)
class Filled:
    """A table, and what stood in the way of its rows, if anything did."""

    table: TableName
    reason: str | None


def fill(
    connection: psycopg.Connection[Any], catalog: Catalog, declared: Sequence[Check], tables: Sequence[Table]
) -> Iterator[Filled]:
    """Tries a few rows of each table, one after the other; nothing of them stays."""
    stated: Mapping[TableName, tuple[Rule, ...]] = rules(declared, catalog)
    pools = Pools(Oracle(connection), catalog, stated)
    session = Session(connection, catalog)
    for table in tables:
        yield Filled(table.name, _reason(session, catalog, pools, table))


def _reason(session: Session, catalog: Catalog, pools: Pools, table: Table) -> str | None:
    try:
        answers: list[object] = []
        for count in DRAWN:
            scenarios = drawn(_rows(catalog, pools, table), count, count)
            answers = [*answers, *(session.run(scenarios) if scenarios else [])]
            if any(not isinstance(answer, Refusal) for answer in answers):
                return None
    except (Unfillable, Unsupported, Missing) as error:
        return str(error)
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        return f"PostgreSQL cannot evaluate a rule: {error.diag.message_primary}"
    if not answers:
        return "no rows were found that keep all rules"
    return str(answers[0])


def _rows(catalog: Catalog, pools: Pools, table: Table) -> st.SearchStrategy[Scenario]:
    @st.composite
    def scenario(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Scenario:
        draft = Draft(draw, catalog, pools)
        draft.insert(table.name)
        return Scenario(tuple(draft.inserts), ())

    return scenario()
