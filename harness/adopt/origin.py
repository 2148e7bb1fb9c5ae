"""Finds the source of a schema: a live database, a directory of migrations, or SQL files.

Decides whether an argument is a connection string or a path, and refuses a path that does not exist. A live database is
read by the oldest ``pg_dump`` that can, with the roles that it names; nothing in it is changed.
Not here: which tool's layout a directory has (``layouts``).
"""

from __future__ import annotations

import csv
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import LiteralString

from psycopg import sql

from harness import files, layouts
from harness.adopt.project_texts import SchemaSource
from harness.errors import HarnessError, ProjectError, TargetError
from harness.project import BuildStep, ForeignMigrations, Project, PsqlFiles, Target
from harness.project.settings import BUILT_IN_PROFILES, BUILT_IN_TARGETS
from harness.server import Binaries, Connection, Server, binaries, open_server, parse_dsn, redacted, value, version_text
from harness.server.psql import connection_options

_LOCK_WAIT = "30s"

# Owners, grantees and the roles of policies; what depends on the role that made the cluster is not recorded there.
_NAMED: LiteralString = """
with recursive named (oid) as (
    select refobjid
    from pg_catalog.pg_shdepend
    where refclassid = 'pg_catalog.pg_authid'::regclass
      and dbid = (select oid from pg_catalog.pg_database where datname = current_database())
    union
    select relowner from pg_catalog.pg_class where oid >= 16384
    union
    select proowner from pg_catalog.pg_proc where oid >= 16384
    union
    select nspowner from pg_catalog.pg_namespace where oid >= 16384
    union
    select m.roleid from pg_catalog.pg_auth_members m join named n on n.oid = m.member
)
select r.oid, r.rolname,
    concat_ws(' ', 'nologin', case when r.rolsuper or r.rolbypassrls then 'bypassrls' end,
        case when not r.rolinherit then 'noinherit' end) as options
from pg_catalog.pg_roles r
where r.oid in (select oid from named) and r.rolname !~ '^pg_'
order by r.rolname
"""
_MEMBERS: LiteralString = """
select g.rolname, m.rolname
from pg_catalog.pg_auth_members a
join pg_catalog.pg_roles g on g.oid = a.roleid
join pg_catalog.pg_roles m on m.oid = a.member
where a.roleid = any(%(oids)s) and a.member = any(%(oids)s)
order by g.rolname, m.rolname
"""
_SEARCH_PATH: LiteralString = """
select s.setting
from pg_catalog.pg_db_role_setting d
cross join unnest(d.setconfig) as s (setting)
where d.setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
  and d.setrole in (0, (select oid from pg_catalog.pg_roles where rolname = current_user))
  and s.setting like 'search\\_path=%'
order by d.setrole desc, d.setdatabase desc
limit 1
"""
_CREATE: LiteralString = """\
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = {literal}) then
        create role {name} {options};
    end if;
end
$$;
"""


def dump(server: Server, path: Path, *, dbname: str | None = None, schemas: Sequence[str] = ()) -> None:
    """Writes the schema of a database, by default the target's own, into a file that ``migrations:`` can name.

    ``schemas`` limits the dump to these. The file names owners; a scratch database does without those that its server
    does not have. Raises :class:`TargetError` with the error of ``pg_dump``, or if none is new enough.
    """
    program = _program(server)
    parameters = {**server.conninfo, "dbname": dbname or server.default_database}
    options, environment = connection_options(parameters)
    command = [
        str(program.program("pg_dump")),
        "--schema-only",
        "--no-password",
        f"--lock-wait-timeout={_LOCK_WAIT}",
        "--encoding=UTF8",
        # In quotes, since pg_dump reads patterns.
        *(f"--schema={sql.Identifier(schema).as_string()}" for schema in schemas),
        *options,
    ]
    answer = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if answer.returncode != 0:
        said = redacted(answer.stderr.decode(errors="replace").strip(), parameters)
        raise TargetError(
            f"pg_dump {program.version} could not read the database: {said}",
            hint="connect as a role that may read these tables, such as their owner"
            if "permission denied" in said
            else None,
        )
    files.write(path, answer.stdout.decode("utf-8"))


def roles(connection: Connection) -> str:
    """Returns SQL that makes the roles of this database where they are missing: owners, grantees, roles of policies.

    The roles cannot log in. They keep memberships, and whether row level security applies to them.
    """
    found = connection.execute(_NAMED, prepare=False).fetchall()
    statements = [
        sql.SQL(_CREATE).format(name=sql.Identifier(name), literal=sql.Literal(name), options=sql.SQL(options))
        for _, name, options in found
    ]
    members = connection.execute(_MEMBERS, {"oids": [oid for oid, *_ in found]}, prepare=False).fetchall()
    statements += [
        sql.SQL("grant {} to {};\n").format(sql.Identifier(group), sql.Identifier(member)) for group, member in members
    ]
    return "\n".join(statement.as_string(connection) for statement in statements)


