"""A project in which pytest runs as a process of its own, on the server of these tests."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import pytest_session
from harness.server.connection import Server

from . import shop

Run = Callable[..., pytest.RunResult]

# Imported for good: pytester makes Python forget what is first imported while it works, and not every extension
# module survives that.
for name in ("postgast", "harness.proving.prover", "harness.project.load", "harness.reports.words"):
    importlib.import_module(name)


@pytest.fixture
def on_our_server(scratch_server: Server, cluster_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projects find the server that runs already; nothing else in the environment chooses one."""
    for name in [
        name for name in os.environ if name.startswith("PG") or name in ("CI", "DATABASE_URL", "HARNESS_TARGET")
    ]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HARNESS_DATA", str(cluster_base))
    # Else every process works out its table of Unicode anew, for a second.
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", str(cluster_base / "hypothesis"))


@pytest.fixture
def project(pytester: pytest.Pytester, on_our_server: None) -> Path:
    shop.build(pytester.path)
    return pytester.path


@pytest.fixture
def run(pytester: pytest.Pytester, on_our_server: None) -> Run:
    """Runs pytest; every warning is an error, as it may be for those who use the plugin."""
    return lambda *arguments: pytester.runpytest_subprocess("-W", "error", *arguments)


@pytest.fixture
def scratch(scratch_server: Server) -> Iterator[Callable[[], set[str]]]:
    """The scratch databases there are beside those that stood before the test."""

    def names() -> set[str]:
        with scratch_server.connect() as connection:
            found = connection.execute("select datname from pg_database where datname like 'harness\\_s\\_%'")
            return {name for (name,) in found}

    before = names()
    yield lambda: names() - before


@pytest.fixture
def bench(tmp_path: Path, on_our_server: None) -> Iterator[pytest_session.ProjectSession]:
    """The shop's session in this process."""
    shop.build(tmp_path)
    before = pytest_session.configure(pytest_session.Options(start=tmp_path))
    bench = pytest_session.of()
    yield bench
    bench.close()
    pytest_session.configure(before)
