"""Chooses the server: the flag, then ``HARNESS_TARGET``, then ``target:`` of ``project.yml``.

``DATABASE_URL`` and ``PG*``, which belong to an application, count only where ``project.yml`` names no target. A
variable is looked up in the environment, then in ``.env``. Decides the names of the database and of the data directory.
Not here: the question before a database is changed (``cli/common.py``).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from harness.errors import Place, ProjectError, TargetError, did_you_mean
from harness.project.model import Project, Target
from harness.server import binaries, pooler
from harness.server.cluster import cluster
from harness.server.connection import (
    NAME_BYTES,
    Server,
    address,
    connect,
    libpq_parameters,
    parse_dsn,
    value,
    version_text,
)
from harness.server.data_directory import SCRATCH

CHOOSING = ("PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE")  # a PGUSER alone chooses no server
VARIABLE = "HARNESS_TARGET"
BUILT_IN = {kind: Target(kind, kind) for kind in ("embedded", "system")}


def resolve(project: Project, flag: str | None, environ: Mapping[str, str]) -> Target:
    """Returns the target by ``flag`` (a name or connection string), ``HARNESS_TARGET``, project, or application.

    Raises :class:`TargetError`: unknown name, or an unset variable in a target's ``dsn``.
    """
    known = {**BUILT_IN, **project.targets}
    variables = _variables(project, environ)
    if flag is not None:
        return _chosen(known, "--target", flag, variables)
    if source := variables.source(VARIABLE):
        chosen = _chosen(known, f"{VARIABLE} ({source})", variables[VARIABLE], variables)
        return chosen if chosen.dsn is None or source != ".env" else replace(chosen, from_dotenv=True)
    if project.default_target is not None:
        return _named(known, project.default_target, variables, "project.yml")
    return _of_application(variables) or BUILT_IN["embedded"]


def overlooked(project: Project, environ: Mapping[str, str]) -> str | None:
    """Names the variables of an application that would choose a server if ``project.yml`` named none."""
    if project.default_target is None:
        return None
    target = _of_application(_variables(project, environ))
    return target.name if target else None


@dataclass(frozen=True)
class _Variables:
    """The environment, and what ``.env`` adds to it; an empty variable counts as unset."""

    environ: Mapping[str, str]
    dotenv: Mapping[str, str]

    def source(self, name: str) -> str | None:
        """Names the source of a variable: ``environment`` or ``.env``."""
        return "environment" if self.environ.get(name) else ".env" if self.dotenv.get(name) else None

    def __getitem__(self, name: str) -> str:
        return self.environ.get(name) or self.dotenv[name]


def _variables(project: Project, environ: Mapping[str, str]) -> _Variables:
    dotenv = read_dotenv(project.root / ".env")
    return _Variables(environ, {name: value for name, value in dotenv.items() if name not in environ})


def _chosen(known: Mapping[str, Target], source: str, choice: str, variables: _Variables) -> Target:
    if "://" in choice or "=" in choice:
        return Target(source, "dsn", dsn=choice)
    return _named(known, choice, variables, source)


def _named(known: Mapping[str, Target], name: str, variables: _Variables, source: str) -> Target:
    if name not in known:
        raise TargetError(
            f"no target {name!r}, which {source} names{did_you_mean(name, known)}",
            hint=f"targets: {', '.join(sorted(known))}, or a connection string",
        )
    target = known[name]
    if target.dsn is None:
        return target
    needed = re.findall(r"\$\{(\w+)\}", target.dsn)
    for variable in needed:
        if not variables.source(variable):
            raise TargetError(
                f"the dsn of target {name!r} needs the variable {variable}, which is not set, or empty",
                hint=f"set {variable} in the environment or in .env; in CI a secret has to be handed to the job",
            )
    dsn = re.sub(r"\$\{(\w+)\}", lambda match: variables[match[1]], target.dsn)
    return replace(target, dsn=dsn, from_dotenv=".env" in map(variables.source, needed))


def _of_application(variables: _Variables) -> Target | None:
    """Returns the server that an application's variables choose, if any; the environment comes first."""
    for source, settings in (("environment", variables.environ), (".env", variables.dotenv)):
        if url := settings.get("DATABASE_URL"):
            return Target(f"DATABASE_URL ({source})", "dsn", dsn=url, from_dotenv=source == ".env")
        if any(settings.get(name) for name in CHOOSING):
            return _of_libpq(f"PG* ({source})", variables)
    return None


