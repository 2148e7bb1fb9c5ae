"""Extensions that migrations create and the server does not have: found before anything is built."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.errors import Place, TargetError
from harness.foreign.skipping import made
from harness.project import sqlfile, sqltext
from harness.project.folders import relative
from harness.project.model import Module, SqlPart
from harness.project.sqlfile import SqlStatement
from harness.server import binaries
from harness.server.connection import Connection, version_text

_BUILT_IN = {
    "pgcrypto": "most need only its gen_random_uuid(), which is built in",
    "uuid-ossp": "most need only a function uuid_generate_v4() that selects gen_random_uuid(), which is built in",
}


def require(
    connection: Connection, parts: Iterable[tuple[SqlPart, tuple[SqlStatement, ...]]], stand_ins: tuple[str, ...]
) -> None:
    """Raises :class:`TargetError` at the first extension that the server lacks, which names the others too."""
    wanted = [
        (name, part, statement)
        for part, statements in parts
        for statement, name in made(statements)
        if name not in stand_ins
    ]
    if not wanted:
        return
    known = {name for (name,) in connection.execute("select name from pg_catalog.pg_available_extensions")}
    missing = [each for each in wanted if each[0] not in known]
    if missing:
        raise _missing(connection, missing)


def require_own(connection: Connection, modules: Iterable[Module], *, root: Path) -> None:
    """The same for these modules' own migrations."""
    parts = []
    for module in modules:
        for migration in module.migrations:
            shown = relative(migration.up, root)
            text = sqlfile.read(migration.up, shown)
            if "extension" in text.lower():  # parsing all of them twice would take long
                parts.append((SqlPart(shown, text), sqlfile.migration_statements(shown, text)))
    require(connection, parts, ())


def _missing(connection: Connection, missing: list[tuple[str, SqlPart, SqlStatement]]) -> TargetError:
    name, part, statement = missing[0]
    names = list(dict.fromkeys(each for each, _, _ in missing))
    others = f" (nor {', '.join(names[1:])})" if names[1:] else ""
    built_in = "".join(f"; of {each} {_BUILT_IN[each]}" for each in names if each in _BUILT_IN)
    return TargetError(
        f"PostgreSQL {version_text(connection.info.server_version)} has no extension {name}{others} here",
        place=Place(part.path, statement.line, statement.column),
        excerpt=sqltext.excerpt(part.text, statement.line, statement.column),
        hint=f"{_elsewhere(names)}; or write what is used of it into a file under base: in project.yml, and say "
        f"extensions: {{stand_ins: [{', '.join(names)}]}}{built_in}",
    )


def _elsewhere(names: list[str]) -> str:
    """Where it can run: on the server of this machine, if that has them all."""
    for found in binaries.installed()[:1]:
        share = found.share
        if share and all((share / "extension" / f"{name}.control").is_file() for name in names):
            return f"PostgreSQL {found.version} of this machine has it: --target system"
    return "run where it is installed: --target with a connection string, or --target system once this machine has it"
