"""Each sentence of the systems has a check that is named for it: it is green, and red once the sentence is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.declarations import DeclaredCheck
from harness.declarations import read as read_checks
from harness.kinds import KINDS
from harness.project.load import load
from harness.proving.prover import Effort, Prover
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server

from .databases import Mutated
from .mutant import Mutant

PROJECT = load(Path(__file__).parents[2])
CHECKS = read_checks(PROJECT, KINDS)
PLANTED: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("planted.yml").read_text(encoding="utf-8"))
EFFORT = Effort(3, 0, shrink=False)


@pytest.fixture(scope="module")
def space(request: pytest.FixtureRequest, server: Server) -> Iterator[Workspace]:
    """Scratch databases of one module and what it depends on, with seeds."""
    with workspace(server, PROJECT, PROJECT.with_dependencies([request.param])) as made:
        yield made


def named(patterns: Sequence[str]) -> list[DeclaredCheck]:
    found = {pattern: [check for check in CHECKS if fnmatchcase(check.name, pattern)] for pattern in patterns}
    assert all(found.values()), f"no check of the name: {[pattern for pattern, checks in found.items() if not checks]}"
    return [check for checks in found.values() for check in checks]


def colours(space: Workspace, module: str, checks: Sequence[DeclaredCheck], broken: Mutant | None) -> dict[str, bool]:
    """Whether each check is green, in databases where the mutant, if there is one, has been at work."""
    names = {needed.name for needed in PROJECT.with_dependencies([module])}
    databases = Mutated(space, broken)
    try:
        with Prover([check for check in CHECKS if check.module in names], PROJECT, databases, EFFORT) as prover:
            return {check.name: prover.prove(check).status.green for check in checks}
    finally:
        databases.drop_clones()


@pytest.mark.parametrize(
    ("space", "case"),
    [pytest.param(case["module"], case, id=f"{number} {case['sentence']}") for number, case in enumerate(PLANTED)],
    indirect=["space"],
)
def test_a_broken_sentence_turns_the_check_red_that_is_named_for_it(space: Workspace, case: dict[str, Any]) -> None:
    checks = named(case["red"])
    planted = Mutant("planted", case["sentence"], case["without"], (), ())
    assert {name for name, green in colours(space, case["module"], checks, None).items() if not green} == set()
    assert {name for name, green in colours(space, case["module"], checks, planted).items() if green} == set()


SEEDED = {
    "absence.milestone_keys": (
        *("milestone_key", "day_offset", "action_type", "recipients"),
        *("is_automatic", "label", "description"),
    ),
    "absence.role_permissions": ("role", "permission"),
    "weeksmith.cycle": ("start_date", "end_date", "current_week"),
    "weeksmith.goal": ("type",),
    "weeksmith.weekly_plan": ("week_no",),
    "weeksmith.plan_item": (),
    "weeksmith.chat_message": (),
    "weeksmith.task": (),
    "weeksmith.vision": (),
}
"""The tables of whose fixtures a check speaks, and the columns whose values it names."""

ANOTHER = {
    "integer": "{0} + 1",
    "smallint": "{0} + 1",
    "date": "{0} + 1",
    "boolean": "not {0}",
    "text[]": "array_append({0}, 'nobody')",
}
UNGUARDED = """
do $$ declare one record; begin
    for one in select conrelid::regclass as t, conname from pg_catalog.pg_constraint where conrelid = '{0}'::regclass
    and contype in ('c', 'f', 'p', 'u')
    loop execute format('alter table %s drop constraint if exists %I cascade', one.t, one.conname); end loop;
end $$;
set local session_replication_role = replica
"""


def asked_of_seeds(table: str) -> list[str]:
    """The queries of the checks that speak of a table's fixtures."""
    return [
        check.rule.finds_none
        for check in CHECKS
        if check.kind == "query" and check.rule.on in ("seeds", "both") and table in check.rule.finds_none
    ]


@pytest.mark.parametrize(
    ("space", "table"), [(table.partition(".")[0], table) for table in SEEDED], indirect=["space"], ids=list(SEEDED)
)
def test_each_row_of_the_seeds_counts(space: Workspace, table: str) -> None:
    queries = asked_of_seeds(table)
    assert queries
    red = " or ".join(f"exists ({query}\n)" for query in queries)
    with space.connect(space.clone()) as connection:
        types: dict[str, str] = dict(
            connection.execute(
                "select attname::text, format_type(atttypid, null) from pg_attribute"
                " where attrelid = %s::regclass and attnum > 0",
                (table,),
            ).fetchall()
        )
        rows = [row for (row,) in connection.execute(f"select ctid::text from {table}".encode())]
        changes = [f"delete from {table} where ctid = %s"]
        for column in SEEDED[table]:
            other = ANOTHER.get(types[column], "{0} || '!'").format(column)
            if types[column] == "weeksmith.goal_type":
                other = "case type when 'personal' then 'professional' else 'personal' end::weeksmith.goal_type"
            changes.append(f"update {table} set {column} = {other} where ctid = %s")
        assert rows and connection.execute(f"select {red}".encode()).fetchone() == (False,)
        for row in rows:
            for change in changes:
                with connection.transaction(force_rollback=True):
                    connection.execute(UNGUARDED.format(table).encode())
                    assert connection.execute(change.encode(), (row,)).rowcount == 1
                    assert connection.execute(f"select {red}".encode()).fetchone() == (True,), f"{change}, {row}"
