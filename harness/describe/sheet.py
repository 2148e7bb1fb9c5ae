"""What a check file says of one table, before it becomes text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from harness.catalog.model import (
    Catalog,
    Check,
    Column,
    Constraint,
    Exclusion,
    ForeignKey,
    Index,
    Policy,
    PrimaryKey,
    Table,
    Trigger,
)
from harness.catalog.parts import Part, of_partitions
from harness.describe.predicates import accepted_values, readable
from harness.describe.triggers import touched
from harness.describe.yaml import Value
from harness.kinds.base import default_name
from harness.kinds.index import with_kind
from harness.kinds.toolkit.constraints import timing
from harness.kinds.toolkit.key_expressions import default_names, expressions
from harness.probes.statement import identifier
from harness.project import sql
from harness.project.model import TableName

Entry = dict[str, Value]
TRUE = "true"

_ALIASES = (
    (re.compile(r"^character varying"), "varchar"),
    (re.compile(r"^character(?=\()"), "char"),
    (re.compile(r"^bit varying"), "varbit"),
    (re.compile(r"^timestamp(\(\d\))? with time zone"), r"timestamptz\1"),
    (re.compile(r"^timestamp(\(\d\))? without time zone"), r"timestamp\1"),
    (re.compile(r"^time(\(\d\))? with time zone"), r"timetz\1"),
    (re.compile(r"^time(\(\d\))? without time zone"), r"time\1"),
)


@dataclass
class Sheet:
    """``columns`` and ``checks`` as they are to be written; ``homes`` says in which column a rule has its short form.

    ``known`` are rules that no kind of check can state, by name, ``unsaid`` what is left out of a check besides;
    ``rows`` is what was found out by trying, no rule of the catalog.
    """

    table: TableName
    description: str | None
    columns: dict[str, Entry] = field(default_factory=dict)
    checks: list[tuple[Part, Entry]] = field(default_factory=list)
    homes: dict[Part, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    unsaid: list[str] = field(default_factory=list)
    rows: Entry | None = None

    def count(self) -> Iterator[str]:
        """The kind of each rule that is written."""
        for column in self.columns.values():
            yield from (key for key in column if key not in ("type", "constraint", "identity"))
        yield from (next(iter(entry)) for _, entry in self.checks)


def sheet(catalog: Catalog, table: Table, privileges: Mapping[str, Value] | None = None) -> Sheet:
    """All that a catalog says of a table; ``privileges`` are those of each role that is not the owner."""
    page = Sheet(table.name, " ".join(table.comment.split()) if table.comment else None)
    for column in table.columns:
        page.columns[column.name] = _contract(table, column)
    _keys(page, table)
    for key in table.foreign_keys:
        page.checks.append((Part("constraint", key.name), _foreign_key(catalog, table, key)))
    for check in table.checks:
        _check(page, table, check)
    for exclusion in table.exclusions:
        page.checks.append((Part("constraint", exclusion.name), _exclude(table, exclusion)))
    if catalog.heirs.get(table.name):
        _say_only(page, table)
    for index in table.indexes:
        if index.constraint is None and not is_key(index):
            page.checks.append((Part("index", index.name), _index(index)))
    if table.comment:
        page.checks.append((Part("comment", ""), {"comment": table.comment}))
    for trigger in table.triggers:
        _trigger(page, table, trigger)
    if privileges:
        page.checks.append((Part("privileges", ""), {"privileges": privileges}))
    for policy in table.policies:
        page.checks.append((Part("policy", policy.name), _policy(policy)))
    page.known |= {each.name: f"a rule: what becomes of {each.command}" for each in table.rewrites}
    page.known |= {part.name: f"of the partition {name} alone" for name, part in of_partitions(catalog, table)}
    page.unsaid += _unsaid(table)
    return page


def short_type(name: str) -> str:
    """A type as people write it: ``varchar(20)``, ``timestamptz``."""
    for long, short in _ALIASES:
        name = long.sub(short, name)
    return name


def _contract(table: Table, column: Column) -> Entry:
    entry: Entry = {"type": short_type(column.type)}
    if column.not_null and column.name not in table.primary_key:
        entry["not_null"] = TRUE
    if column.identity:
        entry["identity"] = {"a": "always", "d": "by default"}[column.identity]
    if column.default is not None:
        entry["generated" if column.generated else "default"] = _value(column, column.default)
    if column.base_kind == "e" and column.labels:
        entry["accepted_values"] = list(column.labels)
    if column.comment:
        entry["comment"] = column.comment
    return entry


def _value(column: Column, text: str) -> str:
    """A default or a generation expression; what its column's type reads anyway needs no cast."""
    bare = re.sub(r"\(.*?\)", "", column.type)
    if not column.generated and re.fullmatch(r"'(?:[^']|'')*'", text.removesuffix(f"::{bare}")):
        return text.removesuffix(f"::{bare}")
    text = readable(text)
    return re.sub(r"^nextval\(('(?:[^']|'')*')::regclass\)$", r"nextval(\1)", text)


