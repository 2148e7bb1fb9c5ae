"""A project as its files describe it: frozen values, nothing read from a server.

Tells the modules with all that they depend on, or that depend on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.errors import Place, one_of
from harness.grammar import quoted
from harness.project.shared import Shared

Values = Mapping[str, str | None]
"""The values of a row, by column, as texts that PostgreSQL reads; None is NULL."""

NewRow = dict[str, str | None]
"""The values of a row that is still being made."""

Tuple = tuple[str | None, ...]
"""The values of a row without the columns' names, in an order that is said where it is used."""


@dataclass(frozen=True, order=True)
class TableName:
    """A table; as a text ``schema.table`` as PostgreSQL writes it, in quotes where they are needed."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.table)}"

    @property
    def plain(self) -> str:
        """The name without quotes, as people type it."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Migration:
    """A pair of files. ``version`` is the number in the name, ``hash`` the SHA-256 of the up file (LF, no BOM).

    ``tokens`` is the SHA-256 of the up file without comments and blanks; empty if it cannot be read as SQL. Neither
    file of a ``draft`` has a statement; if a migration ``lacks_down``, only its down file has none.
    """

    module: str
    version: int
    name: str
    up: Path
    down: Path | None
    hash: str
    transactional: bool = True
    tokens: str = ""
    draft: bool = False
    lacks_down: bool = False

    @property
    def id(self) -> str:
        """The name in messages and on the command line: ``intents/001_tables``."""
        return f"{self.module}/{self.version:03d}_{self.name}"

    @property
    def content(self) -> str:
        """A hash that changes with everything that the server reads."""
        return self.tokens or self.hash


@dataclass(frozen=True)
class SqlPart:
    """A stretch of an SQL file; text that is not sent to the server is blank, so that positions are the file's.

    ``path`` is the name of the file in messages. ``unsent`` are commands of psql that write or read rows, by line.
    """

    path: Path
    text: str = field(repr=False)
    unsent: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class SqlScript:
    """The text that one file sends to a server, with the files that it includes, ``transactional`` or not."""

    parts: tuple[SqlPart, ...]
    transactional: bool = True

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.parts)


@dataclass(frozen=True)
class BuildStep:
    """One migration of another tool, or one file of ``base:``; ``path`` is the name of its file in messages."""

    name: str
    path: Path
    up: SqlScript
    down: SqlScript | None = None


@dataclass(frozen=True)
class ForeignMigrations:
    """Migrations that another tool owns, in its order: they stay where they are, in its own ledger.

    ``layout`` names the arrangement of the files, ``command`` is the tool's to apply them. ``ledger`` creates the
    tool's own table, if the migrations use it.
    """

    layout: str
    tool: str
    command: str
    path: Path
    steps: tuple[BuildStep, ...]
    ledger: BuildStep | None = None


@dataclass(frozen=True)
class Seed:
    """A fixture file; ``format`` is ``csv`` or ``yaml``.

    A file that comes ``afterwards`` changes rows of the other files.
    """

    module: str
    table: TableName
    path: Path
    format: str
    afterwards: bool = False


@dataclass(frozen=True)
class Module:
    """One folder under ``schema/``, ``seeds/`` and ``checks/``; one PostgreSQL schema.

    ``drafts`` are numbered after the ``migrations``, and are not run.
    """

    name: str
    depends_on: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    seeds: tuple[Seed, ...] = ()
    checks: tuple[Path, ...] = ()
    drafts: tuple[Migration, ...] = ()


@dataclass(frozen=True)
class Target:
    """A server to run on. ``kind`` is ``embedded``, ``system`` or ``dsn``.

    ``dsn`` may hold a password and is never shown; ``major`` is the server version of ``system``. ``scratch_roles``
    permits making roles on the server of a ``dsn``, for scratch databases. ``from_dotenv`` is true if the address, or a
    part of it, is written in ``.env``, which applications read, too.
    """

    name: str
    kind: str
    dsn: str | None = field(default=None, repr=False)
    major: int | None = None
    scratch_roles: bool = False
    from_dotenv: bool = False


@dataclass(frozen=True)
class Profile:
    """The effort of a run: the ``scenarios`` of each check; a fixed ``seed`` repeats a run.

    ``timeout`` is the time of a probe in milliseconds at most.
    """

    name: str
    scenarios: int
    seed: int | None = None
    timeout: int | None = None


