"""The scratch database that checks are proved in, with all that the checks of a project say of rows.

Decides whether a declared rule and one of the database contradict each other, so that no row can be; which declared
predicate the server cannot evaluate; and when the session is renewed between checks.
Not here: making and dropping clones (``scratch/workspaces.py``), and undeclared rules (``undeclared.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from psycopg.errors import Diagnostic

from harness import plugins
from harness.catalog import Catalog, Roles, Table, TableRule, read
from harness.catalog.canonical import look_in
from harness.declarations import DECLARED, DeclaredCheck
from harness.errors import HarnessError
from harness.probes import Renewal, Session, TimeLimits, never_set, qualified
from harness.project.model import Project, TableName
from harness.proving import unset
from harness.proving.attribution import Attribution
from harness.proving.causes import UnexplainedTriggers
from harness.proving.undeclared import DeclaredRefusals, UndeclaredRules
from harness.races import Databases
from harness.solver import Memo, Pools, Rule, Unfillable, catalog_rules, deciding_columns, declared_pools, tied_columns


def find_contradiction(pools: Pools, table: Table) -> tuple[Rule, Rule] | None:
    """A declared rule and one of the catalog that no values keep together, though each by itself can be kept."""
    for declared, own in itertools.product(pools.declared(table.name), catalog_rules(table)):
        common = {*deciding_columns(table, declared.predicate)} & {*deciding_columns(table, own.predicate)}
        if common and _refuted(pools, table, declared, own) and not _refuted(pools, table, declared):
            return None if _refuted(pools, table, own) else (declared, own)
    return None


def _refuted(pools: Pools, table: Table, *rules: Rule) -> bool:
    """Whether no values were found that keep all of these rules."""
    try:
        for group in tied_columns(table, rules):
            pools.finder.pool(pools.catalog, table, group, rules, rules)
    except Unfillable:
        return True
    return False


@dataclass(frozen=True)
class InvalidPredicate:
    """A predicate that a check declares, and the server's error for it."""

    check: DeclaredCheck
    predicate: str
    message: str

    def __str__(self) -> str:
        return f"PostgreSQL cannot evaluate {self.predicate}: {self.message}"


def invalid_predicates(
    connection: psycopg.Connection[Any], declared: Sequence[DeclaredCheck], catalog: Catalog
) -> Iterator[InvalidPredicate]:
    """Has the server plan each declared predicate; evaluates nothing, and leaves nothing behind."""
    for check in declared:
        table = catalog.tables.get(check.table) if check.table else None
        if table is None:
            continue
        for rule in check.rule.rules():
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(look_in(table.name.schema))
                    query = f"explain select from {qualified(table.name)} where ({rule.predicate}\n)"
                    connection.execute(query.encode(), prepare=False)
            except (psycopg.ProgrammingError, psycopg.DataError) as error:
                yield InvalidPredicate(check, rule.predicate, server_words(error))


def server_words(error: psycopg.Error) -> str:
    """The message and the SQLSTATE of an error, and what the server thinks that was meant."""
    hint = error.diag.message_hint or ""
    hint = f"; {hint}" if "meant" in hint else ""
    return f"{error.diag.message_primary} ({error.sqlstate}){hint}"


@dataclass(frozen=True)
class Ruleset:
    """The rules that rows keep, and how they refuse.

    ``checks`` are all but those of which ``errors`` has, by the ``id`` of the check, what went wrong asking them.
    """

    connection: psycopg.Connection[Any]
    catalog: Catalog
    checks: Sequence[DeclaredCheck]
    errors: Mapping[int, Exception]
    pools: Pools
    undeclared: UndeclaredRules
    refusals: DeclaredRefusals
    unexplained: UnexplainedTriggers
    unexplained_or_undeclared: UnexplainedTriggers
    _memo: Memo = field(default_factory=Memo)

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], catalog: Catalog, declared: Sequence[DeclaredCheck]) -> Ruleset:
        """Asks all checks; an error in what one says costs that one alone."""
        try:
            return cls._of(connection, catalog, declared, declared, {})
        except (HarnessError, psycopg.Error):
            raise
        except Exception:
            errors: dict[int, Exception] = {}
            for check in declared:
                try:
                    _ask(check, connection, catalog)
                except Exception as error:
                    errors[id(check)] = error
            sound = [check for check in declared if id(check) not in errors]
            return cls._of(connection, catalog, sound, declared, errors)

    @classmethod
    def _of(
        cls,
        connection: psycopg.Connection[Any],
        catalog: Catalog,
        checks: Sequence[DeclaredCheck],
        declared: Sequence[DeclaredCheck],
        errors: Mapping[int, Exception],
    ) -> Ruleset:
        # Of all checks: what one declares is declared, whatever else it cannot say.
        undeclared = UndeclaredRules.of(declared, catalog)
        return cls(
            connection,
            catalog,
            checks,
            errors,
            declared_pools(connection, catalog, checks),
            undeclared,
            DeclaredRefusals(checks, catalog, undeclared),
            UnexplainedTriggers.of(checks, catalog),
            UnexplainedTriggers.of(checks, catalog, undeclared.triggers()),
        )

    def attribution(self, check: DeclaredCheck) -> Attribution:
        triggers = self.unexplained if check.rule.about_triggers else self.unexplained_or_undeclared
        return Attribution(check, self.refusals, triggers)

    def contradiction(self, table: Table) -> tuple[Rule, Rule] | None:
        """A declared rule, and one of the database that lets no row keep it; None if there are no such two."""
        known = self.catalog.tables.get(table.name, table)
        return self._memo(table.name, lambda: find_contradiction(self.pools, known))

    def reported_by(self, check: DeclaredCheck) -> tuple[dict[TableRule, str], Catalog, Pools]:
        """The undeclared rules that a check reports, the catalog without them, and the pools for rows there."""
        table = self.catalog.tables.get(check.table) if check.table and check.kind == DECLARED else None
        undeclared = self.undeclared.rules(table) if table is not None else {}
        if table is None or not undeclared or check.rule.shown:
            return undeclared, self.catalog, self.pools
        catalog = self.undeclared.hidden(table)
        return undeclared, catalog, declared_pools(self.connection, catalog, self.checks)


