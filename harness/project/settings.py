"""The keys of ``project.yml``, read into values; ``load.py`` adds the contents of the folders.

Decides the order of modules by ``depends_on``, and refuses circles. Decides what sort a target is.
Not here: which target a run takes (``server/targets.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.errors import Place, ProjectError, did_you_mean
from harness.project import keys, shared
from harness.project.keys import FrozenDict, Reader, key, listed, mapping, reader, section
from harness.project.model import Profile, RowName, Target, TypesOutput
from harness.project.nodes import ListNode, MappingNode, Node, Scalar, as_mapping, as_scalar, expected
from harness.project.types_keys import type_names, types_outputs

LAYOUTS = (
    *("sqitch", "atlas", "dbmate", "goose", "flyway", "directories", "golang-migrate", "releases", "supabase"),
    *("sqlx", "files"),
)
"""The layouts of other tools' migrations; the plugin ``layouts`` reads them."""


_UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "": 1}


@reader("a time such as 5s", {"type": ["string", "integer"]})
def _milliseconds(node: Node) -> int:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(us|ms|s|min|h|d|)", as_scalar(node, "a time such as 5s").text)
    if not found:
        raise expected("a time such as 500ms, 5s or 1min", node)
    return round(float(found[1]) * _UNITS[found[2]])


@reader("a number of at least 1", {"type": "integer", "minimum": 1})
def _positive(node: Node) -> int:
    value = keys.integer.read(node)
    if value < 1:
        raise expected("a number of at least 1", node)
    return value


UNDECLARED: Reader[str] = keys.choice("broken", "shown")
"""The status of a rule that the database has and no check declares."""

UNDECLARED_DOC = "what <table>.declared makes of a rule that no check declares: broken, or shown as a hint"


@dataclass(frozen=True)
class _ModuleKeys:
    depends_on: tuple[str, ...] = key(keys.names, "the modules whose objects this one uses", default=())


@dataclass(frozen=True)
class _PathKeys:
    schema: str = key(keys.text, "the directory of the migrations", default="schema")
    seeds: str = key(keys.text, "the directory of the fixtures", default="seeds")
    checks: str = key(keys.text, "the directory of the checks", default="checks")


@dataclass(frozen=True)
class _TargetKeys:
    dsn: str | None = key(
        keys.text, "a connection string or URL; ${NAME} is a variable of the environment", default=None
    )
    system: int | None = key(_positive, "the major version of a server found on this machine", default=None)
    embedded: bool | None = key(keys.boolean, "the server that comes with the tool", default=None)
    scratch_roles: bool = key(
        keys.boolean, "with dsn: roles that migrations need are made there for scratch databases", default=False
    )


@dataclass(frozen=True)
class _ProfileKeys:
    scenarios: int = key(_positive, "scenarios for each check; of more than 20 a part is drawn and varied")
    seed: int | None = key(keys.integer, "a number that makes a run repeatable", default=None)
    timeout: int | None = key(
        _milliseconds,
        "how long a probe may take, 10s if nothing is said, and a batch of them six times as long",
        default=None,
    )


@dataclass(frozen=True)
class _LedgerKeys:
    schema: str = key(keys.name, "the schema of the tables that record what was applied", default="harness")


@dataclass(frozen=True)
class _TimeoutKeys:
    lock: int = key(_milliseconds, "lock_timeout of a migration: 5s, 1min; 0 waits for ever", default=0)
    statement: int = key(_milliseconds, "statement_timeout of a migration: 5s, 1min; 0 waits for ever", default=0)


@dataclass(frozen=True)
class WrittenPath:
    """A path as it is written, and its place in ``project.yml``."""

    text: str
    place: Place


@reader("a path", {"type": "string"})
def _path(node: Node) -> WrittenPath:
    found = as_scalar(node, "a path")
    if not found.text:
        raise expected("a path", node)
    return WrittenPath(found.text, found.place)


_PATHS = keys.several(_path)


@dataclass(frozen=True)
class _Migrations:
    path: tuple[WrittenPath, ...] = key(_PATHS, "their directory, or SQL files in their order; seen from project.yml")
    layout: str | None = key(
        keys.choice(*LAYOUTS), "how they lie there; found out by looking if it is left out", default=None
    )
    variables: FrozenDict[str] = key(
        mapping(keys.text), "variables of psql, as -v gives them: eg_version: 'NULL'", default=FrozenDict({})
    )


@dataclass(frozen=True)
class _Extensions:
    stand_ins: tuple[str, ...] = key(
        keys.names, "extensions that are not made, since something in base: stands in for them", default=()
    )


_MODULE = section(_ModuleKeys, "module")


@reader("a mapping or a list of modules", {"anyOf": [mapping(_MODULE).schema(), listed(keys.name).schema()]})
def _modules(node: Node) -> FrozenDict[_ModuleKeys]:
    """The modules, each after those it depends on, else in the order of the file."""
    found = as_mapping(_as_entries(node), "a mapping or a list of modules")
    for scalar, _ in found.entries:
        if not re.fullmatch(r"\w[\w.-]*", scalar.text):
            raise expected("the name of a module, which is a folder's name", scalar)
    modules = {scalar.text: _MODULE.read(value) for scalar, value in found.entries}
    for module, settings in modules.items():
        for needed in settings.depends_on:
            if needed not in modules:
                raise ProjectError(
                    f"{module!r} depends on {needed!r}, which is no module{did_you_mean(needed, modules)}",
                    place=_place_of_dependencies(found, module),
                    hint=f"modules: {', '.join(modules)}",
                )
    ordered: dict[str, _ModuleKeys] = {}

    def add(module: str, chain: tuple[str, ...]) -> None:
        if module in chain:
            circle = " -> ".join((*chain[chain.index(module) :], module))
            raise ProjectError(
                f"modules depend on one another in a circle: {circle}", place=_place_of_dependencies(found, module)
            )
        if module not in ordered:
            for needed in modules[module].depends_on:
                add(needed, (*chain, module))
            ordered[module] = modules[module]

    for module in modules:
        add(module, ())
    return FrozenDict(ordered)


