"""Updates of a row that the rules accept: of each column with as few others as possible, and of all columns."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog.model import Column
from harness.generation.draft import Draft
from harness.kinds.base import Subject
from harness.kinds.toolkit.changes import change_of, change_to, change_to_null, differs, pools_of
from harness.project import sql
from harness.project.model import NewRow, Values
from harness.values.candidates import sample

OPTIONS = 6
"""Values that are tried of a column that rules name: one of them may be a state that the column can move to."""

SAMPLE = 3


def updatable(subject: Subject) -> list[str]:
    """Returns the columns that an update may set, those of keys and references last."""
    table = subject.table
    found = [each for each in table.columns if _why_not(subject, each) is None and each.name not in subject.rewritten]
    # Texts first: a report that names one is the easiest to read.
    found.sort(key=lambda each: (each.name in table.key_columns, each.base_name != "text", each.is_json))
    return [each.name for each in found]


def why_none(subject: Subject) -> str:
    """Returns the sentence for a table in which an update may set no column."""
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
    """Yields changes of each column that keep all rules, and one of ``all columns``, each with the column's name.

    ``fresh`` is another row that values come from. Parents that a change refers to are inserted into the draft.
    """
    allowed = updatable(subject)
    seen: list[NewRow] = []
    for column in allowed:
        for found in _options(subject, draft, row, column, fresh):
            if found and found not in seen and {*found} <= {*allowed}:
                seen.append(found)
                yield column, found
    table = subject.table
    every = {
        name: fresh[name] for name in allowed if name in fresh and differs(table.column(name), fresh[name], row[name])
    }
    if len(every) > 1 and every not in seen:
        yield "all columns", every


def defaults(subject: Subject) -> NewRow:
    """Returns the values that an INSERT leaves in columns which it need not name: constant defaults and NULL.

    Columns of references, and columns whose defaults together break a rule, are left out.
    """
    table = subject.table
    found: NewRow = {}
    for column in table.columns:
        if column.name in table.foreign_columns or not column.is_supplied or column.identity:
            continue
        if column.default is None and not column.not_null:
            found[column.name] = None
        elif column.default is not None and not sql.calls(column.default):
            found[column.name] = subject.oracle.scalar(table, column.default)
    for pool in subject.pools.of(table):
        own = tuple(found.get(name, "") for name in pool.columns)
        if not {*pool.columns} <= found.keys() or own not in pool.rows:
            found = {name: value for name, value in found.items() if name not in pool.columns}
    return {
        name: value for name, value in found.items() if value is None or name not in subject.pools.unique_columns(table)
    }


def _options(subject: Subject, draft: Draft, row: Values, column: str, fresh: Values) -> Iterator[NewRow]:
    table = subject.table
    definition = table.column(column)
    for pool in pools_of(subject, table, column) if column not in table.foreign_columns else ():
        place = pool.columns.index(column)
        values = dict.fromkeys(each[place] for each in pool.rows)
        others = [value for value in values if differs(definition, value, row[column])]
        yield from (change_to(subject, draft, row, column, value) for value in draft.sample(others, OPTIONS))
        return
    options = (fresh.get(column), *sample(definition, SAMPLE)) if column not in table.foreign_columns else ()
    plain = next((value for value in options if differs(definition, value, row[column])), None)
    found = change_of(subject, draft, row, column, fresh) if plain is None else {column: plain}
    yield from filter(None, (found, change_to_null(subject, row, column)))