@dataclass(frozen=True)
class Timeouts:
    """PostgreSQL's ``lock_timeout`` and ``statement_timeout`` in milliseconds; 0 waits for ever."""

    lock: int = 0
    statement: int = 0


@dataclass(frozen=True)
class Paths:
    """The directories that hold the folders of the modules, relative to the root."""

    schema: str = "schema"
    seeds: str = "seeds"
    checks: str = "checks"


Driver = Literal["node-postgres", "postgrest", "psycopg"]
"""The library that brings a row to the program; its conversions decide the types. ``node-postgres`` is the npm package
``pg`` as it comes, ``postgrest`` is rows as JSON (``to_json`` on the server), ``psycopg`` is version 3 as it comes."""

DRIVERS: Mapping[str, tuple[Driver, ...]] = {
    "typescript": ("node-postgres", "postgrest"),
    "zod": ("node-postgres", "postgrest"),
    "pydantic": ("psycopg",),
}
"""The languages, each with the drivers that it can be written for; the first is the usual one."""

ALL_DRIVERS = tuple(dict.fromkeys(driver for drivers in DRIVERS.values() for driver in drivers))


@dataclass(frozen=True)
class TypesOutput:
    """A directory of types of one ``language`` (typescript, zod, pydantic); ``path`` is relative to the root.

    ``driver`` brings the rows to the program. With a ``role`` only what it may do has a shape. ``case`` is ``snake`` or
    ``camel``. ``schemas`` are all that have checks if none is named. ``repository`` is the driver of repositories, None
    if there are none.
    """

    language: str
    path: str
    driver: Driver
    role: str | None = None
    case: str = "snake"
    schemas: tuple[str, ...] = ()
    repository: str | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True)
class RowName:
    """The application's own name for the rows of a table or view."""

    table: TableName
    name: str
    place: Place = field(compare=False)


@dataclass(frozen=True)
class Project:
    """A directory with ``project.yml``. ``modules`` are in dependency order.

    ``base`` and ``adopted`` are run in scratch databases only: first the objects of the platform, then another tool's
    migrations, if the project has those instead of its own. Extensions among the ``stand_ins`` are not created, since
    objects of ``base`` replace them. ``search_path`` is that of the application, if it is not the usual one. ``shared``
    are the checks that any table may use. ``default_target`` is None if ``project.yml`` names none. ``undeclared`` is
    the status of a rule of the database that no check declares: ``broken``, or ``shown``; a table may say otherwise.
    ``type_names`` are the application's names of tables and views, in types.
    """

    root: Path
    name: str
    modules: tuple[Module, ...]
    default_target: str | None
    targets: Mapping[str, Target]
    profiles: Mapping[str, Profile]
    classes: tuple[str, ...] = ()
    ledger_schema: str = "harness"
    timeouts: Timeouts = Timeouts()
    paths: Paths = Paths()
    base: tuple[BuildStep, ...] = ()
    adopted: ForeignMigrations | None = None
    stand_ins: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    undeclared: str = "broken"
    shared: Mapping[str, Shared] = field(default_factory=dict)
    types: tuple[TypesOutput, ...] = ()
    type_names: Mapping[str, RowName] = field(default_factory=dict)

    @property
    def foundation(self) -> tuple[BuildStep, ...]:
        """The steps that build a scratch database before the first migration."""
        ledger = self.adopted.ledger if self.adopted else None
        return (*self.base, ledger) if ledger else self.base

    def module(self, name: str) -> Module:
        """The module of that name; raises :class:`ProjectError` with the nearest name."""
        return one_of({module.name: module for module in self.modules}, "module", name)

    def profile(self, name: str) -> Profile:
        """The profile of that name; raises :class:`ProjectError` with the nearest name."""
        return one_of(self.profiles, "profile", name)

    def with_dependencies(self, names: Iterable[str]) -> tuple[Module, ...]:
        """These modules and all they depend on, in dependency order."""
        wanted = {self.module(name).name for name in names}
        for module in reversed(self.modules):  # those that depend on it have come before it
            if module.name in wanted:
                wanted.update(module.depends_on)
        return tuple(module for module in self.modules if module.name in wanted)

    def with_dependents(self, names: Iterable[str]) -> tuple[Module, ...]:
        """These modules and all that depend on them, in dependency order."""
        wanted = {self.module(name).name for name in names}
        for module in self.modules:  # those that it depends on have come before it
            if wanted.intersection(module.depends_on):
                wanted.add(module.name)
        return tuple(module for module in self.modules if module.name in wanted)
