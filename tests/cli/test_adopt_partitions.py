"""harness adopt, and the checks that it writes, of schemas with partitions: no false alarm, and no rule left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Cli
from tests.cli.test_adopt import empty as empty

CASES: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("partitions.yml").read_text("utf-8"))
SEEDS = [pytest.param(1), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in (2, 3))]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CASES)
def test_partitions_are_adopted_and_proved(empty: Cli, name: str, seed: int) -> None:
    case = CASES[name]
    empty.write("schema.sql", case["schema"])
    adopted = empty.run("adopt", "schema.sql")
    assert (adopted.returncode, adopted.stderr) == (0, "")
    assert sorted(path.stem for path in empty.root.glob("checks/public/*.yml")) == case["files"]
    assert [line for line in case.get("known", ()) if f"\n  {line}\n" not in adopted.stdout] == []
    done = empty.run("test", "--seed", str(seed))
    unreliable: dict[str, list[str]] = {}
    for reason, names in re.findall(r"^unreliable: (.+)\n((?:  .+\n)+)", done.stdout, re.MULTILINE):
        unreliable[reason] = re.findall(r"^  public\.(\S+)", names, re.MULTILINE)
    assert unreliable == case.get("unreliable", {}), done.stdout
    assert " 0 broken" in done.stdout
    assert done.returncode == (1 if unreliable else 0), done.stdout
    assert "100.0 %" in empty.run("coverage").stdout
