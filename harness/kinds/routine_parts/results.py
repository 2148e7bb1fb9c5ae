"""Results of calls: relations with the returned rows, for the queries that are asked after the calls.

Refuses a query that names a result which no call returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.kinds.base import Subject, Unreliable, identifier
from harness.project import sql
from harness.races import RESULT, SESSIONS

ResultColumns = tuple[tuple[str, str], ...]
"""Names and types."""

OF_SESSIONS = {session: f"{RESULT}_{session.lower()}" for session in SESSIONS}
"""The relations with the rows that the calls of each of two sessions returned."""

ONE_SESSION = {RESULT: -1}
"""The result of one session is that of the last call."""

TWO_SESSIONS = dict(zip(OF_SESSIONS.values(), (-2, -1), strict=True))
"""The results of two sessions at once are those of the last call of each: the last call is one session by itself."""

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
    """Whether a query names the result of a call."""
    return bool({RESULT, *OF_SESSIONS.values()} & {*sql.unqualified(query)})


def typed(text: str, types: Mapping[str, str]) -> str:
    """Returns the text with its variables as NULLs of their types, so that PostgreSQL can describe it."""
    return sql.bind(text, {name: f"null::{kind}" for name, kind in types.items()})


@dataclass(frozen=True)
class Result:
    """The relation ``name`` with the rows that the call at this place returns."""

    name: str
    place: int
    columns: ResultColumns

    def remembering(self, call: str) -> str:
        """Returns the call in a block that keeps its rows in a setting, for queries of the owner.

        It loops over the rows, since a subquery cannot have RETURNING or a WITH that writes.
        """
        return REMEMBERING.format(call=call, name=self.name)

    @property
    def remembered(self) -> str:
        """A query for the rows that :meth:`remembering` keeps."""
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
    """The results that queries ask for: of the last call, or of the last call of each of two sessions."""

    each: tuple[Result, ...] = ()

    @classmethod
    def of(
        cls,
        subject: Subject,
        call: Sequence[str],
        then: Sequence[str],
        types: Mapping[str, str],
        places: Mapping[str, int],
    ) -> Results:
        """Raises ``psycopg.Error`` if the database does not know what is called, and :class:`Unreliable`."""
        if not any(map(asks, then)):
            return cls()
        described = {
            name: tuple(subject.pools.introspection.result_columns(typed(call[place], types)))
            for name, place in places.items()
        }
        found = cls(tuple(Result(name, places[name], columns) for name, columns in described.items() if columns))
        for query in then:
            found._refuse_unknown(query)
        return found

    def relations(self, kept: Literal["remembered", "received"]) -> str:
        """Returns a WITH clause and a space, or an empty text if there are no results."""
        rows = [(each.name, each.received if kept == "received" else each.remembered) for each in self.each]
        if self._same_columns:
            both = (f"select '{session}' as session, * from {name}" for session, name in OF_SESSIONS.items())
            rows.append((RESULT, " union all ".join(both)))
        return f"with {', '.join(f'{name} as ({query})' for name, query in rows)} " if rows else ""

    def remembering(self, calls: Sequence[str]) -> list[str]:
        """Returns the calls; those with a result keep their rows."""
        statements = [*calls]
        for each in self.each:
            statements[each.place] = each.remembering(statements[each.place])
        return statements

    @property
    def _same_columns(self) -> bool:
        """Whether two sessions get rows of the same columns."""
        return len(self.each) == len(OF_SESSIONS) and len({each.columns for each in self.each}) == 1

    def _refuse_unknown(self, query: str) -> None:
        known = [*(each.name for each in self.each), *([RESULT] if self._same_columns else [])]
        for name in (RESULT, *OF_SESSIONS.values()):
            if name in sql.unqualified(query) and name not in known:
                there = f"there is {' and '.join(known)}" if known else "no call returns rows"
                raise Unreliable(f"'then' asks for {name!r}, and {there}")
