"""Translates connection URLs of SQLAlchemy, asyncpg and Prisma into the form that libpq reads."""

from __future__ import annotations

import re
from urllib.parse import unquote

from psycopg.pq import Conninfo

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
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    for each in query:
        if "@" in each or "password" in _name(each):
            return None
        if _name(each) not in known:
            return _name(each) if re.fullmatch(r"\w{1,40}=.*", each) else None
    return None


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
