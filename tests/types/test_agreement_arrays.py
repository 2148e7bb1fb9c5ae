"""Arrays whose elements drivers do not know are told as they arrive: of domains, enums and composites."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.server.connection import Server
from tests.types.proving import POSTGREST, PYDANTIC, ZOD, Proving, proving

ELEMENTS = {
    "flag": "boolean",
    "short": "smallint",
    "whole": "integer",
    "long": "bigint",
    "object": "oid",
    "free": "numeric",
    "price": "numeric(4, 1)",
    "small": "real",
    "double": "double precision",
    "word": "text",
    "code": "varchar(5)",
    "padded": "char(3)",
    "uid": "uuid",
    "day": "date",
    "hour": "time",
    "zoned_hour": "timetz",
    "moment": "timestamp",
    "zoned_moment": "timestamptz",
    "span": "interval",
    "document": "json",
    "binary_document": "jsonb",
    "bytes": "bytea",
    "bits": "bit(3)",
    "some_bits": "varbit(5)",
    "address": "inet",
    "network": "cidr",
    "device": "macaddr",
    "period": "daterange",
    "spot": "point",
    "round": "circle",
    "mood": "app.feeling",
    "couple": "app.pair",
    "numbers": "integer[]",
    "words": "text[]",
}
DOMAINS = "".join(f"create domain app.{name} as {type};\n" for name, type in ELEMENTS.items())
COLUMNS = ", ".join(f"of_{name} app.{name}[]" for name in ELEMENTS)
SCHEMA = f"""\
create schema app;
create type app.feeling as enum ('good', 'bad one', 'a,b');
create type app.pair as (x integer, n numeric, feeling app.feeling, f real);
{DOMAINS}
create table app.of_domains ({COLUMNS});
create table app.of_others (
    feelings app.feeling[] constraint of_others_feelings check (cardinality(feelings) < 3),
    pairs app.pair[], pair app.pair, ranges numrange[], places point[], circles circle[], moments timestamptz[],
    numbers numeric[][], prices app.price[][]
);
create table app.limited (
    wholes app.whole[] not null constraint limited_wholes check (array_length(wholes, 1) < 3),
    smalls app.small[] not null
);
create domain app.money as numeric(12, 2);
create domain app.time as integer;
create domain app.numeric as real;
create domain app.interval as bigint;
create type app.date as enum ('x', 'y');
create type app.point as (x integer, n numeric);
create table app.named_as_built_in_types (
    amounts app.money[], times app.time[], numbers app.numeric[], dates app.date[], points app.point[],
    intervals app.interval[], time app.time, date app.date, point app.point
);
"""
ALL = {output.path: output for output in (ZOD, POSTGREST, PYDANTIC)}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Proving]:
    with proving(tmp_path_factory.mktemp("arrays"), server, SCHEMA, {}, rows=12) as found:
        yield found


@pytest.mark.parametrize("path", ALL)
def test_they_agree(tried: Proving, path: str) -> None:
    verdicts = tried.verdicts(ALL[path])
    assert len(verdicts) == 4
    assert [line for each in verdicts.values() if not each.agrees for line in each.lines()] == []


PLANTS = {
    ZOD.path: ("app.ts", 'readNumber, pg.int4("wholes")', 'readNumber, pg.int2("wholes")', "wholes (22003)"),
    POSTGREST.path: ("app.ts", 'z.array(pg.int4("wholes")', 'z.array(pg.int2("wholes")', "wholes (22003)"),
    PYDANTIC.path: (
        "app.py",
        "smalls: FromText[list[FloatText[Float4] | None]]",
        "smalls: FromText[list[Float4 | None]]",
        "as JSON it is accepted, as a record not",
    ),
}


@pytest.mark.parametrize("path", PLANTS)
def test_elements_of_another_type_are_found(tried: Proving, path: str) -> None:
    file, old, new, said = PLANTS[path]
    verdicts = tried.verdicts(ALL[path], {file: {old: new}})
    assert [name for name, each in verdicts.items() if each.disagreements] == ["limited"]
    assert {each.judgement.messages[0] for each in verdicts["limited"].disagreements} == {said}