def _as_entries(node: Node) -> Node:
    """A list of names as a mapping, in which no module depends on another."""
    if not isinstance(node, ListNode):
        return node
    entries: dict[str, tuple[Scalar, Node]] = {}
    for name in (as_scalar(item, "the name of a module") for item in node.items):
        if name.text in entries:
            raise ProjectError(f"module {name.text!r} is listed twice", place=name.place)
        entries[name.text] = name, Scalar("", name.place)
    return MappingNode(tuple(entries.values()), node.place)


def _place_of_dependencies(modules: MappingNode, module: str) -> Place:
    return (as_mapping(modules[module]).get("depends_on") or modules).place


def _named(kind: type, what: str, build: Callable[[Scalar, Node, Any], Any]) -> Reader[FrozenDict[Any]]:
    """A mapping of names to the keys of ``kind``; ``build`` makes a value of a name, its node and these keys."""
    item = section(kind, what)

    @reader(f"a mapping of {what}s", mapping(item).schema())
    def read(node: Node) -> FrozenDict[Any]:
        return FrozenDict({name.text: build(name, value, item.read(value)) for name, value in as_mapping(node).entries})

    return read


def _target(name: Scalar, node: Node, read: _TargetKeys) -> Target:
    given = [kind for kind in ("dsn", "system", "embedded") if getattr(read, kind) not in (None, False)]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise ProjectError(
            f"target {name.text!r} needs one of dsn, system and embedded, found {found}", place=node.place
        )
    if read.scratch_roles and given != ["dsn"]:
        raise ProjectError(
            f"scratch_roles of target {name.text!r}: the server is the tool's own, where roles are made anyway",
            place=node.place,
            hint="leave it out",
        )
    return Target(name.text, given[0], read.dsn, read.system, read.scratch_roles)


def _profile(name: Scalar, node: Node, read: _ProfileKeys) -> Profile:
    return Profile(name.text, read.scenarios, read.seed, read.timeout)


_SHARED: Reader[FrozenDict[shared.Shared]] = Reader(
    "a mapping of lists of checks",
    lambda node: FrozenDict(shared.read(node)),
    {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {
                "parameters": {
                    **keys.one_of(keys.names, mapping(keys.any_value)).schema(),
                    "description": "their names, or a mapping to their defaults; $name stands for one in the checks",
                },
                "checks": {
                    "type": "array",
                    "items": {"type": "object"},
                    "description": "checks as a table's file has them; $table, $schema and $table_name are its own",
                },
            },
            "required": ["checks"],
            "additionalProperties": False,
        },
    },
)

BUILT_IN_TARGETS = {"embedded": Target("embedded", "embedded"), "system": Target("system", "system")}
BUILT_IN_PROFILES = {
    "dev": Profile("dev", 5),
    "ci": Profile("ci", 20, seed=0),
    "nightly": Profile("nightly", 200),
}


@dataclass(frozen=True)
class Settings:
    """The keys of ``project.yml``."""

    name: str = key(keys.name, "the name of the project")
    modules: FrozenDict[_ModuleKeys] = key(_modules, "the folders of schema/, seeds/ and checks/")
    paths: _PathKeys = key(section(_PathKeys, "paths"), "where the folders are, if elsewhere", default=_PathKeys())
    target: str | None = key(
        keys.name,
        "the target, unless --target or HARNESS_TARGET names one; without it DATABASE_URL and PG* count",
        default=None,
    )
    targets: FrozenDict[Target] = key(
        _named(_TargetKeys, "target", _target), "servers beside `embedded` and `system`", default=FrozenDict({})
    )
    profiles: FrozenDict[Profile] = key(
        _named(_ProfileKeys, "profile", _profile), "how hard to try: dev, ci, nightly", default=FrozenDict({})
    )
    classes: tuple[str, ...] = key(listed(keys.name), "the data classes a comment may end in", default=())
    ledger: _LedgerKeys = key(
        section(_LedgerKeys, "ledger"), "where it is recorded what was applied", default=_LedgerKeys()
    )
    timeouts: _TimeoutKeys = key(
        section(_TimeoutKeys, "timeouts"), "of the statements of a migration", default=_TimeoutKeys()
    )
    base: tuple[WrittenPath, ...] = key(
        _PATHS, "SQL files run first in scratch databases: what the platform brings", default=()
    )
    migrations: _Migrations | None = key(
        section(_Migrations, "migrations"), "migrations that another tool owns, in place of schema/", default=None
    )
    extensions: _Extensions = key(
        section(_Extensions, "extensions"), "how scratch databases come by extensions", default=_Extensions()
    )
    search_path: tuple[str, ...] = key(
        keys.names, "the schemas that the application's sessions look in; for scratch databases", default=()
    )
    undeclared: str = key(UNDECLARED, UNDECLARED_DOC, default="broken")
    types: tuple[TypesOutput, ...] = key(types_outputs, "what harness types writes, and where", default=())
    type_names: FrozenDict[RowName] = key(
        type_names, "for harness types: the application's names of tables and views", default=FrozenDict({})
    )
    shared: FrozenDict[shared.Shared] = key(
        _SHARED, "checks that are written once, for the tables that say `use:`", default=FrozenDict({})
    )
