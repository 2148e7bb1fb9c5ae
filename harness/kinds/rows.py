"""rows"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import ProjectError
from harness.kinds.base import Draft, Fact, Kind, ScenarioStrategy, Subject, TableName
from harness.probes import Accepted, Probe, claim_variables
from harness.project import sql
from harness.project.keys import (
    FrozenDict,
    Reader,
    any_value,
    boolean,
    expression,
    key,
    listed,
    mapping,
    name,
    one_of,
    section,
    several,
    table,
    table_columns,
)
from harness.project.nodes import ListNode, Node, as_mapping, as_scalar, expected
from harness.solver.row_hints import LogicalReference, RowHints


def _value(node: Node) -> str | None:
    """Reads a text; ``null`` without quotes is NULL."""
    scalar = as_scalar(node, "a value")
    return None if scalar.text in ("null", "~") and not scalar.quoted else scalar.text


def _reference(node: Node) -> tuple[TableName, tuple[str, ...]]:
    found: tuple[TableName, tuple[str, ...]] = table_columns.read(node)
    if len(found[1]) != 1:
        raise expected("schema.table (column)", node)
    return found


_VALUE: Reader[str | None] = Reader("a value", _value, {"type": ["string", "number", "boolean", "null"]})
_ROW: Reader[FrozenDict[str | None]] = mapping(_VALUE)


def _required(node: Node) -> tuple[tuple[TableName, FrozenDict[str | None]], ...]:
    """Reads tables, each with a row or a list of rows."""
    return tuple(
        (table.read(name), row)
        for name, rows in as_mapping(node, "a mapping of tables").entries
        for row in several(_ROW).read(rows)
    )


@dataclass(frozen=True)
class _ColumnHint:
    sql: str | None = key(expression, "an expression that yields the value, or several", default=None)
    references: tuple[TableName, tuple[str, ...]] | None = key(
        Reader("schema.table (column)", _reference, {"type": "string"}),
        "the column of another table that it leads to, where no foreign key says so",
        default=None,
    )
    not_null: bool = key(boolean, "whether it has to be there though it may be NULL", default=False)
    parent: FrozenDict[str | None] = key(
        _ROW, "values of the row that it leads to, by foreign key or by `references`", default=FrozenDict({})
    )


def _others(node: Node) -> tuple[FrozenDict[str], ...]:
    """Reads the other rows of a group, each with expressions for some columns."""
    found = several(mapping(expression), distinct=False).read(node)
    for row, written in zip(found, node.items if isinstance(node, ListNode) else (node,), strict=True):
        for column, text in row.items():
            named = sql.columns(text)
            if named:
                place = as_mapping(written).get(column) or written
                raise ProjectError(f"the row's own columns are written ${named[0]}, not {named[0]}", place=place.place)
    return found


_COLUMN_HINT: Reader[Any] = one_of(listed(_VALUE), section(_ColumnHint, "rows"))
_REQUIRED: Reader[Any] = Reader("a mapping of tables", _required, mapping(several(_ROW)).schema())


@dataclass(frozen=True)
class RowsKind(Kind):
    """Rows of the table can be made, with hints that the rules of the database do not give.

    ```yaml
    - rows:
        marc: ['<record/>', '<record><a/></record>']     # the values that a function takes
        due: {sql: now() + interval '1 day'}             # an expression
        copy: {references: asset.copy (id)}              # a trigger wants it to lead there
        release: {parent: {status: open}}                # the row that a foreign key leads to
        author: {not_null: true}                         # a trigger wants it, though the column may be NULL
      requires_first:
        music.link_type: {id: 14}                        # a row that a trigger counts on
      requires:
        staff.groups: {org: $org, role: admin}           # a row of the same organisation that a trigger looks for
        music.tracks: {release: $id}                     # it refers to the row: one statement inserts both
      same_ancestors: true                               # what it refers to has one ancestor in each table
      created_by_trigger: true                           # a trigger of a row that it refers to makes the row
      bypass_triggers: true                              # what triggers of those leave behind is in its way
      trigger_creates: [media.items]                     # its own trigger makes the row that it refers to
      together: [{amount: -$amount}]                     # a row comes with another one, or not at all
      as: clerk                                          # the role that writes it
      claims: {app.user: $author}                        # a trigger reads who writes it from a setting
    ```

    Proven: a row that is made with these hints is accepted, after its parents.

    Generated rows keep all declared rules and those of the catalog. A trigger, or a function that a CHECK calls, may
    need more of a row: it can be said here, and `harness adopt` finds most of it by trying. Hints narrow the values
    that rows are made of, not the values that are tried: values that a rule has to refuse are tried as before. Values
    are texts as PostgreSQL reads them; `null` without quotes is NULL.

    Some rows are only valid `together`, such as lines of a ledger, or shares whose sum is 100. `together` lists the
    other rows of a group. Each has SQL expressions for the columns in which it differs; `$column` is the value of the
    first row. All other columns are the same, except keys. A column that is said to be the same, `{project_id:
    $project_id}`, has one value in a group and another in each other group: say it if two groups conflict, and for the
    columns of a key that are the same. A group is inserted, changed and deleted by one statement: a check that tries
    something with a row does it with the others as well, unless their rules refuse it. A `query` is also asked after
    writes of one row alone.

    Where a default, a trigger or a CHECK asks who writes the row, say it: each row is written by the role `as` and with
    the settings `claims`, wherever a check needs one. Probes of the connection's user are tried with them, too; a check
    that asks as a role of its own keeps to its own claims.
    """

    every_row = True

    rows: FrozenDict[Any] = key(mapping(_COLUMN_HINT), "what columns can be: values, an expression, a reference")
    requires_first: tuple[tuple[TableName, FrozenDict[str | None]], ...] = key(
        _REQUIRED,
        "rows of other tables that stand before any of this one",
        default=(),
        formerly="before",
    )
    requires: tuple[tuple[TableName, FrozenDict[str | None]], ...] = key(
        _REQUIRED,
        "rows of other tables that stand before each of this one, or come with it if they refer to it; `$column` is the"
        " row's own value",
        default=(),
        formerly="beside",
    )
    same_ancestors: bool = key(
        boolean, "whether what it refers to has one ancestor in each table", default=False, formerly="related"
    )
    created_by_trigger: bool = key(
        boolean,
        "whether a trigger of a row that it refers to makes the row; to get round it takes a superuser",
        default=False,
        formerly="made",
    )
    bypass_triggers: bool = key(
        boolean,
        "whether the rows it refers to are put there past their triggers, which takes a superuser",
        default=False,
        formerly="past_triggers",
    )
    trigger_creates: tuple[TableName, ...] = key(
        several(table),
        "tables in which a trigger of this one makes the row that it refers to",
        default=(),
        formerly="makes",
    )

    together: tuple[FrozenDict[str], ...] = key(
        Reader("a mapping or a list of them", _others, several(mapping(expression), distinct=False).schema()),
        "the other rows that come with each, where rows are only valid together: expressions for their columns;"
        " `$column` is the row's own value",
        default=(),
    )
    as_: str | None = key(
        name, "the role that writes each row in place of the connection's user, or `$owner`", default=None
    )
    claims: FrozenDict[Any] = key(
        mapping(any_value),
        "settings that say who writes each row; a mapping becomes a JSON text, and `$column` is the row's own value",
        default=FrozenDict({}),
    )

    @property
    def subject(self) -> str:
        return ""

    def roles(self) -> tuple[str, ...]:
        return (self.as_,) if self.as_ not in (None, "$owner") else ()

    def facts(self, subject: Subject) -> Iterator[Fact]:
        yield from subject.missing_roles(*self.roles())

    def row_hints(self) -> RowHints:
        hints: Mapping[str, _ColumnHint]
        hints = {name: hint for name, hint in self.rows.items() if isinstance(hint, _ColumnHint)}
        return RowHints(
            values={name: hint for name, hint in self.rows.items() if isinstance(hint, tuple)},
            expressions={name: hint.sql for name, hint in hints.items() if hint.sql is not None},
            leads={
                name: LogicalReference(hint.references[0], hint.references[1][0])
                for name, hint in hints.items()
                if hint.references is not None
            },
            parents={name: hint.parent for name, hint in hints.items() if hint.parent},
            requires_first=self.requires_first,
            bypass_triggers=self.bypass_triggers,
            created_by_trigger=self.created_by_trigger,
            requires=self.requires,
            same_ancestors=self.same_ancestors,
            together=self.together,
            trigger_creates=self.trigger_creates,
            present=tuple(name for name, hint in hints.items() if hint.not_null),
            as_=self.as_,
            claims=self.claims,
        )

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        of_others = (
            name for row in self.together for each, text in row.items() for name in (each, *sql.variables(text))
        )
        for column in (*self.rows, *of_others, *claim_variables(self.claims)):
            subject.table.column(column)

        def build(draft: Draft) -> Iterator[Probe]:
            yield Probe(
                draft.insert_statement(subject.table.name), Accepted(1), "a row accepted", "a row that was made"
            )

        return subject.probes(build)
