"""Literals of JavaScript for values as PostgreSQL prints them."""

from __future__ import annotations

import json
import re
from decimal import Decimal

from harness.types.javascript import NODE
from harness.types.javascript_names import string

_NUMBERS = ("int2", "int4", "oid", "int8", "numeric", "float4", "float8")
MOMENTS = ("date", "timestamp", "timestamptz")
_MIDNIGHT = "00:00:00"
_DIGITS = 15
"""Digits of a decimal number that JavaScript's keep."""


def constant(type: str, text: str, driver: str) -> str:
    """A literal of JavaScript for a value as PostgreSQL prints it."""
    if type in _NUMBERS:
        return _number(type, text, driver)
    if type == "bool":
        return "true" if text in ("t", "true") else "false"
    if type == "bpchar":
        return string(text.rstrip(" "))
    if type in MOMENTS and driver == NODE:
        return _milliseconds(text)
    if type in ("json", "jsonb"):
        return json.dumps(json.loads(text), ensure_ascii=False)
    if type.startswith("_"):
        return f"[{', '.join(constant(type[1:], each, driver) for each in elements(text))}]"
    return string(text)


def elements(text: str) -> list[str]:
    """The elements of the text of an array of one dimension without NULL."""
    items = re.findall(r'"((?:[^"\\]|\\.)*)"|([^",{}\\]+)', text[1:-1])
    return [bare or re.sub(r"\\(.)", r"\1", quoted) for quoted, bare in items]


def _number(type: str, text: str, driver: str) -> str:
    if text in ("NaN", "Infinity", "-Infinity"):
        return text
    number = Decimal(text)
    digits = len(number.normalize().as_tuple().digits)
    if digits > _DIGITS and (type == "numeric" or (type == "int8" and driver == NODE)):
        return string(text)
    plain = f"{number.normalize():f}" if abs(number.adjusted()) < _DIGITS else str(float(number))
    return str(int(number)) if type.startswith("int") else plain


def _milliseconds(text: str) -> str:
    """A date or timestamp as milliseconds since 1970, in the time zone of the program if it has no own."""
    if text.endswith("infinity"):
        return "-Infinity" if text.startswith("-") else "Infinity"
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d:\d\d:\d\d)(\.\d+)?(?:([+-]\d\d)(:?\d\d)?)?)?", text)
    if found is None:
        return f"Date.parse({string(text)})"
    year, month, day, time, fraction, hours, minutes = found.groups()
    zone = f"{hours}:{(minutes or '00').removeprefix(':')}" if hours else ""
    part = fraction[:4] if fraction else ""
    return f"Date.parse({string(f'{year}-{month}-{day}T{time or _MIDNIGHT}{part}{zone}')})"