def _ask(check: DeclaredCheck, connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    """Asks one check for all that others need to know of it; raises what that raises."""
    declared_pools(connection, catalog, [check])
    UnexplainedTriggers.of([check], catalog)
    DeclaredRefusals([check], catalog)


class ProverDatabase:
    """A clone in which rows are drawn over one connection and tried over another; no check changes it.

    ``left_settings`` are the custom settings that a role without claims may find left empty there.
    """

    def __init__(
        self, project: Project, databases: Databases, declared: Sequence[DeclaredCheck], time_limits: TimeLimits
    ) -> None:
        self._databases = databases
        self._clones: list[str] = []
        self._second: psycopg.Connection[Any] | None = None
        self._filled: set[TableName] = set()
        self._last_check_sets = False
        self.endless: set[str] = set()
        """Names of probes that had no end: they are not tried again for other checks."""
        with ExitStack() as opened:
            self._name = name = self._clone()
            self.connection = databases.connect(name)
            opened.callback(self.connection.close)
            self.connection.execute("set statement_timeout = '5min'")
            self.catalog = read(self.connection, project.ledger_schema)
            self.rules = Ruleset.of(self.connection, self.catalog, declared)

            def connect() -> psycopg.Connection[Any]:
                self.trying = databases.connect(name)
                self.trying.execute(f"set statement_timeout = {time_limits.batch}".encode())
                return self.trying

            connect()
            opened.callback(lambda: self.trying.close())
            # What the server, the database or the role has set already is never missing, and never left empty.
            self.left_settings = never_set(self.trying, unset.left_empty(self.rules.checks, self.catalog))
            set_by_code = never_set(self.trying, unset.set_by_code(self.catalog))
            self._renewal = Renewal(connect, set_by_code, any(each.name is None for each in self.catalog.settings))
            pid = self.connection.info.backend_pid
            self.session = Session(self.trying, self.catalog, (pid,), time_limits, self._renewal)
            self.roles = Roles(self.connection)
            self._opened = opened.pop_all()  # from here on close() closes them

    @property
    def is_stained(self) -> bool:
        """Whether a custom setting was set over the connection that rows are drawn by."""
        return replace(self._renewal, unknown_names=False).due(self.connection)

    def prepare_session(self, check: DeclaredCheck) -> None:
        """Gives the session a new connection if another check may have left a setting in the last one."""
        if self._last_check_sets:
            self.session.renew()
        else:
            self.session.refresh()
        self._last_check_sets = unset.sets(check)

    @contextmanager
    def quick_session(self, milliseconds: int, hear: Callable[[Diagnostic], None]) -> Iterator[Session]:
        """A session of its own, in which each probe has that much time; whatever it leaves behind ends with it.

        The messages of the server are given to ``hear``.
        """
        limits = TimeLimits(milliseconds)
        with self._databases.connect(self._name) as connection:
            connection.execute(f"set statement_timeout = {limits.batch}".encode())
            connection.execute("set client_min_messages = notice")
            connection.add_notice_handler(hear)
            ours = (self.connection.info.backend_pid, self.trying.info.backend_pid)
            yield Session(connection, self.catalog, ours, limits)

    def filled(self, table: Table) -> psycopg.Connection[Any]:
        """A connection to a second clone, in which tables are filled as they are asked for."""
        if self._second is None:
            self._second = self._databases.connect(self._clone())
            self._opened.callback(self._second.close)
        if table.name not in self._filled:
            plugins.load("bulk").grow(self._second, self.catalog, self.rules.pools, table)
            self._filled.add(table.name)
        return self._second

    def close(self) -> None:
        self._opened.close()

    def drop(self) -> None:
        """Closes the connections, and drops the clones."""
        self.close()
        for name in self._clones:
            self._databases.drop(name)

    def _clone(self) -> str:
        name = self._databases.clone()
        self._clones.append(name)
        return name
