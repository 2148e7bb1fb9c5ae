"""What the verbs send to a server that is not the tool's own: all that its log holds, statement by statement."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import postgast
import pytest
from google.protobuf.message import Message

from harness.global_objects import registry, roles
from harness.server.connection import Server
from tests.cli.conftest import Cli
from tests.cli.theirs import address, programs, their_server

SETTINGS = """\
name: shop
modules: [shop]
target: theirs
targets: {theirs: {dsn: "${THEIRS}", scratch_roles: true}}
profiles: {dev: {scenarios: 2, seed: 1}}
"""
NOTES = """\
create schema shop;
create role log_reader;
create table shop.notes (id integer constraint notes_pkey primary key, user_id uuid not null);
create sequence shop.numbers;
alter table shop.notes enable row level security;
alter table shop.notes force row level security;
grant usage on schema shop to log_reader;
grant select on shop.notes to log_reader;
create policy notes_own on shop.notes for select to log_reader
    using (user_id = nullif(current_setting('app.user', true), '')::uuid);
"""
CODES = """\
create user log_writer password 'x';
create table shop.codes (code integer constraint codes_key unique, note text);
create index codes_note on shop.codes (note);
create function shop.double(integer) returns integer language sql as 'select $1 * 2';
"""
FILES = {
    "project.yml": SETTINGS,
    "schema/shop/001_notes.up.sql": NOTES,
    "schema/shop/001_notes.down.sql": "drop schema shop cascade;\ndrop role log_reader;\n",
    "schema/shop/002_codes.up.sql": CODES,
    "schema/shop/002_codes.down.sql": (
        "drop function shop.double(integer);\ndrop table shop.codes;\ndrop role log_writer;\n"
    ),
    "seeds/shop/notes.csv": "id,user_id\n1,00000000-0000-0000-0000-000000000001\n",
    "checks/shop/shop.yml": "module: shop\nchecks:\n  - rollback: all\n",
    "checks/shop/notes.yml": """\
table: shop.notes
checks:
  - primary_key: [id]
  - not_null: user_id
  - row_security: each to their own
    as: log_reader
    claims: {app.user: $user}
    sees: user_id = $user
    policy: notes_own
""",
    "checks/shop/codes.yml": """\
table: shop.codes
checks:
  - unique: [code]
    constraint: codes_key
    concurrently: true
  - index: codes_note
    on: [note]
    serves: select * from shop.codes where note = 'a'
""",
}
PENDING = "log_writer"
"""The role of the migration that is not applied: it is made for scratch databases, and recorded there."""

LINE = re.compile(r"^@(?P<database>[^|]*)\|(?P<user>[^|]*)\|(?P<application>[^|]*)\|(?P<level>\w+):  (?P<rest>.*)")
STATEMENT = re.compile(r"(?:statement|execute [^:]*): (.*)", re.DOTALL)
OWN = re.compile(r"harness_[st]_[0-9a-f]{8}[0-9a-f_]\w*")

READS = {"select_stmt", "explain_stmt", "variable_show_stmt", "prepare_stmt", "execute_stmt", "deallocate_stmt"}
CURSORS = {"declare_cursor_stmt", "fetch_stmt", "close_portal_stmt"}
SESSION = {"variable_set_stmt", "transaction_stmt", "discard_stmt"}
ACCESS_SHARE = 1
WRITES = {"insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "into_clause", "locking_clause"}
"""What makes of a SELECT more than a read, wherever it stands in the tree."""

SETS = {"set_config"}
LOCKS = {"pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_advisory_unlock", "pg_advisory_unlock_all"}
ENDS = {"pg_terminate_backend"}
CALM = {"clock_timestamp", "pg_is_in_recovery", "pg_partition_ancestors", "pg_partition_tree"}
"""Functions that are called volatile and yet only read."""

SHARED = {"OBJECT_DATABASE", "OBJECT_ROLE", "OBJECT_TABLESPACE", "OBJECT_PARAMETER_ACL"}
TYPES_OF_OBJECTS = {"comment_stmt": "objtype", "grant_stmt": "objtype", "rename_stmt": "rename_type"}
TYPES_OF_OBJECTS |= {"alter_owner_stmt": "object_type", "sec_label_stmt": "objtype"}
OTHER_DATABASES = {"createdb_stmt", "dropdb_stmt", "alter_database_stmt", "alter_database_set_stmt"}
WHOLE_SERVER = {"alter_system_stmt", "create_table_space_stmt", "drop_table_space_stmt", "create_subscription_stmt"}


@dataclass(frozen=True)
class Sent:
    """One statement, where it went, and from which program."""

    database: str
    application: str
    text: str
    tree: Any

    def __str__(self) -> str:
        return f"[{self.database}, {self.application}] {self.text}"

    @property
    def kind(self) -> str:
        return str(self.tree.WhichOneof("node"))

    @property
    def node(self) -> Any:
        return getattr(self.tree, self.kind)

    @property
    def object_type(self) -> str | None:
        """The sort of object that a comment, a new name and the like is about."""
        field = TYPES_OF_OBJECTS.get(self.kind)
        if field is None:
            return None
        values = self.node.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
        return str(values[getattr(self.node, field)].name)


@dataclass
class Log:
    """The server's log, of which is read what is new."""

    path: Path
    position: int = 0

    def new(self) -> list[Sent]:
        with self.path.open("rb") as file:
            file.seek(self.position)
            text = file.read().decode()
            self.position = file.tell()
        return [sent for entry in _entries(text) for sent in _statements(entry)]


