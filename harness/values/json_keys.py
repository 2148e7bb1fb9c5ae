"""The keys by which a text of SQL takes values out of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PATHS = re.compile(r"((?:->\s*'\w+'\s*)*)->>\s*'(\w+)'|#>>\s*'\{([\w,]+)\}'")
_SINGLE = re.compile(r"(?:->|\?)\s*'(\w+)'")
_RECORD = re.compile(r"\bjsonb?_to_record(?:set)?\b[^;]*?\bas\s+\w+\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)", re.IGNORECASE)


def json_paths(text: str) -> dict[tuple[str, ...], None]:
    """Returns the paths of keys to texts, each once."""
    return dict.fromkeys(
        (*re.findall(r"'(\w+)'", above), last) if last else (*listed.split(","),)
        for above, last, listed in _PATHS.findall(text)
    )


def json_keys(text: str) -> dict[tuple[str, ...], None]:
    """Returns all paths of keys that the text names: to texts, to any value, and those of records."""
    paths = json_paths(text)
    known = {name for path in paths for name in path}
    single = [name for name in _SINGLE.findall(text) if name not in known]
    of_records = re.findall(r'(?:^|,)\s*"?(\w+)', ",".join(_RECORD.findall(text)))
    return paths | dict.fromkeys((name,) for name in (*single, *of_records))


def within(known: Any, path: tuple[str, ...], value: Any) -> Any:
    """Returns a value at the end of the keys of a path, beside what is known already."""
    if not path:
        return value
    others = known if isinstance(known, Mapping) else {}
    return {**others, path[0]: within(others.get(path[0]), path[1:], value)}
