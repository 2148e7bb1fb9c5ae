"""Which server to use: flag, then environment, then ``.env``, then ``project.yml``."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness.database import binaries
from harness.database.cluster import cluster
from harness.database.connection import NAME_BYTES, Server, connect, parse_dsn, version_text
from harness.errors import Place, ProjectError, TargetError, did_you_mean
from harness.project.model import Project, Target

CHOOSING = ("PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE")  # a PGUSER alone chooses no server
BUILT_IN = {kind: Target(kind, kind) for kind in ("embedded", "system")}


def resolve(project: Project, flag: str | None, environ: Mapping[str, str]) -> Target:
    """The target that ``flag`` (a name or a connection string), the environment, or the project chooses.

    Raises :class:`TargetError`: unknown name, or an unset variable in a target's ``dsn``.
    """
    known = {**BUILT_IN, **project.targets}
    dotenv = read_dotenv(project.root / ".env")
    variables = {**dotenv, **environ}
    if flag is not None:
        if "://" in flag or "=" in flag:
            return Target("--target", "dsn", dsn=flag)
        return _named(known, flag, variables)
    for source, settings in (("environment", environ), (".env", dotenv)):
        if url := settings.get("DATABASE_URL"):
            return Target(f"DATABASE_URL ({source})", "dsn", dsn=url)
        if any(settings.get(name) for name in CHOOSING):
            return Target(f"PG* ({source})", "dsn", dsn=_from_variables(variables))
    return _named(known, project.default_target, variables)


def _named(known: Mapping[str, Target], name: str, variables: Mapping[str, str]) -> Target:
    if name not in known:
        raise TargetError(
            f"no target {name!r}{did_you_mean(name, known)}",
            hint=f"targets: {', '.join(sorted(known))}, or a connection string",
        )
    target = known[name]
    if target.dsn is None:
        return target

    def value(match: re.Match[str]) -> str:
        if not variables.get(match[1]):
            raise TargetError(
                f"the dsn of target {name!r} needs the variable {match[1]}, which is not set",
                hint=f"set {match[1]} in the environment or in .env",
            )
        return variables[match[1]]

    return replace(target, dsn=re.sub(r"\$\{(\w+)\}", value, target.dsn))


def _from_variables(variables: Mapping[str, str]) -> str:
    """libpq's variables as a connection string, since those of ``.env`` are not in our own environment."""
    from psycopg.conninfo import make_conninfo
    from psycopg.pq import Conninfo

    options = ((option.keyword.decode(), (option.envvar or b"").decode()) for option in Conninfo.get_defaults())
    return make_conninfo(**{keyword: variables[name] for keyword, name in options if variables.get(name)})


def read_dotenv(path: Path) -> dict[str, str]:
    """The ``NAME=value`` lines of a file, which need not exist; lines of any other form are not for us."""
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
def open_server(project: Project, target: Target) -> Iterator[Server]:
    """Reach the server of a target, and start it first where it is a private one of ours.

    Raises :class:`TargetError`.
    """
    if target.kind == "dsn":
        yield remote(target)
        return
    found = binaries.embedded() if target.kind == "embedded" else binaries.system(target.major)
    with cluster(found, data_directory(project.root, os.environ)) as server:
        yield replace(server, default_database=database_name(project.name))


def data_directory(root: Path, environ: Mapping[str, str]) -> Path:
    """Where private clusters of a project live: ``HARNESS_DATA``, or ``.harness`` in the project."""
    return Path(environ["HARNESS_DATA"]) if environ.get("HARNESS_DATA") else root / ".harness"


def database_name(project: str) -> str:
    """A database named after the project; PostgreSQL would silently cut a longer name than 63 bytes."""
    name = f"{project}_project" if project in ("postgres", "template0", "template1") else project
    if len(name.encode()) <= NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: NAME_BYTES - 9].decode(errors='ignore')}_{digest}"


def remote(target: Target) -> Server:
    """The server of a connection string; scratch work is done from ``postgres`` where that may be entered."""
    parameters = parse_dsn(target.dsn or "", f"the connection string of {target.name}")
    with connect(parameters) as connection:
        default_database = connection.info.dbname
        version = connection.info.server_version
        where = f"{connection.info.host}:{connection.info.port}"
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
    )
