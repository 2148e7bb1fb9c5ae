"""On which server the verbs work, and before which changes they ask."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from harness.server.connection import Server
from tests.cli.conftest import HARNESS, Cli

SECRET = "gehe1m"
SEEDS = "id,amount\n1,10\n"


@pytest.fixture
def address(database: tuple[Server, str]) -> str:
    """A database on a server that is not the tool's own."""
    server, name = database
    return make_conninfo(**{**server.conninfo, "dbname": name, "password": SECRET})


@pytest.fixture
def where(database: tuple[Server, str]) -> str:
    server, name = database
    with server.connect() as connection:
        info = connection.info
        return f'database "{name}" at {info.host}:{info.port} as "{info.user}"'


@pytest.fixture
def applied(cli: Cli, address: str) -> Cli:
    """A project with seeds, applied there."""
    cli.write("seeds/app/items.csv", SEEDS)
    assert cli.run("apply", "--target", address).returncode == 0
    return cli


def rows(database: tuple[Server, str]) -> list[tuple[int, int]] | None:
    """What the table holds, if it is there."""
    server, name = database
    with server.connect(name) as connection:
        found = connection.execute("select to_regclass('app.items') is not null").fetchone()
        return connection.execute("select id, amount from app.items").fetchall() if found == (True,) else None


def answered(cli: Cli, answer: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """A call from a terminal, and what is said there: exit code and errors."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer.encode())
        done = subprocess.run(
            [HARNESS, *arguments],
            cwd=cli.root,
            env={**cli.environment, **environment},
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stderr.replace("[y/N]: ", "[y/N]:")  # older versions of click say no blank there


def test_the_variables_of_an_application_do_not_move_a_project_that_names_its_target(
    applied: Cli, address: str, database: tuple[Server, str]
) -> None:
    applied.write(".env", f'DATABASE_URL="{address}"\n')
    applied.write("project.yml", (applied.root / "project.yml").read_text() + "target: embedded\n")
    done = applied.run("rollback", "--all", "--yes", DATABASE_URL=address, PGHOST="/nowhere")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("nothing to do\n")
    assert rows(database) == []
    # The same call where project.yml leaves it open.
    applied.replace("project.yml", "target: embedded\n", "")
    assert applied.run("rollback", "--all", "--yes").returncode == 0
    assert rows(database) is None


def test_harness_target_moves_it(applied: Cli, address: str, database: tuple[Server, str]) -> None:
    applied.write("project.yml", (applied.root / "project.yml").read_text() + "target: embedded\n")
    assert "app/001_items  pending" in applied.run("status").stdout
    assert "app/001_items  applied" in applied.run("status", HARNESS_TARGET=address).stdout


@pytest.mark.parametrize(("verb", "after"), [("rollback", None), ("seed", [(1, 10)])])
def test_a_verb_that_changes_anothers_database_wants_yes(
    applied: Cli, address: str, where: str, database: tuple[Server, str], verb: str, after: object
) -> None:
    refused = applied.run(verb, "--target", address)
    assert refused.returncode == 2
    assert refused.stderr == (
        f"harness {verb} would change {where}, and nobody is there to be asked\n"
        "hint: if that is meant, say --yes; a server of the tool's own is --target embedded\n"
    )
    assert SECRET not in refused.stdout
    assert rows(database) == []
    done = applied.run(verb, "--target", address, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].endswith(f", database {database[1]}, user {database[0].conninfo['user']}")
    assert rows(database) == after


@pytest.mark.parametrize(("verb", "after"), [("rollback", None), ("seed", [(1, 10)])])
def test_a_person_is_asked(
    applied: Cli, address: str, where: str, database: tuple[Server, str], verb: str, after: object
) -> None:
    question = f"harness {verb} is going to change {where}. Go on? [y/N]:"
    assert answered(applied, "n\n", verb, "--target", address) == (2, f"{question}nothing was changed\n")
    assert answered(applied, "\n", verb, "--target", address) == (2, f"{question}nothing was changed\n")
    assert answered(applied, "\x04", verb, "--target", address) == (130, f"{question}\nharness: interrupted\n")
    assert rows(database) == []
    assert answered(applied, "y\n", verb, "--target", address) == (0, question)
    assert rows(database) == after


def test_nobody_is_asked_on_a_server_of_the_tools_own(cli: Cli) -> None:
    cli.write("seeds/app/items.csv", SEEDS)
    for call in (["apply"], ["seed"], ["rollback", "--all"]):
        done = cli.run(*call, "--target", "embedded")
        assert (done.returncode, done.stderr) == (0, "")
        assert ", user " not in done.stdout


def test_a_dry_run_asks_nothing(applied: Cli, address: str, database: tuple[Server, str]) -> None:
    applied.write(".env", f'DATABASE_URL="{address}"\n')
    for verb in ("rollback", "apply"):
        assert applied.run(verb, "--dry-run").returncode == 0
    assert rows(database) == []


@pytest.mark.parametrize(
    ("dotenv", "targets"),
    [
        ('DATABASE_URL="{}"', ""),
        ('HARNESS_TARGET="{}"', ""),
        ('STAGING_URL="{}"', 'target: staging\ntargets: {staging: {dsn: "${STAGING_URL}"}}\n'),
    ],
)
def test_apply_asks_where_the_address_is_from_dotenv(
    cli: Cli, address: str, where: str, database: tuple[Server, str], dotenv: str, targets: str
) -> None:
    cli.write("project.yml", (cli.root / "project.yml").read_text() + targets)
    cli.write(".env", dotenv.format(address) + "\n")
    refused = cli.run("apply")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"harness apply would change {where}, and nobody is there to be asked\n")
    assert rows(database) is None
    name, _, _ = dotenv.partition("=")
    dry = cli.run("apply", "--dry-run", **{name: address})
    assert (dry.returncode, dry.stderr) == (0, "")
    assert cli.run("apply", "--yes").returncode == 0
    assert rows(database) == []
    again = cli.run("apply", **{name: address})  # from the environment: nobody is asked
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.endswith("nothing to do\n")


def test_a_pooler_of_transactions_is_no_place_for_migrations(
    cli: Cli, database: tuple[Server, str], pgbouncer: Callable[..., dict[str, str]]
) -> None:
    address = make_conninfo(**{**pgbouncer(pool_mode="transaction"), "dbname": database[1]})
    refused = cli.run("apply", "--target", address)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("a connection pooler in transaction mode answers at ")
    assert rows(database) is None
    address = make_conninfo(**{**pgbouncer(pool_mode="session"), "dbname": database[1]})
    for call in (["apply"], ["status", "--exit-code"], ["rollback", "--yes"], ["apply"]):
        done = cli.run(*call, "--target", address)
        assert (call, done.returncode, done.stderr) == (call, 0, "")
    assert rows(database) == []


def test_doctor_says_what_does_not_count(cli: Cli) -> None:
    cli.write(".env", f"DATABASE_URL=postgresql://ada:{SECRET}@127.0.0.1:1/shop\n")
    cli.write("project.yml", (cli.root / "project.yml").read_text() + "target: embedded\n")
    seen = cli.run("doctor")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert "ok       DATABASE_URL (.env) is not used: project.yml names the target\n" in seen.stdout


def test_the_project_that_init_writes_stays_on_its_own_server(cli: Cli, tmp_path: Path) -> None:
    assert cli.run("init", "shop").returncode == 0
    shop = Cli(tmp_path / "shop", "shop", cli.environment)
    shop.write(".env", "DATABASE_URL=postgresql://ada@127.0.0.1:1/shop\n")
    done = shop.run("apply", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
