"""The part of JSON Schema that TypeScript and Zod state: what a jsonb column's ``shape:`` allows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.types.javascript_names import key, string

Schema = Mapping[str, Any] | bool

_NOTES = frozenset(
    ["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"]
)
_OF_TYPE = {
    "object": frozenset(["properties", "required", "additionalProperties"]),
    "array": frozenset(["items", "minItems", "maxItems"]),
    "string": frozenset(["minLength", "maxLength", "pattern"]),
    "number": frozenset(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    "boolean": frozenset[str](),
    "null": frozenset[str](),
}
_KNOWN = frozenset().union(*_OF_TYPE.values()) | {"type", "enum", "const"} | _NOTES
_CALLS = {
    "minItems": "min",
    "maxItems": "max",
    "minLength": "min",
    "maxLength": "max",
    "minimum": "gte",
    "maximum": "lte",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multipleOf",
}


def unknown_keywords(schema: Schema) -> Iterator[str]:
    """Yields the keywords of a schema, and of those in it, that the types do not state."""
    if isinstance(schema, bool):
        return
    yield from (each for each in schema if each not in _KNOWN)
    values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    if any(isinstance(each, dict | list) for each in values):
        yield "enum"
    for inner in _inner(schema):
        yield from unknown_keywords(inner)


def shape_type(schema: Schema) -> str:
    """Returns the type of the values of a schema."""
    if isinstance(schema, bool):
        return "Json" if schema else "never"
    literals = _literals(schema)
    if literals is not None:
        return " | ".join(literals) or "never"
    if not _says(schema):
        return "Json"
    return " | ".join(dict.fromkeys(_type(schema, each) for each in _types(schema)))


def shape_schema(schema: Schema) -> str:
    """Returns the Zod schema of the values of a schema."""
    if isinstance(schema, bool):
        return "z.json()" if schema else "z.never()"
    literals = _literals(schema)
    if literals is not None:
        return f"z.literal([{', '.join(literals)}])" if literals else "z.never()"
    if not _says(schema):
        return "z.json()"
    options = [_zod(schema, each) for each in _types(schema)]
    return options[0] if len(options) == 1 else f"z.union([{', '.join(options)}])"


def _inner(schema: Mapping[str, Any]) -> Iterator[Schema]:
    yield from schema.get("properties", {}).values()
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield schema[name]


def _literals(schema: Mapping[str, Any]) -> list[str] | None:
    """The values of ``enum`` or ``const``, if all are literals; the others of its keywords narrow them no further."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if values is None or any(isinstance(each, dict | list) for each in values):
        return None
    return [string(each) if isinstance(each, str) else json.dumps(each) for each in values]


def _says(schema: Mapping[str, Any]) -> bool:
    return "type" in schema or any(each in keywords for keywords in _OF_TYPE.values() for each in schema)


def _types(schema: Mapping[str, Any]) -> list[str]:
    """The types that values may have; a schema that names none speaks of some, and allows the others as well."""
    given = schema.get("type", list(_OF_TYPE))
    return [given] if isinstance(given, str) else list(given)


def _type(schema: Mapping[str, Any], type: str) -> str:
    match type:
        case "object":
            return _object_type(schema)
        case "array":
            inner = shape_type(schema.get("items", True))
            return f"({inner})[]" if " " in inner else f"{inner}[]"
        case "integer":
            return "number"
        case _:
            return type


def _object_type(schema: Mapping[str, Any]) -> str:
    required, more = schema.get("required", ()), schema.get("additionalProperties", True)
    properties = {
        **schema.get("properties", {}),
        **{each: True for each in required if each not in schema.get("properties", {})},
    }
    parts = [f"{key(name)}{'' if name in required else '?'}: {shape_type(each)}" for name, each in properties.items()]
    if more is not False:
        # The types of the named properties have to fit the others' as well.
        parts.append(f"[key: string]: {'Json | undefined' if properties else shape_type(more)}")
    return "{ " + "; ".join(parts) + " }" if parts else "Record<string, never>"


def _zod(schema: Mapping[str, Any], type: str) -> str:
    match type:
        case "object":
            return _zod_object(schema)
        case "array":
            return f"z.array({shape_schema(schema.get('items', True))}){_calls(schema, 'array')}"
        case "string":
            pattern = f'.regex(new RegExp({string(schema["pattern"])}, "u"))' if "pattern" in schema else ""
            return f"z.string(){_calls(schema, 'string')}{pattern}"
        case "integer":
            # z.int() would refuse numbers beyond 2^53.
            return f"z.number().multipleOf(1){_calls(schema, 'number')}"
        case "number":
            return f"z.number(){_calls(schema, 'number')}"
        case _:
            return f"z.{type}()"


def _calls(schema: Mapping[str, Any], type: str) -> str:
    names = [each for each in schema if each in _CALLS and each in _OF_TYPE[type]]
    return "".join(f".{_CALLS[each]}({json.dumps(schema[each])})" for each in names)


def _zod_object(schema: Mapping[str, Any]) -> str:
    required, more = schema.get("required", ()), schema.get("additionalProperties", True)
    properties = {
        **schema.get("properties", {}),
        **{each: True for each in required if each not in schema.get("properties", {})},
    }
    parts = [
        f"{key(name)}: {shape_schema(each)}{'' if name in required else '.exactOptional()'}"
        for name, each in properties.items()
    ]
    text = f"{{ {', '.join(parts)} }}" if parts else "{}"
    if more is False:
        return f"z.strictObject({text})"
    return f"z.object({text}).catchall({shape_schema(more)})"
