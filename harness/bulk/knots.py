"""Tables that refer to each other in a circle without a NULL: one statement inserts a row of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.bulk.recipe import Draftsman, Recipe, Wish
from harness.bulk.rounds import Tally, described
from harness.bulk.site import Site, nullable
from harness.catalog.model import Table
from harness.probes.statement import identifier, qualified
from harness.project.model import TableName
from harness.solver.rules import Unfillable


@dataclass(frozen=True)
class _Member:
    """A table of the knot; ``led`` are its columns that lead to another member, with that and the column there."""

    number: int
    recipe: Recipe
    led: dict[str, tuple[TableName, str]]

    @property
    def rows(self) -> str:
        """The temporary table with its rows, which knows no columns that lead to others."""
        return f"harness_knot_{self.number}"


def tie(
    site: Site, tables: Sequence[Table], rows: int, absent: Callable[[Table], frozenset[str]], tallies: Sequence[Tally]
) -> None:
    """Inserts so many rows into each table, the first of one referring to the first of the others, and so on."""
    from harness.bulk.load import advance

    names = {table.name for table in tables}
    members = {}
    for number, table in enumerate(tables):
        advance(site, table)
        members[table.name] = _member(site, number, table, names, rows, absent(table))
    for member in members.values():
        _lay_out(site, member, rows)
    _insert(site, members, tallies)
    for member in members.values():
        site.connection.execute(f"drop table pg_temp.{member.rows}".encode())


def _member(site: Site, number: int, table: Table, names: set[TableName], rows: int, absent: frozenset[str]) -> _Member:
    inside = [
        key
        for key in table.foreign_keys
        if key.references in names and key.references != table.name and key.name not in absent
    ]
    led = {column: (key.references, referenced) for key in inside for column, referenced in key.pairs}
    low = site.count(table)
    wish = Wish(table, low, low + rows - 1, absent | _own(table), frozenset(key.name for key in inside))
    return _Member(number, Draftsman(site, wish).recipe(), led)


def _own(table: Table) -> frozenset[str]:
    return frozenset(key.name for key in table.foreign_keys if key.references == table.name and nullable(table, key))


def _lay_out(site: Site, member: _Member, rows: int) -> None:
    low = site.count(member.recipe.table)
    query = member.recipe.rows(low, low + rows - 1)
    site.connection.execute(
        f"create temp table {member.rows} on commit drop as"
        f" select *, row_number() over () as harness_k from ({query}) as harness_rows".encode()
    )


def _insert(site: Site, members: dict[TableName, _Member], tallies: Sequence[Tally]) -> None:
    """All rows in one statement: what they refer to is looked at when it is done."""
    import psycopg

    rows = " join ".join(
        f"pg_temp.{member.rows}" if n == 0 else f"pg_temp.{member.rows} using (harness_k)"
        for n, member in enumerate(members.values())
    )
    parts = [_part(members, member, rows) for member in members.values()]
    counts = ", ".join(f"(select count(*) from harness_in_{member.number})" for member in members.values())
    try:
        with site.connection.transaction():
            found = site.connection.execute(f"with {', '.join(parts)} select {counts}".encode()).fetchone()
    except psycopg.Error as error:
        for tally in tallies:
            tally.refused[described(error)] += 1
        return
    for tally, count in zip(tallies, found or (), strict=True):
        tally.rows = count


def _part(members: dict[TableName, _Member], member: _Member, rows: str) -> str:
    recipe = member.recipe
    values = {name: f"{member.rows}.{identifier(name)}" for name in (*recipe.inner, *recipe.outer)}
    values |= {name: _found(members, *where, depth=0) for name, where in member.led.items()}
    return (
        f"harness_in_{member.number} as (insert into {qualified(recipe.table.name)}"
        f" ({', '.join(map(identifier, values))}) overriding system value"
        f" select {', '.join(values.values())} from {rows} returning 1)"
    )


def _found(members: dict[TableName, _Member], table: TableName, column: str, depth: int) -> str:
    """Where the value of a column comes from: it may lead on to another member itself."""
    member = members[table]
    if column not in member.led:
        return f"{member.rows}.{identifier(column)}"
    if depth > len(members):
        raise Unfillable(f"{table} and the tables around it take their keys from each other in a circle")
    return _found(members, *member.led[column], depth=depth + 1)
