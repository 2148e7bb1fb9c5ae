"""Types for a role are proved by the rules that its records can break."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.server.connection import Server
from tests.types.proving import POSTGREST, PYDANTIC, ZOD, proving

READER = "types_agreement_reader"
SCHEMA = f"""\
create schema app;
create role {READER};
create table app.parts (
    id integer primary key, secret numeric(6, 2) not null default 0, label text not null,
    constraint parts_secret check (secret >= 0), constraint parts_label check (char_length(label) > 0),
    constraint parts_both check (secret > 3 or label <> 'x')
);
grant usage on schema app to {READER};
grant select (id, label) on app.parts to {READER};
"""


def test_a_column_that_the_role_cannot_see(tmp_path: Path, server: Server) -> None:
    with proving(tmp_path, server, SCHEMA, {}, rows=8) as found:
        for output in (ZOD, POSTGREST, PYDANTIC):
            (verdict,) = found.verdicts(replace(output, role=READER)).values()
            assert verdict.agrees, list(verdict.lines())
            assert [rule.name for rule in verdict.shape.rules] == ["parts_label"]
            assert verdict.left_out["rows that break parts_secret, which is not stated"] > 0
