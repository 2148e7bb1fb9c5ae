"""Describes a table: decides which check each of its rules becomes, before that is text.

Decides which rules are keys of a column, which CHECKs are the same, and which rules no kind of check can state
(``known``). Takes casts out of predicates where the server reads the same without them.
Not here: single entries (``entries.py``), which trigger is ``touched_on_update`` (``touch.py``), and which rules a
project has not declared (``proving/undeclared.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.catalog import (
    Canonical,
    Catalog,
    Check,
    Column,
    ForeignKey,
    Index,
    Missing,
    PrimaryKey,
    Table,
    TableRule,
    Trigger,
    inherited,
    without,
)
from harness.catalog.parts import domain_rules
from harness.describe.domains import domain_homes
from harness.describe.entries import (
    TRUE,
    CheckEntry,
    column_entry,
    exclusion_entry,
    foreign_key_entry,
    implying_key,
    index_entry,
    policy_entry,
    row_security_entries,
    trigger_entry,
    unique_entry,
    with_state,
)
from harness.describe.predicates import accepted_values, readable
from harness.describe.touch import touched
from harness.describe.yaml import YamlValue
from harness.kinds.base import default_name
from harness.project import TableName, sql

_TYPE = r'::(?:"[^"]+"|[\w.]+)(?: varying| precision| with(?:out)? time zone)?(?:\(\d+(?:, *\d+)?\))?(?:\[\])*'
_CASTS = re.compile(rf"('(?:[^']|'')*'|[\w)\]\"])({_TYPE})")
_CASTS_OF_LITERALS = re.compile(rf"('(?:[^']|'')*'|\b\d+(?:\.\d+)?)({_TYPE})")
_PREDICATES = ("check", "where")
_OF_PARTS = "a CHECK of a domain that no check can state of a column"
_CHECK_KEYS: tuple[str, ...] = ("check", "constraint", "implied_by")


@dataclass
class TableDescription:
    """The content of a table's check file.

    - ``inline_columns`` has, for each rule that a key of a column declares, the name of that column; all others are
      entries in ``checks``.
    - ``known`` are rules that no kind of check can state, by name, each with the reason; ``undeclarable`` are other
      properties that no check can state.
    - ``rows`` is the entry of row hints, which are found by trying and not in the catalog.
    - ``claims`` are those of the roles of ``privileges``, ``sightless`` the entries of roles that no policy lets see a
      row: found by trying, too.
    - ``undeclared`` is said of a table of the platform, of which only what the project added is described.
    - of a ``partition`` the file states no columns: they are those of the partitioned table.
    """

    table: TableName
    description: str | None
    columns: dict[str, CheckEntry] = field(default_factory=dict)
    checks: list[tuple[TableRule, CheckEntry]] = field(default_factory=list)
    inline_columns: dict[TableRule, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    undeclarable: list[str] = field(default_factory=list)
    rows: CheckEntry | None = None
    claims: Mapping[str, YamlValue] = field(default_factory=dict)
    sightless: Sequence[CheckEntry] = ()
    undeclared: str | None = None
    partition: bool = False

    def add(self, kind: str, entries: Mapping[str, CheckEntry]) -> None:
        """Adds entries to ``checks``, by the names of their rules."""
        self.checks += [(TableRule(kind, name), entry) for name, entry in entries.items()]


def describe(catalog: Catalog, table: Table, privileges: Mapping[str, YamlValue] | None = None) -> TableDescription:
    """Describes a table of a catalog; ``privileges`` are those of each role that is not the owner.

    Of a partition only the rules are described that it has alone, and no column.
    """
    found = TableDescription(table.name, " ".join(table.comment.split()) if table.comment else None)
    if table.name in catalog.above:
        found.partition, table = True, without(table, inherited(catalog, table))
        named = (each.name for each in table.columns if each.not_null and each.name not in table.primary_key)
        found.add("not null", {name: {"not_null": name} for name in named})
    else:
        found.columns |= {column.name: column_entry(table, column) for column in table.columns}
    _add_keys(found, table)
    keys = [each for each in table.constraints if isinstance(each, ForeignKey)]
    found.add("constraint", {key.name: foreign_key_entry(catalog, table, key) for key in keys})
    for check in (each for each in table.constraints if isinstance(each, Check)):
        _add_check(found, table, check)
    if not found.partition:
        _add_domains(found, table)
    found.add("constraint", {each.name: exclusion_entry(table, each) for each in table.exclusions})
    if heirs := [catalog.table(name) for name in catalog.heirs.get(table.name, ())]:
        _mark_only(found, table, heirs)
    plain = (index for index in table.indexes if index.constraint is None and not is_key(index))
    found.add("index", {index.name: index_entry(index) for index in plain})
    for trigger in table.triggers:
        _add_trigger(found, table, trigger)
    if privileges:
        found.add("privileges", {"": {"privileges": privileges}})
    found.add("policy", {policy.name: policy_entry(policy) for policy in table.policies})
    found.known |= {each.name: f"a rule: what becomes of {each.command}" for each in table.rewrites}
    if table.row_security and not any(policy.permissive for policy in table.policies):
        found.checks += [(TableRule("row security", ""), entry) for entry in row_security_entries(table)]
    return found


def is_key(index: Index) -> bool:
    """Whether a unique index is one that the kind ``unique`` can prove: each row has a key of its own columns."""
    plain = len(index.columns) == len(index.keys)
    if not index.unique or index.primary or not index.keys:
        return False
    # Only the kind ``index`` can state operator classes of expressions, and expressions without a column.
    return plain or (not any(index.kinds) and all(sql.columns(each) for each in index.expressions))


def _add_keys(found: TableDescription, table: Table) -> None:
    for key in (each for each in table.constraints if isinstance(each, PrimaryKey)):
        own = (index for index in table.indexes if index.constraint == key.name)
        written: CheckEntry = {
            "primary_key": list(key.columns),
            "without_overlaps": TRUE if key.operators else None,
            "constraint": key.name if key.name != f"{table.name.table}_pkey" else None,
            "implied_by": next((implying_key(table, index) for index in own), None),
        }
        found.add("constraint", {key.name: with_state(key, written)})
    for index in filter(is_key, table.indexes):
        rule = TableRule("constraint" if index.constraint else "index", index.constraint or index.name)
        entry = unique_entry(table, index)
        if entry == {"unique": list(index.columns)} and len(index.columns) == 1 and found.columns:
            found.columns[index.columns[0]]["unique"] = TRUE
            found.inline_columns[rule] = index.columns[0]
        else:
            found.checks.append((rule, entry))


def _mark_only(found: TableDescription, table: Table, heirs: Sequence[Table]) -> None:
    """Marks rules that tables which inherit do not have: they are about rows of the table itself only."""
    not_inherited = {TableRule("constraint", each.name) for each in table.checks if not each.inherited}
    for rule, entry in found.checks:
        if {"primary_key", "unique", "exclude"} & {*entry} or ("check" in entry and rule in not_inherited):
            entry["only"] = TRUE
    inline = [rule for rule, name in found.inline_columns.items() if "check" in found.columns[name]]
    for rule in (each for each in inline if each in not_inherited):
        column = found.columns[found.inline_columns.pop(rule)]
        moved: CheckEntry = {key: column.pop(key) for key in _CHECK_KEYS if key in column}
        found.checks.append((rule, {**moved, "only": TRUE}))
    for name, column in found.columns.items():
        nullable = any(not heir.column(name).not_null for heir in heirs)
        for kind in ("unique", *(["not_null"] if nullable else [])):
            if kind in column:
                own = column[kind]
                column[kind] = {**(own if isinstance(own, Mapping) else {}), "only": TRUE}


def _add_check(found: TableDescription, table: Table, constraint: Check) -> None:
    text = constraint.expression
    columns = [column for column in table.columns if column.name in sql.columns(text)]
    only_column = columns[0] if len(columns) == 1 else None
    default = default_name(table.name, (only_column.name,) if only_column else (), "check")
    named: CheckEntry = {} if constraint.name == default else {"constraint": constraint.name}
    values = accepted_values(text, only_column) if only_column and not _has_values(found, only_column) else None
    entry: CheckEntry = {"accepted_values": list(values)} if values else {"check": readable(text)}
    same = [each for each in table.checks if each.expression == text and each.validated and constraint.enforced]
    # PostgreSQL tries them in the order of their names: the first one refuses for all with the same expression.
    first = min(same, key=lambda each: each.name.encode(), default=constraint)
    if first is not constraint:
        named |= {"implied_by": first.name}
    taken = {"accepted_values", "check", "constraint", *(["unique"] if named else [])}
    inline = found.columns.get(only_column.name) if only_column else None
    if only_column and inline is not None and constraint.validated and not taken & {*inline}:
        inline |= {**entry, **named}
        found.inline_columns[TableRule("constraint", constraint.name)] = only_column.name
        return
    column: CheckEntry = {"column": only_column.name} if only_column and values else {}
    found.add("constraint", {constraint.name: with_state(constraint, {**entry, **column, **named})})


def _add_domains(found: TableDescription, table: Table) -> None:
    homes, seen = domain_homes(table), set[str]()
    for rule, home in homes.items():
        values = None if _has_values(found, home.column) else accepted_values(home.predicate, home.column)
        listed: CheckEntry = {"accepted_values": list(values or ()), "column": home.column.name}
        entry: CheckEntry = listed if values else {"check": readable(home.predicate)}
        # CHECKs of two domains may have one name; two checks may not.
        name = f"{table.name}.check.{home.name}_{home.column.name}"
        named: CheckEntry = {"name": name} if home.name in seen else {}
        found.add("domain", {rule.name: {**entry, "constraint": home.name, **named}})
        seen.add(home.name)
    found.known |= {rule.name: _OF_PARTS for rule in domain_rules(table.columns) if rule not in homes}


def _has_values(found: TableDescription, column: Column) -> bool:
    """Whether the accepted values of a column are declared already; a second such rule becomes a ``check``."""
    return "accepted_values" in found.columns.get(column.name, ()) or any(
        "accepted_values" in entry and entry["column"] == column.name for _, entry in found.checks
    )


def _add_trigger(found: TableDescription, table: Table, trigger: Trigger) -> None:
    column = touched(table, trigger)
    if column in found.columns and "touched_on_update" not in found.columns[column]:
        on_insert: CheckEntry = {"on_insert": TRUE} if "insert" in trigger.events else {}
        found.columns[column]["touched_on_update"] = {**on_insert, "trigger": trigger.name}
        found.inline_columns[TableRule("trigger", trigger.name)] = column
    elif trigger.enabled in "DR":
        found.known[trigger.name] = "a trigger that is disabled"
    else:
        found.add("trigger", {trigger.name: trigger_entry(trigger)})


def without_casts(description: TableDescription, table: Table, canonical: Canonical) -> None:
    """Removes casts from the predicates of a description, where the server reads the same without them."""
    entries: list[dict[str, Any]] = [*description.columns.values(), *(entry for _, entry in description.checks)]
    for entry in entries:
        for key in _PREDICATES:
            text = entry.get(key)
            if isinstance(text, str) and "::" in text and "policy" not in entry:
                entry[key] = _plainer(table, text, canonical)


def _plainer(table: Table, text: str, canonical: Canonical) -> str:
    try:
        expected = canonical.check(table, text)
    except Missing:
        return text
    for candidate in _candidates(text):
        try:
            if canonical.check(table, candidate) == expected:
                return candidate
        except Missing:
            continue
    return text


def _candidates(text: str) -> Iterator[str]:
    """The text without any of its casts, then without those of its literals."""
    for pattern in (_CASTS, _CASTS_OF_LITERALS):
        bare = pattern.sub(r"\1", text)
        if bare != text:
            yield readable(bare)
