"""Rows per second into every table of a schema, against the same rows by COPY.

    python -m bench.rows [--rows 1000] [--tables 300] [--schema dump.sql] [--target system]

Both sides have the same server, tables, indexes, constraints and triggers, in a database each. Ours is everything after
the connection is made: the catalog is read, rules are understood, rows are made and inserted. The other side is COPY
FROM of those very rows, parents first, out of the memory of this process; a reference in a circle is deferred for it,
and triggers of users are switched off: what they have written is among the rows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from bench import measure
from bench.schemas import grown
from harness.bulk import BulkContext, FillResult, load
from harness.bulk.load import batches
from harness.catalog import read
from harness.catalog.model import Table
from harness.server import binaries
from harness.server.cluster import cluster
from harness.server.connection import Connection, Server
from harness.solver.pools import Pools

GOAL = 0.3


def main() -> None:
    arguments = _arguments()
    ddl = arguments.schema.read_text(encoding="utf-8") if arguments.schema else grown(arguments.tables)
    with _server(arguments.target) as server:
        with _database(server, ddl) as ours, _database(server, ddl) as theirs:
            filled, seconds = _filled(ours, arguments.rows)
            _say_what_is_missing(filled)
            copied = _copied(ours, theirs)
        rows = sum(each.rows for each in filled)
        tables = sum(bool(each.rows) for each in filled)
        print(measure.machine())
        print(measure.versions([server.description]))
        print(f"{rows:,} rows into {tables} of {len(filled)} tables")
        print(f"generated and inserted: {seconds:.2f} s, {rows / seconds:,.0f} rows/s")
        print(f"the same rows by COPY:  {copied:.2f} s, {rows / copied:,.0f} rows/s")
        print(measure.verdict("ours against COPY", copied / seconds, GOAL, at_least=True))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000, help="rows of each table")
    parser.add_argument("--tables", type=int, default=300, help="tables of the schema that is made up")
    parser.add_argument("--schema", type=Path, help="a plain dump of a schema, in place of the one that is made up")
    parser.add_argument("--target", choices=("embedded", "system"), default="embedded")
    return parser.parse_args()


@contextmanager
def _server(target: str) -> Iterator[Server]:
    found = binaries.embedded() if target == "embedded" else binaries.system()
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        with cluster(found, base) as server:
            yield server


@contextmanager
def _database(server: Server, ddl: str) -> Iterator[Connection]:
    name = f"bench_{time.monotonic_ns()}"
    with server.connect() as maintenance:
        maintenance.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    with server.connect(name) as connection:
        for statement in _statements(ddl):
            try:
                connection.execute(statement.encode())
            except psycopg.Error as error:
                print(f"left out: {error.diag.message_primary}")
        connection.execute("reset all")
        yield connection


def _statements(ddl: str) -> list[str]:
    """A dump, statement by statement; what psql alone understands is left out."""
    from harness.project import sqlfile

    text = "\n".join("" if line.startswith("\\") else line for line in ddl.splitlines())
    return [statement.text for statement in sqlfile.migration_statements(Path("schema.sql"), text)]


def _filled(connection: Connection, rows: int) -> tuple[list[FillResult], float]:
    started = time.perf_counter()
    catalog = read(connection)
    context = BulkContext(connection, catalog, Pools(connection, catalog, {}))
    filled = list(load(context, list(context.tables.values()), lambda table: rows))
    return filled, time.perf_counter() - started


def _say_what_is_missing(filled: Sequence[FillResult]) -> None:
    for each in filled:
        if each.rows < each.requested:
            print(f"{each.table}: {each.rows} of {each.requested} rows: {each.reason}")


def _copied(ours: Connection, theirs: Connection) -> float:
    """The seconds that COPY takes for the rows that stand in our database."""
    catalog = read(ours)
    context = BulkContext(ours, catalog, Pools(ours, catalog, {}))
    # As if no reference could be NULL: so circles show, whose references have to be deferred.
    order = [cycle for batch in batches(context.tables.values(), lambda table, key: False) for cycle in batch.cycles]
    for cycle in order:
        _defer(theirs, cycle)
        for table in cycle:
            theirs.execute(sql.SQL("alter table {} disable trigger user").format(_name(table)))
    data = [(table, b"".join(_dump(ours, table))) for cycle in order for table in cycle]
    started = time.perf_counter()
    with theirs.transaction(), theirs.cursor() as cursor:
        for table, rows in data:
            with cursor.copy(sql.SQL("copy {} from stdin").format(_name(table))) as copy:
                copy.write(rows)
    return time.perf_counter() - started


def _defer(connection: Connection, cycle: Sequence[Table]) -> None:
    names = {table.name for table in cycle} if len(cycle) > 1 else set()
    for table in cycle:
        for key in table.foreign_keys:
            if key.references in names:
                connection.execute(
                    sql.SQL("alter table {} alter constraint {} deferrable initially deferred").format(
                        _name(table), sql.Identifier(key.name)
                    )
                )


def _dump(connection: Connection, table: Table) -> Iterator[bytes]:
    what = sql.SQL("copy (select {} from {}) to stdout") if table.kind == "p" else sql.SQL("copy {1} to stdout")
    columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns if column.is_supplied)
    with connection.cursor() as cursor, cursor.copy(what.format(columns, _name(table))) as copy:
        for chunk in copy:
            yield bytes(chunk)


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.name.schema, table.name.table)


if __name__ == "__main__":
    main()
