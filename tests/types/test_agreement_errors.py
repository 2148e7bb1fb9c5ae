"""A table of any names is proved, and a proof that fails costs its own table only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.server.connection import Server
from harness.types.agreement.cases import SentValue, TriedRecord
from harness.types.agreement.records import ServerRecords
from tests.types.proving import PYDANTIC, ZOD, Proving, proving

SCHEMA = """\
create schema app;
create type app.pair as (x integer, y text);
create table app.numbers (id integer primary key, t integer);
create table app.texts (id integer primary key, t text not null);
create table app.arrays (id integer primary key, t text[]);
create table app.pairs (id integer primary key, t app.pair, pairs app.pair);
create table app.computed (id integer primary key, v integer not null, w integer generated always as (v * 2) stored);
create table app.old (id integer primary key, old integer not null, new integer);
create table app.new (id integer primary key, new integer);
create table app.aliases (
    id integer primary key, aliases integer, "row" integer, r integer, n integer,
    a integer, b integer, p integer, c integer, to_json integer, value integer,
    constraint aliases_order check (a < b), constraint aliases_r check (r > 0 or n < 3)
);
"""
OUTPUTS = {output.path: output for output in (ZOD, PYDANTIC)}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Proving]:
    with proving(tmp_path_factory.mktemp("errors"), server, SCHEMA, {}, rows=8) as found:
        yield found


@pytest.mark.parametrize("path", OUTPUTS)
def test_names_that_queries_of_the_proof_have_too(tried: Proving, path: str) -> None:
    verdicts = tried.verdicts(OUTPUTS[path])
    assert len(verdicts) == 8
    assert [line for each in verdicts.values() if not each.agrees for line in each.lines()] == []


@pytest.mark.parametrize("path", OUTPUTS)
def test_a_proof_that_fails(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    good = ServerRecords.stored

    def stored(self: ServerRecords, values: Mapping[str, SentValue]) -> Iterator[TriedRecord]:
        if self.table.name.table == "broken":
            raise KeyError("id")
        return good(self, values)

    monkeypatch.setattr(ServerRecords, "stored", stored)
    schema = "create schema app; create table app.broken (a integer); create table app.whole (a integer);"
    with proving(tmp_path, server, schema, {}, rows=4) as found:
        verdicts = found.verdicts(OUTPUTS[path])
    broken = verdicts["broken"]
    assert list(broken.lines()) == [
        f"  app.broken: ERROR, not proved: {broken.error}",
        "    please report it; --report json writes its traceback",
    ]
    assert broken.error is not None and not broken.agrees
    assert broken.error.startswith("KeyError: 'id', at harness/types/agreement/trying.py:")
    assert broken.error.endswith(": this is a bug in harness")
    assert broken.json()["error"] == broken.error and "Traceback" in broken.json()["traceback"]
    assert verdicts["whole"].agrees and "error" not in verdicts["whole"].json()
