"""Every kind where it passes and where it fails, with the exact diagnostics but for what was drawn."""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.declarations import read
from harness.kinds import KINDS
from harness.outcome import Counterexample, Outcome
from harness.project.load import load
from harness.proving import draws, reproduction, trial
from harness.proving.prover import Effort, Prover
from harness.server import binaries
from harness.server.connection import Connection, Server
from tests.cases import Case, cases, matches
from tests.databases import Scratch

REPLAYS = 150
EFFORT = Effort(scenarios=3, seed=0)
VARIED = Effort(scenarios=60, seed=0)
PROJECT = """\
name: cases
modules: {t: {}}
target: embedded
classes: [public, administrative, personal, PHI]
"""
CASES = cases()
GREEN = ("proved", "present")
VARYING = ("accepted_values", "check", "default", "foreign_key", "not_null", "primary_key", "unique")


SLOW = (
    "routine/races: closed once by the picture it has",
    "routine/races: does nothing to any row",
    "foreign key/races: the constraint beside a trigger that does not wait",
    "locked/races: does not wait",
    "exclude/overlaps: one day left out",
    "exclude/overlaps: a part for the whole",
    "exclude/races: the constraint beside a trigger that does not wait",
    "locked/races: in other isolation levels",
    "query/races: a lock that comes too late",
    "row security/children: authors that are forgotten",
)
"""Cases that take more than two seconds, and have others beside them that show nearly the same."""


def _marked(case: Case) -> Any:
    return pytest.param(case, id=case.id, marks=[pytest.mark.nightly] if case.id in SLOW else [])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small enough is small enough; and no clock decides what a case comes to."""
    monkeypatch.setattr(trial, "REPLAYS", REPLAYS)
    monkeypatch.setattr(draws, "SHRINKING", 600.0)


@pytest.fixture(scope="module")
def maintenance(server: Server) -> Iterator[Connection]:
    with server.connect() as connection:
        yield connection


def holding(schema: str, server: Server, maintenance: Connection) -> Scratch:
    """Makes databases that hold a case's schema, in place of those cloned from a template."""
    return Scratch(server, maintenance, f"create schema t;\n{schema}", force=True)


def prove(
    case: Case, server: Server, maintenance: Connection, directory: Path, effort: Effort = EFFORT
) -> tuple[Scratch, list[Outcome]]:
    """The outcomes of the case's checks of its own kind; the databases are still there."""
    for role in case.roles:
        name = role.split()[0]
        if maintenance.execute("select from pg_roles where rolname = %s", [name]).fetchone() is None:
            maintenance.execute(f"create role {role}".encode())
    (directory / "project.yml").write_text(PROJECT)
    files = {f"schema/t/{name}": text for name, text in case.migrations.items()}
    files |= {f"seeds/t/{name}": text for name, text in case.seeds.items()}
    for name, text in {**files, "checks/t/case.yml": case.check}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = load(directory)
    declared = read(project, KINDS)
    scratch = holding(case.schema, server, maintenance)
    with Prover(declared, project, scratch, effort) as prover:
        return scratch, [prover.prove(check) for check in declared if check.kind == case.kind]


def counterexamples(outcomes: list[Outcome]) -> list[Counterexample]:
    return [found for outcome in outcomes for found in outcome.counterexamples]


@pytest.mark.parametrize("case", [_marked(case) for case in CASES])
def test_case(case: Case, server: Server, maintenance: Connection, tmp_path: Path) -> None:
    scratch, outcomes = prove(case, server, maintenance, tmp_path)
    scratch.drop_all()
    assert outcomes, f"the case has no check of the kind {case.kind}"
    found = [text for each in counterexamples(outcomes) for text in (each.expected, each.actual)]
    found += [outcome.reason for outcome in outcomes if outcome.reason]
    expected = [text for pair in case.broken for text in pair] + ([case.unreliable] if case.unreliable else [])
    assert len(found) == len(expected) and all(map(matches, expected, found)), (expected, found)
    statuses = {outcome.status.value for outcome in outcomes}
    assert case.status in statuses <= {*GREEN, case.status}
    for outcome in outcomes:
        assert outcome.probes + outcome.facts or outcome.status.value not in GREEN, "nothing was looked at"


