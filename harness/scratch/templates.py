"""Decides when a template is outdated: its name is a hash of all that goes into it.

That is: migrations, seeds, other SQL, settings, the user and the project's directory. Any change gives another name, so
that a new one is built; outdated ones are dropped unless in use. Builds the content, and removes all that is left over.
Not here: when a template is built, and how it gets its name (``workspaces.py``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg

from harness.errors import Place, ProjectError, StatementError
from harness.foreign import builder
from harness.global_objects import Role, ScratchGuard, locks, registry, require_roles, roles
from harness.migrations.migrate import Migrator
from harness.project.model import Module, Project, SqlPart
from harness.seeds import tolerant
from harness.seeds.tolerant import RefusedRows
from harness.server import Connection, Server, script, value

FORMAT = 3  # of templates; raise it when the same files would give another database
_NOT_THERE = ("3F000", "42P01", "42704", "42883")  # no such schema, table, type or role, function
Build = Callable[[Connection, Project, tuple[Module, ...], ScratchGuard], tuple[RefusedRows, ...] | None]


def apply_and_load(
    connection: Connection, project: Project, modules: tuple[Module, ...], guard: ScratchGuard
) -> tuple[RefusedRows, ...]:
    """Builds a template: ``base:``, then the modules' migrations or another tool's, then the modules' seeds.

    Returns the rows of the seeds that the schema refuses, and that are missing in the template.
    """
    if project.adopted:
        builder.build(connection, project, guard)
    else:
        if not guard.may_make:
            require_roles(connection, parts(project, modules))
        builder.prepare(connection, project, guard)
        builder.require_own_extensions(connection, modules, root=project.root)
        Migrator(connection, project, modules, guard).apply()
    return tolerant.load(connection, modules, root=project.root)


def foreign_parts(project: Project) -> Iterator[builder.ParsedPart]:
    """Parses the files of ``base:`` and of another tool."""
    for step in (*project.foundation, *(project.adopted.steps if project.adopted else ())):
        yield from builder.parse(step.up).parts


def parts(project: Project, modules: tuple[Module, ...]) -> Iterator[builder.ParsedPart]:
    """Parses the files from which these modules are built."""
    yield from foreign_parts(project)
    for module in modules:
        for migration in module.migrations:
            file = script.load(project.root, migration, "up")
            yield SqlPart(file.path, file.text), file.statements


def expected(connection: Connection, project: Project, modules: tuple[Module, ...]) -> registry.Template:
    """Returns the template of these modules by the files as they are now, without its roles."""
    content = [
        (
            module.name,
            [(migration.id, migration.content) for migration in module.migrations],
            [(str(seed.table), seed.format, seed.afterwards, _hash(_read(seed.path))) for seed in module.seeds],
        )
        for module in modules
    ]
    steps = (*project.foundation, *(project.adopted.steps if project.adopted else ()))
    others = [(str(step.path), step.up.transactional, _hash(step.up.text.encode())) for step in steps]
    root = root_hash(project.root)
    key = [FORMAT, project.name, root, project.ledger_schema, connection.info.user, content]
    key += [others, project.stand_ins, project.search_path]
    name = f"harness_t_{_hash(json.dumps(key).encode())[:16]}"
    return registry.Template(name, project.name, root, tuple(module.name for module in modules))


def root_hash(root: Path) -> str:
    """Returns a hash of a project's directory, for the comments of its templates: a server need not learn our paths."""
    return _hash(str(root.resolve()).encode(errors="surrogateescape"))[:16]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProjectError(f"cannot be read: {error.strerror}", place=Place(path)) from None


def drop_outdated(connection: Connection, project: Project, wanted: registry.Template) -> set[Role]:
    """Drops the project's templates that its files would not give any more, unless in use, and their roles.

    Returns the roles that remain although no template records them any more.
    """
    known = {module.name for module in project.modules}
    left: set[Role] = set()
    for template in registry.templates(connection):
        if (template.project, template.root) != (wanted.project, wanted.root):
            continue
        modules = tuple(module for module in project.modules if module.name in template.modules)
        if template.name != (known.issuperset(template.modules) and expected(connection, project, modules).name):
            with suppress(psycopg.errors.InsufficientPrivilege):
                if registry.drop_template(connection, template):
                    left.update(template.roles)
    registry.drop_roles(connection, left)
    there = roles.read(connection) if left else {}
    return {role for role in left if role.oid in there}


def explain(error: StatementError, connection: Connection, project: Project, modules: tuple[Module, ...]) -> None:
    """Adds to the hint what PostgreSQL does not know: which modules were built, and who may create roles."""
    advice = [error.hint] if error.hint else []
    if error.sqlstate in _NOT_THERE and len(modules) < len(project.modules):
        names = ", ".join(module.name for module in modules)
        advice.append(f"only {names} was built: if another module makes it, say so under depends_on in project.yml")
    may_create = "select rolcreaterole or rolsuper from pg_roles where rolname = current_user"
    if error.sqlstate == "42501" and value(connection, may_create) is False:
        user = connection.info.user
        advice.append(f'if it needs to create roles, let an administrator run: ALTER ROLE "{user}" CREATEROLE')
    error.hint = "; ".join(advice) or None


def clean(server: Server, project: Project | None) -> list[str]:
    """Removes what the tool keeps, of one project or of all; returns sentences on what was removed and kept."""
    said: list[str] = []
    with server.connect() as connection, registry.translated(connection), locks.building(connection):
        said.extend(f"dropped scratch database {name}" for name in registry.drop_leftovers(connection))
        said.extend(f"kept scratch database {name}: it is in use" for name in registry.scratch_databases(connection))
        for template in registry.templates(connection):
            if project is None or template.root == root_hash(project.root):
                said.extend(_drop_template(connection, template))
    return said


def _drop_template(connection: Connection, template: registry.Template) -> Iterator[str]:
    """Drops a template and the roles that only it recorded; yields what was dropped and kept."""
    what = f"template {template.name} of project {template.project}"
    try:
        yield f"dropped {what}" if registry.drop_template(connection, template) else f"kept {what}: a run uses it"
    except psycopg.errors.InsufficientPrivilege:
        yield f"kept {what}: it belongs to another user"
    finally:  # an interrupt may have come when it was gone, and with it the record
        dropped, kept = registry.drop_roles(connection, template.roles)
    yield from (f"dropped role {role}" for role in dropped)
    yield from (f"kept role {role}: {why}" for role, why in kept)