def _entries(text: str) -> Iterator[re.Match[str]]:
    """Lines with a prefix, each with those that follow it, which the server has moved in."""
    for part in re.split(r"\n(?!\t)", text):
        line = LINE.match(part.partition("\n")[0])
        if line and line["level"] == "LOG" and line["database"]:
            whole = re.compile(LINE.pattern, re.DOTALL).match(part.replace("\n\t", "\n"))
            assert whole
            yield whole


def _statements(entry: re.Match[str]) -> Iterator[Sent]:
    logged = STATEMENT.match(entry["rest"])
    if logged is None:
        return
    text = logged[1]
    for statement in postgast.parse(text).stmts:
        start = statement.stmt_location
        one = text.encode()[start : start + statement.stmt_len if statement.stmt_len else None].decode()
        yield Sent(entry["database"], entry["application"], one.strip(), statement.stmt)


def nodes(tree: Message) -> Iterator[tuple[str, Any]]:
    """All messages of a parse tree, with the names of the fields that they stand in."""
    for field, value in tree.ListFields():
        if field.message_type is None:
            continue
        for each in value if isinstance(value, Iterable) else [value]:
            yield field.name, each
            yield from nodes(each)


@dataclass(frozen=True)
class Rules:
    """What may be sent; ``volatile`` are the names of functions that may do more than read."""

    volatile: frozenset[str]
    recorded: frozenset[str]

    def is_read(self, sent: Sent, allowed: set[str]) -> bool:
        """Whether it changes nothing, calls no function with effects but those allowed, and locks no row."""
        found = list(nodes(sent.tree))
        called = {each.funcname[-1].string.sval for name, each in found if name == "func_call"}
        if any(name in WRITES for name, _ in found) or called & self.volatile - allowed:
            return False
        return sent.kind in READS | CURSORS and (sent.kind != "prepare_stmt" or self._prepares_a_read(sent))

    def _prepares_a_read(self, sent: Sent) -> bool:
        return str(sent.node.query.WhichOneof("node")) == "select_stmt"

    def in_their_database(self, sent: Sent) -> bool:
        """Reads, SET, the ends of transactions, and the locks of pg_dump."""
        if sent.kind == "lock_stmt":
            return sent.application == "pg_dump" and sent.node.mode == ACCESS_SHARE
        return sent.kind in SESSION or self.is_read(sent, SETS | CALM)

    def for_the_server(self, sent: Sent) -> bool:
        """What the maintenance database gets: of databases and roles only those of the tool."""
        if sent.kind in SESSION or self.is_read(sent, LOCKS | ENDS | SETS | CALM):
            return True
        if sent.kind in OTHER_DATABASES or sent.object_type == "OBJECT_DATABASE":
            return all(map(OWN.fullmatch, self._databases(sent)))
        if sent.kind == "drop_role_stmt":
            return {each.role_spec.rolename for each in sent.node.roles} <= self.recorded
        return sent.kind == "alter_role_stmt" and sent.node.role.rolename in self.recorded

    def in_a_scratch_database(self, sent: Sent) -> bool:
        """Anything that concerns that database alone; of roles those of the tool."""
        if sent.kind in OTHER_DATABASES | WHOLE_SERVER:
            return False
        if sent.object_type == "OBJECT_DATABASE":
            return self._databases(sent) == [sent.database]
        if sent.kind == "create_role_stmt":
            return self._is_ours(sent.node.role)
        if sent.kind == "drop_role_stmt":
            return all(self._is_ours(each.role_spec.rolename) for each in sent.node.roles)
        if sent.kind in ("alter_role_stmt", "alter_role_set_stmt"):
            return self._is_ours(sent.node.role.rolename)
        if sent.kind == "grant_role_stmt":  # the stand-in, to whoever proves
            return all(self._is_ours(each.access_priv.priv_name) for each in sent.node.granted_roles)
        return sent.object_type not in SHARED

    def _is_ours(self, role: str) -> bool:
        return role in self.recorded or bool(re.fullmatch(r"harness_owner_\d+", role))

    def _databases(self, sent: Sent) -> list[str]:
        """The databases that a statement names, one that is to be copied apart."""
        if sent.kind == "rename_stmt":
            return [sent.node.subname, sent.node.newname]
        if sent.kind == "comment_stmt":
            return [sent.node.object.string.sval]
        return [sent.node.dbname] if hasattr(sent.node, "dbname") else ["?"]

    def broken(self, sent: Iterable[Sent], database: str) -> list[str]:
        """The statements that were not to be sent."""
        judges = {database: self.in_their_database, "postgres": self.for_the_server}
        return [
            str(each)
            for each in sent
            if not (self.in_a_scratch_database if OWN.fullmatch(each.database) else judges[each.database])(each)
        ]


