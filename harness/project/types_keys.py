"""The keys ``types`` and ``type_names`` of ``project.yml``: what ``harness types`` writes, and where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from harness.errors import ProjectError
from harness.project.keys import FrozenDict, choice, key, name, names, reader, section, text
from harness.project.model import Driver, TypesOutput
from harness.project.nodes import Node, as_mapping, as_sequence, expected
from harness.project.readers import table

DRIVERS: Mapping[str, tuple[Driver, ...]] = {
    "typescript": ("node-postgres", "postgrest"),
    "zod": ("node-postgres", "postgrest"),
    "pydantic": ("psycopg",),
}
"""The languages, each with the drivers that it can be written for; the first is the usual one."""

ALL_DRIVERS = tuple(dict.fromkeys(driver for drivers in DRIVERS.values() for driver in drivers))


@dataclass(frozen=True)
class TypesKeys:
    """The keys of one directory of types. Raises ``ValueError`` for what does not fit together."""

    language: str = key(choice(*DRIVERS), "typescript, zod or pydantic")
    path: str = key(text, "the directory that they are written to; seen from project.yml")
    driver: Driver | None = key(
        choice(*ALL_DRIVERS), "what brings rows to the program: it decides the types", default=None
    )
    role: str | None = key(name, "a role: only what it may do has a shape", default=None)
    case: str = key(choice("snake", "camel"), "how properties are spelled", default="snake")
    schemas: tuple[str, ...] = key(names, "the schemas of the database; by default those that have checks", default=())

    def __post_init__(self) -> None:
        """Refuses a driver of another language, and a path that leads out of the project."""
        if self.output.driver not in DRIVERS[self.language]:
            raise ValueError(f"no {self.language} for {self.driver}; its drivers: {', '.join(DRIVERS[self.language])}")
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(f"{self.path!r} is no directory within the project; one is types/{self.language}")

    @property
    def output(self) -> TypesOutput:
        """The directory of types, with the usual driver of the language if none is given."""
        driver = self.driver or DRIVERS[self.language][0]
        return TypesOutput(self.language, self.path, driver, self.role, self.case, self.schemas)


_OUTPUT = section(TypesKeys, "types")


@reader("a list such as [{language: zod, path: types/zod}]", {"type": "array", "items": _OUTPUT.schema()})
def types_outputs(node: Node) -> tuple[TypesOutput, ...]:
    """Reads the directories of types; each has one language."""
    found: dict[PurePosixPath, TypesOutput] = {}
    for item in as_sequence(node, "a list such as [{language: zod, path: types/zod}]").items:
        output: TypesOutput = _OUTPUT.read(item).output
        if PurePosixPath(output.path) in found:
            raise ProjectError(f"{output.path} stands here twice", place=item.place, hint="name another directory")
        found[PurePosixPath(output.path)] = output
    return tuple(found.values())


@reader("names by schema.table", {"type": "object", "additionalProperties": {"type": "string"}})
def type_names(node: Node) -> FrozenDict[str]:
    """Reads the application's own names of tables and views: ``{absence.milestone_actions: MilestoneAction}``."""
    found: dict[str, str] = {}
    for written, value in as_mapping(node).entries:
        own = name.read(value)
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", own):
            raise expected("a name such as MilestoneAction", value)
        if own in found.values():
            raise ProjectError(f"{own} stands here twice", place=value.place)
        found[str(table.read(written))] = own
    return FrozenDict(found)