@pytest.mark.nightly
@pytest.mark.parametrize("case", [case for case in CASES if case.kind in VARYING], ids=lambda case: case.id)
def test_a_case_with_other_values_beside(case: Case, server: Server, maintenance: Connection, tmp_path: Path) -> None:
    assert VARIED.variety > 1
    scratch, outcomes = prove(case, server, maintenance, tmp_path, VARIED)
    scratch.drop_all()
    broken = [outcome.name for outcome in outcomes if outcome.counterexamples]
    assert bool(broken) == bool(case.broken), counterexamples(outcomes)
    assert all(outcome.reason is None for outcome in outcomes) == (case.unreliable is None)


def test_every_kind_has_cases_that_pass_and_cases_that_fail() -> None:
    counted = Counter((case.kind, case.status) for case in CASES)
    green = {kind: sum(counted[kind, status] for status in GREEN) for kind in KINDS}
    lacking = [kind for kind in KINDS if green[kind] < 2 or counted[kind, "broken"] < 2]
    assert lacking == []
    assert green["rows"] > 2
    assert counted["rows", "unreliable"] > 2
    assert {case.kind for case in CASES} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_in_a_docstring_is_read(kind: str, tmp_path: Path) -> None:
    example = _example(KINDS[kind])
    (tmp_path / "project.yml").write_text(PROJECT.replace("{t: {}}", "{intents: {}}"))
    path = tmp_path / "checks" / "intents" / "example.yml"
    path.parent.mkdir(parents=True)
    path.write_text(example, encoding="utf-8")
    found = [check.kind for check in read(load(tmp_path), KINDS)]
    assert kind in found


def _example(kind: type) -> str:
    """The YAML of a docstring as a file: what is only a part of one is put where it belongs."""
    blocks = re.findall(r"```yaml\n(.*?)```", textwrap.dedent("    " + (kind.__doc__ or "")), flags=re.DOTALL)
    assert len(blocks) == 1, "one example"
    example = textwrap.dedent(blocks[0])
    if example.startswith("- "):
        example = "checks:\n" + textwrap.indent(example, "  ")
    return example if re.match(r"(table|module):", example) else f"table: shop.orders\n{example}"


SHOWN = {
    ("accepted_values", "a_value_added"): ["INSERT 0 1"],
    ("audited", "no_trigger"): ["INSERT 0 1", "none"],
    ("check", "a_bound_one_higher"): ['violates check constraint "chk_quantity"'],
    ("default", "another_value"): ["INSERT 0 1", "f"],
    ("exclude", "the_whole_for_a_part"): ['violates exclusion constraint "no_overlap"'],
    ("foreign_key", "keeps_its_parent_that_should_let_it_go"): [
        'violates foreign key constraint "lines_order_id_fkey"'
    ],
    ("generated", "by_a_trigger_that_lets_nobody_else"): ["INSERT 0 1"],
    ("locked", "only_the_new_parent"): ["UPDATE 1"],
    ("locked", "set_null_meets_the_trigger"): ["ERROR:  locked"],
    ("not_null", "nullable"): ["INSERT 0 1"],
    ("primary_key", "no_key"): ["INSERT 0 1"],
    ("privileges", "a_grant_missing"): ["permission denied for table orders"],
    ("query", "a_trigger_on_insert_alone"): ["UPDATE 1", '{"job": '],
    ("referenced_by", "children_that_lose_it_and_should_go"): ["DELETE 1", "1, 0, 1"],
    ("routine", "counts_of_everybody"): ["f"],
    ("routine", "marks_a_day_early"): ["f"],
    ("routine", "refuses_at_once"): ["ERROR:  closed already"],
    ("row_security", "an_empty_setting_is_cast"): ['invalid input syntax for type uuid: ""'],
    ("row_security", "a_row_that_is_seen_only_once_it_is_there"): ["new row violates row-level security policy"],
    ("row_security", "changed_without_looking"): ["UPDATE 1", "1 row, not the 0"],
    ("row_security", "everybody_sees_everything"): ["1 row, not the 0"],
    ("row_security", "writes_that_nobody_declared"): ["UPDATE 1"],
    ("touched_on_update", "no_trigger"): ["UPDATE 1", "2001-01-01 00:00:00+00"],
    ("unique", "every_key_is_taken_and_none_is_unique"): ["INSERT 0 1"],
    ("unique", "the_whole_for_a_part"): ['violates unique constraint "uq_live"'],
}


