"""Seed files, and a connection to an empty database to load them into."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SeedError
from harness.project.model import Module, Seed, TableName
from harness.seeds import loading, tolerant
from harness.seeds.tolerant import RefusedRows
from harness.server.connection import Connection, Server


class Loader:
    """Writes files below ``seeds/app/`` and loads them into the schema ``app``."""

    def __init__(self, root: Path, connection: Connection) -> None:
        self.root = root
        self.connection = connection
        self.connection.execute("create schema app")
        self.directory = root / "seeds/app"
        (self.directory / "afterwards").mkdir(parents=True)

    def execute(self, query: str) -> None:
        self.connection.execute(query.encode())

    def put(self, name: str, text: str | bytes) -> None:
        (self.directory / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    @property
    def modules(self) -> list[Module]:
        found = [
            Seed(
                "app",
                TableName("app", path.stem),
                path,
                "csv" if path.suffix == ".csv" else "yaml",
                afterwards=path.parent != self.directory,
            )
            for path in sorted(self.directory.rglob("*.*"))
        ]
        return [Module("app", seeds=tuple(found))]

    def load(self) -> dict[str, tuple[int, int]]:
        """File name to (rows, changed)."""
        loaded = loading.load(self.connection, self.modules, root=self.root)
        return {str(each.seed.path.relative_to(self.directory)): (each.rows, each.changed) for each in loaded}

    def refused(self) -> str:
        with pytest.raises(SeedError) as caught:
            self.load()
        return str(caught.value)

    def left_out(self) -> list[tuple[str, tuple[int, ...], int, str]]:
        """File name, lines, number of rows and what refused them; with a ``+`` where they follow others."""
        found = tolerant.load(self.connection, self.modules, root=self.root)
        assert tolerant.load(self.connection, self.modules, root=self.root) == found  # once more changes nothing
        assert tuple(RefusedRows.of(json.loads(json.dumps(each.facts()))) for each in found) == found
        return [
            (
                each.path.removeprefix("seeds/app/"),
                each.lines,
                each.rows,
                f"{'+' if each.follow else ''}{each.constraint or each.column or each.message} {each.sqlstate}",
            )
            for each in found
        ]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode()).fetchall()


@pytest.fixture
def loader(database: tuple[Server, str], tmp_path: Path) -> Iterator[Loader]:
    server, name = database
    with server.connect(name) as connection:
        yield Loader(tmp_path, connection)
