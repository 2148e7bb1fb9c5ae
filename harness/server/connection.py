"""Connects to servers, and explains to a person why a connection was refused.

Refuses servers that are too old, and connection strings that libpq does not know; never shows a password. Takes
connection strings of SQLAlchemy and Prisma, too.
Not here: which server it is (``targets.py``), poolers (``pooler.py``), passwords in SQL (``project/sqltext.py``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from urllib.parse import unquote

import psycopg
from psycopg import conninfo as libpq
from psycopg import sql
from psycopg.pq import Conninfo

from harness.errors import TargetError

Connection = psycopg.Connection[tuple[Any, ...]]

POOLER_HINT = (
    "name the server's own address (its port is usually 5432); for apply, rollback, status and seed a pooler in "
    "session mode will do; --target embedded needs no server"
)

OLDEST = 14
NEWEST = 18
CONNECT_SECONDS = 15
NAME_BYTES = 63  # NAMEDATALEN - 1; PostgreSQL silently cuts longer names

_REFUSALS = (
    (
        "password authentication failed",
        'PostgreSQL at {where} refuses the password of "{user}"',
        "set the right one in the connection string, in PGPASSWORD, or in ~/.pgpass",
    ),
    (
        "too many (?:clients|connections)|connection slots are reserved|no more connections allowed",
        "PostgreSQL at {where} takes no more connections: {reason}",
        "close some, or raise the limit (max_connections, or CONNECTION LIMIT of the role or database); "
        "a run of fewer --workers needs fewer",
    ),
    (
        r"unsupported startup parameter(?: in options)?: (\w+)",
        'a connection pooler answers at {where}, and does not pass on the parameter "{name}"',
        POOLER_HINT,
    ),
    (
        "no such database: (.*)",
        'a connection pooler answers at {where}, and has no database "{name}"',
        POOLER_HINT,
    ),
    (
        'database "(.*)" does not exist',
        'there is no database "{name}" on PostgreSQL at {where}',
        "create it (createdb {name}), or name one that exists",
    ),
    (
        'role "(.*)" does not exist',
        'there is no role "{name}" on PostgreSQL at {where}',
        "name another user in the connection string or in PGUSER",
    ),
    (
        "",
        "cannot connect to PostgreSQL at {where}: {reason}",
        "is the server running there, and may this machine reach it? --target embedded needs no server",
    ),
)
"""Refused connections: a pattern for the reason, message and hint; ``name`` is the group of the pattern."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server. ``conninfo`` reaches its maintenance database and may hold a password.

    ``own`` is true for a private server of ours, ``version`` is ``server_version_num``, ``default_database``
    is the database that migrations are applied to. With ``scratch_roles`` roles may be made for scratch databases
    although the server is not our own. ``from_dotenv`` is true where its address is written in ``.env``.
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

    def connect(self, dbname: str | None = None, *, options: str = "") -> Connection:
        """Connects to ``dbname``, or to the maintenance database, in autocommit; ``options`` as in ``PGOPTIONS``.

        Raises :class:`TargetError`, which never shows a password.
        """
        parameters = dict(self.conninfo)
        if dbname is not None:
            parameters["dbname"] = dbname
        if options:
            parameters["options"] = f"{parameters.get('options', '')} {options}".strip()
        return connect(parameters)


def connect(parameters: Mapping[str, str]) -> Connection:
    """Connects with libpq's ``parameters``, in autocommit; refuses servers that are too old.

    Raises :class:`TargetError`: unreachable, wrong password, no such database or role, too old.
    """
    wanted: dict[str, Any] = {"application_name": "harness", **parameters, "client_encoding": "UTF8"}
    if "PGCONNECT_TIMEOUT" not in os.environ:
        wanted.setdefault("connect_timeout", CONNECT_SECONDS)
    try:
        connection = psycopg.connect(autocommit=True, **wanted)
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
    connection: Connection, query: LiteralString | bytes | sql.Composed, parameters: Sequence[object] | None = None
) -> Any:
    """Returns the first column of the first row of a query; None if it has no row."""
    row = connection.execute(query, parameters, prepare=False).fetchone()
    return row[0] if row else None


def another(connection: Connection) -> Connection:
    """Opens one more connection to the same database. Raises what :func:`connect` raises."""
    info = connection.info
    return connect({**info.get_parameters(), "password": info.password})


