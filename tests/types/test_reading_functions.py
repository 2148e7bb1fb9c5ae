"""Functions as a server has them: parameters, results, and the rules that arguments carry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.project.columns import WrittenColumn
from harness.server.connection import Server
from harness.types.expressions import walk
from harness.types.model import DatabaseTypes, FunctionShape
from harness.types.reading import Declared
from harness.types.record_shapes import numbered
from tests.types.from_server import built, functions, place, types_of, unstated

SCHEMA = """
create schema app;
create domain app.code as text not null constraint code_form check (value <> '');
create type app.pair as (a integer, b integer);
create table app.items (
    id integer primary key,
    status text not null check (status in ('new', 'done', 'skipped')),
    note text not null
        constraint items_length check (char_length(note) <= 5)
        constraint items_case check (case when note = 'x' then false end),
    amount integer,
    constraint items_skipped check (status <> 'skipped' or note <> ''),
    constraint items_amount check (amount is null or note <> ''),
    constraint items_done check (status <> 'done' or note = 'all')
);
create view app.seen as select * from app.items;

create function app.add(a integer, b integer default 1) returns integer language sql as 'select a + b';
comment on function app.add(integer, integer) is 'Adds.';
create function app.add(a text) returns text language sql as 'select a';
create function app.outs(a integer, out x integer, out y text) language sql as 'select 1, ''x''';
create function app.inout(inout a integer) language sql as 'select a';
create function app.listed(integer) returns table (x integer, y text) language sql as 'select 1, ''x''';
create function app.variadic(a text, variadic rest integer[]) returns void language sql as 'select';
create function app.all_items() returns setof app.items language sql as 'select * from app.items';
create function app.one_seen() returns app.seen language sql as 'select * from app.seen limit 1';
create function app.a_pair() returns app.pair language sql as 'select null::app.pair';
create function app.numbers() returns setof integer language sql as 'select 1';
create function app.anything() returns record language sql as 'select 1, 2';
create function app.same(a anyelement) returns anyelement language sql as 'select a';
create procedure app.done(a integer, inout b integer default 3) language sql as 'select 1';
create function app.coded(a app.code, b app.code[]) returns app.code language sql as 'select a';
create function app.skip(id integer, p_note text, p_other text default '') returns void language sql as 'select';
create function app.skip(p_note varchar(2)) returns void language sql as 'select';
create aggregate app.total(integer) (sfunc = int4pl, stype = integer);
create function app.stamp() returns trigger language plpgsql as 'begin return new; end';
create function app.ended() returns event_trigger language plpgsql as 'begin end';
"""


def called(types: DatabaseTypes, name: str) -> FunctionShape:
    (found,) = functions(types, name)
    return found


def arguments(function: FunctionShape) -> list[tuple[str, str, bool]]:
    return [(each.field.name, each.field.column.type, each.optional) for each in function.arguments]


def columns(function: FunctionShape) -> list[tuple[str, str]]:
    return [(each.name, each.column.type) for each in function.columns]


def rules(function: FunctionShape, name: str) -> list[str]:
    (found,) = (each.rules for each in function.arguments if each.field.name == name)
    return [each.name for each in found]


@pytest.fixture(scope="module")
def types(server: Server) -> Iterator[DatabaseTypes]:
    with built(server, SCHEMA) as connection:
        yield types_of(connection)


def test_which(types: DatabaseTypes) -> None:
    assert [each.name for each in types.modules[0].functions] == [
        *("a_pair", "add", "add", "all_items", "anything", "coded", "done", "inout", "listed", "numbers"),
        *("one_seen", "outs", "same", "skip", "skip", "variadic"),
    ]


def test_overloaded(types: DatabaseTypes) -> None:
    numbers, texts = functions(types, "add")
    assert (arguments(numbers), arguments(texts)) == (
        [("a", "integer", False), ("b", "integer", True)],
        [("a", "text", False)],
    )
    assert (numbers.comment, texts.comment) == ("Adds.", None)
    assert numbers.result is not None and numbers.result.column.type == "integer"
    assert texts.result is not None and texts.result.column.type == "text" and texts.result.nullable


def test_out_inout_and_table_parameters(types: DatabaseTypes) -> None:
    outs, inout, listed, done = (called(types, each) for each in ("outs", "inout", "listed", "done"))
    assert (arguments(outs), columns(outs)) == ([("a", "integer", False)], [("x", "integer"), ("y", "text")])
    assert (arguments(inout), columns(inout)) == ([("a", "integer", False)], [("a", "integer")])
    assert (arguments(listed), columns(listed)) == ([("arg1", "integer", False)], [("x", "integer"), ("y", "text")])
    assert (arguments(done), columns(done)) == (
        [("a", "integer", False), ("b", "integer", True)],
        [("b", "integer")],
    )
    assert [each.returns_set for each in (outs, inout, listed, done)] == [False, False, True, False]
    assert not any(each.result or each.row_of for each in (outs, inout, listed, done))


def test_variadic(types: DatabaseTypes) -> None:
    found = called(types, "variadic")
    assert arguments(found) == [("a", "text", False), ("rest", "integer[]", False)]
    assert (found.result, found.columns, found.row_of) == (None, (), None)


def test_rows_and_values(types: DatabaseTypes) -> None:
    found = {each: called(types, each) for each in ("all_items", "one_seen", "a_pair", "numbers", "anything", "same")}
    said = {
        name: (str(each.row_of), each.returns_set, each.result.column.type if each.result else None)
        for name, each in found.items()
    }
    assert said == {
        "all_items": ("app.items", True, None),
        "one_seen": ("app.seen", False, None),
        "a_pair": ("app.pair", False, None),
        "numbers": ("None", True, "integer"),
        "anything": ("None", False, None),
        "same": ("None", False, "anyelement"),
    }


def test_arguments_of_domains(types: DatabaseTypes) -> None:
    found = called(types, "coded")
    assert [(each.field.name, each.field.nullable) for each in found.arguments] == [("a", False), ("b", True)]
    assert (rules(found, "a"), rules(found, "b")) == (["code_form"], [])


WHERE = {
    "without": (None, ["items_length"]),
    "of one row": ("status = 'skipped'", ["items_length", "items_skipped", "items_done"]),
    "of several columns": (
        "status = 'new' and amount = 3",
        ["items_length", "items_skipped", "items_amount", "items_done"],
    ),
    "of no constant": ("amount > 3", ["items_length"]),
    "of what cannot be stated": ("lower(status) = 'skipped'", ["items_length"]),
}


@pytest.mark.parametrize("where", WHERE)
def test_an_argument_carries_the_rules_of_the_column_that_it_is_written_to(server: Server, where: str) -> None:
    predicate, expected = WHERE[where]
    written = WrittenColumn(place("items.note"), predicate)
    declared = Declared(arguments={("app.skip", "p_note"): written})
    with built(server, SCHEMA) as connection:
        types = types_of(connection, declared)
    first, second = functions(types, "skip")
    assert sorted(rules(first, "p_note")) == sorted(rules(second, "p_note")) == sorted(expected)
    assert rules(first, "p_other") == []
    for rule in first.arguments[1].rules:
        assert rule.columns == ("p_note",)
        assert {each.name for each in walk(rule.expression) if hasattr(each, "name")} == {"p_note"}
    # The column is NOT NULL; the parameter can be NULL.
    assert first.arguments[1].field.nullable and all("nullable=True" in repr(each) for each in first.arguments[1].rules)
    found = unstated(types, "items")
    assert found["items_case"] == "it has CASE"
    assert [each.subject for each in types.unstated].count("items_case") == 1
    if where == "of what cannot be stated":
        assert found["lower(status) = 'skipped'"] == "it calls lower()"


def test_functions_that_types_would_write_alike_have_numbers() -> None:
    names = ["list_all", "list__all", "list_all", "list_all_2", "other"]
    shapes = [FunctionShape("app", name, (), None) for name in names]
    assert [called for _, called in numbered(shapes)] == [
        "list_all",
        "list__all_2",
        "list_all_3",
        "list_all_2_2",
        "other",
    ]
