"""Bad input: exit 2, one message with place, what is wrong and what was expected; no traceback, nothing half done."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from harness.cli import interrupts
from harness.server import connection
from harness.server.connection import Server
from tests.cli.conftest import CHECKS, DOWN, UP, Cli, Run

FILE = "checks/app/items.yml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            CHECKS.replace("primary_key:", "primary_kye:"),
            f"{FILE}:7:5: unknown kind 'primary_kye'; did you mean 'primary_key'?\nhint: kinds: ",
            id="unknown kind",
        ),
        pytest.param(
            CHECKS.replace("default: 1", "defalt: 1"),
            f"{FILE}:4:43: unknown key 'defalt' in 'column'; did you mean 'default'?\nhint: keys: ",
            id="unknown key",
        ),
        pytest.param(
            CHECKS + "table: app.others\n", f"{FILE}:8:1: key 'table' is given twice, first in line 1\n", id="twice"
        ),
        pytest.param(CHECKS + "\t- x: 1\n", f"{FILE}:8:1: a tab; YAML indents with spaces\n", id="a tab"),
        pytest.param(CHECKS.encode() + b"# \xe4\n", f"{FILE}:8:3: not UTF-8", id="not UTF-8"),
        pytest.param("", f"{FILE}:1:1: the file is empty\n", id="empty"),
        pytest.param("# nothing\n", f"{FILE}:1:1: the file is empty\n", id="only comments"),
        pytest.param(
            CHECKS.replace("{type: integer}", "{type: numeric(10,2)}"),
            f"{FILE}:3:14: in flow style a comma ends a value, so 'numeric(10,2)' falls apart\n"
            'hint: quote it: {type: "numeric(10,2)"}\n',
            id="a torn flow value",
        ),
        pytest.param(
            CHECKS.replace("amount > 0", "amount > > 0"),
            f'{FILE}:4:71: not a predicate: syntax error at or near ">"\n    amount > > 0\n             ^\n',
            id="no predicate",
        ),
        pytest.param(
            CHECKS + "  - primary_key: [id]\n",
            f"{FILE}:8:5: a second check of the name 'app.items.primary_key.id', the first is {FILE}:7:5\nhint: ",
            id="two of a name",
        ),
    ],
)
def test_check_files(cli: Cli, run: Run, text: str | bytes, message: str) -> None:
    cli.write(FILE, text)
    code, out, err = run("test", "--target", "postgresql://nobody@127.0.0.1:1/none")  # no server is asked
    assert (code, out) == (2, "")
    assert err.startswith(message), err


def test_a_seed_with_too_many_cells(cli: Cli, run: Run) -> None:
    cli.write("seeds/app/items.csv", "id,amount\n1,10\n2,20,30\n")
    code, _, err = run("test")
    assert (code, err) == (
        2,
        "seeds/app/items.csv:3: 3 cells, but the header names 2\n"
        'hint: a cell that contains a comma is written in quotes: "a, b"\n',
    )


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        (FILE, "test"),
        ("project.yml", "status"),
        ("seeds/app/items.csv", "test"),
        ("schema/app/001_items.up.sql", "apply"),
        ("schema/app/001_items.up.sql", "lint"),
    ],
)
def test_a_link_that_leads_out_shows_nothing(
    cli: Cli, run: Run, tmp_path_factory: pytest.TempPathFactory, path: str, verb: str
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_text("root,s3cret\ndaemon,s3cret,s3cret,more\n")
    (cli.root / path).unlink(missing_ok=True)
    (cli.root / path).parent.mkdir(parents=True, exist_ok=True)
    (cli.root / path).symlink_to(outside)
    cli.write(".sqlfluff", "[sqlfluff]\ndialect = postgres\ntemplater = raw\n")
    code, out, err = run(verb)
    assert code == (1 if verb == "lint" else 2)
    assert f"{path}:" in out + err
    assert "what is wrong in this file is not shown: a link leads to it, out of the project\n" in out + err
    assert "s3cret" not in out + err
    assert "daemon" not in out + err


ESCAPES = "\x1b[31m\x07\x9b2J"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def test_no_control_reaches_a_terminal(cli: Cli, run: Run) -> None:
    """Neither out of YAML nor out of SQL, of what PostgreSQL says of it, and of what is asked for."""
    cli.write("schema/app/001_items.up.sql", f'{UP}create table app."a{ESCAPES}" (b int);\n')
    cli.write("schema/app/001_items.down.sql", f'drop table app."a{ESCAPES}";\n{DOWN}')
    cli.write(FILE, CHECKS + '  - {check: amount > 0, name: "x\\e[31m", constraint: "y\\e[8m\\n\\r"}\n')
    asked: list[list[str]] = [["test"], ["coverage"], ["status"], ["apply"], ["--debug", "test", "--select", ESCAPES]]
    for arguments in [*asked, ["test", "--report", ESCAPES], [ESCAPES], ["explain", ESCAPES], ["rollback", "--all"]]:
        code, out, err = run(*arguments)
        assert code in (0, 1, 2)
        assert not CONTROL.search(out + err), (arguments, out, err)
        assert "a bug in harness" not in err
        if arguments[0] in ("test", "coverage"):  # of a colour click leaves nothing where there is no terminal
            assert "\\x1b" in out + err or "\\x07" in out + err
    cli.write("schema/app/002_more.up.sql", f"do $$ begin raise exception '{ESCAPES} says no'; end $$;\n")
    cli.write("schema/app/002_more.down.sql", "select;\n")
    code, out, err = run("apply")
    assert code == 2
    assert "\\x1b[31m\\x07\\x9b2J says no" in err
    assert not CONTROL.search(out + err)


def test_colours_survive(cli: Cli) -> None:
    cli.write(FILE, CHECKS.replace("amount > 0", "amount > 1"))
    said = cli.run("test", FORCE_COLOR="1", TERM="xterm").stdout
    assert "\x1b[1;31mBROKEN" in said


@pytest.mark.parametrize("verb", ["test", "apply", "status", "seed", "rollback", "clean"])
def test_an_unreachable_server(run: Run, verb: str) -> None:
    code, out, err = run(verb, "--target", "postgresql://ada:s3cret@127.0.0.1:1/shop")
    assert (code, out) == (2, "")
    assert err == (
        "cannot connect to PostgreSQL at 127.0.0.1:1: Connection refused\n"
        "hint: is the server running there, and may this machine reach it? --target embedded needs no server\n"
    )


def test_a_wrong_password_is_never_printed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError('connection failed: FATAL:  password authentication failed for user "ada"')

    monkeypatch.setattr(psycopg, "connect", refuse)
    for flags in ((), ("--debug",)):
        code, out, err = run(*flags, "status", "--target", "postgresql://ada:s3cret@db.example.org/shop")
        assert (code, out) == (2, "")
        assert 'PostgreSQL at db.example.org:5432 refuses the password of "ada"' in err
        assert "s3cret" not in err


def test_a_server_that_is_too_old(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "OLDEST", 99)
    code, out, err = run("status", "--target", make_conninfo(**server.conninfo))
    assert (code, out) == (2, "")
    assert err == (
        f"PostgreSQL {connection.version_text(server.version)} is too old; 99 to 18 work\n"
        "hint: point the tool at a newer server, or use --target embedded\n"
    )


def _noted(error: Exception) -> Exception:
    """With a note on what it came through, as Hypothesis leaves it."""
    error.add_note("while generating 'example' from drawn()")
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/d/x"), "the disk is full: /d/x\nhint: free some space"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full\nhint: free some space and run again"),
        (psycopg.errors.DiskFull("could not extend file"), "the disk of the server is full\nhint: free some space"),
        (
            psycopg.errors.AdminShutdown("terminating connection\nmore"),
            "the server went away: terminating connection\n",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/d/x"), "/d/x: Permission denied\n"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files\n"),
        (KeyError("x"), "this is a bug in harness: KeyError: 'x'\nhint: harness --debug "),
        (AssertionError(), "this is a bug in harness: AssertionError\nhint: harness --debug "),
        (_noted(ValueError("one\ntwo")), "this is a bug in harness: ValueError: one\nhint: harness --debug "),
    ],
)
def test_whatever_else_happens(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    def fail(*_: object) -> Any:
        raise error

    monkeypatch.setattr("harness.project.load.load", fail)
    code, out, err = run("status")
    assert (code, out) == (2, "")
    assert err.startswith(message), err
    assert "Traceback" not in err
    code, _, err = run("--debug", "status")
    assert code == 2
    assert err.startswith("Traceback")
    monkeypatch.setenv("HARNESS_DEBUG", "1")
    assert run("status")[2].startswith("Traceback")


def test_what_an_interrupt_becomes_on_the_way_out_is_no_bug(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis asserts things in its own ``finally``: an interrupt in the middle of a draw arrives as that."""

    def interrupted(*_: object) -> Any:
        try:
            interrupts._interrupt(signal.SIGTERM, sys._getframe())
        finally:
            raise AssertionError

    monkeypatch.setattr(interrupts, "_seen", [])
    monkeypatch.setattr("harness.project.load.load", interrupted)
    assert run("status") == (130, "", "harness: interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tset"], "No such command 'tset'."),  # newer versions of click add the nearest verb
        (["test", "--report", "html"], "Invalid value for '--report': 'html' is no report; there are junit, json"),
        (["test", "--seed", "-1"], "Invalid value for '--seed': -1 is not in the range x>=0."),
        (
            ["schema", "x"],
            "Invalid value for 'checks|project|report': 'x' is not one of 'checks', 'project', 'report'.",
        ),
    ],
)
def test_the_command_line_itself(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"Error: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "itmes"], "nothing matches 'itmes'; did you mean 'items'?\n"),
        (["--profile", "nigthly"], "no profile 'nigthly'; did you mean 'nightly'?\nhint: profiles: dev, ci, nightly\n"),
        (["--target", "embeded"], "no target 'embeded', which --target names; did you mean 'embedded'?\n"),
        (["--exclude", "app"], "nothing is left to prove: --exclude takes out all that --select chooses\n"),
    ],
)
def test_what_is_not_there(run: Run, arguments: list[str], message: str) -> None:
    code, out, err = run("test", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(message), err


def test_no_checks_prove_nothing(cli: Cli, run: Run) -> None:
    (cli.root / FILE).unlink()
    assert run("test") == (
        2,
        "",
        "the project declares no checks, so there is nothing to prove\n"
        "hint: write one into checks/<module>/<table>.yml\n",
    )


def test_no_project(run: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(empty)
    code, _, err = run("status")
    assert (code, err) == (
        2,
        f"no project.yml in {empty} or above\n"
        "hint: go to the directory of a project, or start one with 'harness init'\n",
    )
    code, _, err = run("--project", "elsewhere", "status")
    assert (code, err) == (2, f"no project.yml in {empty / 'elsewhere'}\nhint: start a project with 'harness init'\n")


def test_a_project_is_found_from_below_and_by_name(cli: Cli, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cli.root / "checks/app")
    assert run("status")[0] == 0
    monkeypatch.chdir(Path(sys.executable).parent)
    assert run("--project", str(cli.root), "status")[0] == 0


def test_a_directory_that_is_gone(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    gone = tmp_path_factory.mktemp("gone")
    here = Path.cwd()
    os.chdir(gone)
    try:
        gone.rmdir()
        assert run("status") == (2, "", "the current directory is not there any more\nhint: go to another one\n")
    finally:
        os.chdir(here)


def test_a_path_that_the_locale_cannot_spell(cli: Cli, tmp_path: Path) -> None:
    """``LC_ALL=C`` without Python's UTF-8 mode: names of files are UTF-8 all the same."""
    root = tmp_path / "prüfung"
    root.mkdir()
    for each in ("project.yml", "schema", "checks"):
        (cli.root / each).rename(root / each)
    there = Cli(root, cli.name, cli.environment)
    there.replace("checks/app/items.yml", "amount > 0", "amount > 1")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    said = there.run("test", HARNESS_DATA="", **ascii_only)
    assert (said.returncode, said.stderr) == (1, "")
    assert "BROKEN   check items_amount_positive" in said.stdout
    assert (root / ".harness/repro").is_dir()
    said = there.run("explain", "prüfung", **ascii_only)
    assert (said.returncode, said.stderr.splitlines()[0]) == (2, "no kind or rule 'prüfung'")


@pytest.mark.parametrize("verb", ["test", "status", "apply", "doctor", "lint"])
def test_a_file_in_the_place_of_our_directory(cli: Cli, run: Run, verb: str) -> None:
    cli.write(".harness", "mine")
    assert run(verb) == (
        2,
        "",
        f"{cli.root}/.harness is no directory, and scripts, reports and the data of private servers are kept there\n"
        "hint: move it away\n",
    )
    assert (cli.root / ".harness").read_text() == "mine"


def test_a_class_that_the_project_does_not_know(cli: Cli, run: Run) -> None:
    cli.write("project.yml", (cli.root / "project.yml").read_text() + "classes: [public, personal]\n")
    for entry_, slip, near in (("class: publik", "publik", "public"), ("class: evry", "evry", "every")):
        cli.write(FILE, CHECKS + f"  - {entry_}\n")
        message = f"{FILE}:8:5: 'class': '{slip}' is none of the classes of project.yml; did you mean '{near}'?\n"
        assert run("test") == (2, "", f"{message}hint: correct it, or take this check out\n")


def test_a_run_that_cannot_begin_leaves_no_report_of_another(cli: Cli, run: Run) -> None:
    for name in ("junit.xml", "report.json"):
        cli.write(f".harness/reports/{name}", "of yesterday")
    cli.write(FILE, "not a check file")
    assert run("test", "--report", "junit")[0] == 2
    assert [path.name for path in (cli.root / ".harness/reports").iterdir()] == ["report.json"]
