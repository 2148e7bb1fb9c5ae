"""The keys ``types`` and ``type_names`` of ``project.yml``: what ``harness types`` writes, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from keyword import iskeyword
from pathlib import PurePosixPath

from harness.errors import ProjectError
from harness.project.keys import FrozenDict, boolean, choice, key, name, names, one_of, reader, section, text
from harness.project.model import ALL_DRIVERS, DRIVERS, Driver, RowName, TypesOutput
from harness.project.nodes import Node, Scalar, as_mapping, as_sequence, expected
from harness.project.readers import table


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
    repository: str | None = key(
        choice("psycopg"),
        "for pydantic: also write a class for each table that reads and writes its rows",
        default=None,
    )

    def __post_init__(self) -> None:
        """Refuses a driver of another language, a path that is none, and a package that nobody can import."""
        if self.output.driver not in DRIVERS[self.language]:
            raise ValueError(f"no {self.language} for {self.driver}; its drivers: {', '.join(DRIVERS[self.language])}")
        if self.repository and self.language != "pydantic":
            raise ValueError(f"repositories are made of Pydantic models, not of {self.language}")
        path = PurePosixPath(self.path)
        # What leads up stands first: how far out the rest may lie is known where the project is.
        below = [each for each in path.parts if each != ".."]
        if path.is_absolute() or not below or [*path.parts[-len(below) :]] != below:
            raise ValueError(f"{self.path!r} cannot be the directory of types; one that can is types/{self.language}")
        if self.language == "pydantic" and (not path.name.isidentifier() or iskeyword(path.name)):
            raise ValueError(f"{path.name!r} would be a package that Python cannot import; one that it can is models")

    @property
    def output(self) -> TypesOutput:
        """The directory of types, with the usual driver of the language if none is given."""
        driver = self.driver or DRIVERS[self.language][0]
        return TypesOutput(self.language, self.path, driver, self.role, self.case, self.schemas, self.repository)


_OUTPUT = section(TypesKeys, "types")


@reader("a name such as MILESTONES", {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"})
def _identifier(node: Node) -> str:
    own = name.read(node)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", own):
        raise expected("a name such as MILESTONES", node)
    return own


@dataclass(frozen=True)
class ReferenceData:
    """The keys of ``reference:`` in the file of a table: its rows are in every database, and become constants.

    If ``by`` is empty, a key is looked up. A name that is None is the usual one.
    """

    by: tuple[str, ...] = key(
        names, "the columns of the key that finds a row; by default a key of the table", default=()
    )
    map: str | None = key(_identifier, "the name of the constant that has the rows by their keys", default=None)
    list: str | None = key(_identifier, "the name of the constant that has the rows in order", default=None)
    key: str | None = key(_identifier, "the name of the type of the keys", default=None)


_REFERENCE = section(ReferenceData, "reference")


@reader("true, or names such as {map: MILESTONES}", one_of(boolean, _REFERENCE).schema())
def reference(node: Node) -> ReferenceData | None:
    """Reads whether rows of a table become constants, and what these are called."""
    if isinstance(node, Scalar):
        return ReferenceData() if boolean.read(node) else None
    found: ReferenceData = _REFERENCE.read(node)
    return found


@reader("a list such as [{language: zod, path: types/zod}]", {"type": "array", "items": _OUTPUT.schema()})
def types_outputs(node: Node) -> tuple[TypesOutput, ...]:
    """Reads the directories of types; each has one language."""
    found: dict[PurePosixPath, TypesOutput] = {}
    for item in as_sequence(node, "a list such as [{language: zod, path: types/zod}]").items:
        output: TypesOutput = replace(_OUTPUT.read(item).output, place=item.place)
        if PurePosixPath(output.path) in found:
            raise ProjectError(f"{output.path} stands here twice", place=item.place, hint="name another directory")
        found[PurePosixPath(output.path)] = output
    return tuple(found.values())


@reader("names by schema.table", {"type": "object", "additionalProperties": {"type": "string"}})
def type_names(node: Node) -> FrozenDict[RowName]:
    """Reads the application's own names of tables and views: ``{absence.milestone_actions: MilestoneAction}``."""
    found: dict[str, RowName] = {}
    for written, value in as_mapping(node).entries:
        own = name.read(value)
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", own):
            raise expected("a name such as MilestoneAction", value)
        if own in {each.name for each in found.values()}:
            raise ProjectError(f"{own} stands here twice", place=value.place)
        of = table.read(written)
        if str(of) in found:
            raise ProjectError(f"{of} stands here twice", place=written.place)
        found[str(of)] = RowName(of, own, value.place)
    return FrozenDict(found)
