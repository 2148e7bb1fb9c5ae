"""Files and database that disagree, on a server that is not the tool's own: each message leads to a working end."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness.server.connection import Server
from tests.cli.conftest import Cli, timeless

UP, DOWN = "schema/app/{}.up.sql", "schema/app/{}.down.sql"


class Remote:
    """A database at a connection string, and the verbs on it."""

    def __init__(self, cli: Cli, dsn: str) -> None:
        self.cli = cli
        self.dsn = dsn

    def done(self, *arguments: str) -> list[str]:
        """The lines that a call says which goes well, behind the one that names the server."""
        done = self.cli.run(*arguments, "--target", self.dsn)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return timeless(done.stdout).splitlines()[1:]

    def refused(self, *arguments: str) -> tuple[str, str]:
        """The message and the hint of a call that ends with 2."""
        done = self.cli.run(*arguments, "--target", self.dsn)
        assert done.returncode == 2, done.stdout
        message, hint = done.stderr.splitlines()
        return message, hint.removeprefix("hint: ")

    def states(self) -> dict[str, str]:
        rows = [line.split(maxsplit=1) for line in self.done("status")[2:] if line.startswith("app/")]
        return {name: state.removesuffix("WHEN").strip() for name, state in rows}

    def write(self, name: str, up: str, down: str) -> None:
        self.cli.write(UP.format(name), up)
        self.cli.write(DOWN.format(name), down)

    def columns(self) -> list[str]:
        query = "select attname from pg_attribute where attrelid = 'app.items'::regclass and attnum > 3"
        with psycopg.connect(self.dsn) as connection:
            return [str(name) for (name,) in connection.execute(query + " and not attisdropped order by attname")]


@pytest.fixture
def remote(cli: Cli, server: Server) -> Iterator[Remote]:
    with server.connect() as connection:
        connection.execute(f"create database {cli.name} template template0".encode())
    yield Remote(cli, make_conninfo(**{**server.conninfo, "dbname": cli.name}))


def column(name: str) -> tuple[str, str]:
    return f"alter table app.items add {name} text;\n", f"alter table app.items drop {name};\n"


def merged(remote: Remote) -> None:
    """002_add_status is applied here; a colleague's 002_other came first, so ours is 003 now."""
    remote.write("002_add_status", *column("status"))
    remote.done("apply")
    for path in (UP, DOWN):
        (remote.cli.root / path.format("002_add_status")).unlink()
    remote.write("002_other", *column("other"))
    remote.write("003_add_status", *column("status"))


def test_two_peoples_renumbered_migrations(remote: Remote) -> None:
    merged(remote)
    assert remote.done("status")[1:] == [
        "migration           state                                   applied at",
        "app/001_items       applied                                 WHEN",
        "app/002_other       out of order",
        "app/003_add_status  renumbered (applied as 002_add_status)  WHEN",
        "hint: harness apply --renumbered app/002=003",
    ]
    message, hint = remote.refused("apply")
    assert message == (
        "schema/app/003_add_status.up.sql: renumbered after it was applied: the ledger has it as app/002_add_status"
    )
    assert hint == "have the ledger follow, which executes nothing: harness apply --renumbered app/002=003"
    assert remote.done("apply", "--renumbered", "app/002=003", "--dry-run") == [
        "  app/002_add_status  would be entered as app/003_add_status",
        "nothing was executed",
    ]
    assert remote.done("apply", "--renumbered", "app/002=003") == [
        "  app/002_add_status  entered as app/003_add_status",
        "nothing was executed",
    ]
    message, hint = remote.refused("apply")
    assert message.startswith("schema/app/002_other.up.sql: out of order: ")
    assert "harness apply --out-of-order" in hint
    assert remote.done("apply", "--out-of-order") == [
        "  schema/app/002_other.up.sql  N ms",
        "1 migration applied in N s",
    ]
    assert remote.states() == dict.fromkeys(["app/001_items", "app/002_other", "app/003_add_status"], "applied")
    assert remote.columns() == ["other", "status"]
    # The last that was applied here, whatever its number.
    assert remote.done("rollback", "--yes")[0] == "  schema/app/002_other.down.sql  N ms"
    assert remote.done("rollback", "--yes")[0] == "  schema/app/003_add_status.down.sql  N ms"
    assert remote.done("apply")[-1] == "2 migrations applied in N s"


