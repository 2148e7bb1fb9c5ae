"""Questions about roles and what they may, asked once each."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


class Roles:
    """The roles of a server, seen from one of its databases."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        rows = connection.execute("select rolname, rolsuper, rolbypassrls from pg_roles")
        self._known: dict[str, tuple[bool, bool]] = {name: (superuser, bypass) for name, superuser, bypass in rows}
        row = connection.execute("select current_user").fetchone()
        assert row is not None
        self.current: str = row[0]
        self._connection = connection
        self._asked = lru_cache(maxsize=None)(self._ask)

    def exists(self, role: str) -> bool:
        return role in self._known

    def is_superuser(self, role: str) -> bool:
        return self._known.get(role, (False, False))[0]

    def bypasses_row_security(self, role: str) -> bool:
        """Whether no policy holds for it: superusers, and roles with BYPASSRLS."""
        return any(self._known.get(role, (False, False)))

    def may_become(self, role: str) -> bool:
        """Whether the connection's user may SET ROLE to it."""
        return bool(self._asked("select pg_has_role(%s, 'member')", role))

    def on_table(self, role: str, table: str, privilege: str) -> bool:
        """Whether a role has a privilege on a table (its quoted name), itself, by membership or by PUBLIC."""
        return bool(self._asked("select has_table_privilege(%s, %s, %s)", role, table, privilege))

    def on_columns(self, role: str, table: str, privilege: str) -> bool:
        """Whether a role has a privilege on a table or view, or on any column of it."""
        return bool(self._asked("select has_any_column_privilege(%s, %s, %s)", role, table, privilege))

    def on_column(self, role: str, table: str, column: str, privilege: str) -> bool:
        """Whether a role has a privilege on one column of a table (its quoted name), or on all of it."""
        return bool(self._asked("select has_column_privilege(%s, %s, %s, %s)", role, table, column, privilege))

    def may_execute(self, role: str, signature: str) -> bool:
        """Whether a role may call a function, given as ``regprocedure`` prints it."""
        return bool(self._asked("select has_function_privilege(%s, %s, 'execute')", role, signature))

    def on_schema(self, role: str, schema: str) -> bool:
        """Whether a role may use a schema."""
        return bool(self._asked("select has_schema_privilege(%s, %s, 'usage')", role, schema))

    def _ask(self, query: str, *arguments: str) -> bool:
        row = self._connection.execute(query.encode(), arguments).fetchone()
        assert row is not None
        return bool(row[0])
