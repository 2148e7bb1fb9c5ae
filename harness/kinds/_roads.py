"""Roads by which a change reaches a row: one column with what rules ask of others, an upsert, a trigger's hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.catalog.model import Table
from harness.generation.draft import Draft
from harness.kinds._changes import differs
from harness.kinds.base import Subject
from harness.probes import Execute, Insert, Statement
from harness.probes.statement import condition, identifier, literal
from harness.project.model import NewRow, Values
from harness.solver.pool import Pool
from harness.values.candidates import sample


def move(subject: Subject, draft: Draft, row: Values, column: str, to: str | None) -> NewRow:
    """The change of a column to this value, with as few others as the rules ask for that tie columns to it."""
    return _cheapest(subject, draft, row, column, lambda value: value == to) or {column: to}


def change(subject: Subject, draft: Draft, row: Values, column: str, fresh: Values) -> NewRow | None:
    """A change of a column that keeps all rules, with as few others as will do; None if there is none.

    ``fresh`` is another row, whose value is taken where no rule and no foreign key has its say.
    """
    table = subject.table
    if any(column in pool.columns for pool in subject.pools.of_changed_rows(table)):
        definition = table.column(column)
        return _cheapest(subject, draft, row, column, lambda value: differs(definition, value, row[column]))
    if column in table.foreign_columns:
        return new_parent(subject, draft, row, column)
    if differs(table.column(column), fresh[column], row[column]):
        return {column: fresh[column]}
    # A guard that compares with <> lets pass what was NULL: that one is tried always, not now and then.
    filled = row[column] is None and column not in subject.pools.unique_columns(table)
    return {column: sample(table.column(column), 1)[0]} if filled else None


def emptied(subject: Subject, row: Values, column: str) -> NewRow | None:
    """A change of a column to NULL that keeps all rules; None if there is none."""
    to_null: NewRow = {column: None}
    if subject.table.column(column).not_null or row[column] is None:
        return None
    pools = subject.pools.of_changed_rows(subject.table)
    return to_null if all(pool.allows({**row, **to_null}) for pool in pools if column in pool.columns) else None


def new_parent(subject: Subject, draft: Draft, row: Values, column: str) -> NewRow:
    """The column of a foreign key led to a parent that is inserted for it.

    The key's other columns stay, unless they already say which parent it is.
    """
    key = max((key for key in subject.table.foreign_keys if column in key.columns), key=lambda key: len(key.columns))
    pairs = dict(key.pairs)
    kept = {pairs[name]: row[name] for name in key.columns if name != column and row[name] is not None}
    unique = subject.catalog.table(key.references).unique_keys
    if any(index.columns and set(index.columns) <= set(kept) for index in unique):
        kept = {}
    parent = draft.insert(key.references, kept)
    return {name: parent[pairs[name]] for name in key.columns if pairs[name] not in kept}


def present(table: Table, pools: Iterable[Pool]) -> tuple[str, ...]:
    """The columns of foreign keys that lead somewhere in a row of these pools: as many as the rules let."""
    found: list[str] = []
    places = {column: pool for pool in pools for column in pool.columns}
    for column in sorted(table.foreign_columns):
        pool = places.get(column)
        expected = [place for place, name in enumerate(pool.columns) if name in (*found, column)] if pool else []
        if pool is None or any(all(row[place] is not None for place in expected) for row in pool.rows):
            found.append(column)
    return tuple(found)


def upsert(table: Table, row: Values, changes: Values) -> Execute | None:
    """The same change by INSERT … ON CONFLICT DO UPDATE; None if no unique key is left that names the row."""
    for key in sorted(table.unique_keys, key=lambda key: not key.primary):
        deferrable = key.constraint is not None and table.constraint(key.constraint).deferrable
        plain = key.whole and key.valid and not deferrable
        named = all(column not in changes and row.get(column) is not None for column in key.columns)
        if plain and named and changes:
            insert = Insert(table.name, {**row, **changes}).sql
            columns = ", ".join(map(identifier, key.columns))
            taken = ", ".join(f"{identifier(column)} = excluded.{identifier(column)}" for column in changes)
            return Execute(f"{insert} on conflict ({columns}) do update set {taken}")
    return None


def as_it_was(subject: Subject, row: Values, without: Iterable[str] = ()) -> str:
    """An SQL condition: the row has the values that it had in all columns but those, as far as they can be compared."""
    skipped = {*without, *subject.rewritten}
    uncomparable = ("json", "xml", "point")
    kept = [column.name for column in subject.table.columns if column.base_name not in uncomparable]
    return condition({name: row[name] for name in kept if name in row and name not in skipped})


DEEPER = """\
create temporary table harness_deeper (statement text);
create function pg_temp.harness_deeper() returns trigger language plpgsql
as $$ begin execute new.statement; return null; end $$;
create trigger harness_deeper after insert on harness_deeper
for each row execute function pg_temp.harness_deeper();
"""
"""What :func:`deeper` takes to stand before it."""


def deeper(statement: Statement) -> Execute:
    """The same statement from within a trigger: a guard that asks pg_trigger_depth() takes it for a cascade."""
    return Execute(f"insert into pg_temp.harness_deeper values ({literal(statement.sql)})")


def _cheapest(
    subject: Subject, draft: Draft, row: Values, column: str, fits: Callable[[str | None], bool]
) -> NewRow | None:
    """Of the combinations in which the column has a value that fits, one that changes the fewest columns."""
    foreign = subject.table.foreign_columns
    for pool in subject.pools.of_changed_rows(subject.table):
        if column not in pool.columns:
            continue
        options: list[NewRow] = []
        for entry in pool.rows:
            values = dict(zip(pool.columns, entry, strict=True))
            if fits(values[column]):
                # Whichever parent a reference has, it may keep.
                kept = [name for name in foreign if name != column and None not in (row[name], values.get(name))]
                options.append(
                    {name: value for name, value in values.items() if value != row[name] and name not in kept}
                )
        fewest = min(map(len, options), default=0)
        if fewest:
            chosen = draft.choose([option for option in options if len(option) == fewest])
            led = {name for name, value in chosen.items() if value is not None and name in foreign}
            changed = {name: value for name, value in chosen.items() if name not in led}
            for name in sorted(led):
                changed |= new_parent(subject, draft, row, name)
            return changed
    return None
