"""What calls return, for the queries that are asked after them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.kinds.base import Subject, Unreliable
from harness.probes.statement import identifier
from harness.project import sql
from harness.races import RESULT, SESSIONS

Columns = tuple[tuple[str, str], ...]

OF_SESSIONS = {session: f"{RESULT}_{session.lower()}" for session in SESSIONS}
"""The relations by which queries know what the calls of each of two sessions returned."""

REMEMBERING = """\
do $harness$
declare
    harness_row record;
    harness_rows jsonb[] := '{{}}';
begin
    for harness_row in execute $harness_call$
{call}
    $harness_call$ loop
        harness_rows := harness_rows || to_jsonb(harness_row);
    end loop;
    perform set_config('harness.{name}', to_jsonb(harness_rows)::text, false);
end $harness$"""


def asks(query: str) -> bool:
    """Whether a query looks at what a call returned."""
    return bool({RESULT, *OF_SESSIONS.values()} & {*sql.unqualified(query)})


def typed(text: str, types: Mapping[str, str]) -> str:
    """The text with its variables as NULLs of their types: enough to be parsed."""
    return sql.bind(text, {name: f"null::{kind}" for name, kind in types.items()})


@dataclass(frozen=True)
class Result:
    """The relation ``name`` has what the call at this place returns."""

    name: str
    place: int
    columns: Columns

    def remembering(self, call: str) -> str:
        """The call, and its rows in a setting: what the role reads travels so to the owner who looks at it.

        In a loop, for RETURNING and a WITH that writes can stand in no subquery.
        """
        return REMEMBERING.format(call=call, name=self.name)

    @property
    def remembered(self) -> str:
        """A query for the rows of :meth:`remembering`."""
        columns = ", ".join(f"{identifier(name)} {kind}" for name, kind in self.columns)
        rows = f"jsonb_to_recordset(current_setting('harness.{self.name}')::jsonb) as ({columns})"
        return f"select * from rows from ({rows}) with ordinality"

    @property
    def received(self) -> str:
        """A query for the rows that a session of a race got, each a list of texts."""
        numbered = enumerate(self.columns)
        cells = "".join(f"(harness_r ->> {n})::{kind} as {identifier(name)}, " for n, (name, kind) in numbered)
        rows = f"jsonb_array_elements(current_setting('harness.{self.name}')::jsonb)"
        return f"select {cells}ordinality from {rows} with ordinality as harness_e (harness_r, ordinality)"


@dataclass(frozen=True)
class Results:
    """What the calls return that queries ask for: the last one, or the last one of each of two sessions."""

    each: tuple[Result, ...] = ()

    @classmethod
    def of(
        cls, subject: Subject, call: Sequence[str], then: Sequence[str], types: Mapping[str, str], at_once: bool
    ) -> Results:
        """Raises ``psycopg.Error`` if the database does not know what is called, and :class:`Unreliable`."""
        if not any(map(asks, then)):
            return cls()
        places = dict(zip(OF_SESSIONS.values(), (-2, -1), strict=True)) if at_once else {RESULT: -1}
        described = {
            name: tuple(subject.pools.introspection.result_columns(typed(call[place], types)))
            for name, place in places.items()
        }
        found = cls(tuple(Result(name, places[name], columns) for name, columns in described.items() if columns))
        for query in then:
            found._refuse_unknown(query)
        return found

    def relations(self, received: bool = False) -> str:
        """A WITH clause for a query, a space behind it; empty if there is nothing to ask for."""
        rows = [(each.name, each.received if received else each.remembered) for each in self.each]
        if self._alike:
            both = (f"select '{session}' as session, * from {name}" for session, name in OF_SESSIONS.items())
            rows.append((RESULT, " union all ".join(both)))
        return f"with {', '.join(f'{name} as ({query})' for name, query in rows)} " if rows else ""

    def remembering(self, calls: Sequence[str]) -> list[str]:
        """The calls, those that are asked for with what remembers their rows."""
        statements = [*calls]
        for each in self.each:
            statements[each.place] = each.remembering(statements[each.place])
        return statements

    @property
    def _alike(self) -> bool:
        """Whether two sessions get rows of the same columns."""
        return len(self.each) == len(OF_SESSIONS) and len({each.columns for each in self.each}) == 1

    @property
    def _names(self) -> Iterator[str]:
        yield from (each.name for each in self.each)
        if self._alike:
            yield RESULT

    def _refuse_unknown(self, query: str) -> None:
        known = [*self._names]
        for name in (RESULT, *OF_SESSIONS.values()):
            if name in sql.unqualified(query) and name not in known:
                there = f"there is {' and '.join(known)}" if known else "no call returns rows"
                raise Unreliable(f"'then' asks for {name!r}, and {there}")
