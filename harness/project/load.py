"""A directory with ``project.yml`` becomes a :class:`~harness.project.model.Project`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import Place, ProjectError, did_you_mean
from harness.project import layouts, migrations, nodes, tree
from harness.project.keys import read_kind
from harness.project.model import Adopted, Module, Paths, Project, Seed, Step, TableName
from harness.project.nodes import Node, as_mapping
from harness.project.settings import (
    BUILT_IN_PROFILES,
    BUILT_IN_TARGETS,
    Settings,
    Written,
    in_order,
    timeouts,
)

FILE = "project.yml"
_YAML = (".yml", ".yaml")
AFTERWARDS = "afterwards"
"""The folder of seed files that change what the others have brought."""

_SEED = re.compile(r"(?:\d+_)?(?:(?P<schema>[^.]+)\.)?(?P<table>[^.]+)\.(?P<format>csv|yml|yaml)")


def find_root(start: Path) -> Path:
    """The directory of ``project.yml``, here or above; raises :class:`ProjectError`."""
    start = start.absolute()
    for directory in (start, *start.parents):
        if (directory / FILE).is_file():
            return directory
    raise ProjectError(
        f"no {FILE} in {start} or above", hint="go to the directory of a project, or start one with 'harness init'"
    )


def load(root: Path) -> Project:
    """The project of a directory. Its paths begin with ``root``; the places of errors are relative to it.

    Raises :class:`ProjectError` for whatever its files alone show to be wrong.
    """
    if not (root / FILE).is_file():
        raise ProjectError(f"no {FILE} in {root}", hint="start a project with 'harness init'")
    node = _one_document(nodes.read(root / FILE, Path(FILE)))
    settings = read_kind(Settings, node, label=FILE)
    return _project(root, node, settings, _base(root, settings), _adopted(root, settings))


def from_text(root: Path, text: str, *, base: tuple[Step, ...], adopted: Adopted | None) -> Project:
    """The project that ``root`` will be once ``text`` is its ``project.yml``.

    ``base`` and ``adopted`` are the SQL that the text names, which has been read before.
    """
    node = _one_document(nodes.compose(text, Path(FILE)))
    return _project(root, node, read_kind(Settings, node, label=FILE), base, adopted)


def _project(
    root: Path, node: nodes.Mapping, settings: Settings, base: tuple[Step, ...], adopted: Adopted | None
) -> Project:
    targets = {**BUILT_IN_TARGETS, **settings.targets}
    if settings.target is not None and settings.target not in targets:
        raise ProjectError(
            f"no target {settings.target!r}{did_you_mean(settings.target, targets)}",
            place=_place(node, "target"),
            hint=f"targets: {', '.join(targets)}",
        )
    own = (settings.paths.schema,) if settings.migrations is None else ()
    for path in (*own, settings.paths.seeds, settings.paths.checks):
        _refuse_strangers(root, Path(path), settings.modules)
    if settings.migrations is not None:
        _refuse_both(root, settings)
    return Project(
        root=root,
        name=settings.name,
        modules=tuple(_module(root, name, settings) for name in in_order(settings.modules)),
        default_target=settings.target,
        targets=targets,
        profiles={**BUILT_IN_PROFILES, **settings.profiles},
        classes=settings.classes,
        ledger_schema=settings.ledger.schema,
        timeouts=timeouts(settings),
        paths=Paths(settings.paths.schema, settings.paths.seeds, settings.paths.checks),
        base=base,
        adopted=adopted,
        stand_ins=settings.extensions.stand_ins,
        search_path=settings.search_path,
        undeclared=settings.undeclared,
        shared=settings.shared,
    )


def _base(root: Path, settings: Settings) -> tuple[Step, ...]:
    paths = [_existing(root, each) for each in settings.base]
    variables = settings.migrations.variables if settings.migrations else {}
    return tuple(layouts.plain.steps(layouts.Source(root, variables), paths))


def _adopted(root: Path, settings: Settings) -> Adopted | None:
    written = settings.migrations
    if written is None:
        return None
    paths = [_existing(root, each) for each in written.path]
    layout = layouts.named(written.layout) if written.layout else None
    return layouts.read(layouts.Source(root, written.variables), paths, layout)


def _existing(root: Path, written: Written) -> Path:
    path = root / written.text
    if not path.exists():
        message = f"there is no such file or directory: {written.text}"
        raise ProjectError(message, place=written.place, hint=f"paths begin where {FILE} is")
    return path


def _refuse_both(root: Path, settings: Settings) -> None:
    """Of two sources of one schema nobody knows which comes first."""
    used = [root / written.text for written in settings.migrations.path] if settings.migrations else []
    for module in settings.modules:
        directory = root / settings.paths.schema / module
        if directory in used or any(path.is_relative_to(directory) for path in used):
            continue
        for path in tree.files(root, directory, (".sql",)):
            raise ProjectError(
                "a migration of this project's own, beside those of another tool",
                place=Place(path.relative_to(root)),
                hint=f"take 'migrations' out of {FILE}, or the file out of {settings.paths.schema}/",
            )


def _one_document(documents: Sequence[Node]) -> nodes.Mapping:
    if len(documents) > 1:
        raise ProjectError("a second document; this file has one", place=documents[1].place)
    return as_mapping(documents[0])


def _place(node: nodes.Mapping, key: str) -> Place:
    value: Node = node.get(key) or node
    return value.place


def _module(root: Path, name: str, settings: Settings) -> Module:
    paths = settings.paths
    seeds = tree.files(root, root / paths.seeds / name, (".csv", *_YAML))
    found = () if settings.migrations else migrations.discover(root, name, root / paths.schema / name)
    return Module(
        name=name,
        depends_on=settings.modules[name].depends_on,
        migrations=tuple(each for each in found if not each.draft),
        seeds=tuple(_seed(root, name, root / paths.seeds / name, path) for path in seeds),
        checks=tree.files(root, root / paths.checks / name, _YAML),
        drafts=tuple(each for each in found if each.draft),
    )


def _seed(root: Path, module: str, directory: Path, path: Path) -> Seed:
    found = _SEED.fullmatch(path.name)
    if not found:
        raise ProjectError(
            "the name of a seed file is its table's, with a number before it if you like",
            place=Place(path.relative_to(root)),
            hint="for example 01_orders.csv, or auth.users.csv for a table of another schema",
        )
    table = TableName(found["schema"] or module, found["table"])
    afterwards = path.relative_to(directory).parts[0] == AFTERWARDS
    return Seed(module, table, path, "csv" if found["format"] == "csv" else "yaml", afterwards)


def _refuse_strangers(root: Path, directory: Path, modules: Mapping[str, object]) -> None:
    """A folder that no module claims is a module somebody forgot, or a slip in its name."""
    if not tree.is_folder(root, root / directory):
        if tree.is_file(root, root / directory):
            raise ProjectError("a file where the folders of the modules should lie", place=Place(directory))
        return
    for path in tree.entries(root, root / directory):
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        place = Place(tree.relative(path, root))
        if tree.is_folder(root, path) and path.name not in modules:
            raise ProjectError(
                f"the folder belongs to no module of {FILE}{did_you_mean(path.name, modules)}",
                place=place,
                hint=f"add {path.name!r} to 'modules' in {FILE}, or move the folder away",
            )
        if path.suffix in (".sql", ".csv", *_YAML) and tree.is_file(root, path):
            raise ProjectError(
                "a file outside of a module's folder", place=place, hint=f"move it into {directory}/<module>/"
            )
