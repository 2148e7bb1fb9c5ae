"""The same number of valid rows drawn, inserted and undone: by SqlProof, and by what ``harness test`` does.

    python -m bench.sqlproof [--runs 100] [--python .venv/sqlproof/bin/python]

SqlProof lives in a virtual environment of its own (``make .venv/sqlproof``) and so in a process of its own; measured
is only the work, after imports, connecting, reading the schema and a few runs to warm up. The schema has three tables,
references and CHECKs on one column: SqlProof fills it without help. Every run draws twelve rows of each table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from bench import measure
from harness.catalog import read
from harness.generation.choices import Draw
from harness.generation.draft import Draft
from harness.probes import Accepted, Probe, Reply, Scenario, ServerError, Session
from harness.project.model import TableName
from harness.proving import draws
from harness.server import binaries
from harness.server.cluster import cluster
from harness.server.connection import Connection, Server
from harness.solver.pools import Pools
from harness.values.examples import examples

GOAL = 5.0
ROWS = 12
"""Rows of each table in one run."""

SCHEMA = """\
create table customers (
    id integer primary key,
    name varchar(40) not null check (length(name) >= 1),
    rating integer not null check (rating between 1 and 5)
);
create table orders (
    id integer primary key,
    customer_id integer not null references customers,
    state varchar(10) not null check (state in ('open', 'paid', 'void')),
    total numeric(10,2) not null check (total >= 0)
);
create table lines (
    id integer primary key,
    order_id integer not null references orders,
    quantity integer not null check (quantity > 0),
    price numeric(10,2) not null check (price > 0),
    note text
);
"""

THEIRS = """\
import json, pathlib, sys, time
from sqlproof import SqlProof
from sqlproof.runners.property import run_property
dsn, runs, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
proof = SqlProof.from_connection_string(dsn)
done = 0
def unfailing(db, dataset):
    global done
    done += sum(map(len, dataset.values()))
sizes = dict.fromkeys(("customers", "orders", "lines"), rows)
def repeat(runs):
    run_property(proof, unfailing, sizes=sizes, runs=runs, failure_dir=pathlib.Path("."))
repeat(3)
done = 0
started = time.perf_counter()
repeat(runs)
print(json.dumps({"seconds": time.perf_counter() - started, "rows": done}))
"""


def main() -> None:
    arguments = _arguments()
    draws.make_reproducible()  # as the command does
    if not arguments.python.exists():
        raise SystemExit(f"no SqlProof at {arguments.python}: make .venv/sqlproof")
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        with cluster(binaries.embedded(), base) as server, _database(server) as connection:
            dsn = make_conninfo(**{**server.conninfo, "dbname": "bench"})
            ours = _Ours(connection, arguments.runs)
            theirs = partial(_theirs, arguments.python.absolute(), dsn, arguments.runs, base)
            found = measure.interleaved({"ours": ours.seconds, "SqlProof": theirs}, arguments.repetitions)
            print(measure.machine())
            print(measure.versions([server.description]))
    rows = arguments.runs * ROWS * 3
    ratio = measure.ratio(found["SqlProof"], found["ours"])
    print(f"{rows:,} rows in {arguments.runs} runs", *found.values(), f"ratio {ratio}", sep="\n")
    print(f"rows/s: ours {rows / found['ours'].median:,.0f}, SqlProof {rows / found['SqlProof'].median:,.0f}")
    print(f"of ours {ours.drawing:.3f} s in the last run were for drawing")
    print(measure.verdict("rows drawn, inserted and undone, ours against SqlProof", ratio.value, GOAL, at_least=True))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--python", type=Path, default=Path(".venv/sqlproof/bin/python"), help="one that has SqlProof")
    return parser.parse_args()


@contextmanager
def _database(server: Server) -> Iterator[Connection]:
    with server.connect() as maintenance:
        maintenance.execute("create database bench template template0")
    with server.connect("bench") as connection:
        connection.execute(SCHEMA.encode())
        yield connection


class _Ours:
    """Scenarios of rows drawn as kinds draw them, and sent as the prover sends them."""

    def __init__(self, connection: Connection, runs: int) -> None:
        self._runs = runs
        self._catalog = read(connection)
        self._pools = Pools(connection, self._catalog, {})
        self._session = Session(connection, self._catalog)
        self.drawing = 0.0
        self._work(3)

    def seconds(self) -> float:
        started = time.perf_counter()
        self._work(self._runs)
        return time.perf_counter() - started

    def _work(self, runs: int) -> None:
        @st.composite
        def scenario(draw: Draw) -> Scenario:
            draft = Draft(draw, self._pools)
            for _ in range(ROWS):  # each with an order and a customer of its own
                draft.insert(TableName("public", "lines"))
            *before, last = draft.inserts
            return Scenario(tuple(before), (Probe(last, Accepted(), "row", "a valid row"),))

        started = time.perf_counter()
        scenarios = examples(scenario(), runs)
        self.drawing = time.perf_counter() - started
        answers = self._session.run(scenarios)
        rows = sum(len(each.setup) + 1 for each in scenarios)
        refused = [each for each in answers if isinstance(each, ServerError) or each != [Reply(None, 1)]]
        if rows != runs * ROWS * 3 or refused:
            raise SystemExit(f"{rows} rows were drawn, or some of them refused: {refused[:1]}")


def _theirs(python: Path, dsn: str, runs: int, directory: Path) -> float:
    command = [str(python), "-c", THEIRS, dsn, str(runs), str(ROWS)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"SqlProof failed: {done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    if found["rows"] != runs * ROWS * 3:
        raise SystemExit(f"SqlProof drew {found['rows']} rows")
    return float(found["seconds"])


if __name__ == "__main__":
    main()
