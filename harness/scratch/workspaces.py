"""Makes, clones and drops the scratch databases of a run; the database of the target is never touched.

They are cloned from a template with the applied migrations and seeds, which is built if no database has its name, and
kept for the next run. A scratch database is dropped with its workspace. First drops what killed runs have left.
Not here: what makes a template outdated (``templates.py``), and which databases are left over
(``global_objects/registry.py``).
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace

import psycopg
from psycopg import sql

from harness.errors import StatementError, TargetError
from harness.global_objects import Role, ScratchGuard, attributes, locks, registry, roles
from harness.global_objects.attributes import RolesDifferError
from harness.project.model import Module, Project
from harness.scratch import templates
from harness.scratch.templates import Build, apply_and_load
from harness.seeds.tolerant import RefusedRows
from harness.server.connection import Connection, Server

_STRATEGIES = 150000  # the version that lets one choose how a database is copied


@contextmanager
def workspace(
    server: Server, project: Project, modules: tuple[Module, ...], *, build: Build = apply_and_load
) -> Iterator[Workspace]:
    """Makes scratch databases for these modules, in dependency order; drops all of them at the end.

    Migrations of another tool do not belong to modules: with those, the databases always hold all modules.

    Raises :class:`TargetError` where the server does not allow it.
    """
    run = secrets.token_hex(4)
    modules = project.modules if project.adopted else modules
    with closing(server.connect()) as connection:
        with registry.translated(connection):
            connection.execute("set idle_session_timeout = 0")  # without this session the run counts as dead
            locks.lock(connection, locks.RUN, locks.number_of(registry.SCRATCH, f"harness_s_{run}_0"))
            if registry.leftovers(connection):
                with locks.building(connection):  # an apply may just be taking over their roles
                    registry.drop_leftovers(connection)
        with closing(Workspace(server, project, modules, build, connection, run)) as space:
            yield space


@contextmanager
def joined(server: Server, project: Project, modules: tuple[Module, ...], run: str) -> Iterator[Workspace]:
    """Opens, for a worker, the workspace of a run of another process, which drops what is left at the end.

    The worker's sessions have the run's name, so that they can be ended when the worker was killed.
    """
    mine = replace(server, conninfo={**server.conninfo, "application_name": _sessions(run)})
    with closing(mine.connect()) as connection:
        connection.execute("set idle_session_timeout = 0")
        # The process's number keeps the names of workers apart.
        numbers = itertools.count(os.getpid() * 1_000_000)
        yield Workspace(mine, project, modules, apply_and_load, connection, run, numbers)


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
    _ready: set[str] = field(default_factory=set, repr=False)

    def template(self) -> str:
        """Returns the name of the template of these modules; builds it if it does not exist.

        Raises what building it raises: :class:`MigrationError`, :class:`SeedError`.
        """
        wanted = templates.expected(self.maintenance, self.project, self.modules)
        locks.share(self.maintenance, locks.USE, locks.number_of(registry.TEMPLATE, wanted.name))
        if not self._is_ready(wanted.name):
            with locks.building(self.maintenance):
                if not self._is_ready(wanted.name):
                    self._build_with_roles(wanted)
        return wanted.name

    def skipped(self) -> tuple[str, ...]:
        """Returns the statements that were not run in the template, each with its place and the reason."""
        return tuple(said for template in self._recorded() for said in template.skipped)

    def left_out(self) -> tuple[RefusedRows, ...]:
        """Returns the rows of the seeds that are missing in the template, since the schema refuses them."""
        return tuple(RefusedRows.of(facts) for template in self._recorded() for facts in template.left_out)

    def _recorded(self) -> list[registry.Template]:
        name = self.template()
        return [template for template in registry.templates(self.maintenance) if template.name == name]

    def clone(self) -> str:
        """Makes a scratch database with migrations and seeds; returns its name."""
        return self._create(self.template())

    def empty(self) -> str:
        """Makes an empty scratch database; returns its name."""
        return self._create("template0")

    def guard(self) -> ScratchGuard:
        """Returns a guard for the files that run in one of the scratch databases."""
        own = self.server.own
        return ScratchGuard(self.maintenance, own, may_make=own or self.server.scratch_roles)

    def connect(self, dbname: str) -> Connection:
        """Connects to one of the scratch databases, in autocommit."""
        return self.server.connect(dbname)

    def drop(self, dbname: str) -> None:
        """Drops a scratch database of this workspace with the roles made for it; ends its sessions."""
        with registry.translated(self.maintenance):
            registry.drop_with_roles(self.maintenance, dbname)
        self._made.remove(dbname)

    def close(self) -> None:
        """Drops all that is left. If the server cannot be reached, the next run drops it."""
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
            # Faster with many files; its two checkpoints cost nothing on a server without fsync.
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

    def _is_ready(self, name: str) -> bool:
        """Whether a template is there, and the roles are what they were when it was built; once found, it stays so."""
        if name not in self._ready:
            for template in registry.templates(self.maintenance):
                if template.name == name and template.attributes.items() <= attributes.read(self.maintenance).items():
                    self._ready.add(name)
        return name in self._ready

    def _build_with_roles(self, wanted: registry.Template) -> None:
        """Builds a template; drops others that have made roles otherwise."""
        found = registry.templates(self.maintenance)
        stale = [template for template in found if template.name == wanted.name]
        if stale and not registry.release(self.maintenance, stale):
            names = ", ".join(stale[0].attributes)
            raise TargetError(
                f"roles have been changed since another run began, which uses them: some of {names}",
                hint="let that run end, and try again",
            )
        try:
            self._build(wanted)
        except RolesDifferError as error:
            users = [each for each in found if any(role.name in error.roles for role in each.roles)]
            if not registry.release(self.maintenance, users):
                raise
            self._build(wanted)

    def _build(self, wanted: registry.Template) -> None:
        """Builds under a scratch name and renames at the end: a database with a template's name is complete."""
        carried = templates.drop_outdated(self.maintenance, self.project, wanted)
        if self.server.own:
            carried = set()
            registry.drop_strays(self.maintenance)
        name, guard = self.empty(), self.guard()
        try:
            with self.connect(name) as connection:
                left_out = self.build(connection, self.project, self.modules, guard) or ()
            guard.require_as_said()
        except BaseException as error:
            with suppress(psycopg.Error, TargetError):
                self.drop(name)
                if isinstance(error, StatementError):
                    templates.explain(error, self.maintenance, self.project, self.modules)
            raise
        with registry.translated(self.maintenance):
            built = replace(
                wanted,
                roles=tuple({*guard.made.values(), *carried, *self._shared(guard)}),
                left_out=tuple(each.facts() for each in left_out),
                skipped=tuple(map(str, guard.skipped)),
                attributes=guard.attributes(),
            )
            registry.set_comment(self.maintenance, name, built.comment())
            for change in ("allow_connections false", f"rename to {built.name}"):
                # Both names are ours: letters, digits and _.
                self.maintenance.execute(f"alter database {name} {change}".encode())
            self._made.remove(name)

    def _shared(self, guard: ScratchGuard) -> list[Role]:
        """Returns the roles that this build would have made if other builds had not: the last user drops them."""
        known = registry.recorded(self.maintenance)
        found = roles.read(self.maintenance).values() if known else ()
        return [role for role in found if role in known and role.name in guard.named]
