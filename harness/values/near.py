"""Values near to another one: texts that differ in case, blanks or form, moments in the same hour, longer arrays.

Each is one step away from the value. It is not known of which functions they are equal: PostgreSQL is asked.
Not here: constants of rules and their neighbours (``candidates.py``).
"""

from __future__ import annotations

import datetime
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation

from harness.catalog.model import Column
from harness.values.literals import array, delimiter

TEXTS = ("Ab", "b-c d", "é", "ß", "a@b.org", "10", "x.y/z")
"""Texts of which something is left after most functions, with letters, accents, signs and blanks."""

_BASIC = ("text", "varchar", "bpchar", "citext", "name")
_NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8")
_STEPS = {
    "second": datetime.timedelta(seconds=1),
    "minute": datetime.timedelta(minutes=1),
    "hour": datetime.timedelta(hours=1),
    "hours": datetime.timedelta(hours=11),
    "day": datetime.timedelta(days=1),
    "week": datetime.timedelta(days=5),
    "month": datetime.timedelta(days=27),
    "year": datetime.timedelta(days=300),
}

_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_ACCENT = {"a": "á", "e": "é", "o": "ö", "b": "ḃ", "A": "Á", "x": "ẋ"}
_SHAPES: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "swapped": str.swapcase,
    "title": str.title,
    "blank behind": lambda text: f"{text} ",
    "blank before": lambda text: f" {text}",
    "tab behind": lambda text: f"{text}\t",
    "newline behind": lambda text: f"{text}\n",
    "hard blank": lambda text: f"{text}\u00a0",
    "blanks inside": lambda text: f"{text[:1]} {text[1:]}",
    "two blanks": lambda text: text.replace(" ", "  "),
    "no blank": lambda text: text.replace(" ", ""),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "wide": lambda text: text.translate(_WIDE),
    "compatible": lambda text: unicodedata.normalize("NFKC", text),
    "folded": str.casefold,
    "accent": lambda text: "".join(_ACCENT.get(each, each) for each in text),
    "no accent": lambda text: "".join(e for e in unicodedata.normalize("NFD", text) if not unicodedata.combining(e)),
    "invisible": lambda text: f"{text}\u200d",
    "zero": lambda text: f"0{text}",
    "fraction": lambda text: f"{text}.0",
    "sign": lambda text: f"{text[:1]}-{text[1:]}",
    "dot": lambda text: f"{text[:1]}.{text[1:]}",
    "line": lambda text: f"{text[:1]}_{text[1:]}",
    "no sign": lambda text: "".join(each for each in text if each.isalnum() or each.isspace()),
    "dot behind": lambda text: f"{text}.",
    "quoted": lambda text: f'"{text}"',
    "slash": lambda text: f"{text}/",
    "plus": lambda text: text.replace("@", "+x@") if "@" in text else f"+{text}",
    "behind": lambda text: f"{text}x",
    "long behind": lambda text: f"{text}{'x' * 80}a",
    "before": lambda text: f"x{text}",
    "turned": lambda text: text[::-1],
}
"""One change of a text each."""


def near(column: Column, value: str | None) -> Iterator[tuple[str, str | None]]:
    """Yields values next to one, each with the sort of its change, and NULL last."""
    if value is not None:
        yield from _near(column, value)
    yield "null", None


def _near(column: Column, value: str) -> Iterator[tuple[str, str | None]]:
    name = column.base_name
    if name in _BASIC:
        yield from ((shape, change(value)) for shape, change in _SHAPES.items())
    elif name in _NUMBERS:
        yield from _numbers(name, value)
    elif name in ("date", "timestamp", "timestamptz"):
        yield from _moments(name, value)
    elif name in ("json", "jsonb"):
        yield from ((shape, json.dumps(each, ensure_ascii=False)) for shape, each in _documents(json.loads(value)))
    elif name.startswith("_") and column.parts:
        yield from _arrays(column, value)
    elif column.base_kind == "e":
        yield from (("label", label) for label in column.labels)
    elif name == "bool":
        yield from (("truth", each) for each in ("false", "true"))


def _numbers(name: str, value: str) -> Iterator[tuple[str, str]]:
    with suppress(InvalidOperation):
        number = Decimal(value)
        if number.is_finite():
            steps = {"next": Decimal(1), "ten": Decimal(10), "hundred": Decimal(100)}
            yield from ((shape, str(number + step)) for shape, step in steps.items())
            yield "negative", str(-number)
            if not name.startswith("int"):
                yield from (("part", str(number + part)) for part in (Decimal("0.4"), Decimal("0.001")))


def _moments(name: str, value: str) -> Iterator[tuple[str, str]]:
    with suppress(ValueError, OverflowError):
        moment = datetime.datetime.fromisoformat(value)
        for shape, step in _STEPS.items():
            for sort, other in ((shape, moment + step), (f"{shape} before", moment - step)):
                yield sort, other.date().isoformat() if name == "date" else other.isoformat(" ")


def _documents(document: object) -> Iterator[tuple[str, object]]:
    """Yields documents with another key, without one, and with texts and numbers that are near to their own."""
    if isinstance(document, dict):
        yield "another key", {**document, "harness": 1}
        for key in [*document][:4]:
            yield f"without {key}", {name: each for name, each in document.items() if name != key}
            yield from ((f"{shape} {key}", {**document, key: each}) for shape, each in _documents(document[key]))
    elif isinstance(document, str):
        yield from ((shape, change(document)) for shape, change in _SHAPES.items())
    elif isinstance(document, list):
        yield "element", [*document, "harness"]
    elif isinstance(document, int):
        yield "as text", str(document)


def _arrays(column: Column, value: str) -> Iterator[tuple[str, str]]:
    part = column.parts[0]
    inside = value.strip("{}")
    own = [each.strip('"') for each in inside.split(delimiter(column))] if inside else []
    others: Sequence[str | None] = [each for _, each in near(part, own[0] if own else "1")]
    fitting = [each for each in others if each is not None][:4]
    for number, other in enumerate(fitting):
        yield f"element behind {number}", array([*own, other], delimiter(column))
        yield f"element before {number}", array([other, *own], delimiter(column))
        yield f"other element {number}", array([other, *own[1:]], delimiter(column))
    if len(own) > 1:
        yield "turned", array(own[::-1], delimiter(column))
        yield "without", array(own[:-1], delimiter(column))