def _keys(page: Sheet, table: Table) -> None:
    for key in (each for each in table.constraints if isinstance(each, PrimaryKey)):
        entry: Entry = {"primary_key": list(key.columns)}
        if key.name != f"{table.name.table}_pkey":
            entry["constraint"] = key.name
        earlier = next((_earlier(table, index) for index in table.indexes if index.constraint == key.name), None)
        if earlier:
            entry["implied_by"] = earlier
        page.checks.append((Part("constraint", key.name), _state(key, entry)))
    for index in filter(is_key, table.indexes):
        part = Part("constraint" if index.constraint else "index", index.constraint or index.name)
        entry = _unique(table, index)
        if entry == {"unique": list(index.columns)} and len(index.columns) == 1:
            page.columns[index.columns[0]]["unique"] = TRUE
            page.homes[part] = index.columns[0]
        else:
            page.checks.append((part, entry))


def _say_only(page: Sheet, table: Table) -> None:
    """Says of constraints that tables which inherit do not have that they are about the rows of the table itself."""
    own = {
        Part("constraint", each.name) for each in table.constraints if not (isinstance(each, Check) and each.inherited)
    }
    for part, entry in page.checks:
        if {"primary_key", "unique", "exclude"} & {*entry} or ("check" in entry and part in own):
            entry["only"] = TRUE
    for part in [part for part, column in page.homes.items() if part in own and "check" in page.columns[column]]:
        column = page.columns[page.homes.pop(part)]
        moved: Entry = {}
        for key in ("check", "constraint", "implied_by"):
            if key in column:
                moved[key] = column.pop(key)
        page.checks.append((part, {**moved, "only": TRUE}))
    for column in page.columns.values():
        if column.get("unique") == TRUE:
            column["unique"] = {"only": TRUE}


def is_key(index: Index) -> bool:
    """Whether a unique index is one that the kind ``unique`` can prove: each row has a key of its own columns."""
    plain = len(index.columns) == len(index.keys)
    if not index.unique or index.primary or not index.keys:
        return False
    # How an expression is compared, and one that is the same for all rows, only an index can say.
    return plain or (not any(index.kinds) and all(sql.columns(each) for each in index.expressions))


def _unique(table: Table, index: Index) -> Entry:
    elements = _elements(index)
    entry: Entry = {"unique": elements}
    if index.predicate:
        entry["where"] = readable(index.predicate)
    if index.nulls_not_distinct:
        entry["nulls"] = "not distinct"
    suffix = "idx" if expressions(elements) else "key"
    if index.name != default_name(table.name, default_names(elements), suffix):
        entry["constraint"] = index.name
    earlier = _earlier(table, index)
    if earlier:
        entry["implied_by"] = earlier
    constraint = next((each for each in table.constraints if each.name == index.constraint), None)
    return _state(constraint, entry) if constraint else entry


def _elements(index: Index) -> list[str]:
    """The columns and expressions of a key, as people write them."""
    written = {column: column if sql.is_name(column) else identifier(column) for column in index.columns}
    names = written | {identifier(column): name for column, name in written.items()}
    return [names[each] if each in names else readable(each) for each in index.expressions]


def _earlier(table: Table, index: Index) -> str | None:
    """An older key on part of an index' columns: no two rows get far enough for the index to refuse them."""
    deferrable = {each.name for each in table.constraints if each.deferrable}
    for key in sorted((each for each in table.unique_keys if each.whole), key=lambda each: each.turn):
        narrower = {*key.columns} <= {*index.columns} and all(table.column(name).not_null for name in key.columns)
        if key.turn < index.turn and narrower and key.constraint not in deferrable:
            return key.constraint or key.name
    return None


def _foreign_key(catalog: Catalog, table: Table, constraint: ForeignKey) -> Entry:
    parent = catalog.tables.get(constraint.references)
    references = table_name(constraint.references)
    if parent is None or constraint.referenced_columns != parent.primary_key:
        references += f" ({', '.join(map(_part, constraint.referenced_columns))})"
    entry: Entry = {"foreign_key": list(constraint.columns), "references": references}
    if constraint.on_delete != "no action":
        limited = f" ({', '.join(constraint.on_delete_columns)})" if constraint.on_delete_columns else ""
        entry["on_delete"] = f"{constraint.on_delete}{limited}"
    if constraint.on_update != "no action":
        entry["on_update"] = constraint.on_update
    if constraint.name != default_name(table.name, constraint.columns, "fkey"):
        entry["constraint"] = constraint.name
    return _state(constraint, entry)


def _state(constraint: Constraint, entry: Entry) -> Entry:
    """With what is out of the ordinary about when it is checked, and on which rows."""
    if constraint.deferrable:
        entry = {**entry, "deferrable": timing(constraint)}
    return entry if constraint.validated else {**entry, "validated": "false"}


