"""Situations that people met in production, as small projects: one that breaks the rule, one that keeps it.

One folder for each in ``tests/cases/field``; in it one project for each variant (``faulty``, ``fixed`` …), and
``expected.yml``: for each variant the checks that are not green, with their status and a text that the outcome says.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg.conninfo import make_conninfo

from harness.outcome import Outcome, Status
from harness.proving.reproduction import SHOWN, by_hand
from harness.pytest_session import Options, ProjectSession
from harness.reports import scripts
from harness.server import psql
from harness.server.connection import Server

HERE = Path(__file__).parent / "cases" / "field"
SEEDS = [pytest.param(1), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in (2, 3))]


@dataclass(frozen=True)
class Variant:
    """A project, and for each check that is not green its status and what is said of it."""

    project: Path
    expected: dict[str, dict[str, Any]]
    others: frozenset[str]
    """Checks that are not green in other variants: here they are proved."""

    @property
    def id(self) -> str:
        return f"{self.project.parent.name}/{self.project.name}"


def _variants() -> Iterator[Variant]:
    for path in sorted(HERE.glob("*/expected.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        projects = {each.parent.name for each in path.parent.glob("*/project.yml")}
        assert projects == set(document), f"{path}: one entry for each project"
        named = frozenset(check for expected in document.values() for check in expected or {})
        for name, expected in document.items():
            yield Variant(path.parent / name, expected or {}, named - {*(expected or {})})


VARIANTS = list(_variants())


def proved(project: Path, server: Server, seed: int) -> list[Outcome]:
    """The outcomes of all checks of a project, one after the other in one process."""
    make_roles(project, server)
    target = make_conninfo(**server.conninfo)
    with closing(ProjectSession(project, Options(target=target, seed=seed))) as bench:
        outcomes = [bench.prove(check) for check in bench.checks]
        assert [each.name for each in outcomes if replayed(bench, each, project.parent) not in (SHOWN, None)] == []
        return outcomes


def replayed(bench: ProjectSession, outcome: Outcome, directory: Path) -> str | None:
    """What the script of a broken check ends with, on the schema that it was found in; None if psql cannot run it."""
    script = scripts.script(outcome)
    if script is None or by_hand(script):
        return None
    file = directory / "replay.sql"
    file.write_text(script, encoding="utf-8")
    space = bench._workspace
    return psql.output(space.server, space.clone(), ["--no-psqlrc", f"--file={file}"]).splitlines()[-1]


def make_roles(project: Path, server: Server) -> None:
    """Makes the roles that its schema makes: on a server that is given by a connection string none are made."""
    with server.connect() as connection:
        for name, options in re.findall(
            r"create role (\w+)([^;]*);", (project / "schema.sql").read_text(encoding="utf-8")
        ):
            if connection.execute("select from pg_roles where rolname = %s", [name]).fetchone() is None:
                connection.execute(f"create role {name} {options}".encode())


def said(outcome: Outcome) -> str:
    """All that a report says of an outcome."""
    examples = (f"{each.expected}\n{each.actual}\n{each.rows}" for each in outcome.counterexamples)
    return "\n".join([outcome.reason or "", *outcome.notes, *examples])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.id)
def test_field(variant: Variant, seed: int, server: Server, tmp_path: Path) -> None:
    outcomes = proved(shutil.copytree(variant.project, tmp_path / "project"), server, seed)
    wanted = variant.expected
    told = (each for each in outcomes if not each.status.green or each.name in wanted)
    found = {each.name: (each.status.value, said(each)) for each in told}
    assert {name: status for name, (status, _) in found.items()} == {
        name: each["status"] for name, each in wanted.items()
    }, found
    for name, each in wanted.items():
        assert each["says"] in found[name][1]
    statuses = {each.name: each.status for each in outcomes}
    # A check may bear another name where it has other keys.
    assert {statuses.get(name, Status.PROVED) for name in variant.others} <= {Status.PROVED}


@pytest.mark.parametrize("case", sorted(HERE.glob("*/expected.yml")), ids=lambda path: path.parent.name)
def test_what_is_faulty_is_not_green(case: Path) -> None:
    document = yaml.safe_load(case.read_text(encoding="utf-8"))
    assert all(document[name] for name in document if name != "fixed")
