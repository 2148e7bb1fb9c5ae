"""Rules that compare across types say what PostgreSQL says: real with double precision above all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.server.connection import Server
from tests.types.proving import POSTGREST, PYDANTIC, ZOD, Proving, proving

SCHEMA = """\
create schema app;
create domain app.ratio as real constraint ratio_least check (value >= 0.1);
create table app.above (f real not null constraint above_f check (f > 0.1));
create table app.up_to (f real constraint up_to_f check (f <= 0.1));
create table app.below (f real default 0.3 constraint below_f check (f < 0.7));
create table app.far (f real not null constraint far_f check (f < 16777217));
create table app.real_constants (f real not null constraint real_constants_f check (f > 0.1::real));
create table app.among (f real not null constraint among_f check (f in (0.5, 1, 0.1)));
create table app.among_reals (f real not null constraint among_reals_f check (f in (0.5::real, 0.1::real, 'NaN')));
create table app.doubles (d double precision not null constraint doubles_d check (d = 0.1::real or d > 5));
create table app.columns (f real not null, d double precision not null, constraint columns_fd check (f < d));
create table app.domains (ratio app.ratio not null);
create table app.sums (f real not null, g real not null, constraint sums_fg check (f + g < 0.3::real));
create table app.mixed_sums (f real not null constraint mixed_sums_f check (f + 0.1 < 0.3));
create table app.filled (f real constraint filled_f check (coalesce(f, 0.1) > 0.1));
create table app.distinct_reals (g real constraint distinct_reals_g check (g is distinct from 0.5));
create table app.integers (
    i integer, b bigint,
    constraint integers_order check (i < b), constraint integers_differ check (i is distinct from b)
);
create table app.booleans (flags boolean[] constraint booleans_flags check (flags <@ '{t}'));
"""
ALL = {output.path: output for output in (ZOD, POSTGREST, PYDANTIC)}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Proving]:
    with proving(tmp_path_factory.mktemp("numbers"), server, SCHEMA, {}, rows=12) as found:
        yield found


@pytest.mark.parametrize("path", ALL)
def test_they_agree(tried: Proving, path: str) -> None:
    verdicts = tried.verdicts(ALL[path])
    assert [line for each in verdicts.values() if not each.agrees for line in each.lines()] == []
    stated = {rule.name for each in verdicts.values() for rule in each.shape.rules}
    assert len(stated) == SCHEMA.count("constraint ")


ROW = 'pg.rule("above_f", "f"));\nexport type AboveRow'
PLANTS = {
    ZOD.path: ("app.ts", f"(row.f), 0.1) > 0, {ROW}", f"(row.f), Math.fround(0.1)) > 0, {ROW}"),
    POSTGREST.path: ("app.ts", f"(Number(row.f)), 0.1) > 0, {ROW}", f"(Number(row.f)), Math.fround(0.1)) > 0, {ROW}"),
    PYDANTIC.path: ("app.py", "ranked(real(row.f)) > ranked(0.1)", "ranked(row.f) > ranked(0.1)"),
}


@pytest.mark.parametrize("path", PLANTS)
def test_a_constant_that_is_rounded_is_found(tried: Proving, path: str) -> None:
    file, old, new = PLANTS[path]
    verdicts = tried.verdicts(ALL[path], {file: {old: new}})
    assert [name for name, each in verdicts.items() if each.disagreements] == ["above"]
    assert {each.case.values["f"].text for each in verdicts["above"].disagreements} == {"0.1"}
