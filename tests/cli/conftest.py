"""A small project, and the installed ``harness`` to call in it."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import entry
from harness.server.connection import Server

HARNESS = Path(sys.executable).with_name("harness")
ROOT = Path(__file__).parents[2]
_numbers = itertools.count()

SETTINGS = """\
name: {name}
modules:
  app: {{}}
profiles:
  dev: {{scenarios: 2}}
  ci: {{scenarios: 3, seed: 0}}
"""
UP = """\
create schema app;
create table app.items (
    id integer not null,
    amount integer not null default 1,
    note text,
    constraint items_pkey primary key (id),
    constraint items_amount_positive check (amount > 0)
);
"""
DOWN = "drop table app.items;\ndrop schema app;\n"
CHECKS = """\
table: app.items
columns:
  id: {type: integer}
  amount: {type: integer, not_null: true, default: 1, check: amount > 0, constraint: items_amount_positive}
  note: {type: text}
checks:
  - primary_key: [id]
"""


Run = Callable[..., tuple[int, str, str]]


@dataclass
class Cli:
    """The project's directory, and calls of the command line in it."""

    root: Path
    name: str
    environment: dict[str, str]
    seconds: float = 120

    def write(self, path: str, text: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HARNESS, *arguments],
            cwd=self.root,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=self.seconds,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [HARNESS, *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # A suite that runs in the background of a shell ignores Ctrl-C, and so would what it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
        )


def ended(running: subprocess.Popen[str], seconds: float = 60.0) -> tuple[str, str]:
    """What a run still says; one that does not end fails the test, and does not hold up the others."""
    try:
        return running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        running.kill()
        raise


def timeless(text: str) -> str:
    """Output without what differs from one run to the next."""
    text = re.sub(r"[\d,]+ ms\b", "N ms", text)
    text = re.sub(r"\b\d+\.\d s\b", "N s", text)
    text = re.sub(r" \([\d,]+ probes/s\)", " (N probes/s)", text)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+", "WHEN", text)


@pytest.fixture
def environment(server: Server, scratch_server: Server, cluster_base: Path) -> dict[str, str]:
    """Ours without what would choose another server; the private server is the one the tests keep running."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "HARNESS", "PYTEST"))}
    for name in ("DATABASE_URL", "CI", "NO_COLOR", "FORCE_COLOR"):
        ours.pop(name, None)
    return {**ours, "HARNESS_DATA": str(cluster_base), "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error"}


@pytest.fixture
def cli(tmp_path: Path, server: Server, environment: dict[str, str]) -> Iterator[Cli]:
    name = f"app_{next(_numbers)}"
    made = Cli(tmp_path, name, environment)
    made.write("project.yml", SETTINGS.format(name=name))
    made.write("schema/app/001_items.up.sql", UP)
    made.write("schema/app/001_items.down.sql", DOWN)
    made.write("checks/app/items.yml", CHECKS)
    yield made
    with server.connect() as connection:
        connection.execute(f"drop database if exists {name} with (force)".encode())


@pytest.fixture
def run(cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process: exit code, output, errors."""
    variables = ("HARNESS_TARGET", "DATABASE_URL", "CI", "HARNESS_DEBUG")
    for name in (*variables, "PGHOST", "PGDATABASE", "PGSERVICE", "PGHOSTADDR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HARNESS_DATA", cli.environment["HARNESS_DATA"])
    monkeypatch.chdir(cli.root)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = entry.run(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def systems(cli: Cli) -> Cli:
    """A copy of the project of this repository, in the place of the small one; its database bears the same name."""
    for name in ("schema", "seeds", "checks"):
        shutil.rmtree(cli.root / name, ignore_errors=True)
        shutil.copytree(ROOT / name, cli.root / name)
    settings = (ROOT / "project.yml").read_text()
    cli.write("project.yml", re.sub(r"^name: .*$", f"name: {cli.name}", settings, flags=re.MULTILINE))
    return cli


@pytest.fixture
def description(server: Server) -> str:
    return server.description


def scratch_databases(server: Server) -> list[str]:
    with server.connect() as connection:
        rows = connection.execute("select datname from pg_database where datname like 'harness_s_%'").fetchall()
    return [str(row[0]) for row in rows]