def search_path(connection: Connection) -> tuple[str, ...]:
    """Returns the search path that is set for the database or for the role that reads it; empty if none is set."""
    setting = value(connection, _SEARCH_PATH)
    if setting is None:
        return ()
    with connection.transaction(force_rollback=True):
        connection.execute("select pg_catalog.set_config('search_path', %s, true)", [setting.partition("=")[2]])
        names = value(connection, "show search_path")
    return tuple(name for name in next(csv.reader([names], skipinitialspace=True), []) if name and name != "$user")


def _program(server: Server) -> Binaries:
    """Returns the oldest ``pg_dump`` that reads the server: what it writes suits that version best."""
    programs = [*binaries.installed()]
    with suppress(HarnessError):
        programs.append(binaries.embedded())
    found = [each for each in programs if each.program("pg_dump").is_file()]
    fitting = sorted((each for each in found if each.major >= server.major), key=lambda each: each.major)
    if not fitting:
        others = ", ".join(each.version for each in found) or "none"
        raise TargetError(
            f"PostgreSQL {version_text(server.version)} needs a pg_dump of its version or newer; there is {others}",
            hint="install the client programs of that version, or write the dump where they are: pg_dump --schema-only",
        )
    return fitting[0]


NO_TEXTS: Mapping[Path, str] = {}
DUMP, ROLES = Path("database.sql"), Path("roles.sql")


def is_dsn(source: str) -> bool:
    """Whether a source names a database, not a file."""
    return "://" in source or ("=" in source and not Path(source).exists())


def from_database(
    root: Path, dsn: str, base: Sequence[Path], schemas: Sequence[str]
) -> tuple[SchemaSource, dict[Path, str]]:
    """Dumps the schema of a live database, which is only read. Returns the texts of the dumps by their paths.

    Raises :class:`TargetError`, which never shows a password.
    """
    parse_dsn(dsn, "the connection string")
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory) / DUMP
        with open_server(bare(root, "adopt"), Target("the source", "dsn", dsn=dsn)) as server:
            dump(server, scratch, schemas=schemas)
            with server.connect(server.default_database) as connection:
                connection.execute("set default_transaction_read_only = on")
                made, path = roles(connection), search_path(connection)
        texts = {DUMP: scratch.read_text(encoding="utf-8")}
    if made:
        texts[ROLES] = made
    first = (str(ROLES),) if made else ()
    return SchemaSource((str(DUMP),), None, (*first, *_relative(root, base)), path), texts


def from_files(root: Path, sources: Sequence[Path], layout: str | None, base: Sequence[Path]) -> SchemaSource:
    """A directory of migrations, or SQL files in this order, which stay where they are."""
    for path in (*sources, *base):
        if not path.exists():
            raise ProjectError(f"there is no such file or directory: {path}")
    if layout is None and len(sources) == 1 and sources[0].is_dir():
        layout = layouts.detect(sources[0]).name
    return SchemaSource(tuple(_relative(root, sources)), layout, tuple(_relative(root, base)))


def _relative(root: Path, paths: Sequence[Path]) -> list[str]:
    return [Path(os.path.relpath(path.absolute(), root.absolute())).as_posix() for path in paths]


def bare(
    root: Path, name: str, schema_source: SchemaSource | None = None, texts: Mapping[Path, str] = NO_TEXTS
) -> Project:
    """The project as ``project.yml`` will describe it, before there is one; ``texts`` are files yet to be written."""
    base, adopted = _read(root, schema_source, texts) if schema_source else ((), None)
    return Project(
        root=root,
        name=name,
        modules=(),
        default_target="embedded",
        targets=BUILT_IN_TARGETS,
        profiles=BUILT_IN_PROFILES,
        base=base,
        adopted=adopted,
        search_path=schema_source.search_path if schema_source else (),
        stand_ins=schema_source.stand_ins if schema_source else (),
    )


def _read(
    root: Path, schema_source: SchemaSource, texts: Mapping[Path, str]
) -> tuple[tuple[BuildStep, ...], ForeignMigrations]:
    """Reads the SQL files; those in ``texts`` from a directory in which they are written for this alone."""
    with tempfile.TemporaryDirectory() as directory:
        for path, text in texts.items():
            files.write(Path(directory) / path, text)

        homes = {
            path: Path(directory) if Path(path) in texts else root
            for path in (*schema_source.base, *schema_source.paths)
        }
        base = [
            step for path in schema_source.base for step in PsqlFiles(homes[path], {}).scripts([homes[path] / path])
        ]
        home = homes[schema_source.paths[0]]
        layout = layouts.named(schema_source.layout) if schema_source.layout else None
        return tuple(base), layouts.read(PsqlFiles(home, {}), [home / path for path in schema_source.paths], layout)