@pytest.fixture
def theirs(cluster_base: Path) -> Iterator[tuple[Server, Log]]:
    """A server that logs all, with a database ``live`` for an application."""
    with their_server(cluster_base) as server:
        with server.connect() as connection:
            connection.execute("create database live")
            connection.execute("alter system set log_statement = 'all'")
            connection.execute("alter system set log_line_prefix = '@%d|%u|%a|'")
            connection.execute("select pg_reload_conf()")
            row = connection.execute("select setting from pg_settings where name = 'data_directory'").fetchone()
        assert row
        yield replace(server, default_database="live"), Log(Path(row[0]).parent / "server.log")


@pytest.fixture
def rules(theirs: tuple[Server, Log]) -> Rules:
    with theirs[0].connect() as connection:
        found = connection.execute("select distinct proname::text from pg_proc where provolatile = 'v'").fetchall()
    return Rules(frozenset(name for (name,) in found), frozenset({PENDING}))


@pytest.fixture
def shop(tmp_path: Path, theirs: tuple[Server, Log], environment: dict[str, str]) -> Cli:
    """A project whose first migration is applied to ``live``, with seeds and more rows."""
    cli = Cli(tmp_path / "shop", "shop", {**environment, "THEIRS": address(theirs[0], "live")})
    for path, text in FILES.items():
        cli.write(path, text)
    for arguments in (("apply", "--steps", "1"), ("seed", "--yes"), ("seed", "--rows", "20", "--yes")):
        done = cli.run(*arguments)
        assert done.returncode == 0, done
    return cli


def dumped(server: Server) -> list[str]:
    """The application's database, with its data."""
    program = programs().program("pg_dump")
    done = subprocess.run([program, "-d", address(server, "live")], capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "restrict" not in line]


def others(server: Server) -> dict[int, roles.Role]:
    """The roles of the server that are not the tool's."""
    with server.connect() as connection:
        return {oid: role for oid, role in roles.read(connection).items() if role.name != PENDING}


