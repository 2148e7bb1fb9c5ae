"""Builds scratch databases from ``base:`` and from migrations that another tool owns.

A step runs as its tool would run it: in one transaction, or as psql sends a file; its settings end with it. Refuses a
file that begins a transaction and does not commit it, and a server without the extensions or roles that are needed.
Not here: which statements are left out (``skipping.py``), and our own migrations (``migrations``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from harness import grammar
from harness.errors import HarnessError, MigrationError, Place, StatementError, TargetError
from harness.foreign.extensions import extension_of
from harness.foreign.skipping import SkipRules, harmless, needs_autocommit
from harness.global_objects import ScratchGuard, effects, fits_in_transaction, registry, require_roles
from harness.project import BuildStep, Module, Project, SqlPart, SqlScript, relative, sqlfile, sqltext
from harness.project.sqlfile import FileStatement
from harness.server import Connection, binaries, script, version_text

_MISSING = ("3F000", "42704", "42883", "42P01")  # no such schema, role or type, function, table

_IN_TRANSACTION = "25001"


@dataclass(frozen=True)
class ParsedScript:
    """The statements of a file and of the files that it includes; ``transactional`` unless a statement forbids it."""

    parts: tuple[ParsedPart, ...]
    transactional: bool


def parse(sql: SqlScript) -> ParsedScript:
    """Splits a file; raises :class:`StatementError` and :class:`MigrationError` if it is not SQL."""
    parts = []
    for part in sql.parts:
        try:
            parts.append((part, sqlfile.statements(part.path, part.text)))
        except StatementError as error:
            raise _with_variable(error, part) from None
    return ParsedScript(
        tuple(parts),
        sql.transactional
        and not any(needs_autocommit(statement) for _, statements in parts for statement in statements),
    )


def prepare(connection: Connection, project: Project, guard: ScratchGuard) -> None:
    """Runs ``base:`` in an empty database, before its migrations.

    Raises what :func:`build` raises.
    """
    _build(connection, project, project.foundation, guard)


def build(connection: Connection, project: Project, guard: ScratchGuard) -> None:
    """Runs ``base:`` and the other tool's migrations in an empty database; ``guard`` records the skipped statements.

    All is parsed, and compared with the extensions and roles of the server, before anything runs. Raises
    :class:`StatementError` if the server refuses a statement, and :class:`TargetError` for what it lacks.
    """
    _build(connection, project, (*project.foundation, *(project.adopted.steps if project.adopted else ())), guard)


def _build(connection: Connection, project: Project, steps: Iterable[BuildStep], guard: ScratchGuard) -> None:
    files = [parse(step.up) for step in steps]
    parts = [each for file in files for each in file.parts]
    require_extensions(connection, parts, project.stand_ins)
    require_named_roles(connection, parts)
    if not guard.may_make:
        require_roles(connection, parts)
    run(connection, project, files, guard)


def run(connection: Connection, project: Project, files: Sequence[ParsedScript], guard: ScratchGuard) -> None:
    """Runs files, and resets the session after each.

    Raises :class:`StatementError` with its place in the file. Needs an autocommit connection.
    """
    rules = SkipRules(connection, guard, project.stand_ins)
    for file in files:
        try:
            with script.session_reset(connection, project.timeouts):
                _run(connection, file, rules)
        except StatementError as error:
            raise _with_base(error) from None


def _run(connection: Connection, file: ParsedScript, rules: SkipRules) -> None:
    if file.transactional:
        try:
            with connection.transaction():
                _send(connection, file, rules)
                rules.guard.settle(connection)
        except psycopg.Error as error:
            raise script.at_commit(file.parts[-1][0], error) from None
        return
    try:
        _send(connection, file, rules)
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            raise MigrationError(
                "the file begins a transaction and does not commit it: psql would take it back",
                place=Place(file.parts[0][0].path),
                hint="end it with COMMIT",
            )
    except BaseException:
        with suppress(psycopg.Error):
            connection.rollback()
        raise


def _send(connection: Connection, file: ParsedScript, rules: SkipRules) -> None:
    guard = rules.guard
    for part, statements in file.parts:
        for line, command in part.unsent:
            guard.leave_out(Place(part.path, line), command, "it copies a file, and rows are drawn here")
        for statement in statements:
            if why := rules.reason(statement):
                guard.skip(part, statement, why)
                continue
            if guard.concerns(statement) and fits_in_transaction(statement):
                with connection.transaction():
                    guard.send(connection, part, statement)
                    guard.settle(connection)
                continue
            try:
                script.execute(connection, part, statement)
            except StatementError as error:
                # Outside of a transaction, psql goes on after a refusal.
                idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
                why = harmless(statement, error.sqlstate) if idle else None
                if why is None:
                    raise
                guard.skip(part, statement, why)


def _with_base(error: StatementError) -> HarnessError:
    """Adds the hint for migrations of another tool, which differs from that for our own."""
    if error.sqlstate in _MISSING:
        extension = extension_of(error.message)
        advice = (
            f"it belongs to an extension: write create extension {grammar.quoted(extension)}; into an SQL file under "
            "base: in project.yml (harness adopt takes it as --base FILE)"
            if extension
            else "what the platform brings (roles, schemas, functions) belongs into an SQL file under base: in "
            "project.yml"
        )
        error.hint = f"{error.hint}; {advice}" if error.hint else advice
    elif error.sqlstate == _IN_TRANSACTION:
        error.hint = "let the file say that it runs outside of a transaction, in the words of its tool"
    return error


def _with_variable(error: StatementError, part: SqlPart) -> StatementError:
    """Adds a hint if a syntax error is at ``:name``: it may be a variable of psql that was not given."""
    line, column = (error.place.line or 1, error.place.column or 1) if error.place else (1, 1)
    at = part.text.split("\n")[line - 1][column - 1 :]
    if at[:1] == ":" and at[1:2] not in ("", ":", "=", " "):
        error.hint = "a variable of psql? give it under migrations: {variables: {name: value}} in project.yml"
    return error


_BUILT_IN = {
    "pgcrypto": "most need only its gen_random_uuid(), which is built in",
    "uuid-ossp": "most need only a function uuid_generate_v4() that selects gen_random_uuid(), which is built in",
}
# Statements that fail where a role is missing. OWNER TO a missing role is left out instead.
_NAMING_ROLES = (
    "alter_default_privileges_stmt",
    "alter_policy_stmt",
    "create_policy_stmt",
    "create_schema_stmt",
    "grant_role_stmt",
    "grant_stmt",
)
_SESSION = ("role", "session_authorization")

ParsedPart = tuple[SqlPart, tuple[FileStatement, ...]]


def require_extensions(connection: Connection, parts: Iterable[ParsedPart], stand_ins: Sequence[str] = ()) -> None:
    """Raises :class:`TargetError` at the first extension that the server lacks; it names the others too."""
    needed: dict[str, tuple[SqlPart, FileStatement]] = {}
    for part, statements in parts:
        for statement in statements:
            if effects.kind(statement) == "create_extension_stmt":
                needed.setdefault(effects.node(statement).extname, (part, statement))
    if not needed:
        return
    known = {name for (name,) in connection.execute("select name from pg_catalog.pg_available_extensions")}
    missing = {name: where for name, where in needed.items() if name not in known and name not in stand_ins}
    if missing:
        version = version_text(connection.info.server_version)
        built_in = "".join(f"; of {name} {_BUILT_IN[name]}" for name in missing if name in _BUILT_IN)
        raise _lacking(
            missing,
            f"PostgreSQL {version} has no extension {_first_and_others(missing)} here",
            hint=f"{_where_available(missing)}; or write what is used of it into a file under base: in project.yml, "
            f"and say extensions: {{stand_ins: [{', '.join(missing)}]}} (harness adopt takes it as --base FILE "
            f"{' '.join(f'--stand-in {name}' for name in missing)}){built_in}",
        )


def require_own_extensions(connection: Connection, modules: Iterable[Module], *, root: Path) -> None:
    """Raises as :func:`require_extensions` for the migrations of these modules."""
    parts = []
    for module in modules:
        for migration in module.migrations:
            shown = relative(migration.up, root)
            text = sqlfile.read(migration.up, shown)
            if "extension" in text.lower():  # parsing all of them twice would take long
                parts.append((SqlPart(shown, text), sqlfile.migration_statements(shown, text)))
    require_extensions(connection, parts)


def require_named_roles(connection: Connection, parts: Sequence[ParsedPart]) -> None:
    """Raises :class:`TargetError` at the first role that is named, but neither exists nor is created.

    It names the others too. A role in the text of a DO block may be created there.
    """
    known = registry.role_names(connection)
    statements = [statement for _, found in parts for statement in found]
    known.update(name for each in statements if effects.kind(each) == effects.CREATE for name in effects.roles(each))
    blocks = "\n".join(each.text for each in statements if effects.kind(each) == "do_stmt").lower()
    missing: dict[str, tuple[SqlPart, FileStatement]] = {}
    for part, several in parts:
        for statement in several:
            for name in _roles_in(statement):
                if name not in known and name.lower() not in blocks:
                    missing.setdefault(name, (part, statement))
    if missing:
        raise _lacking(
            missing,
            f"there is no role {_first_and_others(missing)}, and nothing makes it",
            hint="make what the platform brings in an SQL file under base: in project.yml: "
            + " ".join(f"create role {grammar.quoted(name)} nologin;" for name in missing),
        )


def _lacking(missing: dict[str, tuple[SqlPart, FileStatement]], message: str, hint: str) -> TargetError:
    part, statement = next(iter(missing.values()))
    return TargetError(
        message,
        place=Place(part.path, statement.line, statement.column),
        excerpt=sqltext.excerpt(part.text, statement.line, statement.column),
        hint=hint,
    )


def _first_and_others(names: Iterable[str]) -> str:
    first, *others = names
    return first + (f" (nor {', '.join(others)})" if others else "")


def _where_available(names: Iterable[str]) -> str:
    """Proposes the server of this machine if it has all these extensions."""
    for found in binaries.installed()[:1]:
        share = found.share
        if share and all((share / "extension" / f"{name}.control").is_file() for name in names):
            return f"PostgreSQL {found.version} of this machine has it: --target system"
    return "run where it is installed: --target with a connection string, or --target system once this machine has it"


def _roles_in(statement: FileStatement) -> Iterator[str]:
    kind, node = effects.kind(statement), effects.node(statement)
    if kind == "variable_set_stmt" and node.name in _SESSION:
        yield from (each.a_const.sval.sval for each in node.args if each.a_const.sval.sval not in ("", "none"))
    if kind not in _NAMING_ROLES:
        return
    if kind == "grant_role_stmt":
        yield from (each.access_priv.priv_name for each in node.granted_roles)
    yield from (child.rolename for child in grammar.walk(node, "RoleSpec") if child.rolename)
