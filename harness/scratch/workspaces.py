"""Scratch databases: where rules are proven, so that the database of the target is never touched.

They are cloned from a template that holds the applied migrations and seeds. A template is kept for the next
run and named after all that went into it; a scratch database lives no longer than its workspace.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg import sql

from harness.errors import Place, ProjectError, StatementError, TargetError
from harness.global_objects import registry, roles
from harness.global_objects.outside import Confined, require_roles
from harness.global_objects.roles import Role
from harness.project.model import BuildStep, Module, Project, SqlPart
from harness.project.sqlfile import SqlStatement
from harness.seeds.tolerant import RefusedRows
from harness.server.connection import Connection, Server

FORMAT = 2  # of templates; raise it when the same files would give another database
_NOT_THERE = ("3F000", "42P01", "42704", "42883")  # no such schema, table, type or role, function
_STRATEGIES = 150000  # the version that lets one choose how a database is copied
Build = Callable[[Connection, Project, tuple[Module, ...], Confined], tuple[RefusedRows, ...] | None]


def apply_and_load(
    connection: Connection, project: Project, modules: tuple[Module, ...], outside: Confined
) -> tuple[RefusedRows, ...]:
    """What a template holds: ``base:``, then the modules' migrations or another tool's, and the modules' seeds.

    Returns the rows of the seeds that the schema refuses, and that are not there.
    """
    from harness.foreign import builder, extensions
    from harness.migrations.migrate import apply
    from harness.seeds import tolerant

    if project.adopted:
        builder.build(connection, project, outside)
    else:
        if not outside.may_make:
            require_roles(connection, _parts(project, modules))
        builder.prepare(connection, project, outside)
        extensions.require_own(connection, modules, root=project.root)
        apply(connection, project, modules, outside=outside)
    return tolerant.load(connection, modules, root=project.root)


def _parts(project: Project, modules: tuple[Module, ...]) -> Iterator[tuple[SqlPart, tuple[SqlStatement, ...]]]:
    """The files that are run to build these modules, parsed."""
    from harness.foreign import builder
    from harness.server import script

    for step in project.foundation:
        yield from builder.parse(step.name, step.up).parts
    for module in modules:
        for migration in module.migrations:
            file = script.load(project.root, migration, "up")
            yield SqlPart(file.path, file.text), file.statements


@contextmanager
def workspace(
    server: Server, project: Project, modules: tuple[Module, ...], *, build: Build = apply_and_load
) -> Iterator[Workspace]:
    """Scratch databases for these modules, in dependency order; all are dropped at the end, however it comes.

    Another tool's migrations know nothing of modules: where the project has those, it is always all of them.

    Raises :class:`TargetError` where the server does not allow it.
    """
    run = secrets.token_hex(4)
    modules = project.modules if project.adopted else modules
    connection = server.connect()
    try:
        with registry.translated(connection):
            connection.execute("set idle_session_timeout = 0")  # a run whose keeper is gone is taken for dead
            registry.lock(connection, registry.RUN, registry.lock_number(registry.SCRATCH, f"harness_s_{run}_0"))
            if registry.leftovers(connection):
                with registry.building(connection):  # what was left behind may just be taken over
                    registry.drop_leftovers(connection)
        space = Workspace(server, project, modules, build, connection, run)
        try:
            yield space
        finally:
            space.close()
    finally:
        connection.close()


@contextmanager
def joined(server: Server, project: Project, modules: tuple[Module, ...], run: str) -> Iterator[Workspace]:
    """The workspace of a run that another process has begun, for one of its workers: that process drops what is left.

    The worker's sessions bear the run's name, so that none goes on for a worker that was killed.
    """
    mine = replace(server, conninfo={**server.conninfo, "application_name": _sessions(run)})
    connection = mine.connect()
    try:
        connection.execute("set idle_session_timeout = 0")
        # The process's number keeps the names of workers apart.
        numbers = itertools.count(os.getpid() * 1_000_000)
        yield Workspace(mine, project, modules, apply_and_load, connection, run, numbers)
    finally:
        connection.close()


def _sessions(run: str) -> str:
    return f"harness worker {run}"


@dataclass(frozen=True)
class Workspace:
    """Makes and drops the scratch databases of one run; ``run`` is its number, eight hexadecimal digits."""

    server: Server
    project: Project
    modules: tuple[Module, ...]
    build: Build
    maintenance: Connection = field(repr=False)
    run: str
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)
    _made: list[str] = field(default_factory=list, repr=False)

    def template(self) -> str:
        """The name of the template of these modules, built now if it is not there.

        Raises what building it raises: :class:`MigrationError`, :class:`SeedError`.
        """
        wanted = _template(self.maintenance, self.project, self.modules)
        number = registry.lock_number(registry.TEMPLATE, wanted.name)
        registry.lock(self.maintenance, registry.USE, number, shared=True)
        if not self._exists(wanted.name):
            with registry.building(self.maintenance):
                if not self._exists(wanted.name):
                    self._build(wanted)
        return wanted.name

    def skipped(self) -> tuple[str, ...]:
        """The statements that were not run in the template, each with its place and the reason."""
        template = registry.template_of(self.maintenance, self.template())
        return template.skipped if template else ()

    def left_out(self) -> tuple[RefusedRows, ...]:
        """The rows of the seeds that are not in the template, since the schema refuses them."""
        template = registry.template_of(self.maintenance, self.template())
        return tuple(map(RefusedRows.of, template.left_out)) if template else ()

    def clone(self) -> str:
        """A scratch database with migrations and seeds; returns its name."""
        return self._create(self.template())

    def empty(self) -> str:
        """A scratch database with nothing in it; returns its name."""
        return self._create("template0")

    def outside(self) -> Confined:
        """Goes with the files that are run in one of the scratch databases."""
        own = self.server.own
        return Confined(self.maintenance, own, may_make=own or self.server.scratch_roles)

    def connect(self, dbname: str, *, autocommit: bool = True) -> Connection:
        """A connection to one of the scratch databases."""
        return self.server.connect(dbname, autocommit=autocommit)

    def drop(self, dbname: str) -> None:
        """Drop a scratch database of this workspace with the roles made for it, and disconnect whoever is in it."""
        with registry.translated(self.maintenance):
            registry.drop_with_roles(self.maintenance, dbname)
        self._made.remove(dbname)

    def close(self) -> None:
        """Drop all that is left. Where the server is gone they fall to the next run."""
        with suppress(psycopg.Error, TargetError):
            if self.maintenance.closed or self.maintenance.broken:
                with self.server.connect() as connection:
                    self._drop_all(connection)
            else:
                self._drop_all(self.maintenance)
                # A closed connection's server process, and with it the locks, may live on for a moment.
                self.maintenance.execute("select pg_advisory_unlock_all()")

    def _drop_all(self, connection: Connection) -> None:
        while self._made:
            registry.drop_with_roles(connection, self._made[-1])
            self._made.pop()
        registry.end_sessions(connection, _sessions(self.run))
        for name in registry.scratch_databases(connection):
            if name.startswith(f"harness_s_{self.run}_"):
                registry.drop_with_roles(connection, name)

    def _create(self, template: str) -> str:
        name = f"harness_s_{self.run}_{next(self._numbers)}"
        self._made.append(name)  # first: an interrupt may come between the two
        statement = "create database {} template {}"
        if self.server.own and self.server.version >= _STRATEGIES:
            # Quicker, the more files there are, but for two checkpoints, which are nothing on a server without fsync.
            statement += " strategy file_copy"
        with registry.translated(self.maintenance):
            self.maintenance.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(template)))
            if self.project.search_path:  # of a database it is not cloned along
                self.maintenance.execute(
                    sql.SQL("alter database {} set search_path = {}").format(
                        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, self.project.search_path))
                    )
                )
        return name

    def _exists(self, name: str) -> bool:
        return self.maintenance.execute("select from pg_database where datname = %s", [name]).fetchone() is not None

    def _build(self, wanted: registry.Template) -> None:
        """Build under a scratch name and rename at the end: what bears a template's name is whole."""
        carried = self._drop_outdated(wanted)
        name, outside = self.empty(), self.outside()
        try:
            with self.connect(name) as connection:
                left_out = self.build(connection, self.project, self.modules, outside) or ()
        except BaseException as error:
            with suppress(psycopg.Error, TargetError):
                self.drop(name)
                if isinstance(error, StatementError):
                    self._explain(error)
            raise
        skipped = tuple(str(each) for each in outside.skipped)
        made = {*outside.made.values(), *carried, *self._shared(outside)}
        with registry.translated(self.maintenance):
            refused = tuple(each.facts() for each in left_out)
            self._finish(name, replace(wanted, roles=tuple(made), left_out=refused, skipped=skipped))

    def _shared(self, outside: Confined) -> Iterator[Role]:
        """The roles that other builds have made and this one would have: whoever is the last drops them."""
        known = registry.recorded(self.maintenance)
        for role in roles.read(self.maintenance).values() if known else ():
            if role in known and role.name in outside.found:
                yield role

    def _finish(self, name: str, template: registry.Template) -> None:
        database = sql.Identifier(name)
        self._comment(name, template.comment())
        self.maintenance.execute(sql.SQL("alter database {} allow_connections false").format(database))
        self.maintenance.execute(
            sql.SQL("alter database {} rename to {}").format(database, sql.Identifier(template.name))
        )
        self._made.remove(name)

    def _comment(self, name: str, text: str) -> None:
        comment = sql.SQL("comment on database {} is {}").format(sql.Identifier(name), sql.Literal(text))
        self.maintenance.execute(comment)

    def _drop_outdated(self, wanted: registry.Template) -> set[Role]:
        """Drop the project's templates that its files would not give any more, and the roles made for them.

        One that is in use stays for now. Returns the roles that stay though nothing records them any more.
        """
        known = {module.name for module in self.project.modules}
        left: set[Role] = set()
        for template in registry.templates(self.maintenance):
            if not _same_project(template, wanted):
                continue
            modules = tuple(module for module in self.project.modules if module.name in template.modules)
            current = known.issuperset(template.modules) and _template(self.maintenance, self.project, modules).name
            if template.name != current:
                with suppress(psycopg.errors.InsufficientPrivilege):
                    if registry.drop_template(self.maintenance, template):
                        left.update(template.roles)
        registry.drop_roles(self.maintenance, left)
        there = roles.read(self.maintenance) if left else {}
        return {role for role in left if role.oid in there}

    def _explain(self, error: StatementError) -> None:
        """What the statement's own message cannot say: who may create roles, which modules there are."""
        if error.sqlstate in _NOT_THERE and len(self.modules) < len(self.project.modules):
            names = ", ".join(module.name for module in self.modules)
            advice = f"only {names} was built: if another module makes it, say so under depends_on in project.yml"
            error.hint = f"{error.hint}; {advice}" if error.hint else advice
        row = self.maintenance.execute(
            "select rolcreaterole or rolsuper from pg_roles where rolname = current_user"
        ).fetchone()
        if error.sqlstate == "42501" and row and not row[0]:
            user = self.maintenance.info.user
            advice = f'if it needs to create roles, let an administrator run: ALTER ROLE "{user}" CREATEROLE'
            error.hint = f"{error.hint}; {advice}" if error.hint else advice


