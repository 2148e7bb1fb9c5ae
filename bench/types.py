"""Types of a large schema: what they take, the catalog being read, against the reading of the catalog.

    python -m bench.types [--tables 300]

A schema of so many tables (`bench/schemas.py`) stands in a database. Timed are the reading of its catalog, and for each
language what `harness types` does after that, up to the texts of the files: domains, views, functions and enums are
asked for, CHECKs understood, files rendered. Each time it is a process of its own, which knows nothing yet; the start
of Python and the writing of the files are left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bench import measure
from bench.schemas import GROUP, grown
from harness.project.model import Driver, TypesOutput
from harness.server import binaries
from harness.server.cluster import cluster
from harness.server.connection import Server

WANTED = 3.0
"""Seconds for 300 tables."""

LANGUAGES: tuple[tuple[str, Driver], ...] = (
    ("typescript", "node-postgres"),
    ("typescript", "postgrest"),
    ("zod", "node-postgres"),
    ("pydantic", "psycopg"),
)
DATABASE = "types"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=300, help=f"a multiple of {GROUP}")
    parser.add_argument("--repetitions", type=int, default=5)
    given = parser.parse_args()
    read: list[float] = []
    with _server(given.tables) as server:
        print(measure.machine())
        print(measure.versions([server.description]))
        contenders = {
            f"{language} for {driver}": partial(_process, server, language, driver, read)
            for language, driver in LANGUAGES
        }
        timings = measure.interleaved(contenders, given.repetitions)
    catalog = measure.Timing("catalog", tuple(read))
    print(catalog)
    for timing in timings.values():
        print(f"{timing}, {timing.median / catalog.median:.2f} times the catalog")
    slowest = max(timings.values(), key=lambda each: each.median)
    title = f"seconds of {slowest.name}, {given.tables} tables, after the catalog"
    print(measure.verdict(title, slowest.median, WANTED, at_least=False))


def _process(server: Server, language: str, driver: Driver, read: list[float]) -> float:
    """Makes the types in a process; adds the seconds of the catalog to ``read``, and returns those after it."""
    with get_context("spawn").Pool(1) as pool:
        catalog, after = pool.apply(made, (dict(server.conninfo), language, driver))
    read.append(catalog)
    return after


def made(conninfo: Mapping[str, Any], language: str, driver: Driver) -> tuple[float, float]:
    """Makes the types in this process, and returns the seconds until the catalog is read, and those after it."""
    import psycopg

    from harness.catalog import read
    from harness.types import queries, reading
    from harness.types.output import render

    with psycopg.connect(**{**conninfo, "dbname": DATABASE}) as connection:
        started = time.perf_counter()
        catalog = read(connection)
        known = time.perf_counter()
        schemas = sorted(catalog.schemas)
        around = queries.read(connection, schemas)
        types = reading.read(catalog, around, reading.Declared(), schemas, queries.ServerCharacters(connection))
        render(Path(), TypesOutput(language, "types", driver), types)
        return known - started, time.perf_counter() - known


@contextmanager
def _server(tables: int) -> Iterator[Server]:
    """A server whose one database has the schema."""
    with tempfile.TemporaryDirectory(prefix="harness-bench-") as directory:
        base = Path(directory)
        base.chmod(0o755)
        with cluster(binaries.embedded(), base) as server:
            with server.connect() as maintenance:
                maintenance.execute(f"create database {DATABASE} template template0".encode())
            with server.connect(DATABASE) as connection:
                connection.execute(grown(tables).encode())
            yield server


if __name__ == "__main__":
    main()
