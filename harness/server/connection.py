"""How a server is reached, and what a person reads when it cannot be reached."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import conninfo as libpq
from psycopg import sql

from harness.errors import TargetError
from harness.server import urls

Connection = psycopg.Connection[tuple[Any, ...]]

POOLER_HINT = (
    "name the server's own address (its port is usually 5432); for apply, rollback, status and seed a pooler in "
    "session mode will do; --target embedded needs no server"
)

OLDEST = 14
NEWEST = 18
CONNECT_SECONDS = 15
NAME_BYTES = 63  # NAMEDATALEN - 1; PostgreSQL silently cuts longer names


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server. ``conninfo`` reaches its maintenance database and may hold a password.

    ``own`` is true for a private cluster of ours, ``version`` is ``server_version_num``, ``default_database``
    is the database that migrations are applied to. With ``scratch_roles`` roles may be made for scratch databases
    though the server is not our own. ``from_dotenv`` is true where its address is written in ``.env``.
    """

    conninfo: Mapping[str, str] = field(repr=False)
    own: bool
    version: int
    description: str
    default_database: str
    scratch_roles: bool = False
    from_dotenv: bool = False

    @property
    def major(self) -> int:
        return self.version // 10000

    def connect(self, dbname: str | None = None, *, autocommit: bool = True, options: str = "") -> Connection:
        """A connection to ``dbname``, or to the maintenance database; ``options`` as in ``PGOPTIONS``.

        Raises :class:`TargetError`, which never shows a password.
        """
        parameters = dict(self.conninfo)
        if dbname is not None:
            parameters["dbname"] = dbname
        if options:
            parameters["options"] = f"{parameters.get('options', '')} {options}".strip()
        return connect(parameters, autocommit=autocommit)


def connect(parameters: Mapping[str, str], *, autocommit: bool = True) -> Connection:
    """Connect with libpq's ``parameters``; refuses servers that are too old.

    Raises :class:`TargetError`: unreachable, wrong password, no such database or role, too old.
    """
    wanted: dict[str, Any] = {"application_name": "harness", **parameters, "client_encoding": "UTF8"}
    if "PGCONNECT_TIMEOUT" not in os.environ:
        wanted.setdefault("connect_timeout", CONNECT_SECONDS)
    try:
        connection = psycopg.connect(autocommit=autocommit, **wanted)
    except psycopg.Error as error:
        raise _refused(error, parameters) from None
    if connection.info.server_version < OLDEST * 10000:
        version = version_text(connection.info.server_version)
        connection.close()
        raise TargetError(
            f"PostgreSQL {version} is too old; {OLDEST} to {NEWEST} work",
            hint="point the tool at a newer server, or use --target embedded",
        )
    return connection


def value(
    connection: Connection, query: LiteralString | sql.Composed, parameters: Sequence[object] | None = None
) -> Any:
    """Returns the first column of the first row of a query; None if it has no row."""
    row = connection.execute(query, parameters, prepare=False).fetchone()
    return row[0] if row else None


def another(connection: Connection) -> Connection:
    """Opens one more connection to the same database. Raises what :func:`connect` raises."""
    info = connection.info
    return connect({**info.get_parameters(), "password": info.password})


def parse_dsn(dsn: str, source: str) -> dict[str, str]:
    """The parameters of a connection string or URL, also of SQLAlchemy or Prisma; ``source`` says where it was written.

    Raises :class:`TargetError` without showing the string: what does not parse may still hold a password.
    """
    example = "postgresql://user:password@host:5432/database"
    try:
        parameters = {key: str(value) for key, value in libpq.conninfo_to_dict(urls.for_libpq(dsn)).items()}
    except psycopg.Error:
        embedded = "--target embedded needs no server"
        if name := urls.unknown_parameter(dsn):
            raise TargetError(
                f'{source} has the parameter "{name}", which PostgreSQL does not know',
                hint=f"take it out; {embedded}",
            ) from None
        raise TargetError(
            f"{source} is not one that PostgreSQL understands", hint=f"its form is {example}; {embedded}"
        ) from None
    if "@" in parameters.get("host", "").removeprefix("@"):
        raise TargetError(
            f"{source} has more than one '@' before the host",
            hint="in a URL, write an '@' of the password as %40 (and ':' as %3A, '/' as %2F)",
        )
    return parameters


def address(connection: Connection) -> str:
    """Where the server of a connection is."""
    return f"{connection.info.host}:{connection.info.port}"


def version_text(number: int) -> str:
    """``180006`` as people write it, ``18.6``."""
    return f"{number // 10000}.{number % 10000}"


def _refused(error: psycopg.Error, parameters: Mapping[str, str]) -> TargetError:
    """A failed connection in our words. libpq hands over no SQLSTATE here, so only its text can tell."""
    pgconn = error.pgconn
    host = parameters.get("host") or os.environ.get("PGHOST") or "localhost"
    port = parameters.get("port") or os.environ.get("PGPORT") or "5432"
    where = f"socket {host}, port {port}" if host.startswith(("/", "@")) else f"{host}:{port}"
    user = (pgconn.user.decode() if pgconn else None) or parameters.get("user", "")
    reason = redacted(_reason(str(error)), parameters)
    if "password authentication failed" in reason:
        return TargetError(
            f'PostgreSQL at {where} refuses the password of "{user}"',
            hint="set the right one in the connection string, in PGPASSWORD, or in ~/.pgpass",
        )
    if pgconn and pgconn.needs_password:
        return TargetError(
            f'PostgreSQL at {where} wants a password for "{user}", and none was given',
            hint="set it in the connection string, in PGPASSWORD, or in ~/.pgpass",
        )
    if re.search(r"too many (clients|connections)|connection slots are reserved|no more connections allowed", reason):
        return TargetError(
            f"PostgreSQL at {where} takes no more connections: {reason}",
            hint="close some, or raise the limit (max_connections, or CONNECTION LIMIT of the role or database); "
            "a run of fewer --workers needs fewer",
        )
    if match := re.search(r"unsupported startup parameter(?: in options)?: (\w+)", reason):
        return TargetError(
            f'a connection pooler answers at {where}, and does not pass on the parameter "{match[1]}"',
            hint=POOLER_HINT,
        )
    if match := re.search(r"no such database: (.*)", reason):
        return TargetError(
            f'a connection pooler answers at {where}, and has no database "{match[1]}"', hint=POOLER_HINT
        )
    if match := re.search(r'database "(.*)" does not exist', reason):
        return TargetError(
            f'there is no database "{match[1]}" on PostgreSQL at {where}',
            hint=f"create it (createdb {match[1]}), or name one that exists",
        )
    if match := re.search(r'role "(.*)" does not exist', reason):
        return TargetError(
            f'there is no role "{match[1]}" on PostgreSQL at {where}',
            hint="name another user in the connection string or in PGUSER",
        )
    return TargetError(
        f"cannot connect to PostgreSQL at {where}: {reason}",
        hint="is the server running there, and may this machine reach it? --target embedded needs no server",
    )


def _reason(text: str) -> str:
    """The last cause in libpq's text, which repeats itself for every address of a host."""
    causes = re.findall(r"connection to server .*? failed: (.*)", text)
    cause: str = causes[-1] if causes else next(iter(text.strip().splitlines()), "no reason given")
    return cause.removeprefix("FATAL:").removeprefix("connection failed:").strip()


def redacted(text: str, parameters: Mapping[str, str]) -> str:
    """The text without the secrets among libpq's parameters."""
    for secret in (parameters.get("password"), parameters.get("sslpassword"), os.environ.get("PGPASSWORD")):
        if secret:
            text = text.replace(secret, "***")
    return text