def parse_dsn(dsn: str, source: str) -> dict[str, str]:
    """Parses a connection string or URL, also of SQLAlchemy or Prisma; ``source`` names it in messages.

    Raises :class:`TargetError` without showing the string: what does not parse may still hold a password.
    """
    example = "postgresql://user:password@host:5432/database"
    try:
        parameters = {key: str(value) for key, value in libpq.conninfo_to_dict(for_libpq(dsn)).items()}
    except psycopg.Error:
        embedded = "--target embedded needs no server"
        if name := unknown_parameter(dsn):
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
    """Returns ``host:port`` of the server of a connection."""
    return f"{connection.info.host}:{connection.info.port}"


def version_text(number: int) -> str:
    """Returns ``18.6`` for ``180006``."""
    return f"{number // 10000}.{number % 10000}"


def _refused(error: psycopg.Error, parameters: Mapping[str, str]) -> TargetError:
    """Explains a failed connection. libpq gives no SQLSTATE here, so only its text can tell the cause."""
    pgconn = error.pgconn
    host = parameters.get("host") or os.environ.get("PGHOST") or "localhost"
    port = parameters.get("port") or os.environ.get("PGPORT") or "5432"
    where = f"socket {host}, port {port}" if host.startswith(("/", "@")) else f"{host}:{port}"
    user = (pgconn.user.decode() if pgconn else None) or parameters.get("user", "")
    reason = redacted(_reason(str(error)), parameters)
    words = {"where": where, "user": user, "reason": reason}
    if pgconn and pgconn.needs_password and "password authentication failed" not in reason:
        return TargetError(
            f'PostgreSQL at {where} wants a password for "{user}", and none was given',
            hint="set it in the connection string, in PGPASSWORD, or in ~/.pgpass",
        )
    found = ((re.search(pattern, reason), message, hint) for pattern, message, hint in _REFUSALS)
    match, message, hint = next((match, message, hint) for match, message, hint in found if match)
    words["name"] = match[1] if match.groups() else ""
    return TargetError(message.format(**words), hint=hint.format(**words))


def _reason(text: str) -> str:
    """Returns the last cause in libpq's text, which repeats itself for every address of a host."""
    causes = re.findall(r"connection to server .*? failed: (.*)", text)
    cause: str = causes[-1] if causes else next(iter(text.strip().splitlines()), "no reason given")
    return cause.removeprefix("FATAL:").removeprefix("connection failed:").strip()


def redacted(text: str, parameters: Mapping[str, str]) -> str:
    """Returns the text without the secrets among libpq's parameters."""
    for secret in (parameters.get("password"), parameters.get("sslpassword"), os.environ.get("PGPASSWORD")):
        if secret:
            text = text.replace(secret, "***")
    return text


# Parameters for the client alone. `schema` is Prisma's search path: migrations and checks here name their schemas, so
# it has no effect.
_OF_CLIENTS = {
    "schema",
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "pgbouncer",
    "statement_cache_size",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "async_fallback",
    "command_timeout",
}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def for_libpq(url: str) -> str:
    """Removes the name of a driver and the parameters of clients from a URL; leaves any other text as it is."""
    url = re.sub(r"^postgres(?:ql)?\+\w+://", "postgresql://", url)
    head, query = _divided(url)
    kept = [_translated(each) for each in query if _name(each) not in _OF_CLIENTS]
    return f"{head}?{'&'.join(kept)}" if kept else head


def unknown_parameter(url: str) -> str | None:
    """Returns the first parameter that libpq does not know; None if it may be part of a password."""
    _, query = _divided(for_libpq(url))
    known = libpq_parameters()
    for each in query:
        if "@" in each or "password" in _name(each):
            return None
        if _name(each) not in known:
            return _name(each) if re.fullmatch(r"\w{1,40}=.*", each) else None
    return None


def libpq_parameters() -> dict[str, str]:
    """Returns the parameters that libpq knows, each with its environment variable, empty if it has none."""
    return {option.keyword.decode(): (option.envvar or b"").decode() for option in Conninfo.get_defaults()}


def _translated(parameter: str) -> str:
    """Translates asyncpg's ``ssl=require``; libpq itself knows ``ssl=true``."""
    name, _, value = parameter.partition("=")
    return f"sslmode={value}" if name == "ssl" and value in _SSL_MODES else parameter


def _divided(url: str) -> tuple[str, list[str]]:
    """Splits a URL before its query; as for libpq an '@' before the first '/' ends the password."""
    scheme = re.match(r"\w+://(?:[^@/]*@)?", url)
    head, mark, query = url[scheme.end() :].partition("?") if scheme else (url, "", "")
    if not scheme or not mark:
        return url, []
    return scheme[0] + head, query.split("&")


def _name(parameter: str) -> str:
    return unquote(parameter.partition("=")[0])
