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
from harness.proving.prover import Effort, Prover

from .mutants import Mutant, mutants

ROOT = Path(__file__).parents[2]
GROUPS = ("checks", "keys", "not null", "defaults", "columns", "indexes", "triggers", "policies", "grants", "comments")
TABLES = (TableName("intents", "scheduled_intents"), TableName("intents", "intent_executions"))


QUICK = ("class", "columns", "comment", "index", "privileges")
"""Kinds that read the catalog: they are asked before those that try rows."""


class Mutated:
    """Databases in which one mutant has been at work.

    The first one that is asked for is only a transaction: it is undone in no time, where a clone for each of hundreds
    of mutants takes minutes. What comes after (to be filled and vacuumed) is a clone.
    """

    def __init__(self, space: Workspace, base: str, mutant: Mutant | None = None) -> None:
        self._space = space
        self._base = base
        self._mutant = mutant
        self._clones: list[str] = []
        self._lent = False

    def clone(self) -> str:
        if not self._lent:
            self._lent = True
            return self._base
        self._clones.append(self._space.clone())
        return self._clones[-1]

    def empty(self) -> str:
        return self._space.empty()

    def connect(self, dbname: str) -> psycopg.Connection[tuple[object, ...]]:
        connection = self._space.connect(dbname)
        if dbname == self._base:
            connection.execute("begin")
        if self._mutant is not None:
            connection.execute(self._mutant.sql.encode())
        return connection

    def drop(self, dbname: str) -> None:
        self._space.drop(dbname)

    def drop_clones(self) -> None:
        for name in self._clones:
            self._space.drop(name)


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
def base(space: Workspace) -> str:
    return space.clone()


@pytest.fixture(scope="module")
def catalog(space: Workspace, base: str) -> Catalog:
    with space.connect(base) as connection:
        return read(connection)


def test_without_a_mutant_every_check_is_green(
    space: Workspace, base: str, project: Project, checks: Sequence[Check]
) -> None:
    databases = Mutated(space, base)
    with Prover(checks, project, databases, Effort(3, 0)) as prover:
        outcomes = [prover.prove(check) for check in checks]
    databases.drop_clones()
    assert [outcome for outcome in outcomes if outcome.status is not Status.PROVED] == []


@pytest.mark.parametrize("table", TABLES, ids=str)
@pytest.mark.parametrize("group", GROUPS)
def test_noticed(
    group: str,
    table: TableName,
    catalog: Catalog,
    space: Workspace,
    base: str,
    project: Project,
    checks: Sequence[Check],
) -> None:
    made = [mutant for mutant in mutants(catalog, catalog.table(table)) if mutant.group == group]
    if group == "triggers" and not catalog.table(table).triggers:
        assert made == []
        return
    assert made, "no mutants of this kind: the test would show nothing"
    survivors = [
        mutant.what for mutant in made if not _is_noticed(Mutated(space, base, mutant), mutant, table, project, checks)
    ]
    assert survivors == []


def _is_noticed(
    databases: Mutated, mutant: Mutant, table: TableName, project: Project, checks: Sequence[Check]
) -> bool:
    """Whether a red check names the rule. Those that speak of it are asked first; in the end all are."""
    asked = sorted(
        checks, key=lambda check: (check.table != table, mutant.rule not in repr(check.rule), check.kind not in QUICK)
    )
    try:
        with Prover(checks, project, databases, Effort(3, 0, shrink=False)) as prover:
            return any(_names(prover.prove(check), mutant.rule) for check in asked)
    finally:
        databases.drop_clones()


def _names(outcome: Outcome, rule: str) -> bool:
    if outcome.status is not Status.BROKEN:
        return False
    words = [outcome.label, *(text for found in outcome.counterexamples for text in (found.wanted, found.caught))]
    return rule in " ".join(words)
