"""A project as its files describe it: frozen values, nothing read from a server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import ProjectError, did_you_mean
from harness.project.shared import Shared

Values = Mapping[str, str | None]
"""The values of a row, by column, as texts that PostgreSQL reads; None is NULL."""

NewRow = dict[str, str | None]
"""The values of a row that is still being made."""

Tuple = tuple[str | None, ...]
"""The values of a row without the columns' names, in an order that is said where it is used."""


@dataclass(frozen=True, order=True)
class TableName:
    """A table as people write it, ``schema.table``, unquoted."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Migration:
    """A pair of files. ``version`` is the number in the name, ``hash`` the SHA-256 of the up file (LF, no BOM).

    ``tokens`` is that of what the server reads of it, comments and blanks left out; empty if it cannot be read as SQL.
    A ``draft`` has no statement yet; of one that ``lacks_down`` only the down file has none.
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
        """``intents/001_tables``: how messages and the command line name it."""
        return f"{self.module}/{self.version:03d}_{self.name}"

    @property
    def content(self) -> str:
        """A hash that changes with whatever matters to the server."""
        return self.tokens or self.hash


@dataclass(frozen=True)
class Part:
    """A stretch of an SQL file; what is not for the server is blank, so that positions are the file's.

    ``path`` is how messages name the file.
    """

    path: Path
    text: str = field(repr=False)


@dataclass(frozen=True)
class Sql:
    """What one file sends to a server, those that it includes put in; ``transactional`` is how its tool runs it."""

    parts: tuple[Part, ...]
    transactional: bool = True

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.parts)


@dataclass(frozen=True)
class Step:
    """One migration of another tool, or one file of ``base:``. ``path`` is how messages name its file."""

    name: str
    path: Path
    up: Sql
    down: Sql | None = None


@dataclass(frozen=True)
class Adopted:
    """Migrations that another tool owns, in its order: they stay where they are, under its own ledger.

    ``layout`` is how they lie there, ``tool`` whose they are, ``command`` how that applies them. ``ledger`` makes the
    tool's own table, if they speak of it.
    """

    layout: str
    tool: str
    command: str
    path: Path
    steps: tuple[Step, ...]
    ledger: Step | None = None


@dataclass(frozen=True)
class Seed:
    """A fixture file; ``format`` is ``csv`` or ``yaml``.

    What comes ``afterwards`` changes rows that the other files have brought.
    """

    module: str
    table: TableName
    path: Path
    format: str
    afterwards: bool = False


@dataclass(frozen=True)
class Module:
    """One folder under ``schema/``, ``seeds/`` and ``checks/``; one PostgreSQL schema.

    ``drafts`` come behind the ``migrations``, and are not run.
    """

    name: str
    depends_on: tuple[str, ...] = ()
    migrations: tuple[Migration, ...] = ()
    seeds: tuple[Seed, ...] = ()
    checks: tuple[Path, ...] = ()
    drafts: tuple[Migration, ...] = ()


@dataclass(frozen=True)
class Target:
    """Where to run. ``kind`` is ``embedded``, ``system`` or ``dsn``.

    ``dsn`` may hold a password and is never shown; ``major`` picks the server version of ``system``. With
    ``scratch_roles`` roles may be made on the server of a ``dsn``, for scratch databases. ``from_dotenv`` is true where
    the address, or a part of it, is written in ``.env``, which applications read, too.
    """

    name: str
    kind: str
    dsn: str | None = field(default=None, repr=False)
    major: int | None = None
    scratch_roles: bool = False
    from_dotenv: bool = False


@dataclass(frozen=True)
class Profile:
    """How hard to try. ``scenarios`` are those of each check; a fixed ``seed`` repeats a run.

    ``timeout`` is how many milliseconds a probe may take.
    """

    name: str
    scenarios: int
    seed: int | None = None
    timeout: int | None = None


@dataclass(frozen=True)
class Timeouts:
    """Milliseconds, as PostgreSQL's settings of these names; 0 waits for ever."""

    lock: int = 0
    statement: int = 0


@dataclass(frozen=True)
class Paths:
    """Where the folders of the modules are, relative to the root."""

    schema: str = "schema"
    seeds: str = "seeds"
    checks: str = "checks"


@dataclass(frozen=True)
class Project:
    """A directory with ``project.yml``. ``modules`` stand in dependency order.

    ``base`` and ``adopted`` are built in scratch databases only: what the platform brings, then another tool's
    migrations, if the project has those instead of its own. Extensions among the ``stand_ins`` are not made, since
    something of ``base`` stands in for them. ``search_path`` is that of the application, where it is not the usual one.
    ``shared`` are the checks that any table may use.
    ``default_target`` is None where ``project.yml`` names none. A rule of the database that no check declares is
    ``broken``, or ``shown``, unless a table says otherwise.
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
    base: tuple[Step, ...] = ()
    adopted: Adopted | None = None
    stand_ins: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()
    undeclared: str = "broken"
    shared: Mapping[str, Shared] = field(default_factory=dict)

    @property
    def foundation(self) -> tuple[Step, ...]:
        """What stands in a scratch database before the first migration."""
        ledger = self.adopted.ledger if self.adopted else None
        return (*self.base, ledger) if ledger else self.base

    def module(self, name: str) -> Module:
        """The module of that name; raises :class:`ProjectError` with the nearest name."""
        for module in self.modules:
            if module.name == name:
                return module
        known = [module.name for module in self.modules]
        raise ProjectError(f"no module {name!r}{did_you_mean(name, known)}", hint=f"modules: {', '.join(known)}")

    def profile(self, name: str) -> Profile:
        """The profile of that name; raises :class:`ProjectError` with the nearest name."""
        if name in self.profiles:
            return self.profiles[name]
        hint = f"profiles: {', '.join(self.profiles)}"
        raise ProjectError(f"no profile {name!r}{did_you_mean(name, self.profiles)}", hint=hint)

    def with_dependencies(self, names: Iterable[str]) -> tuple[Module, ...]:
        """These modules and all they depend on, in dependency order."""
        wanted: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in wanted:
                wanted.add(name)
                pending.extend(self.module(name).depends_on)
        return tuple(module for module in self.modules if module.name in wanted)

    def with_dependents(self, names: Iterable[str]) -> tuple[Module, ...]:
        """These modules and all that depend on them, in dependency order."""
        wanted = {self.module(name).name for name in names}
        for module in self.modules:  # what it depends on has come before it
            if wanted.intersection(module.depends_on):
                wanted.add(module.name)
        return tuple(module for module in self.modules if module.name in wanted)
