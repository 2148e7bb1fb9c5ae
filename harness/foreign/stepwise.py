"""Migrations as rungs, to go up and down one by one: a module's own, or those of another tool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from harness.foreign import builder
from harness.global_objects.outside import Confined
from harness.migrations import migrate
from harness.project.model import BuildStep, Module, Project, SqlScript
from harness.server.connection import Connection


@dataclass(frozen=True)
class Rung:
    """One migration; both raise :class:`~harness.errors.StatementError` for what the server refuses."""

    name: str
    up: Callable[[Connection], object]
    down: Callable[[Connection], object]


def stand(connection: Connection, project: Project, module: str, outside: Confined) -> None:
    """Brings an empty database to the foot of the ladder: ``base:``, and the modules that this one depends on."""
    builder.prepare(connection, project, outside)
    below(connection, project, module, outside)


def below(connection: Connection, project: Project, module: str, outside: Confined) -> None:
    """Applies the modules that this one depends on."""
    if not project.adopted:
        before = [each for each in project.with_dependencies([module]) if each.name != module]
        migrate.apply(connection, project, before, outside=outside)


def run(connection: Connection, project: Project, steps: Iterable[BuildStep], outside: Confined) -> None:
    """Runs files that are no migrations."""
    for step in steps:
        _run(project, step.name, step.up, outside, connection)


def rungs(project: Project, module: str, outside: Confined) -> tuple[Rung, ...]:
    """From the lowest to the highest."""
    if project.adopted:
        return tuple(_of_step(project, step, outside) for step in project.adopted.steps)
    modules = project.with_dependencies([module])
    migrations = project.module(module).migrations
    return tuple(_of_module(project, modules, migration.id, outside) for migration in migrations)


def _of_module(project: Project, modules: Sequence[Module], name: str, outside: Confined) -> Rung:
    return Rung(
        name,
        lambda connection: migrate.apply(connection, project, modules, steps=1, outside=outside),
        lambda connection: migrate.rollback(connection, project, modules, steps=1, outside=outside),
    )


def _of_step(project: Project, step: BuildStep, outside: Confined) -> Rung:
    up, down = (partial(_run, project, step.name, sql, outside) for sql in (step.up, step.down))
    return Rung(step.name, up, down)


def _run(project: Project, name: str, sql: SqlScript | None, outside: Confined, connection: Connection) -> None:
    if sql is not None:
        builder.run(connection, project, [builder.parse(name, sql)], outside)
