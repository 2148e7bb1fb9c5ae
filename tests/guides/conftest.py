"""A reader with an empty directory, who follows a page of ``docs/`` to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import HARNESS, Cli, Run, environment, run
from tests.guides.reader import Reader

__all__ = ["environment", "run"]


@pytest.fixture
def cli(tmp_path: Path, environment: dict[str, str]) -> Cli:
    """An empty directory."""
    return Cli(tmp_path, "nothing", environment)


@pytest.fixture
def reader(cli: Cli, run: Run, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """The commands of the page find the installed ``harness`` first."""
    path = f"{HARNESS.parent}:{cli.environment['PATH']}"
    return Reader(cli.root, run, {**cli.environment, "PATH": path}, monkeypatch)
