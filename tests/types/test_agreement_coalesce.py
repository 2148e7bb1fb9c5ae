"""Rules with COALESCE compile under TypeScript, and say what PostgreSQL says, whatever can be NULL or left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from harness.server.connection import Server
from harness.types.output import render
from tests.types.node_programs import compiled, write
from tests.types.proving import POSTGREST, PYDANTIC, ZOD, Proving, proving

NOON, BEFORE = "'2020-01-01 12:00+00'::timestamptz", "'1999-01-01 00:00+00'"
VALUES = {
    "text": ("'a'", "{} <> 'x'"),
    "integer": ("3", "{} > 0"),
    "bigint": ("3::bigint", "{} / 2 > 0"),
    "numeric(5, 1)": ("3::numeric", "{} * 2 > 1"),
    "real": ("0.5::real", "{} > 0.1"),
    "double precision": ("0.5::double precision", "{} + 1 > 0.1"),
    "boolean": ("true", "{}"),
    "timestamptz": (NOON, f"{{}} > {BEFORE}"),
    "date": ("'2020-01-01'::date", "{} > '1999-01-01'"),
    "character(3)": ("'a'::bpchar", "{} <> 'x'"),
    "jsonb": ("'{}'::jsonb", "jsonb_typeof({}) = 'object'"),
    "text[]": ("'{a}'::text[]", "{} <@ '{{a,b}}'"),
    "varbit(3)[]": ("'{1}'::varbit[]", "cardinality({}) < 3"),
    "app.mood": ("'good'::app.mood", "{} = 'good'"),
}
"""Types with a value that keeps a rule, and the rule over an expression."""

PROVED = ("varbit(3)[]",)
"""Those of which the rules are tried as well; rules over other types are drawn in other tests."""


def _table(number: int, type: str) -> str:
    value, rule = VALUES[type]
    expressions = {
        "filled": f"coalesce(always, {value})",
        "default_first": f"coalesce(usual, {value})",
        "default_last": "coalesce(maybe, usual)",
        "always_last": f"coalesce(maybe, filled, {value})",
        "nested": "coalesce(null, coalesce(maybe, usual), always)",
    }
    rules = ", ".join(f"constraint t{number}_{name} check ({rule.format(each)})" for name, each in expressions.items())
    return f"""\
create table app.t{number} (
    always {type} not null, filled {type} not null default {value}, usual {type} default {value}, maybe {type}, {rules}
);
"""


def schema(types: Iterable[str]) -> str:
    tables = "".join(_table(number, type) for number, type in enumerate(types))
    return f"create schema app;\ncreate type app.mood as enum ('good', 'bad');\n{tables}"


ALL = {output.path: output for output in (ZOD, POSTGREST, PYDANTIC)}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Proving]:
    with proving(tmp_path_factory.mktemp("coalesce"), server, schema(PROVED), {}, rows=1) as found:
        yield found


@pytest.mark.parametrize("path", ALL)
def test_they_agree(tried: Proving, path: str) -> None:
    verdicts = tried.verdicts(ALL[path])
    assert sum(len(each.shape.rules) for each in verdicts.values()) == 5 * len(PROVED)
    assert [line for each in verdicts.values() if each.disagreements for line in each.lines()] == []


def test_they_compile(tmp_path: Path, server: Server) -> None:
    with proving(tmp_path, server, schema(VALUES), {}) as found:
        for output in (ZOD, POSTGREST):
            types = found.types(output)
            assert sum(len(table.rules) for module in types.modules for table in module.tables) == 5 * len(VALUES)
            directory = tmp_path / output.driver
            write(directory, render(tmp_path, output, types).texts)
            for version in (6, 7):
                assert compiled(directory, version, emit=False) == ""


OF_PREDICATES = {
    "null_is_false": "coalesce(low <= high, false)",
    "null_is_true": "coalesce(low <= high, true)",
    "the_second_counts": "coalesce(low > 1, high > 1)",
    "negated": "not coalesce(low > 1, high > 1, false)",
    "of_a_flag": "coalesce(low > 1, flag)",
    "compared": "coalesce(low > high, false) = coalesce(flag, false)",
    "within_or": "low is null or coalesce(high > 5 and flag, low < 3)",
}


@pytest.mark.parametrize("name", OF_PREDICATES)
def test_the_first_predicate_that_is_not_null_counts(tmp_path: Path, server: Server, name: str) -> None:
    columns = "low integer, high integer default 4, flag boolean, id integer not null"
    table = f"create table app.t ({columns}, constraint {name} check ({OF_PREDICATES[name]}));"
    with proving(tmp_path, server, f"create schema app; {table}", {}, rows=60) as found:
        for output in (ZOD, PYDANTIC):
            (verdict,) = found.verdicts(output).values()
            assert [rule.name for rule in verdict.shape.rules] == [name]
            assert verdict.disagreements == [] and verdict.broken[name] > 0, verdict.lines()
