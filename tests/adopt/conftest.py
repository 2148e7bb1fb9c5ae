"""A schema in a scratch database, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.adopt import check_file
from harness.adopt.survey import Survey, survey
from harness.declarations import DeclaredCheck, read_text
from harness.kinds import KINDS
from harness.server.connection import Server

Adopt = Callable[[str], Survey]


@pytest.fixture
def adopt(database: tuple[Server, str]) -> Adopt:
    """Runs DDL on top of what the test ran before, and describes the tables."""
    server, name = database

    def run(ddl: str) -> Survey:
        with server.connect(name) as connection:
            connection.execute(ddl.encode())
            return survey(connection)

    return run


def pages(found: Survey) -> dict[str, str]:
    return {str(table): check_file.document(sheet) for table, sheet in found.descriptions.items()}


def checks(text: str) -> list[DeclaredCheck]:
    return list(read_text(text, Path("checks/t/x.yml"), "t", KINDS))
