"""``harness apply`` of many migrations against ``psql`` with the same files, and an ``apply`` that has nothing to do.

    python -m bench.apply [--files 300] [--repetitions 5]

psql is started once and given all files (``-f`` for each): it sends them as they are, without a ledger or a lock.
Both talk to the same embedded server, which runs already, and each starts from an empty database. A second apply is
measured against the start of Python with psycopg imported: what any tool of this kind costs at least.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from bench import measure
from harness.server import binaries
from harness.server.cluster import cluster
from harness.server.connection import Server

PROJECT = "name: bench\nmodules: {app: {}}\n"
ALL_GOAL, NOTHING_GOAL = 1.3, 3.0


@dataclass(frozen=True)
class Ground:
    """A project's directory and a server."""

    root: Path
    server: Server
    psql: Path

    @property
    def files(self) -> list[Path]:
        return sorted((self.root / "schema" / "app").glob("*.up.sql"))

    @property
    def dsn(self) -> str:
        return make_conninfo(**{**self.server.conninfo, "dbname": "bench"})

    def empty(self) -> None:
        with self.server.connect() as connection:
            connection.execute("drop database if exists bench with (force)")
            connection.execute("create database bench template template0")

    def apply(self) -> float:
        return _seconds([str(Path(sys.executable).with_name("harness")), "apply", "--target", self.dsn], self.root)

    def apply_all(self) -> float:
        self.empty()
        return self.apply()

    def psql_all(self) -> float:
        self.empty()
        files = [word for path in self.files for word in ("-f", str(path))]
        command = [str(self.psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn, *files]
        return _seconds(command, self.root)

    def python(self) -> float:
        return _seconds([sys.executable, "-c", "import psycopg"], self.root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--repetitions", type=int, default=5)
    arguments = parser.parse_args()
    with _ground(arguments.files) as ground:
        ground.apply_all()  # what Python compiles once is compiled by now
        print(measure.machine())
        print(measure.versions([ground.server.description]))
        first = measure.interleaved({"apply": ground.apply_all, "psql": ground.psql_all}, arguments.repetitions)
        _show(f"{arguments.files} files, apply against psql", first["apply"], first["psql"], ALL_GOAL)
        ground.apply_all()
        second = measure.interleaved({"apply": ground.apply, "python": ground.python}, arguments.repetitions * 3)
        _show("nothing to do, apply against the start of Python", second["apply"], second["python"], NOTHING_GOAL)


def _show(title: str, ours: measure.Timing, theirs: measure.Timing, goal: float) -> None:
    ratio = measure.ratio(ours, theirs)
    print(ours, theirs, f"ratio {ratio}", sep="\n")
    print(measure.verdict(title, ratio.value, goal, at_least=False))


@contextmanager
def _ground(files: int) -> Iterator[Ground]:
    found = binaries.embedded()
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        (base / "project.yml").write_text(PROJECT)
        (base / "schema" / "app").mkdir(parents=True)
        for number in range(1, files + 1):
            name, ddl = f"{number:03d}_part", migration(number)
            (base / "schema" / "app" / f"{name}.up.sql").write_text(ddl)
            (base / "schema" / "app" / f"{name}.down.sql").write_text(f"drop table app.t{number:03d} cascade;\n")
        with cluster(found, base) as server:
            yield Ground(base, server, found.directory / "psql")


def migration(number: int) -> str:
    """A file as people write it: a table with its rules, indexes and comments, and one that refers to it."""
    t, before = f"app.t{number:03d}", f"app.t{number - 1:03d}"
    reference = f",\n    before_id bigint references {before}" if number > 1 else ""
    return f"""\
{"create schema app;" if number == 1 else "-- one more part of the application"}
create table {t} (
    id bigint generated always as identity primary key,
    name text not null,
    state text not null default 'open',
    amount numeric(12,2) not null,
    created_at timestamptz not null default now(){reference},
    constraint t{number:03d}_state check (state in ('open', 'paid', 'void')),
    constraint t{number:03d}_amount check (amount >= 0)
);
create index t{number:03d}_open on {t} (created_at) where state = 'open';
create unique index t{number:03d}_name on {t} (lower(name));
comment on table {t} is 'Part {number}; its rows are kept.';
comment on column {t}.state is 'Where it stands.';
create function {t}_touch() returns trigger language plpgsql as $$
begin
    new.created_at := now();
    return new;
end
$$;
create trigger touch before update on {t} for each row execute function {t}_touch();
insert into {t} (name, amount) values ('first', 1), ('second', 2);
"""


def _seconds(command: list[str], directory: Path) -> float:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])}
    started = time.perf_counter()
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr or done.stdout}")
    return seconds


if __name__ == "__main__":
    main()
