"""Claims: settings that say who asks. ``$variables`` in them are filled in, and a mapping becomes a JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.probes.statement import identifier, literal


def claim_settings(declared: Mapping[str, Any], values: Mapping[str, str | None]) -> dict[str, str]:
    """Claims as settings, with the variables filled in; NULL is an empty text, and in JSON it is null."""

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return values.get(value[1:], value) if value[:1] == "$" else value
        if isinstance(value, tuple):
            return [fill(item) for item in value]
        return {name: fill(item) for name, item in value.items()}

    filled = {setting: fill(value) for setting, value in declared.items()}
    return {
        setting: (value or "") if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for setting, value in filled.items()
    }


def claim_expressions(declared: Mapping[str, Any], row: str) -> dict[str, str]:
    """Claims as expressions on a row, whose columns take the place of the variables."""

    def fill(value: Any) -> str:
        if isinstance(value, str):
            return f"{row}.{identifier(value[1:])}::text" if claim_variables({"": value}) else f"{literal(value)}::text"
        if isinstance(value, tuple):
            return f"jsonb_build_array({', '.join(map(fill, value))})"
        return f"jsonb_build_object({', '.join(f'{literal(name)}, {fill(item)}' for name, item in value.items())})"

    return {setting: f"coalesce({fill(value)}::text, '')" for setting, value in declared.items()}


def claim_variables(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The variables in claims, each once."""
    found = (text[1:] for text in claim_texts(claims) if text[:1] == "$" and text[1:].isidentifier())
    return tuple(dict.fromkeys(found))


def claim_texts(value: Any) -> Iterator[str]:
    """The texts in claims."""
    if isinstance(value, str):
        yield value
    else:
        for item in value if isinstance(value, tuple) else value.values():
            yield from claim_texts(item)
