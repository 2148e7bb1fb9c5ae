"""A reader with an empty directory, who follows a page of ``docs/`` to the letter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.server import binaries
from harness.server.cluster import cluster
from harness.server.data_directory import SCRATCH
from tests.cli.conftest import HARNESS, Cli, Run, environment, run
from tests.guides.reader import Reader

__all__ = ["environment", "run"]


@pytest.fixture(scope="session")
def readers_base(cluster_base: Path) -> Iterator[Path]:
    """The directory of a server for readers alone: roles that pages make would be in the way of other tests."""
    base = cluster_base / "readers"
    base.mkdir()
    with cluster(binaries.embedded(), base), cluster(binaries.embedded(), base, ending=SCRATCH):
        yield base


@pytest.fixture
def cli(tmp_path: Path, environment: dict[str, str], readers_base: Path) -> Cli:
    """An empty directory, and the server for readers."""
    return Cli(tmp_path, "nothing", {**environment, "HARNESS_DATA": str(readers_base)})


@pytest.fixture
def reader(cli: Cli, run: Run, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """The commands of the page find the installed ``harness`` first."""
    path = f"{HARNESS.parent}:{cli.environment['PATH']}"
    return Reader(cli.root, run, {**cli.environment, "PATH": path}, monkeypatch)