@pytest.mark.parametrize(("kind", "name"), SHOWN, ids=str)
def test_the_script_shows_the_fault_in_psql(
    kind: str, name: str, server: Server, maintenance: Connection, tmp_path: Path
) -> None:
    case = next(case for case in CASES if (case.kind, case.name) == (kind, name))
    scratch, outcomes = prove(case, server, maintenance, tmp_path)
    script = counterexamples(outcomes)[0].script
    assert script is not None
    database = scratch.made[0]
    before = _rows(scratch, database)
    output = _psql(server, database, script)
    assert _rows(scratch, database) == before, "something stayed behind"
    scratch.drop(database)
    probe = output.rpartition("SAVEPOINT")[2]
    assert "ERROR" not in output.rpartition("SAVEPOINT")[0], "what stands before has to work"
    for shown in SHOWN[kind, name]:
        assert shown in probe, output
    assert output.splitlines()[-1] == reproduction.SHOWN


@pytest.mark.parametrize(
    ("name", "shown"),
    [("each_refused_by_itself", ["ERROR:  unbalanced"]), ("by_a_clock_that_stands_still", ["INSERT 0 1", "f"])],
)
def test_the_script_of_calls_that_are_committed(
    name: str, shown: list[str], server: Server, maintenance: Connection, tmp_path: Path
) -> None:
    case = next(case for case in CASES if (case.kind, case.name) == ("routine", name))
    scratch, outcomes = prove(case, server, maintenance, tmp_path)
    script = counterexamples(outcomes)[0].script
    assert script is not None
    output = _psql(server, scratch.made[0], script)
    scratch.drop(scratch.made[0])
    assert not scratch.made, "a clone was left behind"
    assert "can be thrown away" in script
    assert output.splitlines().count("BEGIN") == script.splitlines().count("begin;") > 0
    for each in shown:
        assert each in output, output
    assert output.splitlines()[-1] == reproduction.SHOWN


def test_given_rows_are_shown_also_where_a_guard_was_passed_by(
    server: Server, maintenance: Connection, tmp_path: Path
) -> None:
    case = next(case for case in CASES if case.name == "closes_nothing_that_is_late")
    scratch, outcomes = prove(case, server, maintenance, tmp_path)
    scratch.drop(scratch.made[0])
    (found,) = counterexamples(outcomes)
    assert [row["status"] for table, row in found.rows if table == "t.orders"] == ["open", "open", "late"]


def _rows(scratch: Scratch, database: str) -> list[tuple[object, ...]]:
    with scratch.connect(database) as connection:
        tables = connection.execute(
            "select quote_ident(relname) from pg_class where relnamespace = 't'::regnamespace and relkind in ('r', 'p')"
        )
        names = [name for (name,) in tables]
        return [(name, connection.execute(f"select count(*) from t.{name}".encode()).fetchone()) for name in names]


def _psql(server: Server, database: str, script: str) -> str:
    """Output and errors of a script in the order in which they came."""
    variables = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user"}
    place = {name: server.conninfo[key] for name, key in variables.items() if key in server.conninfo}
    ran = subprocess.run(
        [binaries.embedded().program("psql"), "--no-psqlrc", "--tuples-only", "--no-align", "--dbname", database],
        input=script,
        env={**place, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ran.stdout
