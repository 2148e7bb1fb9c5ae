"""What mypy and pyright say of generated models, and of programs that use them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.types.javascript_samples import TYPES
from tests.types.python_package import written

PROGRAMS = Path(sys.executable).parent

RIGHT = """
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, assert_type
from uuid import UUID

from {package} import UNSET, absence, clinic
from {package}.absence import MilestoneAction


def notes_of(text: str) -> str:
    row = absence.MilestoneActionsRow.model_validate_json(text)
    assert_type(row.status, Literal["pending", "completed", "skipped"])
    assert_type(row.started_at, datetime)
    assert_type(row.amount, Decimal | None)
    return row.notes or ""


def changed(update: absence.MilestoneActionsUpdate) -> str | None:
    return None if update.notes is UNSET else update.notes


new = absence.MilestoneActionsInsert(case_id=UUID(int=1), created_by=UUID(int=2), status="skipped", notes="why")
update = absence.MilestoneActionsUpdate(ended_at=datetime.now(UTC), status="completed")
weird = absence.N2WeirdNamesInsert(class_="a")
visit = clinic.VisitsInsert(kind="first", rating=3, details={{"name": "x"}})
call = absence.SkipMilestoneActionArguments(action=UUID(int=1), notes=None, force=True)
action: type[MilestoneAction] = absence.MilestoneActionsRow
for each in absence.MILESTONE_ACTIONS_STATUS:
    new.status = each
"""

WRONG = """
from uuid import UUID

from {package} import absence, clinic

absence.MilestoneActionsInsert(case_id=UUID(int=1), created_by=UUID(int=2), status="none")
absence.MilestoneActionsInsert(case_id=UUID(int=1))
absence.MilestoneActionsInsert(case_id=UUID(int=1), created_by=UUID(int=2), number=1)
absence.MilestoneActionsUpdate(status=None)
absence.MilestoneActionsUpdate(created_by=UUID(int=1))
clinic.VisitsInsert(kind="first", rating=4, details=None)
"""
"""Each line from the sixth on is a fault."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("typing")
    package = written(base, TYPES)
    for name, text in {"right": RIGHT, "wrong": WRONG}.items():
        (base / f"{name}.py").write_text(text.format(package=package.name), encoding="utf-8")
    (base / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "standard"}), encoding="utf-8")
    return base


def checked(program: str, directory: Path, arguments: Sequence[str]) -> tuple[int, str]:
    command = [str(PROGRAMS / program), *arguments]
    found = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


def faulty_lines(output: str) -> set[int]:
    """The lines of ``wrong.py`` that a type checker complains of."""
    return {int(each) for each in re.findall(r"wrong\.py:(\d+)(?::\d+ -|:) error", output)}


MYPY = ("--strict", "--config-file", "", "--python-executable", sys.executable)
PYRIGHT = ("--pythonpath", sys.executable)


@pytest.mark.parametrize(("program", "options"), [("mypy", MYPY), ("pyright", PYRIGHT)])
def test_models_and_their_use_are_well_typed(directory: Path, program: str, options: Sequence[str]) -> None:
    paths = [each.name for each in directory.iterdir() if each.name.startswith(("sample", "right"))]
    code, output = checked(program, directory, [*options, *paths])
    assert code == 0, output


@pytest.mark.parametrize(("program", "options"), [("mypy", MYPY), ("pyright", PYRIGHT)])
def test_wrong_use_is_found(directory: Path, program: str, options: Sequence[str]) -> None:
    _, output = checked(program, directory, [*options, "wrong.py"])
    assert faulty_lines(output) == {6, 7, 8, 9, 10, 11}, output
