"""Conditions of JavaScript say what PostgreSQL's three-valued logic says."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import pytest

from harness.types import expressions as e
from harness.types.javascript import NODE
from harness.types.logic import condition
from harness.types.model import ShapeName
from harness.types.zod_rules import JavaScriptDialect
from tests.types import node_programs
from tests.types.node_rules import FIELDS, Drawing, Drawn, holds

COUNT = 700
"""Predicates for each shape and driver; a hundred find most faults, and one more costs little."""

SHAPES: tuple[ShapeName, ...] = get_args(ShapeName)
_OIDS = {
    "int8": 20,
    "numeric": 1700,
    "float8": 701,
    "date": 1082,
    "timestamptz": 1184,
    "_text": 1009,
    "jsonb": 3802,
    "bytea": 17,
}


def dialect(shape: ShapeName, driver: str) -> JavaScriptDialect:
    fields = [each for each in FIELDS if shape == "Row" or each.insert != "absent"]
    return JavaScriptDialect(shape, fields, {each.name: each.name for each in FIELDS}, driver)


def value(type: str, text: str | None, driver: str) -> Any:
    """A value as the driver gives it, for run.mjs."""
    if text is None or type in ("text", "bpchar"):
        return text
    if driver == NODE and type in _OIDS:
        return {"$pg": [_OIDS[type], text]}
    match type:
        case "numeric" | "float8" | "int8" if text in ("NaN", "Infinity"):
            return text
        case "date" | "bytea":
            return text
        case "timestamptz":
            return text.replace(" ", "T") + ":00"
        case "_text":
            return {"{}": [], "{a}": ["a"], '{a,"b "}': ["a", "b "], "{a,NULL}": ["a", None]}[text]
        case _:
            return json.loads(text)


@pytest.mark.parametrize("driver", [NODE, "postgrest"])
def test_conditions_agree_with_three_valued_logic(tmp_path: Path, driver: str) -> None:
    lines, cases, expected = ['import * as pg from "./runtime.ts";\n'], [], []
    types = {each.name: each.column.base_name for each in FIELDS}
    for number, shape in enumerate(SHAPES):
        drawing = Drawing(number)
        for count in range(COUNT):
            drawn = exact(drawing.drawn(shape), driver)
            text = condition(drawn.predicate, dialect(shape, driver))
            lines.append(f"export const {shape}{count} = (row: any) => {text};\n")
            row = {name: value(types[name], each, driver) for name, each in drawn.record.items()}
            cases.append({"file": "rules.ts", "call": f"{shape}{count}", "values": [row]})
            expected.append((holds(drawn, shape), text, drawn))
    runtime = resources.files("harness.types").joinpath("runtime.ts").read_text(encoding="utf-8")
    node_programs.write(tmp_path, {"rules.ts": "".join(lines), "runtime.ts": runtime})
    found = node_programs.judged(tmp_path, cases)
    wrong = [each for each, answer in zip(expected, found, strict=True) if answer is not each[0]]
    assert not wrong, (
        f"{len(wrong)} of {len(found)}, of which the shortest: {min(wrong, key=lambda each: len(each[1]))}"
    )
    assert 0.1 < sum(each[0] for each in expected) / len(expected) < 0.95


def exact(drawn: Drawn, driver: str) -> Drawn:
    """Without numbers that JSON has to round: what rules say of those is not known."""
    if driver == NODE:
        return drawn
    long = {"9007199254740993": "1", "-9223372036854775808": "-1", "99999999999999999999.1": "2.5"}

    def of(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(map(of, part))
        if isinstance(part, e.ConstantValue):
            return e.ConstantValue(part.type, long.get(part.text or "", part.text))
        if isinstance(part, e.Expression):
            return type(part)(**{name: of(each) for name, each in vars(part).items()})
        return part

    return Drawn(of(drawn.predicate), {name: long.get(each or "", each) for name, each in drawn.record.items()})
