"""Loads seeds: inserts rows that are missing, updates rows that differ, and leaves all others alone.

Decides whether a file without a key is loaded already, or is an error because its table holds other rows; the order of
files; and that files ``afterwards`` change rows once all are in. One transaction: a refusal loads nothing, and its line
in the file is found. Each file is copied into a temporary table first, since forced row security refuses COPY.
Not here: which rows are missing or differ (``upsert.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from harness import catalog
from harness.catalog import Catalog, ForeignKey, Table, parents_first
from harness.errors import Place, SeedError, did_you_mean
from harness.migrations import ledger
from harness.project import Module, Seed, TableName, relative
from harness.seeds import seedfile, staging, upsert
from harness.seeds.seedfile import SeedFile
from harness.seeds.staging import ROW, SHAPE, StagedFile, refusal, table_identifier
from harness.server.connection import Connection, value


@dataclass(frozen=True)
class LoadedFile:
    """A file with ``rows`` rows, of which ``changed`` had to be inserted or updated."""

    seed: Seed
    rows: int
    changed: int


def load(connection: Connection, modules: Iterable[Module], *, root: Path | None = None) -> tuple[LoadedFile, ...]:
    """Loads the seeds of the modules in the order of their foreign keys, in one transaction.

    Needs an autocommit connection and waits for migrations and other loads. Messages name files relative to
    ``root``, or to the current directory. Raises :class:`SeedError` with the line, and then nothing is loaded.
    """
    files = read_files(modules, root)
    if not files:
        return ()
    with ledger.lock(connection):
        try:
            known = catalog.read(connection, ledger="")  # outside of the transaction: it sets a search path
            with connection.transaction():
                changed = _load(connection, files, tables_of(known, files))
        except psycopg.Error as error:
            raise refusal(error, Place(files[0].path.parent)) from None
    return tuple(LoadedFile(file.seed, len(file.rows), changed[file.path]) for file in files)


def read_files(modules: Iterable[Module], root: Path | None) -> list[SeedFile]:
    """Reads the seed files of the modules; raises :class:`SeedError` with the line of what cannot be read."""
    base = root or Path.cwd()
    return [seedfile.read(seed, relative(seed.path, base)) for module in modules for seed in module.seeds]


def tables_of(known: Catalog, files: Sequence[SeedFile]) -> dict[TableName, Table]:
    """Returns the table of each file; raises :class:`SeedError` at a file without one."""
    for file in files:
        if file.seed.table not in known.tables:
            raise SeedError(
                f"no table {file.seed.table}{did_you_mean(str(file.seed.table), map(str, known.tables))}",
                place=Place(file.path),
                hint="a seed file is named after its table; has the schema been applied? harness status",
            )
    return {file.seed.table: known.tables[file.seed.table] for file in files}


def _load(connection: Connection, files: Sequence[SeedFile], found: dict[TableName, Table]) -> dict[Path, int]:
    staged = [staging.fill(connection, file, found[file.seed.table], n) for n, file in enumerate(files)]
    later = [each for each in staged if each.file.seed.afterwards]
    first = [each for each in staged if not each.file.seed.afterwards]
    done = {each.file.path for each in first if not each.key and is_loaded(connection, each, first)}
    changed = {file.path: 0 for file in files}
    with _located(connection, staged, staged):  # for a deferred constraint
        for group in in_order(found.values()):
            members = [each for each in first if each.table in group and each.file.path not in done]
            changed |= _load_group(connection, members, first, later)
        changed |= {each.file.path: _change(connection, each) for each in later}
        connection.execute("set constraints all immediate", prepare=False)
    for each in staged:
        advance_sequences(connection, each)
    return changed


@contextmanager
def _located(connection: Connection, group: Sequence[StagedFile], staged: Sequence[StagedFile]) -> Iterator[None]:
    """Does work in a savepoint; of a refusal it says which row of the group causes it."""
    try:
        with connection.transaction():
            yield
    except psycopg.Error as error:
        raise located(connection, group, staged, error) from None


def in_order(tables: Iterable[Table]) -> list[tuple[Table, ...]]:
    """Returns parents before children; tables that refer to each other in a circle are one group."""
    by_name = {table.name: table for table in tables}
    parents = {name: dict.fromkeys(key.references for key in table.foreign_keys) for name, table in by_name.items()}
    return [tuple(by_name[name] for name in group) for group in parents_first(parents)]


def is_loaded(connection: Connection, staged: StagedFile, others: Sequence[StagedFile]) -> bool:
    """Whether a table without a usable key already holds exactly the rows of its files; false if it is empty.

    Raises :class:`SeedError` if it holds other rows.
    """
    rows = sum(len(other.file.rows) for other in others if other.table == staged.table)
    count = value(connection, sql.SQL("select count(*) from {}").format(staged.target))
    if count and (count != rows or any(value(connection, _missing(staged, n)) for n in range(len(staged.shapes)))):
        raise SeedError(
            f"{staged.table.name} holds other rows already, and no key of it is among these columns",
            place=Place(staged.file.path),
            hint="give every row its primary key, or empty the table first",
        )
    return bool(count)


def _missing(staged: StagedFile, n: int) -> sql.Composed:
    return sql.SQL(
        "select count(*) from"
        " (select {texts} from {stage} where {shape} = {n} except all select {texts} from {target}) as missing"
    ).format(
        texts=sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in map(sql.Identifier, staged.shapes[n])),
        stage=staged.name,
        shape=SHAPE,
        n=sql.Literal(n),
        target=staged.target,
    )


def _load_group(
    connection: Connection, group: Sequence[StagedFile], first: Sequence[StagedFile], later: Sequence[StagedFile]
) -> dict[Path, int]:
    with _located(connection, group, first):
        counts = upsert.insert(connection, group)
        for staged in group:
            counts[staged.file.path] += upsert.update(connection, staged, later)
    return counts


def _change(connection: Connection, staged: StagedFile) -> int:
    """Updates the rows of a file that comes afterwards, when all rows are in."""
    require_rows(connection, staged)
    with _located(connection, [staged], [staged]):
        return upsert.update(connection, staged)


def require_rows(connection: Connection, staged: StagedFile) -> None:
    """Raises :class:`SeedError` at a row to be changed that is not there, or cannot be told from others."""
    if not staged.key:
        raise SeedError(
            f"no key of {staged.table.name} is among these columns",
            place=Place(staged.file.path),
            hint="a row that is changed afterwards is told by its primary key",
        )
    missing = value(connection, upsert.first_missing(staged))
    if missing is not None:
        place = staged.file.rows[missing].place
        raise SeedError(
            f"{staged.table.name} has no such row to be changed afterwards",
            place=Place(place.path, place.line),
            hint=f"another seed file brings it, with the same {', '.join(staged.key)}",
        )


def advance_sequences(connection: Connection, staged: StagedFile) -> None:
    """Moves the sequences of a table behind the largest values of the seeds, for the next insert."""
    for column, *name in connection.execute(
        "select c.name, n.nspname, s.relname from unnest(%s::text[]) as c (name)"
        " join pg_catalog.pg_class s on s.oid = pg_catalog.pg_get_serial_sequence(%s, c.name)::regclass"
        " join pg_catalog.pg_namespace n on n.oid = s.relnamespace",
        [[*staged.file.columns], staged.target.as_string(connection)],
        prepare=False,
    ).fetchall():
        sequence = sql.Identifier(*name)
        query = sql.SQL(
            "select setval({name}::regclass, m) from (select max({column}) as m from {target}) as t,"
            " {sequence} as q where m >= q.last_value + q.is_called::int"
        ).format(
            name=sql.Literal(sequence.as_string(connection)),
            column=sql.Identifier(column),
            target=staged.target,
            sequence=sequence,
        )
        connection.execute(query, prepare=False)


def located(
    connection: Connection, group: Sequence[StagedFile], staged: Sequence[StagedFile], error: psycopg.Error
) -> SeedError:
    """Returns the refusal with the line of the first row of ``group`` that causes it.

    ``staged`` are all files that are loaded: a parent may be in any of them.
    """
    name = TableName(error.diag.schema_name or "", error.diag.table_name or "")
    group = [each for each in group if each.table.name == name] or group
    for each in group:
        key = each.violated_key(error)
        rows = orphans(connection, each, staged, [key]) if key else []
        row = rows[0] if rows else _refused_alone(connection, each, error)
        if row is not None:
            place = each.file.rows[row].place
            return refusal(error, Place(place.path, place.line))
    return refusal(error, Place(group[0].file.path))


def orphans(
    connection: Connection, staged: StagedFile, others: Sequence[StagedFile], keys: Iterable[ForeignKey]
) -> list[int]:
    """Returns the rows whose parent, by one of the ``keys``, is neither in the database nor in the ``others``."""
    found: set[int] = set()
    for key in keys:
        if set(key.columns) <= set(staged.file.columns):
            found.update(row for (row,) in connection.execute(_orphans(staged, key, others), prepare=False))
    return sorted(found)


def _orphans(staged: StagedFile, key: ForeignKey, others: Sequence[StagedFile]) -> sql.Composed:
    parents = [
        each.name
        for each in others
        if each.table.name == key.references and set(key.referenced_columns) <= set(each.file.columns)
    ]
    parents.append(table_identifier(key.references))
    pairs = [
        sql.SQL("p.{} = s.{}").format(sql.Identifier(referenced), sql.Identifier(column))
        for column, referenced in key.pairs
    ]
    conditions = [sql.SQL("s.{} is not null").format(sql.Identifier(column)) for column in key.columns]
    conditions += [
        sql.SQL("not exists (select from {} as p where {})").format(parent, sql.SQL(" and ").join(pairs))
        for parent in parents
    ]
    return sql.SQL("select s.{row} from {} as s where {}").format(
        staged.name, sql.SQL(" and ").join(conditions), row=ROW
    )


def _refused_alone(connection: Connection, staged: StagedFile, error: psycopg.Error) -> int | None:
    """Returns the first row that is refused in the same way when rows come one by one, the earlier ones kept."""
    with connection.transaction(force_rollback=True):
        for row in range(len(staged.file.rows)):
            try:
                with connection.transaction():
                    if not staged.file.seed.afterwards:
                        upsert.insert(connection, [staged], row)
                    upsert.update(connection, staged, row=row)
            except psycopg.Error as again:
                if _rule(again) == _rule(error):
                    return row
    return None


def _rule(error: psycopg.Error) -> tuple[str | None, ...]:
    diag = error.diag
    return diag.sqlstate, diag.schema_name, diag.table_name, diag.constraint_name, diag.column_name
