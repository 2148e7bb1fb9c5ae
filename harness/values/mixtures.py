"""Values that are made of several constants of the rules: one constant with what matches the pattern of another.

They are for rules of which each says something else about one value. Not here: values of one constant
(``candidates.py``).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator

from harness.catalog.model import Column
from harness.values.constants import RuleConstants
from harness.values.patterns import matching

_LONGEST = 12
"""The longest constant that a text begins with."""

_LENGTHS = 2000
"""The longest text in a document."""


def mixtures(column: Column, constants: RuleConstants) -> list[str]:
    """Texts that begin with one constant and go on as a pattern says; JSON documents of texts of some length."""
    lengths = [n + step for n in map(int, filter(str.isdecimal, constants.literals)) for step in (0, 1, -1)]
    lengths = [each for each in dict.fromkeys(lengths) if 0 < each <= _LENGTHS]
    if column.is_json:
        keys = [each for each in constants.literals if each.isidentifier()]
        return [json.dumps(dict.fromkeys(keys, "a" * each)) for each in lengths]
    if column.base_name not in ("text", "varchar", "bpchar", "citext"):
        return []
    most = column.typmod - 4 if column.typmod >= 4 else _LENGTHS
    return [each for each in dict.fromkeys(_texts(constants, lengths)) if len(each) <= most]


def _texts(constants: RuleConstants, lengths: list[int]) -> Iterator[str]:
    patterns = {each.text for each in constants.patterns}
    starts = [each for each in constants.literals if each not in patterns and not each.isdecimal()]
    starts = [*(re.split(r"[%_\\]", each.text)[0] for each in constants.patterns if each.kind == "like"), *starts]
    starts = ["", *(each for each in starts if 0 < len(each) <= _LONGEST)]
    made: list[list[str]] = []
    for pattern in constants.patterns:
        # What a pattern without an anchor matches may have anything around it.
        regex = pattern.kind == "regex"
        before = ["xyz"] if regex and not pattern.text.startswith("^") else []
        behind = ["xyz"] if regex and not pattern.text.endswith("$") else []
        sides = itertools.product((*before, ""), (*behind, ""))
        found = [one + text + other for one, other in sides for text in matching(pattern)[:4]]
        cut = [(text * length)[:length] for text in found[:2] for length in lengths[:12] if text]
        made += [[start + text[len(start) :] for text in (*found[:2], *cut, *found)] for start in starts[:6]]
    # Some of each, if there are too many.
    yield from (text for texts in itertools.zip_longest(*made) for text in texts if text is not None)
