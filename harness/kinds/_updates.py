"""What an update of a row may set: each column, with as few others as rules tie to it, and all of them at once."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog.model import Column
from harness.generation.draft import Draft
from harness.kinds._changes import differs
from harness.kinds._roads import change, emptied, move
from harness.kinds.base import Subject
from harness.project import sql
from harness.project.model import NewRow, Values
from harness.values.candidates import sample

OPTIONS = 6
"""Values that are tried of a column that rules speak of: one of them may be a state that it can move to."""

SAMPLE = 3


def updatable(subject: Subject) -> list[str]:
    """The columns that an update may set, first those that no key and no reference has a part in."""
    table = subject.table
    found = [each for each in table.columns if _why_not(subject, each) is None and each.name not in subject.rewritten]
    # Texts first: a report that names one is the easiest to read.
    found.sort(key=lambda each: (each.name in table.key_columns, each.base_name != "text", each.is_json))
    return [each.name for each in found]


def why_none(subject: Subject) -> str:
    """The sentence for a table of which an update may set no column."""
    named = ((each.name, _why_not(subject, each)) for each in subject.table.columns)
    reasons = ", ".join(f"{name} is {why}" for name, why in named if why)
    return f"{subject.table.name} has no column that an update could change" + (f": {reasons}" if reasons else "")


def _why_not(subject: Subject, column: Column) -> str | None:
    if not column.is_supplied:
        return "generated"
    if column.identity == "a":
        return "always generated as identity"
    return "immutable" if column.name in subject.frozen else None


def updates(subject: Subject, draft: Draft, row: Values, fresh: Values) -> Iterator[tuple[str, NewRow]]:
    """For each column changes that keep all rules, and last of ``all columns``; ``fresh`` is another row.

    Parents that changes lead to are inserted.
    """
    open_ = updatable(subject)
    seen: list[NewRow] = []
    for column in open_:
        for found in _options(subject, draft, row, column, fresh):
            if found and found not in seen and {*found} <= {*open_}:
                seen.append(found)
                yield column, found
    table = subject.table
    every = {
        name: fresh[name] for name in open_ if name in fresh and differs(table.column(name), fresh[name], row[name])
    }
    if len(every) > 1 and every not in seen:
        yield "all columns", every


def ordinary(subject: Subject) -> NewRow:
    """What an INSERT leaves in the columns that it need not name, as far as no rule and no reference has its say."""
    table = subject.table
    bare: NewRow = {}
    for column in table.columns:
        if column.name in table.foreign_columns or not column.is_supplied or column.identity:
            continue
        if column.default is None and not column.not_null:
            bare[column.name] = None
        elif column.default is not None and not sql.calls(column.default):
            bare[column.name] = subject.oracle.scalar(table, column.default)
    for pool in subject.pools.of(table):
        own = tuple(bare.get(name, "") for name in pool.columns)
        if not {*pool.columns} <= bare.keys() or own not in pool.rows:
            bare = {name: value for name, value in bare.items() if name not in pool.columns}
    return {
        name: value for name, value in bare.items() if value is None or name not in subject.pools.unique_columns(table)
    }


def _options(subject: Subject, draft: Draft, row: Values, column: str, fresh: Values) -> Iterator[NewRow]:
    table = subject.table
    definition = table.column(column)
    pool = next((pool for pool in subject.pools.of_changed_rows(table) if column in pool.columns), None)
    if pool is not None and column not in table.foreign_columns:
        place = pool.columns.index(column)
        values = dict.fromkeys(each[place] for each in pool.rows)
        others = [value for value in values if differs(definition, value, row[column])]
        yield from (move(subject, draft, row, column, value) for value in draft.sample(others, OPTIONS))
        return
    options = (fresh.get(column), *sample(definition, SAMPLE)) if column not in table.foreign_columns else ()
    plain = next((value for value in options if differs(definition, value, row[column])), None)
    found: NewRow | None = {column: plain}
    if plain is None:
        found = change(subject, draft, row, column, fresh)
    for each in (found, emptied(subject, row, column)):
        if each:
            yield each