def test_only_scratch_databases_are_written_to(
    shop: Cli, theirs: tuple[Server, Log], rules: Rules, tmp_path: Path
) -> None:
    server, log = theirs
    before = dumped(server), others(server)
    adopted = replace(shop, root=tmp_path / "adopted")
    adopted.root.mkdir()
    dsn = shop.environment["THEIRS"]
    seen: dict[str, set[str]] = {}

    def run(cli: Cli, *arguments: str, exits: int = 0) -> None:
        log.new()
        done = cli.run(*arguments)
        assert done.returncode == exits, done
        sent = log.new()
        assert rules.broken(sent, "live") == [], arguments
        verb = arguments[0]
        seen[verb] = seen.get(verb, set()) | {f"{OWN.sub('scratch', each.database)} {each.kind}" for each in sent}

    run(shop, "test", "--workers", "1")
    with server.connect() as connection:
        assert {role.name for role in registry.recorded(connection)} == {PENDING}
    run(shop, "doctor")
    run(shop, "doctor", "--target")
    run(shop, "status")
    run(shop, "coverage", exits=1)
    run(adopted, "adopt", dsn, "--target", dsn)
    run(shop, "clean")
    run(shop, "test", "--workers", "2")
    run(shop, "clean", "--all")
    assert (dumped(server), others(server)) == before

    # What was looked for was there: no verb has kept away from the server, and the log is of all of them.
    assert seen["test"] >= {"postgres createdb_stmt", "scratch create_stmt", "scratch create_role_stmt"}
    assert seen["test"] >= {"postgres comment_stmt", "postgres rename_stmt", "live select_stmt"}
    assert seen["clean"] >= {"postgres dropdb_stmt", "postgres drop_role_stmt"}
    assert seen["adopt"] >= {"live lock_stmt", "postgres createdb_stmt", "scratch create_stmt"}
    assert all(f"live {kind}" in seen[verb] for verb in ("coverage", "status") for kind in ("select_stmt",))
    assert "postgres select_stmt" in seen["doctor"]


@pytest.mark.parametrize(
    ("database", "text", "may"),
    [
        ("live", "select count(*) from a; set role b; begin read only; show x", True),
        ("live", "select 1 from a for update", False),
        ("live", "with b as (delete from a returning 1) select * from b", False),
        ("live", "select * into b from a", False),
        ("live", "select nextval('a')", False),
        ("live", "select pg_advisory_lock(1)", False),
        ("live", "explain analyze delete from a", False),
        ("live", "lock table a in access share mode", False),  # of pg_dump alone
        ("live", "create temporary table a ()", False),
        ("live", "comment on table a is 'b'", False),
        ("live", "prepare a as select 1; execute a; prepare a as delete from b", False),
        ("postgres", "create database harness_s_00000000_1 template template0", True),
        ("postgres", "create database other", False),
        ("postgres", "alter database harness_s_00000000_1 rename to live", False),
        ("postgres", "alter database live set search_path = a", False),
        ("postgres", "comment on database live is 'a'", False),
        ("postgres", "drop role log_writer", True),
        ("postgres", "drop role log_writer, log_reader", False),
        ("postgres", "alter role log_reader nologin", False),
        ("postgres", "create role log_writer", False),
        ("postgres", "create table a ()", False),
        ("harness_s_00000000_1", "create table a (); insert into a default values; drop table a", True),
        ("harness_s_00000000_1", "create role harness_owner_1; grant harness_owner_1 to current_user", True),
        ("harness_s_00000000_1", "create role log_reader", False),
        ("harness_s_00000000_1", "comment on role log_reader is 'a'", False),
        ("harness_s_00000000_1", "grant log_reader to log_writer", False),
        ("harness_s_00000000_1", "comment on database live is 'a'", False),
        ("harness_s_00000000_1", "alter system set work_mem = 1", False),
    ],
)
def test_the_rules_tell_what_may_be_sent(database: str, text: str, may: bool) -> None:
    rules = Rules(frozenset({"nextval", "pg_advisory_lock", *LOCKS}), frozenset({PENDING}))
    sent = [Sent(database, "harness", text, each.stmt) for each in postgast.parse(text).stmts]
    assert (rules.broken(sent, "live") == []) == may


def test_the_log_is_read_whole(theirs: tuple[Server, Log]) -> None:
    server, log = theirs
    log.new()
    with server.connect("live") as connection:
        connection.execute("create table a (b text);\n\ninsert into a\nvalues ('|LOG:  statement: x')")
        connection.execute("select b from a where b <> %s", ["x"])
    assert [each.kind for each in log.new()] == ["create_stmt", "insert_stmt", "select_stmt"]