def clean(server: Server, project: Project | None) -> list[str]:
    """Remove what the tool keeps on a server, of one project or of all; sentences say what was removed and kept."""
    said: list[str] = []
    with server.connect() as connection, registry.translated(connection), registry.building(connection):
        said.extend(f"dropped scratch database {name}" for name in registry.drop_leftovers(connection))
        said.extend(f"kept scratch database {name}: it is in use" for name in registry.scratch_databases(connection))
        for template in registry.templates(connection):
            if project is None or template.root == root_hash(project.root):
                said.extend(_drop_template(connection, template))
    return said


def _drop_template(connection: Connection, template: registry.Template) -> Iterator[str]:
    """Says what became of a template and of the roles that only it recorded."""
    what = f"template {template.name} of project {template.project}"
    try:
        yield f"dropped {what}" if registry.drop_template(connection, template) else f"kept {what}: a run uses it"
    except psycopg.errors.InsufficientPrivilege:
        yield f"kept {what}: it belongs to another user"
    finally:  # an interrupt may have come when it was gone, and with it the record
        dropped, kept = registry.drop_roles(connection, template.roles)
    yield from (f"dropped role {role}" for role in dropped)
    yield from (f"kept role {role}: {why}" for role, why in kept)


def root_hash(root: Path) -> str:
    """A project's directory, as comments of its templates name it: a server need not learn our paths."""
    return hashlib.sha256(str(root.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]


def _template(connection: Connection, project: Project, modules: tuple[Module, ...]) -> registry.Template:
    """The template of these modules as the files are now, without its roles."""
    content = [
        (
            module.name,
            [(migration.id, migration.content) for migration in module.migrations],
            [(str(seed.table), seed.format, seed.afterwards, _content_hash(seed.path)) for seed in module.seeds],
        )
        for module in modules
    ]
    others = [(str(step.path), step.up.transactional, _hash(step.up.text)) for step in _steps(project)]
    root = root_hash(project.root)
    key = [FORMAT, project.name, root, project.ledger_schema, connection.info.user, content]
    key += [others, project.stand_ins, project.search_path]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    return registry.Template(f"harness_t_{digest}", project.name, root, tuple(module.name for module in modules))


def _steps(project: Project) -> tuple[BuildStep, ...]:
    """All that is built besides the project's own migrations."""
    return (*project.foundation, *(project.adopted.steps if project.adopted else ()))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _content_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ProjectError(f"cannot be read: {error.strerror}", place=Place(path)) from None


def _same_project(one: registry.Template, other: registry.Template) -> bool:
    return (one.project, one.root) == (other.project, other.root)
