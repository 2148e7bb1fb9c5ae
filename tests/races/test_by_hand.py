"""The script of a lost race says step by step how to see it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.server.connection import Server
from tests.cases import Case, cases
from tests.test_cases import counterexamples, holding, prove

CASES = {(case.kind, case.name): case for case in cases()}


@pytest.mark.parametrize(
    "case",
    [CASES["unique", "a_trigger_that_looks_before_it_leaps"], CASES["routine", "a_number_read_by_both"]],
    ids=lambda case: case.kind,
)
def test_followed_step_by_step_it_shows_the_fault(case: Case, server: Server, tmp_path: Path) -> None:
    with server.connect() as maintenance:
        proven, outcomes = prove(case, server, maintenance, tmp_path)
        proven.drop_all()
        found = counterexamples(outcomes)[0]
        assert found.script is not None
        assert [step.partition(":")[0] for step in found.steps] == ["1 A", "2 A", "3 B", "4 B", "5 A", "6 B"]
        scratch = holding(case.schema, server, maintenance)
        name = scratch.clone()
        with scratch.connect(name) as one, scratch.connect(name) as other:
            sessions = {"A": one, "B": other, "": one}
            headings = r"Step \d+, in session (\w).*|The rows.*|What the sessions got.*|What is there.*"
            blocks = re.split(rf"^-- (?:{headings})$", found.script, flags=re.M)
            for session, block in zip(blocks[1::2], blocks[2::2], strict=True):
                cursor = sessions[session or ""].execute(block.encode())
            row = cursor.fetchone()
        scratch.drop(name)
    assert row is not None
    assert row[0] in found.actual
