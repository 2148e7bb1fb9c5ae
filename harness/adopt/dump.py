"""The schema of a database as SQL, by ``pg_dump``, and the roles that it names. Reads, and changes nothing.

A password goes to ``pg_dump`` by the environment: the arguments of a program are for everyone on the machine to see.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import LiteralString

from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from harness import files
from harness.errors import HarnessError, TargetError
from harness.server import binaries
from harness.server.binaries import Binaries
from harness.server.connection import Connection, Server, redacted, version_text

_SECRET = ("password", "sslpassword")
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
select r.oid, r.rolname, r.rolsuper or r.rolbypassrls as free, r.rolinherit
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

    ``schemas`` are the only ones to dump. The file names owners; in a scratch database those that the server does not
    have are left out. Raises :class:`TargetError`: no ``pg_dump`` that is new enough, or what it says.
    """
    program = _program(server)
    parameters = {**server.conninfo, "dbname": dbname or server.default_database}
    shown = {key: value for key, value in parameters.items() if key not in _SECRET}
    command = [
        str(program.program("pg_dump")),
        "--schema-only",
        "--no-password",
        f"--lock-wait-timeout={_LOCK_WAIT}",
        "--encoding=UTF8",
        *(f"--schema={_pattern(schema)}" for schema in schemas),
        f"--dbname={make_conninfo('', **shown)}",
    ]
    answer = subprocess.run(
        command, env=_environment(parameters), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if answer.returncode != 0:
        said = redacted(answer.stderr.decode(errors="replace").strip(), parameters)
        raise TargetError(f"pg_dump {program.version} could not read the database: {said}", hint=_hint(said))
    files.write(path, answer.stdout.decode("utf-8"))


def roles(connection: Connection) -> str:
    """SQL that makes the roles which own, are granted or stand in policies in this database, where they are missing.

    They cannot log in. Those that row level security does not bind stay so, and members stay members.
    """
    found = connection.execute(_NAMED, prepare=False).fetchall()
    statements = [
        sql.SQL(_CREATE).format(name=sql.Identifier(name), literal=sql.Literal(name), options=_options(free, inherits))
        for _, name, free, inherits in found
    ]
    members = connection.execute(_MEMBERS, {"oids": [oid for oid, *_ in found]}, prepare=False).fetchall()
    statements += [
        sql.SQL("grant {} to {};\n").format(sql.Identifier(group), sql.Identifier(member)) for group, member in members
    ]
    return "\n".join(statement.as_string(connection) for statement in statements)


def search_path(connection: Connection) -> tuple[str, ...]:
    """The search path that the database, or the role that reads it, has been given; empty if it is the usual one."""
    row = connection.execute(_SEARCH_PATH, prepare=False).fetchone()
    if row is None:
        return ()
    with connection.transaction(force_rollback=True):
        connection.execute("select pg_catalog.set_config('search_path', %s, true)", [row[0].partition("=")[2]])
        names = connection.execute("show search_path").fetchone()
        assert names is not None
    return tuple(_split(names[0]))


def _split(names: str) -> list[str]:
    """The names of a list as ``SHOW search_path`` has it, without their quotes."""
    import csv

    found = next(csv.reader([names], skipinitialspace=True), [])
    return [name for name in found if name and name != "$user"]


def _options(free: bool, inherits: bool) -> sql.SQL:
    return sql.SQL("nologin" + (" bypassrls" if free else "") + ("" if inherits else " noinherit"))


def _program(server: Server) -> Binaries:
    """The oldest ``pg_dump`` that reads the server: what it writes is then the least foreign to that."""
    found = [each for each in _programs() if each.program("pg_dump").is_file()]
    fitting = sorted((each for each in found if each.major >= server.major), key=lambda each: each.major)
    if not fitting:
        others = ", ".join(each.version for each in found) or "none"
        raise TargetError(
            f"PostgreSQL {version_text(server.version)} needs a pg_dump of its version or newer; there is {others}",
            hint="install the client programs of that version, or write the dump where they are: pg_dump --schema-only",
        )
    return fitting[0]


def _programs() -> list[Binaries]:
    try:
        return [*binaries.installed(), binaries.embedded()]
    except HarnessError:
        return list(binaries.installed())


def _environment(parameters: Mapping[str, str]) -> dict[str, str]:
    """Ours, with the secrets among libpq's parameters in the variables that it reads them from."""
    variables = {option.keyword.decode(): option.envvar for option in Conninfo.get_defaults()}
    own = {key: variables.get(key) for key in _SECRET if parameters.get(key)}
    return {**os.environ, **{name.decode(): parameters[key] for key, name in own.items() if name}}


def _pattern(schema: str) -> str:
    """pg_dump reads patterns: in quotes a name is a name."""
    return '"' + schema.replace('"', '""') + '"'


def _hint(said: str) -> str | None:
    if "permission denied" in said:
        return "connect as a role that may read these tables, such as their owner"
    return None