def _of_libpq(name: str, variables: _Variables) -> Target:
    """Returns libpq's variables as a connection string, since those of ``.env`` are not in our environment."""
    given = {keyword: variable for keyword, variable in libpq_parameters().items() if variables.source(variable)}
    dsn = make_conninfo(**{keyword: variables[variable] for keyword, variable in given.items()})
    return Target(name, "dsn", dsn=dsn, from_dotenv=".env" in map(variables.source, given.values()))


def read_dotenv(path: Path) -> dict[str, str]:
    """Reads the ``NAME=value`` lines of a file, which need not exist; ignores other lines."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return {}
    except UnicodeDecodeError:
        raise ProjectError("not UTF-8", place=Place(path), hint="save the file as UTF-8") from None
    except OSError as error:
        raise ProjectError(f"cannot be read: {error.strerror}", place=Place(path)) from None
    found: dict[str, str] = {}
    for line in lines:
        if match := re.fullmatch(r"\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*", line):
            name, text = match.groups()
            if quoted := re.fullmatch(r"""(["'])(.*?)\1(?:\s+#.*)?""", text):
                found[name] = quoted[2]
            else:
                found[name] = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].rstrip()
    return found


@contextmanager
def open_server(project: Project, target: Target, ending: str = SCRATCH) -> Iterator[Server]:
    """Connects to the server of a target, and starts it first where it is a private one of ours.

    ``ending`` chooses between the two private ones: that for scratch databases, and that of the application.

    Raises :class:`TargetError`.
    """
    if target.kind == "dsn":
        yield remote(target)
        return
    with cluster(programs(target), data_directory(project.root, os.environ), ending=ending) as server:
        yield replace(server, default_database=database_name(project.name))


def programs(target: Target) -> binaries.Binaries:
    """Finds the programs of a private server; raises :class:`TargetError` where there are none."""
    return binaries.embedded() if target.kind == "embedded" else binaries.system(target.major)


def has_database(server: Server, name: str) -> bool:
    with server.connect() as connection:
        return value(connection, "select true from pg_database where datname = %s", [name]) is not None


def make_database(server: Server, name: str) -> None:
    """Makes an empty database, unless it exists."""
    if has_database(server, name):
        return
    # Another run may make it at the same moment.
    with server.connect() as connection, suppress(errors.DuplicateDatabase, errors.UniqueViolation):
        connection.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))


def data_directory(root: Path, environ: Mapping[str, str]) -> Path:
    """Returns the directory of a project's private servers: ``HARNESS_DATA``, or ``.harness`` in the project."""
    return Path(environ["HARNESS_DATA"]) if environ.get("HARNESS_DATA") else root / ".harness"


def database_name(project: str) -> str:
    """Returns the name of a project's database; PostgreSQL would silently cut one of more than 63 bytes."""
    name = f"{project}_project" if project in ("postgres", "template0", "template1") else project
    if len(name.encode()) <= NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: NAME_BYTES - 9].decode(errors='ignore')}_{digest}"


def remote(target: Target) -> Server:
    """Connects to the server of a connection string; scratch databases are made from ``postgres`` if allowed."""
    parameters = parse_dsn(target.dsn or "", f"the connection string of {target.name}")
    with closing(connect(parameters)) as connection:
        pooler.refuse(connection, lambda: connect(parameters))
        default_database = connection.info.dbname
        version = connection.info.server_version
        where = address(connection)
    maintenance = {**parameters, "dbname": "postgres"}
    if default_database != "postgres":
        try:
            connect(maintenance).close()
        except TargetError:
            maintenance["dbname"] = default_database
    return Server(
        conninfo=maintenance,
        own=False,
        version=version,
        description=f"PostgreSQL {version_text(version)} at {where}",
        default_database=default_database,
        scratch_roles=target.scratch_roles,
        from_dotenv=target.from_dotenv,
    )
