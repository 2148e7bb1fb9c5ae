"""Runs the migrations of a module, or of another tool, up and down one by one.

For the kind ``rollback``; first come the modules that this one depends on. Not here: whether a ``down`` has left
something (``kinds/rollback.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from harness.foreign import builder
from harness.global_objects.guards import ScratchGuard
from harness.migrations.migrate import Migrator
from harness.project.model import BuildStep, Project, SqlScript
from harness.server.connection import Connection


@dataclass(frozen=True)
class MigrationStep:
    """A migration; ``up`` and ``down`` raise :class:`~harness.errors.StatementError` if the server refuses it."""

    name: str
    up: Callable[[Connection], object]
    down: Callable[[Connection], object]


def prepare(connection: Connection, project: Project, module: str, guard: ScratchGuard) -> None:
    """Prepares an empty database: runs ``base:``, and applies the modules that this one depends on."""
    builder.prepare(connection, project, guard)
    apply_dependencies(connection, project, module, guard)


def apply_dependencies(connection: Connection, project: Project, module: str, guard: ScratchGuard) -> None:
    """Applies the modules that this one depends on."""
    if not project.adopted:
        Migrator(
            connection, project, [each for each in project.with_dependencies([module]) if each.name != module], guard
        ).apply()


def run(connection: Connection, project: Project, steps: Iterable[BuildStep], guard: ScratchGuard) -> None:
    """Runs files that are not migrations."""
    for step in steps:
        _run(project, step.up, guard, connection)


def steps(project: Project, module: str, guard: ScratchGuard) -> tuple[MigrationStep, ...]:
    """Returns the migrations of a module, or of another tool, in the order of their application."""
    if project.adopted:
        return tuple(
            MigrationStep(step.name, *(partial(_run, project, sql, guard) for sql in (step.up, step.down)))
            for step in project.adopted.steps
        )
    modules = project.with_dependencies([module])

    def migrator(connection: Connection) -> Migrator:
        return Migrator(connection, project, modules, guard)

    return tuple(
        MigrationStep(
            migration.id,
            lambda connection: migrator(connection).apply(steps=1),
            lambda connection: migrator(connection).rollback(),
        )
        for migration in project.module(module).migrations
    )


def _run(project: Project, sql: SqlScript | None, guard: ScratchGuard, connection: Connection) -> None:
    if sql is not None:
        builder.run(connection, project, [builder.parse(sql)], guard)
