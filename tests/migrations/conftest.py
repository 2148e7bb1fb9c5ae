"""A project made of a few files, and a connection to an empty database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.migrations import ledger, migration_set
from harness.migrations.migrate import Migrator
from harness.project import migrations
from harness.project.model import Migration, Module, Project
from harness.server.connection import Connection, Server


class Files:
    """Writes migrations below ``schema/<module>/`` and reads them back as a project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings: dict[str, Any] = {}

    def write(self, path: str, up: str, down: str = "select;") -> None:
        """``path`` is ``module/NNN_name``."""
        self.put(f"{path}.up.sql", up)
        self.put(f"{path}.down.sql", down)

    def put(self, path: str, text: str | bytes) -> None:
        file = self.root / "schema" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def remove(self, path: str) -> None:
        for direction in ("up", "down"):
            (self.root / "schema" / f"{path}.{direction}.sql").unlink()

    def discover(self, module: str = "app") -> tuple[Migration, ...]:
        return migrations.discover(self.root, module, self.root / "schema" / module)

    @property
    def project(self) -> Project:
        directories = sorted((self.root / "schema").iterdir())
        modules = tuple(Module(each.name, migrations=self.discover(each.name)) for each in directories)
        empty = Project(self.root, "test", modules, "embedded", {}, {})
        return replace(empty, **self.settings)


class Runner:
    """The verbs on one connection."""

    def __init__(self, connection: Connection, files: Files, *, own: bool = True) -> None:
        self.connection = connection
        self.files = files
        self.own = own

    def migrator(self, *, dry_run: bool = False, **settings: Any) -> Migrator:
        project = self.files.project
        return Migrator(self.connection, project, project.modules, own=self.own, dry_run=dry_run, **settings)

    def apply(self, *, dry_run: bool = False, **options: Any) -> list[str]:
        settings = {key: options.pop(key) for key in ("guard", "on_event", "out_of_order") if key in options}
        return [each.id for each in self.migrator(dry_run=dry_run, **settings).apply(**options)]

    def rollback(self, *, dry_run: bool = False, all: bool = False, **options: Any) -> list[str]:
        settings = {key: options.pop(key) for key in ("guard", "on_event") if key in options}
        options |= {"steps": None} if all else {}
        return [each.id for each in self.migrator(dry_run=dry_run, **settings).rollback(**options)]

    def accept(self, *names: str, dry_run: bool = False) -> list[tuple[str, str]]:
        return [(row.id, migration.id) for row, migration in self.migrator(dry_run=dry_run).accept(names)]

    def renumber(self, *names: str, dry_run: bool = False) -> list[tuple[str, str]]:
        return [(row.id, migration.id) for row, migration in self.migrator(dry_run=dry_run).renumber(names)]

    def status(self) -> dict[str, str]:
        project = self.files.project
        rows = ledger.read(self.connection, project.ledger_schema)
        return {each.id: each.text for each in migration_set.statuses(project.modules, rows)}

    def value(self, query: str) -> Any:
        row = self.connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def tables(self) -> list[str]:
        found = self.value(
            "select array_agg(relname::text order by relname) from pg_class"
            " where relnamespace = 'public'::regnamespace and relkind = 'r'"
        )
        return found or []


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def runner(database: tuple[Server, str], files: Files) -> Iterator[Runner]:
    server, name = database
    with server.connect(name) as connection:
        yield Runner(connection, files)
