"""immutable"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hypothesis import strategies as st

from harness.catalog.model import Missing, Table
from harness.catalog.roles import SILENCING
from harness.generation.draft import Draft
from harness.kinds._above import Ancestor, ancestors
from harness.kinds._changes import differs
from harness.kinds._refused_by import REFUSED_BY, RefusedBy, unnoticed
from harness.kinds._roads import DEEPER, as_it_was, change, deeper, emptied, present, upsert
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.kinds.owners.askers import (
    Asker,
    as_key,
    askers,
    check_keys,
    claims_key,
    drawn_for,
    out_of_reach,
    sees_key,
    variables_key,
)
from harness.probes import (
    Accepted,
    Delete,
    Execute,
    Insert,
    Postcondition,
    Probe,
    Refused,
    Scenario,
    Statement,
    Untouched,
    Update,
)
from harness.probes.statement import condition, identifier, qualified
from harness.probes.verdict import LACKING
from harness.project import keys
from harness.project.keys import FrozenDict, boolean, choice, key, names, predicate, section, several
from harness.project.model import NewRow, TableName, Values
from harness.solver.rules import Rule

ROWS, TRUNCATE = "rows", "truncate"


@dataclass(frozen=True)
class ChangeFromAbove:
    """A change that a deletion brings and that passes: ``{on_delete: auth.users, sets_null: [user_id]}``."""

    on_delete: TableName = key(keys.table, "the table whose row is deleted")
    sets_null: tuple[str, ...] = key(
        names, "the columns that this sets to NULL, and nothing else; without it the row goes as well", default=()
    )


@dataclass(frozen=True)
class ImmutableKind(Kind):
    """Rows, or some of their columns, that nobody changes any more.

    ```yaml
    - immutable: rows                     # append-only: no update, no delete, no truncate
      roles: [authenticated, service_role, $owner]
      refused_by: {trigger: [audit_logs_append_only, audit_logs_no_truncate]}
      except: {on_delete: auth.users, sets_null: [user_id]}
    - immutable: rows                     # a decision that stays, and goes with its case
      when: status <> 'pending'
      unchanged: free
      refused_by: {trigger: [reviews_resolved, reviews_no_truncate]}
      except: {on_delete: shop.cases}
    - immutable: [created_by, created_at]
      refused_by: {trigger: orders_keep_origin}
    - immutable: truncate                 # TRUNCATE alone
      refused_by: {trigger: orders_no_truncate}
    ```

    Proven for the user of the connection and for each of `roles` (`$owner` is the table's owner): an update of each
    column (of those listed, or of all with `rows`), from NULL and to NULL too, also by an upsert and from within a
    trigger, is refused as `refused_by` says; so are, with `rows`, a delete, a TRUNCATE, and what a parent's end would
    do to the row, up the whole chain. A role may also lack the privilege, or be refused by a policy (42501), on a row
    that it reaches with `claims`; a write that ends with 0 rows shows nothing, unless the role sees the row and
    `silently: true` says that policies hide it from the write. With `as` these roles alone are tried. With
    `sqlstate: "42501"` it is a matter of privileges, and only the roles are tried. With `when` all this holds for the
    rows for which that is true; the others stay free. Columns that are not listed stay free, and a row can be
    inserted. `except` names the parents that may go: each sets to NULL what it says or takes the row with it, and the
    same change by hand is refused. An update that changes nothing is refused with `rows`, and free with columns,
    unless `unchanged` says otherwise. `always: true` proves it with `session_replication_role` at `replica` too, where
    only ENABLE ALWAYS triggers fire.
    """

    about_triggers: ClassVar = True

    immutable: tuple[str, ...] = key(names, "`rows`, `truncate`, or the columns that never change")
    refused_by: RefusedBy = key(REFUSED_BY, "how a change is refused")
    when: str | None = key(predicate, "the rows it holds for, as an SQL predicate", default=None)
    roles_: tuple[str, ...] = key(names, "roles for which it is tried besides, `$owner` among them", default=())
    except_: tuple[ChangeFromAbove, ...] = key(
        several(section(ChangeFromAbove, "except")), "the changes from above that pass", default=()
    )
    unchanged: str | None = key(
        choice("free", "refused"), "what becomes of an update that changes nothing", default=None
    )
    always: bool = key(boolean, "whether it holds where ordinary triggers do not fire", default=False)
    as_: tuple[str, ...] = as_key()
    claims: FrozenDict[Any] | None = claims_key()
    variables: FrozenDict[str] | None = variables_key()
    sees: str | None = sees_key()

    def __post_init__(self) -> None:
        check_keys(self, also=self.roles_)

    @property
    def subject(self) -> str:
        return self.refused_by.name or "_".join(self.immutable)

    @property
    def _whole(self) -> bool:
        return self.immutable == (ROWS,)

    @property
    def _by_privileges(self) -> bool:
        return self.refused_by.sqlstate == "42501"

    @property
    def _unchanged(self) -> str:
        return self.unchanged or ("refused" if self._whole else "free")

    def roles(self) -> tuple[str, ...]:
        return tuple(role for role in (*self.roles_, *self.as_) if role != "$owner")

    def rules(self) -> tuple[Rule, ...]:
        # What other checks try on a row they try while it may still change.
        return (Rule(f"({self.when}) is not true", on_insert_only=True),) if self.when else ()

    def bars(self, probe: Probe) -> bool:
        columns = probe.statement.set if isinstance(probe.statement, Update) else {}
        return self.when is None and bool(columns) and (self._whole or not {*columns}.isdisjoint(self.immutable))

    def frozen(self, table: Table) -> tuple[str, ...]:
        if self.when is not None or self._by_privileges or self.as_:
            return ()
        return tuple(column.name for column in table.columns if self._whole or column.name in self.immutable)

    def refusals(self, table: TableName) -> tuple[Refused, ...]:
        return (self.refused_by.anywhere(),)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        table = subject.table
        for column in () if self.immutable in ((ROWS,), (TRUNCATE,)) else self.immutable:
            table.column(column)
        yield from self.refused_by.facts(subject)
        for role in self.roles():
            if not subject.roles.exists(role):
                yield Fact(f"role {role} exists", f"no role {role}")
        parents = [str(foreign.references) for foreign in table.foreign_keys]
        for passage in self.except_:
            if str(passage.on_delete) not in parents:
                raise Missing(f"foreign key of {table.name} to", str(passage.on_delete), parents)

    def scenarios(self, subject: Subject) -> st.SearchStrategy[Scenario]:
        if (self.when or self.always) and not subject.roles.silent:
            raise Unreliable(f"it takes triggers switched off, which takes {SILENCING}")
        table, refused = subject.table, self.refused_by.by(subject.table)
        actors = [] if self._by_privileges or self.as_ else list(self._actors(refused))
        asking = [each for each in askers(self, subject, (*self.roles_, *self.as_)) if self._is_another(subject, each)]
        away = [out_of_reach(subject, asker.role) for asker in asking]
        if away and all(away):
            raise Unreliable(str(away[0]))
        if not actors and not asking:
            raise Unreliable("nobody is there to try it: with 42501 name the roles that lack the privilege")

        def build(draft: Draft) -> Scenario:
            row, free = self._rows(subject, draft, asking)
            fresh = draft.row(table.name, present=present(table, subject.pools.of(table)))
            probes = [Probe(Insert(table.name, fresh), Accepted(1), "insert", "a row")]
            attempts = list(self._attempts(subject, draft, row, fresh, free))
            for actor in actors:
                probes += [actor.tries(attempt) for attempt in attempts if not (attempt.by_trigger and actor.settings)]
            if not self._by_privileges and not self.as_:
                probes += self._free(subject, draft, row, fresh)
                probes += self._from_above(subject, draft, row, refused)
            if free is not None and not self.as_:
                probes += self._open(subject, draft, free, fresh)
            for asker in asking:
                probes += self._asked(subject, draft, asker, attempts, (row, free, fresh), refused)
            grown = [Insert(table.name, each) for each in (row, free) if each is not None and self.when]
            stands = (*draft.inserts, *(unnoticed(*grown) if grown else ()), Execute(DEEPER))
            return Scenario(stands, tuple(probes))

        return subject.scenarios(build)

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        for asker in askers(self, subject, (*self.roles_, *self.as_)):
            if (why := out_of_reach(subject, asker.role)) is not None:
                yield why

    def _actors(self, refused: Refused) -> Iterator[_Actor]:
        """The user of the connection, also where triggers are silenced."""
        yield _Actor("", {}, refused)
        if self.always:
            yield _Actor(" as a replica", {"session_replication_role": "replica"}, refused)

    def _is_another(self, subject: Subject, asker: Asker) -> bool:
        """Whether it is somebody else than the user of the connection, or is to be asked as well."""
        return asker.role != subject.roles.current or bool(self.as_)

    def _asked(
        self,
        subject: Subject,
        draft: Draft,
        asker: Asker,
        attempts: Sequence[_Attempt],
        rows: tuple[NewRow, NewRow | None, NewRow],
        refused: Refused,
    ) -> Iterator[Probe]:
        """What a role tries; and, of one that asks alone, what it may do all the same."""
        row, free, fresh = rows
        # Whether it is a trigger, a policy or the lack of a privilege that keeps it from the row it reaches.
        any_of = Refused(tuple(dict.fromkeys((*refused.sqlstates, LACKING))))
        mine = asker.of(draft, row)
        for attempt in attempts:
            if not attempt.by_trigger:
                probe = Probe(attempt.statement, any_of, attempt.aspect, attempt.value)
                yield from mine.tries(probe, self.refused_by.silently, stands=attempt.aspect != "truncate")
        if not self.as_:
            return
        for probe in () if self._by_privileges else self._free(subject, draft, row, fresh):
            yield from mine.tries(probe)
        if free is not None:
            mine = asker.of(draft, free)
            for probe in self._open(subject, draft, free, fresh):
                yield from mine.tries(probe)

    def _rows(self, subject: Subject, draft: Draft, asking: Sequence[Asker]) -> tuple[NewRow, NewRow | None]:
        """A row that does not change any more and, with ``when``, one that still may; each asker can reach them."""
        table = subject.table
        if self.when is None:
            fixed, there = drawn_for(asking, draft)
            return draft.insert(table.name, fixed, (*present(table, subject.pools.of(table)), *there)), None
        rows = []
        for also in ((f"({self.when}) is true",), (f"({self.when}) is not true",)):
            fixed, there = drawn_for(asking, draft)
            known = present(table, subject.pools.of_changed_rows(table, also=also))
            rows.append(draft.changed_row(table.name, fixed, (*known, *there), also))
        return rows[0], rows[1]

    def _attempts(
        self, subject: Subject, draft: Draft, row: Values, fresh: Values, free: Values | None
    ) -> Iterator[_Attempt]:
        """All that is refused, whoever tries it."""
        table, key_ = subject.table, subject.key(row)
        columns = [] if self.immutable == (TRUNCATE,) else list(self._columns(subject))
        passing = {column for passage in self.except_ for column in passage.sets_null}  # tried below, by hand
        changes = [(column, change(subject, draft, row, column, fresh)) for column in columns]
        for column, changed in changes:
            if changed and subject.may_update(changed):
                yield _Attempt("update", f"{column} changed", Update(table.name, key_, changed))
                by_upsert = upsert(table, row, changed)
                if by_upsert is not None:
                    yield _Attempt("upsert", f"{column} changed by an upsert", by_upsert)
                within = deeper(Update(table.name, key_, changed))
                yield _Attempt("update by a trigger", f"{column} changed by a trigger", within, True)
            nulled = emptied(subject, row, column)
            if nulled and column not in passing and subject.may_update(nulled):
                yield _Attempt("update", f"{column} set to null", Update(table.name, key_, nulled))
        if columns and free is not None:
            yield from self._leaving(subject, row, free)
        if columns and self._unchanged == "refused":
            yield _Attempt("update of nothing", "an update that changes nothing", self._same(subject, row))
        if self._whole:
            yield _Attempt("delete", "delete", Delete(table.name, key_))
            yield _Attempt("delete by a trigger", "delete by a trigger", deeper(Delete(table.name, key_)), True)
        if self._whole or self.immutable == (TRUNCATE,):
            yield _Attempt("truncate", "truncate", Execute(f"truncate {qualified(table.name)} cascade"))
        for passage in self.except_:
            nulls = dict.fromkeys(passage.sets_null)
            if any(row[column] is not None for column in nulls):
                what = f"{', '.join(nulls)} set to null by"
                by_hand = Update(table.name, key_, nulls)
                yield _Attempt("the passage by hand", f"{what} hand", by_hand)
                yield _Attempt("the passage by a trigger", f"{what} a trigger", deeper(by_hand), True)

    def _columns(self, subject: Subject) -> Iterator[str]:
        for column in subject.table.columns:
            if (self._whole or column.name in self.immutable) and column.is_supplied and column.identity != "a":
                yield column.name

    def _leaving(self, subject: Subject, row: Values, free: Values) -> Iterator[_Attempt]:
        """A change that takes the row out of ``when`` in the same statement: it is judged by what the row was."""
        table = subject.table
        unique = {column for index in table.unique_keys for column in index.columns}
        changed = {
            column.name: free[column.name]
            for column in table.columns
            if column.name not in unique and column.is_supplied and not column.identity
            if differs(column, free[column.name], row[column.name])
        }
        if set(changed) & set(self._columns(subject)):
            yield _Attempt("update", "a change that leaves when", Update(table.name, subject.key(row), changed))

    def _same(self, subject: Subject, row: Values) -> Update:
        same = {column: row[column] for column in self._columns(subject)}
        return Update(subject.table.name, subject.key(row), same)

    def _free(self, subject: Subject, draft: Draft, row: Values, fresh: Values) -> Iterator[Probe]:
        """What may be done to the row all the same."""
        if self.immutable == (TRUNCATE,):
            return
        if self._unchanged == "free":
            yield Probe(self._same(subject, row), Accepted(1), "update of nothing", "an update that changes nothing")
        if not self._whole:
            others = [column.name for column in subject.table.columns if column.name not in self.immutable]
            yield from self._changes(subject, draft, row, fresh, others, "other columns")

    def _open(self, subject: Subject, draft: Draft, row: Values, fresh: Values) -> Iterator[Probe]:
        """What may be done to a row that ``when`` does not speak of."""
        if self.immutable != (TRUNCATE,):
            yield from self._changes(subject, draft, row, fresh, list(self._columns(subject)), "outside of when")
        if self._whole:
            delete = Delete(subject.table.name, subject.key(row))
            yield Probe(delete, Accepted(1), "delete outside of when", "delete outside of when", required=False)

    def _changes(
        self, subject: Subject, draft: Draft, row: Values, fresh: Values, columns: list[str], where: str
    ) -> Iterator[Probe]:
        """Changes that are accepted, of columns that are no part of a key or a reference."""
        table = subject.table
        bound = table.key_columns | subject.rewritten
        for column in columns:
            if column in bound or not table.column(column).is_supplied or table.column(column).identity:
                continue
            changed = change(subject, draft, row, column, fresh)
            if changed and all(name in columns and name not in bound for name in changed):
                update = Update(table.name, subject.key(row), changed)
                yield Probe(update, Accepted(1), f"update, {where}", f"{column} changed, {where}", required=False)

    def _from_above(self, subject: Subject, draft: Draft, row: Values, refused: Refused) -> Iterator[Probe]:
        """A row above goes: this one stays what it is and keeps it there, or is left as ``except`` says."""
        passages = {passage.on_delete: passage for passage in self.except_}
        # A neighbour's guard, or its foreign key, may speak first.
        states = (*refused.sqlstates, "23503", "23001", "23502")
        for above in ancestors(subject, draft, row):
            delete = Delete(above.table.name, subject.key(above.row, above.table))
            passed = [key_.references for key_ in above.path if key_.references in passages]
            value = f"delete of its {above.table.name}"
            if self.immutable != (TRUNCATE,) and passed == [above.table.name] and len(above.path) == 1:
                then = self._left(subject, row, passages[above.table.name])
                yield Probe(delete, Accepted(1), f"its {above.table.name} may go", value, then=then)
            elif not passed and above.takes_along and self._reached(above):
                yield Probe(delete, Untouched(states), f"its {above.table.name} goes", value, required=False)
            if self._whole or self.immutable == (TRUNCATE,):
                truncate = Execute(f"truncate {qualified(above.table.name)} cascade")
                value = f"truncate of {above.table.name}, cascading"
                yield Probe(truncate, Refused(refused.sqlstates), "truncate from above", value, required=False)

    def _reached(self, above: Ancestor) -> bool:
        """Whether the end of a row above would change what does not change."""
        key_ = above.path[0]
        touched = key_.on_delete_columns or key_.columns
        return self._whole or (key_.on_delete != "cascade" and bool(set(touched) & set(self.immutable)))

    def _left(self, subject: Subject, row: Values, passage: ChangeFromAbove) -> Postcondition:
        """What has become of the row: all as it was but for the columns that lost their parent, or gone."""
        table = subject.table
        found = f"select case count(*) when {{}} then '{{}}' else '{{}}' end from {qualified(table.name)} where {{}}"
        if not passage.sets_null:
            gone = found.format(0, "gone", "still there", condition(subject.key(row)))
            return Postcondition(gone, "gone", "the row is")
        nulls = (f"{identifier(column)} is null" for column in passage.sets_null)
        expected = f"as it was without {', '.join(passage.sets_null)}"
        still = " and ".join([as_it_was(subject, row, passage.sets_null), *nulls])
        return Postcondition(found.format(1, expected, "another or gone", still), expected, "the row is")


@dataclass(frozen=True)
class _Attempt:
    """Something that is to be refused."""

    aspect: str
    value: str
    statement: Statement
    by_trigger: bool = False


@dataclass(frozen=True)
class _Actor:
    """Who tries it, in words and as settings of the session, and how it is refused."""

    words: str
    settings: Mapping[str, str]
    refused: Refused

    def tries(self, attempt: _Attempt) -> Probe:
        aspect, value = f"{attempt.aspect}{self.words}", f"{attempt.value}{self.words}"
        return Probe(attempt.statement, self.refused, aspect, value, self.settings)
