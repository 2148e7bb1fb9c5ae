"""Conditions in Python mean what the predicates mean, in three values, and stand as ruff would have them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings

from harness.types import runtime
from harness.types.expressions import ColumnRead, Compare, ConstantValue, Expression, In, IsNull
from harness.types.python_layout import statement
from harness.types.python_rules import holds, literal
from harness.values.examples import examples
from tests.types.predicates import COLUMNS, PREDICATES, ROWS
from tests.types.three_valued import ABSENT, truth

ATTRIBUTES = {name: name for name in COLUMNS}


def evaluated(condition: str, row: dict[str, Any]) -> bool:
    known = {name: value for name, value in row.items() if value is not ABSENT}
    names = {**vars(runtime), "Decimal": runtime.EXACT.create_decimal}
    return bool(eval(condition, names, {"row": runtime._KnownColumns(**known)}))


@settings(max_examples=1000, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(PREDICATES, ROWS)
def test_a_condition_holds_unless_the_predicate_is_false(predicate: Expression, row: dict[str, Any]) -> None:
    condition = holds(predicate, ATTRIBUTES, {})
    note(condition)
    assert evaluated(condition, row) == (truth(predicate, row) is not False)


WORDS = ("", "_of_the_case", "_that_somebody_has_called_by_a_name_which_is_as_long_as_possible")


def test_conditions_are_laid_out_as_ruff_does(tmp_path: Path) -> None:
    lines = []
    for number, predicate in enumerate(examples(PREDICATES, 400, 1)):
        attributes = {name: f"{name}{WORDS[(number + place) % 3]}" for place, name in enumerate(COLUMNS)}
        condition = holds(predicate, attributes, {})
        lines += statement(
            f"R{number} = ", f'(RowRule("{"r" * (number % 63)}", ("a", "b"), lambda row: {condition}), 1)'
        )
    (tmp_path / "rules.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [
        str(Path(sys.executable).with_name("ruff")),
        "format",
        "--isolated",
        "--line-length",
        "120",
        "--diff",
        ".",
    ]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


AT = ColumnRead("timestamptz", "at", nullable=True)


@pytest.mark.parametrize(
    ("operator", "text", "expected"),
    [
        ("<", "infinity", "True"),
        (">", "infinity", "missing(row.at)"),
        ("=", "-infinity", "missing(row.at)"),
        (">=", "0044-03-15 00:00:00+00 BC", "True"),
        ("<=", "10000-01-01 00:00:00+00", "True"),
    ],
)
def test_moments_that_python_does_not_have(operator: Any, text: str, expected: str) -> None:
    compare = Compare("bool", operator, AT, ConstantValue("timestamptz", text))
    assert holds(compare, {}, {}) == expected


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        (In("bool", ColumnRead("text", "a", False), (ConstantValue("text", "x"),)), 'row.a is UNSET or row.a == "x"'),
        (
            In("bool", ColumnRead("text", "a", False), tuple(ConstantValue("text", each) for each in "xy")),
            "row.a is UNSET or row.a in SET",
        ),
        (
            In("bool", ColumnRead("int4", "a", False), tuple(ConstantValue("int4", each) for each in "12")),
            "row.a is UNSET or row.a in (1, 2)",
        ),
        (IsNull("bool", ColumnRead("text", "a", True)), "row.a is UNSET or row.a is None"),
    ],
)
def test_conditions_are_readable(predicate: Expression, expected: str) -> None:
    assert holds(predicate, {}, {('"x"', '"y"'): "SET"}) == expected


@pytest.mark.parametrize(
    ("type", "text", "expected"),
    [
        ("numeric", "1.50", 'Decimal("1.50")'),
        ("float4", "0.1", "0.10000000149011612"),
        ("float8", "NaN", 'float("nan")'),
        ("date", "2026-01-02", "dt.date(2026, 1, 2)"),
        (
            "timestamptz",
            "2026-01-01 00:00:00+02",
            "dt.datetime(2026, 1, 1, 0, 0, tzinfo=dt.timezone(dt.timedelta(seconds=7200)))",
        ),
        ("bool", "t", "True"),
        ("jsonb", '{"a": [1, true]}', '{"a": [1, True]}'),
        ("text", "it's", '"it\'s"'),
        ("text", 'a"\n\\', "'a\"\\n\\\\'"),
    ],
)
def test_literals(type: str, text: str, expected: str) -> None:
    assert literal(type, text) == expected
