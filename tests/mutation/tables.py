"""Tables without one of their rules, or with one that is weaker or stricter than it was."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from harness.catalog import Catalog, Check, Constraint, Exclusion, ForeignKey, Index, PrimaryKey, Table, UniqueKey
from harness.probes.statement import identifier, literal, qualified

from .expressions import expressions
from .mutant import Mutant
from .sources import Enum
from .words import items, scanned, without


def mutants(catalog: Catalog, table: Table) -> Iterator[Mutant]:
    """All of a table but for who may do what."""
    yield from _constraints(table, "checks", table.checks)
    yield from _constraints(table, "exclusions", table.exclusions)
    yield from _keys(catalog, table)
    yield from _columns(table)
    yield from _indexes(table)
    yield from _comments(table)


def enums(catalog: Catalog, enum: Enum) -> Iterator[Mutant]:
    """An enum type that has another label in the place of one, or one more."""
    using = [table for table in catalog.tables.values() if any(column.type == enum.name for column in table.columns)]
    columns = [column.name for table in using for column in table.columns if column.type == enum.name]
    rules, tables = (enum.name, *columns), tuple(table.name for table in using)
    for label in enum.labels:
        sql = f"alter type {enum.name} rename value {literal(label)} to 'never'"
        yield Mutant("enums", f"{enum.name} without {label}", sql, rules, tables)
    sql = f"alter type {enum.name} add value 'never'"
    yield Mutant("enums", f"{enum.name} with one more", sql, rules, tables)


def _constraints(table: Table, group: str, constraints: Iterable[Constraint]) -> Iterator[Mutant]:
    name = qualified(table.name)
    for constraint in constraints:
        quoted = identifier(constraint.name)
        drop = f"alter table {name} drop constraint {quoted}"
        yield _mutant(group, table, f"without {constraint.name}", drop, constraint.name)
        others = [*expressions(constraint.definition), *_elements(constraint)]
        if isinstance(constraint, Check):
            others.append(("not valid", f"{constraint.definition} not valid"))
        for what, definition in others:
            sql = f"{drop}; alter table {name} add constraint {quoted} {definition}"
            yield _mutant(group, table, f"{constraint.name}: {what}", sql, constraint.name)


def _elements(constraint: Constraint) -> Iterator[tuple[str, str]]:
    """An exclusion constraint with an element less, and for all rows."""
    if not isinstance(constraint, Exclusion):
        return
    definition, words = constraint.definition, scanned(constraint.definition)
    listed = items(words, next(index for index, word in enumerate(words) if word.text == "("))
    for number, (first, last) in enumerate(listed if len(listed) > 1 else ()):
        start, end = without(listed, number)
        yield f"without {definition[first.start : last.end]}", definition[:start] + definition[end:]
    if constraint.definition.find(" WHERE ") > 0:
        yield "for all rows", definition[: definition.index(" WHERE ")]


def _keys(catalog: Catalog, table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    for key in (each for each in table.constraints if isinstance(each, PrimaryKey | UniqueKey)):
        drop = f"alter table {name} drop constraint {identifier(key.name)} cascade"
        yield _mutant("keys", table, f"without {key.name}", drop, key.name)
        kind = "primary key" if isinstance(key, PrimaryKey) else "unique"
        for columns in _other_columns(table, key):
            listed = ", ".join(map(identifier, columns))
            sql = f"{drop}; alter table {name} add constraint {identifier(key.name)} {kind} ({listed})"
            yield _mutant("keys", table, f"{key.name} on ({listed})", sql, key.name)
    for foreign in table.foreign_keys:
        yield from _foreign(catalog, table, foreign)


def _other_columns(table: Table, key: PrimaryKey | UniqueKey) -> Iterator[tuple[str, ...]]:
    """A column less, a column more."""
    if len(key.columns) > 1:
        for column in key.columns:
            yield tuple(other for other in key.columns if other != column)
    extra = [column.name for column in table.columns if column.name not in key.columns and column.not_null]
    yield from [(*key.columns, column) for column in extra[:1]]


def _foreign(catalog: Catalog, table: Table, key: ForeignKey) -> Iterator[Mutant]:
    drop = f"alter table {qualified(table.name)} drop constraint {identifier(key.name)}"
    yield _mutant("keys", table, f"without {key.name}", drop, key.name)
    bare = re.sub(r" ON DELETE (?:NO ACTION|RESTRICT|CASCADE|SET (?:NULL|DEFAULT))(?: \([^)]*\))?", "", key.definition)
    others = {
        f"on delete {action}": f"{bare} on delete {action}"
        for action in ("no action", "restrict", "cascade", "set null", "set default")
        if action != key.on_delete
    }
    if key.on_delete_columns:
        others["of all columns"] = f"{bare} on delete {key.on_delete}"
    others["on update cascade"] = f"{key.definition} on update cascade"
    others["not valid"] = f"{key.definition} not valid"
    above = catalog.table(key.references)
    pairs = key.pairs
    for column, referenced in pairs if len(pairs) > 1 else ():
        if any((referenced,) == unique.columns for unique in above.unique_keys):
            target = f"{qualified(key.references)} ({identifier(referenced)})"
            narrow = f"foreign key ({identifier(column)}) references {target} on delete {key.on_delete}"
            others[f"on ({column})"] = narrow
    for what, definition in others.items():
        sql = f"{drop}, add constraint {identifier(key.name)} {definition}"
        yield _mutant("keys", table, f"{key.name} {what}", sql, key.name)


def _columns(table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    for column in table.columns:
        alter = f"alter table {name} alter column {identifier(column.name)}"
        if column.not_null and column.name not in table.primary_key:
            yield _mutant("not null", table, f"{column.name} nullable", f"{alter} drop not null", column.name)
        elif not column.not_null:
            yield _mutant("not null", table, f"{column.name} not null", f"{alter} set not null", column.name)
        if column.default is not None:
            yield _mutant("defaults", table, f"{column.name} without default", f"{alter} drop default", column.name)
            other = {"now()": "clock_timestamp()", "true": "false", "false": "true", "0": "1"}.get(column.default)
            if other:
                what, sql = f"{column.name} default {other}", f"{alter} set default {other}"
                yield _mutant("defaults", table, what, sql, column.name)
        elif not column.not_null and column.base_name == "text":
            yield _mutant("defaults", table, f"{column.name} with a default", f"{alter} set default 'x'", column.name)
    yield _mutant("columns", table, "another column", f"alter table {name} add column another text", "another")
    last = table.columns[-1].name
    drop = f"alter table {name} drop column {identifier(last)} cascade"
    yield _mutant("columns", table, f"without {last}", drop, last)
    wide = next((column.name for column in table.columns if column.base_name == "int4"), None)
    if wide:
        sql = f"alter table {name} alter column {identifier(wide)} type bigint"
        yield _mutant("columns", table, f"{wide} bigint", sql, wide)


def _indexes(table: Table) -> Iterator[Mutant]:
    for index in table.indexes:
        if index.constraint is not None:
            continue
        drop = f"drop index {identifier(table.name.schema)}.{identifier(index.name)}"
        yield _mutant("indexes", table, f"without {index.name}", drop, index.name)
        for definition in _other_indexes(index):
            yield _mutant("indexes", table, f"as {definition}", f"{drop}; {definition}", index.name)


def _other_indexes(index: Index) -> Iterator[str]:
    definition = index.definition
    if " WHERE " in definition:
        head, predicate = definition.split(" WHERE ")
        yield head
        for _, other in expressions(predicate):
            yield f"{head} WHERE {other}"
    if " DESC" in definition:
        yield definition.replace(" DESC", "")
    words = scanned(definition)
    listed = items(words, next(at for at, word in enumerate(words) if word.text == "("))
    if len(listed) > 1:
        for number in range(len(listed)):
            start, end = without(listed, number)
            yield definition[:start] + definition[end:]
        (first, first_end), (second, second_end) = listed[:2]
        a, b = definition[first.start : first_end.end], definition[second.start : second_end.end]
        yield f"{definition[: first.start]}{b}, {a}{definition[second_end.end :]}"
    unique = ("CREATE UNIQUE INDEX", "CREATE INDEX")
    yield definition.replace(*(unique if index.unique else unique[::-1]), 1)


def _comments(table: Table) -> Iterator[Mutant]:
    name = qualified(table.name)
    sql = f"comment on table {name} is null"
    yield _mutant("comments", table, "table without comment", sql, str(table.name))
    for column in table.columns:
        target = f"comment on column {name}.{identifier(column.name)}"
        yield _mutant("comments", table, f"{column.name} without comment", f"{target} is null", column.name)
        for other in ("PHI", "public"):
            secret = re.sub(r"\[\w+\]$", f"[{other}]", column.comment or "")
            if secret != column.comment:
                sql = f"{target} is {literal(secret)}"
                yield _mutant("comments", table, f"{column.name} of class {other}", sql, column.name)


def _mutant(group: str, table: Table, what: str, sql: str, rule: str) -> Mutant:
    return Mutant(group, what, sql, (rule,), (table.name,))
