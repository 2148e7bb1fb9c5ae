"""Describes the tables of a database, without those of the platform and of extensions.

Decides which tables are described, which privileges of roles can be declared, and which CHECK is ``implied_by``
another: each candidate row that breaks the one also breaks the stricter one. Refuses a schema without tables.
Not here: the description of a single table (``describe``).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import psycopg

from harness.adopt.domains import keep_one
from harness.catalog import (
    Canonical,
    Catalog,
    Check,
    Policy,
    Roles,
    Table,
    TableRule,
    Trigger,
    described_tables,
    own_parts,
    read,
)
from harness.declarations import DeclaredCheck
from harness.describe import CheckEntry, TableDescription, YamlValue, describe, domain_homes, without_casts
from harness.errors import HarnessError, ProjectError, did_you_mean
from harness.kinds.privileges import COMMANDS
from harness.kinds.privileges_parts.statements import on_columns
from harness.oracle import Answer
from harness.probes import Interference, interference_of, qualified
from harness.project.model import TableName
from harness.proving import bug
from harness.server.connection import Connection
from harness.solver import Pools, deciding_columns


@dataclass(frozen=True)
class TableError:
    """An error at one table; its ``traceback`` is empty where another session was to blame."""

    reason: str
    traceback: str = field(repr=False)


@contextmanager
def guarded(errors: dict[TableName, TableError], table: TableName) -> Iterator[None]:
    """Books an unexpected error for this table; raises errors that end everything."""
    try:
        yield
    except HarnessError:
        raise
    except (psycopg.OperationalError, Interference) as error:
        met = error if isinstance(error, Interference) else interference_of(error)
        if met is None:
            raise
        errors.setdefault(table, TableError(str(met), ""))
    except Exception as error:
        errors.setdefault(table, TableError(bug.reason(error), bug.text(error)))


_OF_EXTENSIONS = """
select n.nspname, c.relname
from pg_catalog.pg_depend as d
inner join pg_catalog.pg_class as c on c.oid = d.objid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where d.classid = 'pg_catalog.pg_class'::regclass and d.deptype = 'e' and c.relkind in ('r', 'p')
"""


@dataclass(frozen=True)
class Survey:
    """The described ``tables``, in the order of their names; of ``partitions`` those with rules of their own.

    ``search_path`` says whether the project sets one; tables with ``errors`` could not be described; ``skipped`` are
    statements that were not run.
    """

    catalog: Catalog
    tables: tuple[Table, ...]
    partitions: tuple[TableName, ...]
    descriptions: Mapping[TableName, TableDescription]
    search_path: bool = False
    errors: Mapping[TableName, TableError] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


def survey(
    connection: Connection,
    ledger: str = "harness",
    *,
    schemas: Sequence[str] = (),
    without: Mapping[TableName, Table] = MappingProxyType({}),
    declared: Iterable[DeclaredCheck] = (),
) -> Survey:
    """Reads the catalog of a database, and describes its tables.

    Describes only these ``schemas``, or else all tables but those in ``without``, and of these the triggers and
    policies that they lack there. The CHECK of a domain stays with the table of which it is ``declared``. Raises
    :class:`ProjectError` for a schema without a table.
    """
    catalog = read(connection, ledger)
    extensions = of_extensions(connection)
    _refuse_unknown(schemas, {name.schema for name in catalog.tables})
    ours = {
        name
        for name in catalog.tables
        if name not in extensions
        and (name.schema in schemas if schemas else name not in without or any(_added(catalog.tables[name], without)))
    }
    tables = tuple(table for table in described_tables(catalog) if table.name in ours)
    partitions = tuple(name for name in catalog.above if name in ours)
    pools, roles = Pools(connection, catalog, {}), Roles(connection)
    found: dict[TableName, TableDescription] = {}
    errors: dict[TableName, TableError] = {}
    for table in tables:
        with guarded(errors, table.name):
            if table.name in without:
                found[table.name] = replace(describe(catalog, _alone(table, without)), undeclared="shown")
            else:
                found[table.name] = _described(connection, table, pools, roles)
    keep_one(found, catalog, declared)
    _join_known(found, catalog)
    return Survey(catalog, tuple(each for each in tables if each.name in found), partitions, found, errors=errors)


def _described(connection: Connection, table: Table, pools: Pools, roles: Roles) -> TableDescription:
    alone = TableRule("privileges", "") in own_parts(pools.catalog, table)
    privileges, left = _privileges(table, roles) if alone else ({}, [])
    described = describe(pools.catalog, table, privileges)
    described.undeclarable.extend(left)
    without_casts(described, table, Canonical(connection))
    add_implied_by(described, table, pools)
    _add_implied_domains(described, table, pools)
    _add_key_of_one_row(described, table, pools)
    _leave_out_bounds(described, table, pools)
    return described


def _added(table: Table, platform: Mapping[TableName, Table]) -> tuple[tuple[Trigger, ...], tuple[Policy, ...]]:
    """The triggers and the policies that the project has added to a table of the platform."""
    before = platform[table.name]
    triggers, policies = ({each.name for each in those} for those in (before.triggers, before.policies))
    return (
        tuple(each for each in table.triggers if each.name not in triggers),
        tuple(each for each in table.policies if each.name not in policies),
    )


def _alone(table: Table, platform: Mapping[TableName, Table]) -> Table:
    """A table of the platform with nothing but what the project has added to it."""
    triggers, policies = _added(table, platform)
    return Table(table.name, table.kind, table.owner, None, False, False, triggers=triggers, policies=policies)


def of_extensions(connection: Connection) -> frozenset[TableName]:
    """The tables that belong to an extension."""
    return frozenset(TableName(*row) for row in connection.execute(_OF_EXTENSIONS).fetchall())


def _refuse_unknown(schemas: Sequence[str], known: Collection[str]) -> None:
    for schema in schemas:
        if schema not in known:
            raise ProjectError(
                f"no schema {schema!r} with a table in it{did_you_mean(schema, known)}",
                hint=f"schemas: {', '.join(sorted(known)) or 'none'}",
            )


def _privileges(table: Table, roles: Roles) -> tuple[dict[str, YamlValue], list[str]]:
    """The commands of each role; or the reason why they cannot be declared."""
    matrix: dict[str, YamlValue] = {}
    for role in sorted({grant.role for grant in table.grants} - {table.owner}):
        if role != "public" and not roles.on_schema(role, table.name.schema):
            return {}, [f"privileges: {role} may not use the schema {table.name.schema}"]
        commands = _commands(table, role, roles)
        matrix[role] = "all" if {*COMMANDS} == {*commands} else commands
    return matrix, []


def _commands(table: Table, role: str, roles: Roles) -> list[str]:
    """The commands that a role may use: by grants to itself, by membership and by PUBLIC."""
    own = [grant for grant in table.grants if grant.role == role]
    if role == "public":
        granted = {grant.privilege for grant in own if not grant.column}
    else:
        name = qualified(table.name)
        granted = {command for command in COMMANDS if roles.on_table(role, name, command)}
    found = [command for command in COMMANDS if command in granted]
    for command in COMMANDS:
        columns = [grant.column for grant in own if grant.column and grant.privilege == command]
        found += [on_columns(command, columns)] if columns else []
    return found


def add_implied_by(description: TableDescription, table: Table, pools: Pools) -> None:
    """Adds ``implied_by`` to each CHECK that another one implies, as far as candidate values show."""
    for weak, strict in itertools.permutations(table.checks, 2):
        entry = _rule_entry(description, weak)
        if entry is None or "implied_by" in entry or not _implies(table, pools, strict.expression, weak.expression):
            continue
        # Of two that say the same, one is left to be proved by itself.
        if strict.name.encode() < weak.name.encode() or not _implies(table, pools, weak.expression, strict.expression):
            entry["implied_by"] = strict.name


def _add_implied_domains(description: TableDescription, table: Table, pools: Pools) -> None:
    """Adds ``implied_by`` to each CHECK of a domain that one before it implies."""
    homes = domain_homes(table)
    for rule, entry in description.checks:
        if rule in homes:
            weak = homes[rule]
            strict = (name for name, text in weak.earlier if _implies(table, pools, text, weak.predicate))
            if (name := next(strict, None)) is not None:
                entry["implied_by"] = name


def _add_key_of_one_row(description: TableDescription, table: Table, pools: Pools) -> None:
    """Adds ``implied_by`` to keys of a table with room for one row: an older key refuses any second one."""
    sole = next(iter(pools.capacities.keys_of_one_row(table)), None)
    for key in table.unique_keys if sole is not None else ():
        name = key.constraint or key.name
        entries = [
            entry for rule, entry in description.checks if rule.name == name and {"unique", "primary_key"} & {*entry}
        ]
        if sole is None or key.check_order <= sole.check_order or key.predicate:
            continue
        implied: CheckEntry = {"implied_by": sole.constraint or sole.name}
        for entry in entries:
            entry.setdefault("implied_by", implied["implied_by"])
        for rule, column in description.inline_columns.items():
            if rule.name == name and "unique" in description.columns[column]:
                own = description.columns[column]["unique"]
                description.columns[column]["unique"] = {**(own if isinstance(own, Mapping) else {}), **implied}


def _leave_out_bounds(description: TableDescription, table: Table, pools: Pools) -> None:
    """Leaves out a CHECK of a partition that its bounds imply, as one that spares ATTACH PARTITION a scan."""
    for check in table.checks if description.partition and table.bounds else ():
        entry = _rule_entry(description, check)
        if entry is not None and _implies(table, pools, table.bounds or "true", check.expression):
            description.checks = [each for each in description.checks if each[1] is not entry]
            description.known[check.name] = f"implied by the bounds of the partition {table.name}"


def _join_known(found: dict[TableName, TableDescription], catalog: Catalog) -> None:
    """Puts what is known of partitions without a check in the file of the partitioned table: they get none."""
    for name in [name for name, each in found.items() if each.partition and not (each.checks or each.undeclarable)]:
        if catalog.above[name][-1] in found:
            found[catalog.above[name][-1]].known |= found.pop(name).known


def _implies(table: Table, pools: Pools, strict: str, weak: str) -> bool:
    """Whether some candidates break the ``weak`` rule, and all of these break the ``strict`` one, too."""
    rules = (strict, weak)
    about = [set(deciding_columns(table, rule)) for rule in rules]
    if not about[0] & about[1]:
        return False
    columns = [column.name for column in table.columns if column.name in about[0] | about[1]]
    rows = [row for row in pools.combinations(table, columns, rules) if _possible(table, columns, row)]
    answers = pools.oracle.answers(table, columns, rows, rules)
    broken = {row: kept for row, (kept, own) in zip(rows, answers, strict=True) if own is Answer.FALSE}
    if not broken or any(kept.holds for kept in broken.values()):
        return False
    # Candidates may lack the one value of a column that the strict rule accepts: it has to refuse any value there.
    only_strict = about[0] - about[1]
    unknown = {
        tuple(None if name in only_strict else value for name, value in zip(columns, row, strict=True))
        for row in broken
    }
    refusing = pools.oracle.answers(table, columns, sorted(unknown, key=str), rules[:1]) if only_strict else []
    return all(answer is Answer.FALSE for (answer,) in refusing)


def _possible(table: Table, columns: list[str], row: tuple[str | None, ...]) -> bool:
    return all(value is not None or not table.column(name).not_null for name, value in zip(columns, row, strict=True))


def _rule_entry(description: TableDescription, constraint: Check) -> CheckEntry | None:
    """The entry of a constraint, if it is a rule that can be implied."""
    part = TableRule("constraint", constraint.name)
    entry: CheckEntry | None = next((each for rule, each in description.checks if rule == part), None)
    if entry is None and part in description.inline_columns:
        entry = description.columns[description.inline_columns[part]]
    return entry if entry is not None and {"check", "accepted_values"} & {*entry} else None
