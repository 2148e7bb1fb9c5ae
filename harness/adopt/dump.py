"""Reads the schema of a database as SQL, by ``pg_dump``, and the roles that it names. Changes nothing.

Chooses the oldest ``pg_dump`` that can read the server, and refuses if none can. Writes SQL that makes missing roles
without a login, with their memberships.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import LiteralString

from psycopg import sql

from harness import files
from harness.errors import HarnessError, TargetError
from harness.server import binaries
from harness.server.binaries import Binaries
from harness.server.connection import Connection, Server, redacted, value, version_text
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
