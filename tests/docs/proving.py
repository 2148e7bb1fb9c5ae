"""Proves the checks of a page on its DDL, and reports what is red.

``python -m tests.docs.proving PAGE …`` prints what reports say of the DDL of each page: as it is meant, and
with the mistake.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from harness.declarations import read
from harness.kinds import KINDS
from harness.outcome import Outcome
from harness.project.load import load
from harness.proving.prover import Effort, Prover
from harness.reports.run import Run
from harness.reports.terminal import Terminal
from harness.server import binaries
from harness.server.cluster import cluster
from harness.server.connection import Connection, Server
from tests.databases import Scratch
from tests.docs.pages import Page, file_of, migrations, table_of

EFFORT = Effort(scenarios=3, seed=1)
_ROLE = re.compile(r"^create role (\w+);\n", re.MULTILINE)


def prove(
    page: Page, ddl: Iterable[str], server: Server, directory: Path, kinds: Collection[str] = KINDS
) -> list[Outcome]:
    """The outcomes of the page's checks of these kinds, in a project that is written to the directory."""
    checks = page.blocks("yaml")
    module = table_of(checks[0]).partition(".")[0]
    files = migrations(ddl)
    _write(directory, "project.yml", f"name: docs\nmodules: {{{module}: {{}}}}\nclasses: [public, personal]\n")
    for path, text in {**files, **{file_of(check): check for check in checks}}.items():
        _write(directory, path, text)
    project = load(directory)
    declared = read(project, KINDS)
    schema = "" if files else f"create schema {module};\n" + "".join(ddl)
    with server.connect() as maintenance, roles(maintenance, schema):
        scratch = Scratch(server, maintenance, _ROLE.sub("", schema), force=True)
        try:
            with Prover(declared, project, scratch, EFFORT) as prover:
                return [prover.prove(check) for check in declared if check.kind in kinds]
        finally:
            scratch.drop_all()


@contextmanager
def roles(maintenance: Connection, schema: str) -> Iterator[None]:
    """Makes the roles of the DDL, and drops them: they belong to the server, which other tests use too."""
    made = [role for role in _ROLE.findall(schema) if not _exists(maintenance, role)]
    for role in made:
        maintenance.execute(f"create role {role}".encode())
    try:
        yield
    finally:
        for role in made:
            maintenance.execute(f"drop role {role}".encode())


def _exists(maintenance: Connection, role: str) -> bool:
    return maintenance.execute("select from pg_roles where rolname = %s", [role]).fetchone() is not None


def red(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if not outcome.status.green]


def report(outcomes: Collection[Outcome]) -> list[str]:
    """The lines that ``harness test`` prints of these outcomes."""
    written = io.StringIO()
    terminal = Terminal(Console(file=written, width=1000), Run("docs", "", "dev", 3, 1, len(outcomes)))
    for outcome in outcomes:
        terminal.add(outcome)
    return [line.rstrip() for line in written.getvalue().splitlines() if line]


def _write(directory: Path, path: str, text: str) -> None:
    file = directory / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def main() -> None:
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        with cluster(binaries.embedded(), Path(base)) as server:
            for number, name in enumerate(sys.argv[1:]):
                path = Path(name).resolve()
                page = Page(path, path.read_text(encoding="utf-8"))
                for title, ddl in {"as it is meant": page.meant, "with the mistake": page.mistaken}.items():
                    outcomes = prove(page, ddl, server, Path(base) / f"{number} {title}")
                    print(f"# {name} {title}", *(report(red(outcomes)) or ["all is green"]), "", sep="\n")


if __name__ == "__main__":
    main()
