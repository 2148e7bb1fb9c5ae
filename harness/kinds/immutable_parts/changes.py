"""Changes of a row that are to be refused, by statements, by triggers and from above; allowed changes.

Decides which deletions of ancestors would change the row, and the state that an excepted one leaves.
Not here: whether the roles reach the row (``kinds/row_access/acting_roles.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.kinds.base import Draft, Subject, TableName, Values, condition, identifier, qualified
from harness.kinds.toolkit.ancestors import Ancestor, ancestors
from harness.kinds.toolkit.changes import change_of, change_to_null, differs, is_unchanged
from harness.kinds.toolkit.statements import upserts, within_a_trigger
from harness.probes import Accepted, Execute, NoRowChanged, Postcondition, Probe, Refused, SqlStatement, Update
from harness.project.keys import key, names, table

ROWS, TRUNCATE = "rows", "truncate"


@dataclass(frozen=True)
class ChangeFromAbove:
    """A change that a deletion brings and that passes: ``{on_delete: auth.users, sets_null: [user_id]}``."""

    on_delete: TableName = key(table, "the table whose row is deleted")
    sets_null: tuple[str, ...] = key(
        names, "the columns that this sets to NULL, and nothing else; without it the row goes as well", default=()
    )


@dataclass(frozen=True)
class Change:
    """A change that is to be refused; a role cannot make those that the tool makes ``by_trigger``."""

    aspect: str
    value: str
    statement: SqlStatement
    by_trigger: bool = False


@dataclass(frozen=True)
class Changes:
    """Changes of rows: ``immutable`` are the columns that do not change, or ``rows``, or ``truncate``.

    ``excepted`` are the changes from above that are allowed, ``same`` says whether an update that changes nothing is
    ``free`` or ``refused``.
    """

    subject: Subject
    draft: Draft
    immutable: tuple[str, ...]
    excepted: tuple[ChangeFromAbove, ...]
    same: str

    @property
    def _rows(self) -> bool:
        return self.immutable == (ROWS,)

    @property
    def _truncate(self) -> bool:
        return self.immutable == (TRUNCATE,)

    @property
    def _columns(self) -> list[str]:
        """The columns that do not change and that a statement could set."""
        columns = (each for each in self.subject.table.columns if each.is_supplied and each.identity != "a")
        return [each.name for each in columns if self._rows or (each.name in self.immutable and not self._truncate)]

    def refused(self, row: Values, fresh: Values, free: Values | None) -> Iterator[Change]:
        """Yields all changes of a row that are refused; ``free`` is a row that may change, if there is one."""
        table = self.subject.table
        columns = self._columns
        excepted = {column for each in self.excepted for column in each.sets_null}  # tried below, by hand
        # Drawn before all else: a change may insert a parent.
        changes = [(column, change_of(self.subject, self.draft, row, column, fresh)) for column in columns]
        for column, changed in changes:
            if changed and self.subject.may_update(changed):
                update = self.subject.update(row, changed)
                yield Change("update", f"{column} changed", update)
                for by_upsert in upserts(table, row, changed):
                    yield Change("upsert", f"{column} changed by an upsert", by_upsert)
                nested = within_a_trigger(update)
                yield Change("update by a trigger", f"{column} changed by a trigger", nested, by_trigger=True)
            nulled = change_to_null(self.subject, row, column)
            if nulled and column not in excepted and self.subject.may_update(nulled):
                yield Change("update", f"{column} set to null", self.subject.update(row, nulled))
        if columns and free is not None:
            yield from self._leaving_when(row, free)
        if columns and self.same == "refused":
            yield Change("update of nothing", "an update that changes nothing", self._no_change(row))
        if self._rows:
            delete = self.subject.delete(row)
            yield Change("delete", "delete", delete)
            yield Change("delete by a trigger", "delete by a trigger", within_a_trigger(delete), by_trigger=True)
        if self._rows or self._truncate:
            yield Change("truncate", "truncate", Execute(f"truncate {qualified(table.name)} cascade"))
        for nulls in (dict.fromkeys(each.sets_null) for each in self.excepted):
            if any(row[column] is not None for column in nulls):
                what = f"{', '.join(nulls)} set to null by"
                by_hand = self.subject.update(row, nulls)
                yield Change("the passage by hand", f"{what} hand", by_hand)
                nested = within_a_trigger(by_hand)
                yield Change("the passage by a trigger", f"{what} a trigger", nested, by_trigger=True)

    def _leaving_when(self, row: Values, free: Values) -> Iterator[Change]:
        """Yields a change after which ``when`` is no longer true: the row before it decides."""
        table = self.subject.table
        unique = {column for index in table.unique_keys for column in index.columns}
        changed = {
            column.name: free[column.name]
            for column in table.columns
            if column.name not in unique and column.is_supplied and not column.identity
            if differs(column, free[column.name], row[column.name])
        }
        if set(changed) & set(self._columns):
            yield Change("update", "a change that leaves when", self.subject.update(row, changed))

    def _no_change(self, row: Values) -> Update:
        return self.subject.update(row, {column: row[column] for column in self._columns})

    def allowed(self, row: Values, fresh: Values) -> Iterator[Probe]:
        """Yields changes of a row that are allowed: of other columns, and of nothing."""
        if self._truncate:
            return
        if self.same == "free":
            yield Probe(self._no_change(row), Accepted(1), "update of nothing", "an update that changes nothing")
        if not self._rows:
            others = [column.name for column in self.subject.table.columns if column.name not in self.immutable]
            yield from self._plain(row, fresh, others, "other columns")

    def outside_when(self, row: Values, fresh: Values) -> Iterator[Probe]:
        """Yields changes of a row for which ``when`` is not true: they are allowed."""
        if not self._truncate:
            yield from self._plain(row, fresh, self._columns, "outside of when")
        if self._rows:
            delete = self.subject.delete(row)
            yield Probe(delete, Accepted(1), "delete outside of when", "delete outside of when", required=False)

    def _plain(self, row: Values, fresh: Values, columns: Sequence[str], where: str) -> Iterator[Probe]:
        """Yields accepted changes of columns outside keys and references."""
        table = self.subject.table
        bound = table.key_columns | self.subject.rewritten
        for column in columns:
            if column in bound or not table.column(column).is_supplied or table.column(column).identity:
                continue
            changed = change_of(self.subject, self.draft, row, column, fresh)
            if changed and all(name in columns and name not in bound for name in changed):
                update = self.subject.update(row, changed)
                yield Probe(update, Accepted(1), f"update, {where}", f"{column} changed, {where}", required=False)

    def from_above(self, row: Values, refused: Refused) -> Iterator[Probe]:
        """Yields deletions of ancestors: the row does not change and keeps them, or changes as excepted."""
        excepted = {each.on_delete: each for each in self.excepted}
        # A trigger of another table, or a foreign key, may refuse first.
        states = (*refused.sqlstates, "23503", "23001", "23502")
        for above in ancestors(self.subject, self.draft, row):
            name = above.table.name
            delete = self.subject.delete(above.row, above.table)
            passed = [key_.references for key_ in above.path if key_.references in excepted]
            if not self._truncate and passed == [name] and len(above.path) == 1:
                then = self._after(row, excepted[name])
                yield Probe(delete, Accepted(1), f"its {name} may go", f"delete of its {name}", then=then)
            elif not passed and above.reaches_row and self._would_change(above):
                yield Probe(delete, NoRowChanged(states), f"its {name} goes", f"delete of its {name}", required=False)
            if self._rows or self._truncate:
                truncate = Execute(f"truncate {qualified(name)} cascade")
                value = f"truncate of {name}, cascading"
                yield Probe(truncate, Refused(refused.sqlstates), "truncate from above", value, required=False)

    def _would_change(self, above: Ancestor) -> bool:
        """Whether the deletion of an ancestor would change what does not change."""
        key_ = above.path[0]
        return self._rows or (key_.on_delete != "cascade" and bool(set(key_.cleared) & set(self.immutable)))

    def _after(self, row: Values, excepted: ChangeFromAbove) -> Postcondition:
        """Returns the state of a row after an excepted deletion: deleted, or unchanged but for columns set to NULL."""
        found = "select case count(*) when {} then '{}' else '{}' end from"
        found += f" {qualified(self.subject.table.name)} where {{}}"
        if not excepted.sets_null:
            gone = found.format(0, "gone", "still there", condition(self.subject.key(row)))
            return Postcondition(gone, "gone", "the row is")
        nulls = (f"{identifier(column)} is null" for column in excepted.sets_null)
        expected = f"as it was without {', '.join(excepted.sets_null)}"
        still = " and ".join([is_unchanged(self.subject, row, excepted.sets_null), *nulls])
        return Postcondition(found.format(1, expected, "another or gone", still), expected, "the row is")
