"""The checks of `intents` would notice: every rule of its catalog taken out, weakened or made stricter turns one red
that names the rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from harness.catalog import Catalog, read
from harness.database.connection import Server
from harness.database.migrate import apply
from harness.database.scratch import Workspace, workspace
from harness.declarations import Check
from harness.declarations import read as read_checks
from harness.kinds import KINDS
from harness.outcome import Outcome, Status
from harness.project.load import load
from harness.project.model import Project, TableName
from harness.runner import Effort, Prover

from .mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
GROUPS = ("checks", "keys", "not null", "defaults", "columns", "indexes", "triggers", "policies", "grants", "comments")
TABLES = (TableName("intents", "scheduled_intents"), TableName("intents", "intent_executions"))


class Mutated:
    """Databases in which one mutant has been at work."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self.mutant: Mutant | None = None

    def clone(self) -> str:
        name = self._space.clone()
        if self.mutant is not None:
            with self._space.connect(name) as connection:
                connection.execute(self.mutant.sql.encode())
        return name

    def empty(self) -> str:
        return self._space.empty()

    def connect(self, dbname: str) -> psycopg.Connection[tuple[object, ...]]:
        return self._space.connect(dbname)

    def drop(self, dbname: str) -> None:
        self._space.drop(dbname)


@pytest.fixture(scope="module")
def project() -> Project:
    return load(ROOT)


@pytest.fixture(scope="module")
def checks(project: Project) -> tuple[Check, ...]:
    # `rollback` builds databases from the migrations, where no mutant has been.
    return tuple(check for check in read_checks(project, KINDS) if check.kind != "rollback")


@pytest.fixture(scope="module")
def space(server: Server, project: Project) -> Iterator[Workspace]:
    # No seeds: rows that stand would refuse many a stricter rule before a check could.
    with workspace(server, project, project.modules, build=apply) as made:
        yield made


@pytest.fixture(scope="module")
def catalog(space: Workspace) -> Catalog:
    name = space.clone()
    with space.connect(name) as connection:
        found = read(connection)
    space.drop(name)
    return found


def test_without_a_mutant_every_check_is_green(space: Workspace, project: Project, checks: Sequence[Check]) -> None:
    with Prover(checks, project, Mutated(space), Effort(3, 0)) as prover:
        outcomes = [prover.prove(check) for check in checks]
    assert [outcome for outcome in outcomes if outcome.status is not Status.PROVED] == []


@pytest.mark.parametrize("table", TABLES, ids=str)
@pytest.mark.parametrize("group", GROUPS)
def test_noticed(
    group: str, table: TableName, catalog: Catalog, space: Workspace, project: Project, checks: Sequence[Check]
) -> None:
    made = [mutant for mutant in mutants(catalog, catalog.table(table)) if mutant.group == group]
    if group == "triggers" and not catalog.table(table).triggers:
        assert made == []
        return
    assert made, "no mutants of this kind: the test would show nothing"
    survivors = [mutant.what for mutant in made if not _is_noticed(mutant, table, space, project, checks)]
    assert survivors == []


def _is_noticed(mutant: Mutant, table: TableName, space: Workspace, project: Project, checks: Sequence[Check]) -> bool:
    """Whether a red check names the rule. Those that speak of it are asked first; in the end all are."""
    databases = Mutated(space)
    databases.mutant = mutant
    asked = sorted(checks, key=lambda check: (mutant.rule not in repr(check.rule), check.table != table))
    with Prover(checks, project, databases, Effort(3, 0, shrink=False)) as prover:
        return any(_names(prover.prove(check), mutant.rule) for check in asked)


def _names(outcome: Outcome, rule: str) -> bool:
    if outcome.status is not Status.BROKEN:
        return False
    words = [outcome.label, *(text for found in outcome.counterexamples for text in (found.wanted, found.caught))]
    return rule in " ".join(words)
