"""Which server is chosen, and what a person reads when it cannot be reached."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from harness.errors import ProjectError, TargetError
from harness.project.model import Project, Target
from harness.server import binaries
from harness.server.connection import Server, connect, parse_dsn
from harness.server.targets import data_directory, database_name, open_server, overlooked, read_dotenv, resolve
from tests.conftest import GUARDED

SECRET = "gehe1m"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    targets = {
        "embedded": Target("embedded", "embedded"),
        "ci": Target("ci", "dsn", dsn="postgresql://${CI_USER}:${CI_PASSWORD}@db/app"),
        "old": Target("old", "system", major=15),
    }
    return Project(tmp_path, "demo", (), "embedded", targets, {})


@pytest.fixture
def undecided(project: Project) -> Project:
    """One whose ``project.yml`` names no target."""
    return replace(project, default_target=None)


def dsn(target: Target) -> dict[str, object]:
    assert target.kind == "dsn"
    return dict(conninfo_to_dict(target.dsn or ""))


def test_project_decides_before_the_variables_of_an_application(project: Project) -> None:
    environ = {"DATABASE_URL": "postgresql://elsewhere/x", "PGHOST": "elsewhere"}
    (project.root / ".env").write_text("DATABASE_URL=postgresql://dotenv/x\nPGHOST=dotenv\n")
    assert resolve(project, None, environ) == Target("embedded", "embedded")
    assert resolve(replace(project, default_target="old"), None, environ) == Target("old", "system", major=15)
    assert overlooked(project, environ) == "DATABASE_URL (environment)"
    assert overlooked(project, {}) == "DATABASE_URL (.env)"


def test_embedded_where_nothing_chooses(undecided: Project) -> None:
    environ = {"PGUSER": "me", "PGPORT": "1", "DATABASE_URL": "", "HARNESS_TARGET": ""}
    assert resolve(undecided, None, environ) == Target("embedded", "embedded")
    assert overlooked(undecided, {"PGHOST": "x"}) is None


@pytest.mark.parametrize("named", [True, False])
def test_flag_names_a_target_or_is_a_connection_string(project: Project, undecided: Project, named: bool) -> None:
    environ = {"DATABASE_URL": "postgresql://elsewhere/x", "HARNESS_TARGET": "postgresql://elsewhere/y"}
    chosen = project if named else undecided
    assert resolve(chosen, "old", environ) == Target("old", "system", major=15)
    assert resolve(chosen, "system", environ) == Target("system", "system")
    assert dsn(resolve(chosen, "postgresql://db/app", environ)) == {"host": "db", "dbname": "app"}
    assert dsn(resolve(chosen, "host=db dbname=app", environ)) == {"host": "db", "dbname": "app"}


def test_harness_target_comes_before_the_project(project: Project) -> None:
    environ = {"DATABASE_URL": "postgresql://elsewhere/x"}
    (project.root / ".env").write_text("HARNESS_TARGET=postgresql://dotenv/app\n")
    assert dsn(resolve(project, None, environ))["host"] == "dotenv"
    assert resolve(project, None, {**environ, "HARNESS_TARGET": "old"}) == Target("old", "system", major=15)
    assert dsn(resolve(project, None, {**environ, "HARNESS_TARGET": "host=db"})) == {"host": "db"}
    with pytest.raises(
        TargetError, match=r"no target 'embeded', which HARNESS_TARGET \(environment\) names; did you mean 'embedded'"
    ):
        resolve(project, None, {"HARNESS_TARGET": "embeded"})


def test_an_empty_variable_hides_that_of_dotenv(undecided: Project) -> None:
    (undecided.root / ".env").write_text("HARNESS_TARGET=old\nDATABASE_URL=postgresql://dotenv/x\n")
    assert resolve(undecided, None, {"HARNESS_TARGET": "", "DATABASE_URL": ""}) == Target("embedded", "embedded")


def test_unknown_target_has_a_nearest(project: Project) -> None:
    with pytest.raises(TargetError) as caught:
        resolve(project, "embeded", {})
    assert str(caught.value) == (
        "no target 'embeded', which --target names; did you mean 'embedded'?\n"
        "hint: targets: ci, embedded, old, system, or a connection string"
    )


def test_environment_then_dotenv(undecided: Project) -> None:
    (undecided.root / ".env").write_text("DATABASE_URL=postgresql://dotenv/x\nPGPASSWORD=from-dotenv\n")
    assert dsn(resolve(undecided, None, {}))["host"] == "dotenv"
    assert dsn(resolve(undecided, None, {"PGHOST": "pg"})) == {"host": "pg", "password": "from-dotenv"}
    assert dsn(resolve(undecided, None, {"PGHOST": "pg", "PGPASSWORD": "set"})) == {"host": "pg", "password": "set"}
    assert dsn(resolve(undecided, None, {"PGHOST": "pg", "DATABASE_URL": "postgresql://url/x"}))["host"] == "url"


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"])
def test_variables_that_choose_a_server(undecided: Project, name: str) -> None:
    assert list(dsn(resolve(undecided, None, {name: "x"})).values()) == ["x"]


@pytest.mark.parametrize(
    ("flag", "environ", "dotenv", "expected"),
    [
        (None, {"DATABASE_URL": "postgresql://db/x"}, "PGHOST=db", False),
        (None, {}, "DATABASE_URL=postgresql://db/x", True),
        (None, {"PGHOST": "db", "PGDATABASE": "app"}, "SECRET=x", False),
        (None, {"PGHOST": "db"}, "PGDATABASE=app", True),
        (None, {"HARNESS_TARGET": "postgresql://db/x"}, "DATABASE_URL=postgresql://db/x", False),
        (None, {}, "HARNESS_TARGET=postgresql://db/x", True),
        (None, {"CI_USER": "me", "CI_PASSWORD": "x"}, "HARNESS_TARGET=ci", True),
        ("ci", {"CI_USER": "me", "CI_PASSWORD": "x"}, "CI_USER=you", False),
        ("ci", {"CI_USER": "me"}, "CI_PASSWORD=x", True),
        ("postgresql://db/x", {}, "DATABASE_URL=postgresql://db/x", False),
    ],
)
def test_whether_an_address_is_from_dotenv(
    undecided: Project, flag: str | None, environ: dict[str, str], dotenv: str, expected: bool
) -> None:
    (undecided.root / ".env").write_text(dotenv + "\n")
    chosen = resolve(undecided, flag, environ)
    assert (chosen.kind, chosen.from_dotenv) == ("dsn", expected)


def test_variables_in_a_dsn(project: Project) -> None:
    (project.root / ".env").write_text("CI_PASSWORD=secret\n")
    assert dsn(resolve(project, "ci", {"CI_USER": "me"})) == {
        "user": "me",
        "password": "secret",
        "host": "db",
        "dbname": "app",
    }
    with pytest.raises(TargetError) as caught:
        resolve(project, "ci", {})
    assert str(caught.value) == (
        "the dsn of target 'ci' needs the variable CI_USER, which is not set, or empty\n"
        "hint: set CI_USER in the environment or in .env; in CI a secret has to be handed to the job"
    )


def test_password_is_in_no_representation(project: Project) -> None:
    target = resolve(project, f"postgresql://me:{SECRET}@db/app", {})
    assert SECRET not in repr(target)
    server = Server({"password": SECRET}, own=False, version=180000, description="x", default_database="x")
    assert SECRET not in repr(server)


def test_dotenv(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "\ufeff# comment\nA=1\nexport B = two words # said\n"
        "C='it # is' # not\nD=\"x\"\nE=\nF=a#b\nnot a line\n\nG=#only\n"
    )
    assert read_dotenv(path) == {"A": "1", "B": "two words", "C": "it # is", "D": "x", "E": "", "F": "a#b", "G": ""}
    assert read_dotenv(tmp_path / "none") == {}
    path.write_bytes(b"A=\xff\n")
    with pytest.raises(ProjectError) as caught:
        read_dotenv(path)
    assert str(caught.value) == f"{path}: not UTF-8\nhint: save the file as UTF-8"


@pytest.mark.parametrize(
    ("project_name", "expected"),
    [
        ("demo", "demo"),
        ("postgres", "postgres_project"),
        ("ü" * 40, "ü" * 27 + "_bdf9bfe5"),
    ],
)
def test_database_name(project_name: str, expected: str) -> None:
    assert database_name(project_name) == expected
    assert len(database_name(project_name).encode()) <= 63


def test_database_names_that_are_cut_stay_apart() -> None:
    assert database_name("x" * 63) == "x" * 63
    assert database_name("x" * 64) != database_name("x" * 65)


def test_data_directory(tmp_path: Path) -> None:
    assert data_directory(tmp_path, {}) == tmp_path / ".harness"
    assert data_directory(tmp_path, {"HARNESS_DATA": "/data"}) == Path("/data")


def test_open_private_server(project: Project, cluster_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(cluster_base))
    with open_server(project, Target("embedded", "embedded")) as server:
        assert (server.own, server.default_database) == (True, "demo")
        with server.connect() as connection:
            assert connection.info.dbname == "postgres"
            assert connection.info.parameter_status("application_name") == "harness"
            assert connection.info.encoding == "utf-8"


def url(server: Server, **changes: str) -> Target:
    parameters = {**server.conninfo, **changes}
    return Target("ci", "dsn", dsn=" ".join(f"{key}='{value}'" for key, value in parameters.items()))


def test_open_foreign_server(project: Project, database: tuple[Server, str]) -> None:
    private, name = database
    with open_server(project, url(private, dbname=name)) as server:
        assert (server.own, server.default_database, server.version) == (False, name, private.version)
        assert server.description.startswith(f"PostgreSQL {private.version // 10000}.")
        with server.connect() as connection:
            assert connection.info.dbname == "postgres"
        with server.connect(server.default_database, options="-c work_mem=1MB") as connection:
            assert connection.info.dbname == name
            assert connection.execute("show work_mem").fetchone() == ("1MB",)


def test_server_whose_database_postgres_is_closed(project: Project, database: tuple[Server, str]) -> None:
    private, name = database
    with private.connect() as connection:
        connection.execute("create role harness_test_guest login")
        connection.execute("revoke connect on database postgres from public")
        try:
            with open_server(project, url(private, dbname=name, user="harness_test_guest")) as server:
                assert server.conninfo["dbname"] == name
        finally:
            connection.execute("grant connect on database postgres to public")
            connection.execute("drop role harness_test_guest")


def refusal(project: Project, target: Target) -> str:
    with pytest.raises(TargetError) as caught, open_server(project, target):
        pass
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_system_server_that_is_not_there(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [binaries.Binaries("system", Path("/bin"), version) for version in ("16.1", "15.2")]
    monkeypatch.setattr(binaries, "installed", lambda: tuple(found))
    hint = (
        "hint: looked for initdb on PATH, by pg_config --bindir, and in the usual places; "
        "install the server package, or use --target embedded"
    )
    assert binaries.system(15) == found[1]
    assert binaries.system() == found[0]
    assert refusal(project, Target("x", "system", major=17)) == (
        f"no PostgreSQL 17 server was found on this machine; there is 16.1, 15.2\n{hint}"
    )
    found.clear()
    assert refusal(project, Target("x", "system")) == f"no PostgreSQL server was found on this machine\n{hint}"


def test_server_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in binaries.PROGRAMS:
        (tmp_path / program).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17beta1 (own build)'\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    first = binaries.installed()[0]
    assert (first.directory, first.version, first.major) == (tmp_path, "17beta1", 17)
    (tmp_path / "pg_ctl").unlink()
    assert tmp_path not in [server.directory for server in binaries.installed()]


def test_no_such_database_and_role(project: Project, server: Server) -> None:
    where = f"socket {server.conninfo['host']}, port 5432"
    assert refusal(project, url(server, dbname="harness_none")) == (
        f'there is no database "harness_none" on PostgreSQL at {where}\n'
        "hint: create it (createdb harness_none), or name one that exists"
    )
    assert refusal(project, url(server, user="harness_none")) == (
        f'there is no role "harness_none" on PostgreSQL at {where}\n'
        "hint: name another user in the connection string or in PGUSER"
    )


def test_wrong_and_missing_password(project: Project, guarded: Server) -> None:
    where = f"socket {guarded.conninfo['host']}, port 5432"
    user = {"user": "harness_test_guarded"}
    with open_server(project, url(guarded, **user, password=GUARDED)):
        pass
    with pytest.raises(TargetError) as caught, open_server(project, url(guarded, **user, password="wr0ng")):
        pass
    assert str(caught.value) == (
        f'PostgreSQL at {where} refuses the password of "harness_test_guarded"\n'
        "hint: set the right one in the connection string, in PGPASSWORD, or in ~/.pgpass"
    )
    assert refusal(project, url(guarded, **user)) == (
        f'PostgreSQL at {where} wants a password for "harness_test_guarded", and none was given\n'
        "hint: set it in the connection string, in PGPASSWORD, or in ~/.pgpass"
    )


def test_unreachable(project: Project) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    hint = "hint: is the server running there, and may this machine reach it? --target embedded needs no server"
    target = Target("ci", "dsn", dsn=f"postgresql://me:{SECRET}@127.0.0.1:{port}/app")
    assert refusal(project, target) == (f"cannot connect to PostgreSQL at 127.0.0.1:{port}: Connection refused\n{hint}")
    target = Target("ci", "dsn", dsn=f"postgresql://me:{SECRET}@nowhere.invalid/app")
    assert refusal(project, target).startswith("cannot connect to PostgreSQL at nowhere.invalid:5432: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"mysql://me:{SECRET}@db/app",
            "the connection string of ci is not one that PostgreSQL understands\n"
            "hint: its form is postgresql://user:password@host:5432/database; --target embedded needs no server",
        ),
        (
            f"postgresql://me:{SECRET}@db/app?schema=x&sslaccept={SECRET}",
            'the connection string of ci has the parameter "sslaccept", which PostgreSQL does not know\n'
            "hint: take it out; --target embedded needs no server",
        ),
        (
            f"postgresql://db/app?user=me&password=x&{SECRET}=y",
            "the connection string of ci is not one that PostgreSQL understands\n"
            "hint: its form is postgresql://user:password@host:5432/database; --target embedded needs no server",
        ),
        (
            f"postgresql://me:a/b?{SECRET}=1@db/app",
            "the connection string of ci is not one that PostgreSQL understands\n"
            "hint: its form is postgresql://user:password@host:5432/database; --target embedded needs no server",
        ),
        (
            f"postgresql://me:at@{SECRET}@db/app",
            "the connection string of ci has more than one '@' before the host\n"
            "hint: in a URL, write an '@' of the password as %40 (and ':' as %3A, '/' as %2F)",
        ),
    ],
)
def test_connection_strings_that_cannot_be_read_are_not_shown(project: Project, text: str, message: str) -> None:
    assert refusal(project, Target("ci", "dsn", dsn=text)) == message


APP = {"user": "me", "password": "a?b", "host": "db", "dbname": "app"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql+psycopg://me:a%3Fb@db/app", APP),
        ("postgresql+psycopg2://me:a?b@db/app?connect_timeout=3", {**APP, "connect_timeout": "3"}),
        ("postgres+asyncpg://me:a?b@db/app?ssl=require&prepared_statement_cache_size=0", {**APP, "sslmode": "require"}),
        ("postgresql://me:a?b@db/app?ssl=true", {**APP, "sslmode": "require"}),
        ("postgresql://me:a?b@db/app?schema=shop&pgbouncer=true&connection_limit=1&pool_timeout=0", APP),
        ("postgresql://me:a?b@db/app?schema=shop&options=-c%20x.y%3D1", {**APP, "options": "-c x.y=1"}),
        ("postgresql+psycopg2:///app?host=/run&user=me", {"host": "/run", "dbname": "app", "user": "me"}),
        ("host=db dbname=app user=me password='a?b'", APP),
        ("dbname=app password='postgresql+x://?schema=1'", {"dbname": "app", "password": "postgresql+x://?schema=1"}),
    ],
)
def test_addresses_of_other_tools(text: str, expected: dict[str, str]) -> None:
    assert parse_dsn(text, "x") == expected


def test_abstract_socket_is_no_password() -> None:
    assert parse_dsn("host=@abstract", "x") == {"host": "@abstract"}


def test_no_connection_is_left(project: Project, server: Server) -> None:
    with ExitStack() as stack, pytest.raises(TargetError) as caught:
        for _ in range(200):
            stack.enter_context(server.connect())
    where = f"socket {server.conninfo['host']}, port 5432"
    advice = "(max_connections, or CONNECTION LIMIT of the role or database); a run of fewer --workers needs fewer"
    hint = f"hint: close some, or raise the limit {advice}"
    assert str(caught.value) == (
        f"PostgreSQL at {where} takes no more connections: sorry, too many clients already\n{hint}"
    )
    with server.connect() as connection:
        connection.execute("create role harness_test_none login connection limit 0")
        try:
            assert refusal(project, url(server, user="harness_test_none")) == (
                f"PostgreSQL at {where} takes no more connections: "
                f'too many connections for role "harness_test_none"\n{hint}'
            )
        finally:
            connection.execute("drop role harness_test_none")


@contextmanager
def fake_server(version: str) -> Iterator[int]:
    """Says yes to a startup packet, reports a version, and is ready for a query that never comes."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!i", len(body) + 4) + body

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            while struct.unpack("!ii", peer.recv(8))[1] in (80877103, 80877104):  # SSL, GSS: no
                peer.sendall(b"N")
            peer.recv(4096)
            peer.sendall(message(b"R", struct.pack("!i", 0)))
            for name, value in {"server_version": version, "client_encoding": "UTF8"}.items():
                peer.sendall(message(b"S", f"{name}\0{value}\0".encode()))
            peer.sendall(message(b"K", struct.pack("!ii", 1, 1)) + message(b"Z", b"I"))
            peer.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_too_old(project: Project) -> None:
    with fake_server("13.4") as port:
        target = Target("ci", "dsn", dsn=f"postgresql://me:{SECRET}@127.0.0.1:{port}/app")
        assert refusal(project, target) == (
            "PostgreSQL 13.4 is too old; 14 to 18 work\n"
            "hint: point the tool at a newer server, or use --target embedded"
        )


def test_old_enough() -> None:
    with fake_server("14.0") as port:
        connection = connect({"host": "127.0.0.1", "port": str(port), "user": "me"})
        assert connection.info.server_version == 140000
        connection.close()
