"""Loading seeds: rows that are missing are inserted, rows that differ are updated, all others are left alone.

What cannot be said at once (a week is filled, then closed) is said in two steps: files that come afterwards change
rows when all are in. What they change the first step leaves as it is, so that a second load goes no step back.

Every file is copied into a temporary table first, and from there one statement for each table fills it. So forced
row security, which refuses COPY, is no obstacle, and a second load fires no trigger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from harness.errors import Place, SeedError, did_you_mean
from harness.migrations import ledger
from harness.project.folders import relative
from harness.project.model import Module, Seed, TableName
from harness.seeds import refused_row, seedfile, staging, tables, upsert
from harness.seeds.seedfile import SeedFile
from harness.seeds.staging import SHAPE, Stage, refusal
from harness.seeds.tables import Table
from harness.server.connection import Connection


@dataclass(frozen=True)
class Loaded:
    """A file with ``rows`` rows, of which ``changed`` had to be inserted or updated."""

    seed: Seed
    rows: int
    changed: int


def load(connection: Connection, modules: Iterable[Module], *, root: Path | None = None) -> tuple[Loaded, ...]:
    """Loads the seeds of the modules in the order of their foreign keys, in one transaction.

    Needs an autocommit connection and waits for migrations and other loads. Messages name files relative to
    ``root``, or to the current directory. Raises :class:`SeedError` with the line, and then nothing is loaded.
    """
    base = root or Path.cwd()
    files = [seedfile.read(seed, relative(seed.path, base)) for module in modules for seed in module.seeds]
    if not files:
        return ()
    with ledger.lock(connection):
        try:
            with connection.transaction():
                changed = _load(connection, files)
        except psycopg.Error as error:
            raise refusal(error, Place(files[0].path.parent)) from None
    return tuple(Loaded(file.seed, len(file.rows), changed[file.path]) for file in files)


def _load(connection: Connection, files: Sequence[SeedFile]) -> dict[Path, int]:
    found = tables_of(connection, files)
    filled = [staging.fill(connection, file, found[file.seed.table], n) for n, file in enumerate(files)]
    later = [stage for stage in filled if stage.file.seed.afterwards]
    stages = [stage for stage in filled if not stage.file.seed.afterwards]
    done = {stage.file.path for stage in stages if not stage.key and is_loaded(connection, stage, stages)}
    changed = {file.path: 0 for file in files}
    try:
        with connection.transaction():
            for group in tables.in_order(found.values()):
                members = [s for s in stages if s.table in group and s.file.path not in done]
                changed |= _load_group(connection, members, stages, later)
            changed |= {stage.file.path: _change(connection, stage) for stage in later}
            connection.execute("set constraints all immediate", prepare=False)
    except psycopg.Error as error:  # a deferred constraint
        raise refused_row.of_rows(connection, filled, filled, error) from None
    for stage in filled:
        advance_sequences(connection, stage)
    return changed


def tables_of(connection: Connection, files: Sequence[SeedFile]) -> dict[TableName, Table]:
    known = tables.names(connection)
    for file in files:
        if file.seed.table not in known:
            raise SeedError(
                f"no table {file.seed.table}{did_you_mean(str(file.seed.table), map(str, known))}",
                place=Place(file.path),
                hint="a seed file is named after its table; has the schema been applied? harness status",
            )
    return {name: tables.read(connection, name, known[name]) for name in dict.fromkeys(f.seed.table for f in files)}


def is_loaded(connection: Connection, stage: Stage, stages: Sequence[Stage]) -> bool:
    """Whether a table whose rows cannot be told apart holds exactly these already; false if it is empty."""
    rows = sum(len(other.file.rows) for other in stages if other.table == stage.table)
    count = _count(connection, sql.SQL("select count(*) from {}").format(stage.target))
    if count == 0:
        return False
    missing = sum(_count(connection, _missing(stage, n)) for n in range(len(stage.shapes)))
    if missing or count != rows:
        raise SeedError(
            f"{stage.table.name} holds other rows already, and no key of it is among these columns",
            place=Place(stage.file.path),
            hint="give every row its primary key, or empty the table first",
        )
    return True


def _missing(stage: Stage, n: int) -> sql.Composed:
    names = map(sql.Identifier, stage.shapes[n])
    return sql.SQL(
        "select count(*) from"
        " (select {texts} from {stage} where {shape} = {n} except all select {texts} from {target}) as missing"
    ).format(
        texts=sql.SQL(", ").join(sql.SQL("{}::text").format(name) for name in names),
        stage=stage.name,
        shape=SHAPE,
        n=sql.Literal(n),
        target=stage.target,
    )


def _count(connection: Connection, query: sql.Composed) -> int:
    row = connection.execute(query, prepare=False).fetchone()
    return int(row[0]) if row else 0


def _load_group(
    connection: Connection, group: Sequence[Stage], stages: Sequence[Stage], later: Sequence[Stage]
) -> dict[Path, int]:
    try:
        with connection.transaction():
            counts = upsert.insert(connection, group)
            for stage in group:
                counts[stage.file.path] += upsert.update(connection, stage, later)
    except psycopg.Error as error:
        raise refused_row.of_rows(connection, group, stages, error) from None
    return counts


def _change(connection: Connection, stage: Stage) -> int:
    """Updates the rows of a file that comes afterwards; they are there by now."""
    require_rows(connection, stage)
    try:
        with connection.transaction():
            return upsert.update(connection, stage)
    except psycopg.Error as error:
        raise refused_row.of_rows(connection, [stage], [stage], error) from None


def require_rows(connection: Connection, stage: Stage) -> None:
    """Raises :class:`SeedError` at a row to be changed that is not there, or cannot be told from others."""
    if not stage.key:
        raise SeedError(
            f"no key of {stage.table.name} is among these columns",
            place=Place(stage.file.path),
            hint="a row that is changed afterwards is told by its primary key",
        )
    missing = connection.execute(upsert.strangers(stage), prepare=False).fetchone()
    if missing and missing[0] is not None:
        place = stage.file.rows[missing[0]].place
        raise SeedError(
            f"{stage.table.name} has no such row to be changed afterwards",
            place=Place(place.path, place.line),
            hint=f"another seed file brings it, with the same {', '.join(stage.key)}",
        )


def advance_sequences(connection: Connection, stage: Stage) -> None:
    """Moves a sequence behind the largest value a seed has brought, so that the next insert finds a free one."""
    for column in map(stage.table.columns.__getitem__, stage.file.columns):
        if column.sequence_schema and column.sequence_name:
            sequence = sql.Identifier(column.sequence_schema, column.sequence_name)
            connection.execute(
                sql.SQL(
                    "select setval({name}::regclass, m) from (select max({column}) as m from {target}) as t,"
                    " {sequence} as q where m >= q.last_value + q.is_called::int"
                ).format(
                    name=sql.Literal(sequence.as_string(connection)),
                    column=sql.Identifier(column.name),
                    target=stage.target,
                    sequence=sequence,
                ),
                prepare=False,
            )