def table_name(name: TableName) -> str:
    """``schema.table`` as check files have it, in quotes where a part would not be read back."""
    return f"{_part(name.schema)}.{_part(name.table)}"


def _part(name: str) -> str:
    return name if re.fullmatch(r'[^\s".(),]+', name) else '"' + name.replace('"', '""') + '"'


def _check(page: Sheet, table: Table, constraint: Check) -> None:
    text = constraint.expression
    columns = [column for column in table.columns if column.name in sql.columns(text)]
    part = Part("constraint", constraint.name)
    alone = columns[0] if len(columns) == 1 else None
    default = default_name(table.name, (alone.name,) if alone else (), "check")
    named: Entry = {} if constraint.name == default else {"constraint": constraint.name}
    values = accepted_values(text, alone) if alone and not _has_values(page, alone) else None
    entry: Entry = {"accepted_values": list(values)} if values else {"check": readable(text)}
    same = [each for each in table.checks if each.expression == text and each.validated]
    # They are tried by their names: the first one refuses for all that say the same.
    first = min(same, key=lambda each: each.name.encode(), default=constraint)
    if first is not constraint:
        named |= {"implied_by": first.name}
    taken = {"accepted_values", "check", "constraint", *(["unique"] if named else [])}
    if alone and constraint.validated and not taken & {*page.columns[alone.name]}:
        page.columns[alone.name] |= {**entry, **named}
        page.homes[part] = alone.name
        return
    column: Entry = {"column": alone.name} if alone and values else {}
    page.checks.append((part, _state(constraint, {**entry, **column, **named})))


def _has_values(page: Sheet, column: Column) -> bool:
    """Whether it is said what values a column takes: a second such rule is a predicate like any other."""
    beside = (entry for _, entry in page.checks if "accepted_values" in entry)
    return "accepted_values" in page.columns[column.name] or any(entry["column"] == column.name for entry in beside)


def _exclude(table: Table, constraint: Exclusion) -> Entry:
    index = table.index(constraint.name)
    operators = [re.sub(r"^operator\((?:pg_catalog\.)?([^()a-z]+)\)$", r"\1", each) for each in constraint.operators]
    entry: Entry = {"exclude": dict(zip(index.keys, operators, strict=True)), "constraint": constraint.name}
    entry = {**entry, "where": readable(index.predicate)} if index.predicate else entry
    return _state(constraint, entry)


def _index(index: Index) -> Entry:
    kinds = index.kinds or ("",) * len(index.keys)
    keys = [with_kind(key, kind) for key, kind in zip(index.keys, kinds, strict=True)]
    entry: Entry = {"index": index.name, "on": keys}
    if index.include:
        entry["include"] = list(index.include)
    if index.predicate:
        entry["where"] = readable(index.predicate)
    if index.unique:
        entry["unique"] = TRUE
    return entry if index.method == "btree" else {**entry, "method": index.method}


def _trigger(page: Sheet, table: Table, trigger: Trigger) -> None:
    part = Part("trigger", trigger.name)
    column = touched(table, trigger)
    if column and "touched_on_update" not in page.columns[column]:
        said: Entry = {"on_insert": TRUE} if "insert" in trigger.events else {}
        page.columns[column]["touched_on_update"] = {**said, "trigger": trigger.name}
        page.homes[part] = column
    elif trigger.enabled in "DR":
        page.known[trigger.name] = "a trigger that is disabled"
    else:
        page.checks.append((part, _opaque(trigger)))


def _opaque(trigger: Trigger) -> Entry:
    entry: Entry = {"trigger": trigger.name, "on": list(trigger.events), "timing": trigger.timing}
    if trigger.level != "row":
        entry["level"] = trigger.level
    if trigger.columns:
        entry["of"] = list(trigger.columns)
    if trigger.when:
        entry["when"] = readable(trigger.when)
    entry["function"] = trigger.function
    if trigger.arguments:
        entry["arguments"] = trigger.arguments
    if trigger.deferrable:
        entry["constraint"] = trigger.deferrable
    return entry


def _policy(policy: Policy) -> Entry:
    entry: Entry = {"policy": policy.name}
    if policy.command != "all":
        entry["for"] = policy.command
    if policy.roles != ("public",):
        entry["to"] = policy.roles[0] if len(policy.roles) == 1 else list(policy.roles)
    if not policy.permissive:
        entry["permissive"] = "false"
    for key, text in (("using", policy.using), ("check", policy.check)):
        if text is not None:
            entry[key] = readable(text)
    return entry


def _unsaid(table: Table) -> Iterator[str]:
    for constraint in table.constraints:
        if "MATCH FULL" in constraint.definition:
            yield f"constraint {constraint.name}: MATCH FULL"
    if table.row_security and not table.policies:
        yield "row security: enabled without a policy"