def test_rollback_does_not_run_the_down_file_of_another_migration(remote: Remote) -> None:
    merged(remote)
    assert remote.done("rollback", "--yes", "--dry-run") == [
        "  app/002_add_status, by the down text in the ledger",
        "would roll back 1 migration",
    ]
    assert remote.done("rollback", "--yes") == [
        "  app/002_add_status, by the down text in the ledger  N ms",
        "1 migration rolled back in N s",
    ]
    assert remote.columns() == []
    assert remote.done("apply")[-1] == "2 migrations applied in N s"
    assert remote.columns() == ["other", "status"]


def test_an_edited_comment(remote: Remote) -> None:
    remote.write("002_add_status", *column("status"))
    remote.done("apply")
    path = UP.format("001_items")
    text = (remote.cli.root / path).read_text()
    remote.cli.write(path, "-- The items.\n" + text.replace("    ", "\t").replace("create table", "CREATE TABLE"))
    assert set(remote.states().values()) == {"applied"}
    assert remote.done("apply") == ["nothing to do"]
    assert remote.done("rollback", "--yes")[-1] == "1 migration rolled back in N s"
    assert remote.columns() == []


def test_an_edited_statement(remote: Remote) -> None:
    remote.write("002_add_status", *column("status"))
    remote.done("apply")
    remote.cli.replace(UP.format("001_items"), "note text,", "note varchar,")
    assert remote.states() == {"app/001_items": "edited", "app/002_add_status": "applied"}
    assert remote.refused("apply") == (
        "schema/app/001_items.up.sql: edited after it was applied",
        "put the file back and write a new migration; or if this database is as the file says already, have the ledger "
        "say so: harness apply --accept-edit app/001",
    )
    assert remote.done("apply", "--accept-edit", "app/001") == [
        "  app/001_items  entered as its file has it now",
        "nothing was executed",
    ]
    assert set(remote.states().values()) == {"applied"}
    # The last one may be taken back, and that by what was applied.
    remote.write("002_add_status", *column("state"))
    assert "take it back first: harness rollback; or " in remote.refused("apply")[1]
    assert remote.done("rollback", "--yes")[0] == "  app/002_add_status, by the down text in the ledger  N ms"
    assert remote.columns() == []
    assert remote.done("apply")[-1] == "1 migration applied in N s"
    assert remote.columns() == ["state"]


def test_apply_takes_one_wish(cli: Cli) -> None:
    done = cli.run("apply", "--accept-edit", "app/001", "--renumbered", "app/001=002")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "Error: --accept-edit and --renumbered say different things: give one of them"
    )


def test_who_may_not_read_the_ledger_is_told_what_to_grant(cli: Cli, database: tuple[Server, str]) -> None:
    server, name = database
    dsn = make_conninfo(**{**server.conninfo, "dbname": name})
    assert cli.run("apply", "--target", dsn).returncode == 0
    with server.connect(name) as connection:
        connection.execute("create role ledger_reader login")
        try:
            reader = make_conninfo(dsn, user="ledger_reader")
            done = cli.run("status", "--exit-code", "--target", reader)
            assert done.returncode == 2
            message, hint = done.stderr.splitlines()
            assert message == "the ledger harness.migrations cannot be read: permission denied for schema harness"
            connection.execute(hint.removeprefix("hint: its owner may give the right: ").encode())
            assert cli.run("status", "--exit-code", "--target", reader).returncode == 0
        finally:
            connection.execute("drop owned by ledger_reader; drop role ledger_reader")
