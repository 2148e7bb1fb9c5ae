"""What mutants are made of: the statements and conditions that are found in the bodies of functions."""

from __future__ import annotations

from . import bodies
from .expressions import expressions
from .words import scanned

BODY = """
declare
    total integer := 1;
begin
    if new.a <> old.a and new.b between 1 and 2 then
        raise exception 'no' using errcode = 'P0001';
    elsif case when new.a then true else false end then
        new.at := now();
    end if;
    for row in select p.x from t as p where p.id = any(ids) for share loop
        update t set x = 1, y = 2 where id = 3;
    end loop;
    return new;
end
"""


def test_every_statement_is_found_those_within_others_too() -> None:
    found = [BODY[each.start : each.end].split()[0] for each in bodies.statements(scanned(BODY))]
    assert found == ["if", "raise", "new.at", "for", "update", "return"]


def test_a_condition_ends_where_its_then_stands() -> None:
    found = [BODY[each[0].start : each[-1].end] for each in bodies.conditions(scanned(BODY))]
    assert found == ["new.a <> old.a and new.b between 1 and 2", "case when new.a then true else false end"]


def test_a_lock_of_rows_is_taken_out_whole() -> None:
    assert [
        edit.of("select 1 from t for no key update;") for edit in bodies.locks("select 1 from t for no key update;")
    ]
    assert [edit.what for edit in bodies.locks(BODY)] == ["without for share"]


def test_an_edit_leaves_the_rest_as_it_is() -> None:
    made = dict(expressions("(a IS NULL) AND (b >= 1)"))
    assert made["without (a IS NULL)"] == "true AND (b >= 1)"
    assert made["without (b >= 1)"] == "(a IS NULL) AND true"
    assert "(a is not NULL) AND (b >= 1)" in made.values()
    assert {"(a IS NULL) AND (b > 1)", "(a IS NULL) AND (b >= 0)", "(a IS NULL) AND (b >= 2)"} <= {*made.values()}


def test_what_is_set_is_not_compared() -> None:
    made = {edit.of("update t set a = 1 where b = 2") for edit in bodies.sql("update t set a = 1 where b = 2")}
    assert "update t set a = 1 where b <> 2" in made
    assert not any("a <> 1" in each for each in made)
