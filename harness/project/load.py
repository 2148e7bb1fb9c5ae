"""Reads a directory with ``project.yml`` as a :class:`~harness.project.model.Project`.

Finds the root, here or above. Refuses folders of no module, files outside of a module's folder, an unknown target, and
migrations of the project's own beside those of another tool. Decides which file is a seed of which table.
Not here: the keys of ``project.yml`` (``settings.py``), and numbers and names of migrations (``migrations.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import plugins
from harness.errors import Place, ProjectError, did_you_mean
from harness.project import folders, migrations, yaml_reader
from harness.project.keys import read_kind
from harness.project.model import BuildStep, ForeignMigrations, Module, Paths, Project, Seed, TableName, Timeouts
from harness.project.nodes import Node, as_mapping
from harness.project.psql import PsqlFiles
from harness.project.settings import BUILT_IN_PROFILES, BUILT_IN_TARGETS, Settings, WrittenPath

FILE = "project.yml"
_YAML = (".yml", ".yaml")
AFTERWARDS = "afterwards"
"""The folder of seed files that change rows of the other seed files."""

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

    Raises :class:`ProjectError` for every fault that its files alone show.
    """
    settings = _settings(_document(root))
    return _project(root, settings, _base(root, settings), _adopted(root, settings))


def from_text(root: Path, text: str, *, base: tuple[BuildStep, ...], adopted: ForeignMigrations | None) -> Project:
    """The project that ``root`` will be once ``text`` is its ``project.yml``.

    ``base`` and ``adopted`` are the SQL that the text names, which has been read before.
    """
    return _project(root, _settings(_only(yaml_reader.compose(text, Path(FILE)))), base, adopted)


def _project(root: Path, settings: Settings, base: tuple[BuildStep, ...], adopted: ForeignMigrations | None) -> Project:
    own = (settings.paths.schema,) if settings.migrations is None else ()
    for path in (*own, settings.paths.seeds, settings.paths.checks):
        _refuse_unclaimed(root, Path(path), settings.modules)
    if settings.migrations is not None:
        _refuse_own_migrations(root, settings)
    return Project(
        root=root,
        name=settings.name,
        modules=tuple(_module(root, name, settings) for name in settings.modules),
        default_target=settings.target,
        targets={**BUILT_IN_TARGETS, **settings.targets},
        profiles={**BUILT_IN_PROFILES, **settings.profiles},
        classes=settings.classes,
        ledger_schema=settings.ledger.schema,
        timeouts=Timeouts(**vars(settings.timeouts)),
        paths=Paths(**vars(settings.paths)),
        base=base,
        adopted=adopted,
        stand_ins=settings.extensions.stand_ins,
        search_path=settings.search_path,
        undeclared=settings.undeclared,
        shared=settings.shared,
        types=settings.types,
        type_names=settings.type_names,
    )


def _document(root: Path) -> Node:
    if not (root / FILE).is_file():
        raise ProjectError(f"no {FILE} in {root}", hint="start a project with 'harness init'")
    return _only(yaml_reader.read(root / FILE, Path(FILE)))


def _only(documents: Sequence[Node]) -> Node:
    node, *more = documents
    if more:
        raise ProjectError("a second document; this file has one", place=more[0].place)
    return node


def _settings(node: Node) -> Settings:
    settings = read_kind(Settings, as_mapping(node), label=FILE)
    targets = {**BUILT_IN_TARGETS, **settings.targets}
    if settings.target is not None and settings.target not in targets:
        raise ProjectError(
            f"no target {settings.target!r}{did_you_mean(settings.target, targets)}",
            place=as_mapping(node)["target"].place,
            hint=f"targets: {', '.join(targets)}",
        )
    return settings


def _base(root: Path, settings: Settings) -> tuple[BuildStep, ...]:
    paths = [_existing(root, each) for each in settings.base]
    return tuple(PsqlFiles(root, settings.migrations.variables if settings.migrations else {}).scripts(paths))


def _adopted(root: Path, settings: Settings) -> ForeignMigrations | None:
    written = settings.migrations
    if written is None:
        return None
    paths = [_existing(root, each) for each in written.path]
    layouts = plugins.load("layouts")
    layout = layouts.named(written.layout) if written.layout else None
    adopted: ForeignMigrations = layouts.read(PsqlFiles(root, written.variables), paths, layout)
    return adopted


def _existing(root: Path, written: WrittenPath) -> Path:
    path = root / written.text
    if not path.exists():
        raise ProjectError(
            f"there is no such file or directory: {written.text}",
            place=written.place,
            hint=f"paths begin where {FILE} is",
        )
    return path


def _refuse_own_migrations(root: Path, settings: Settings) -> None:
    """Refuses migrations of the project's own beside those of another tool: their order is unknown."""
    used = [root / written.text for written in settings.migrations.path] if settings.migrations else []
    for module in settings.modules:
        directory = root / settings.paths.schema / module
        if directory in used or any(path.is_relative_to(directory) for path in used):
            continue
        for path in folders.files(root, directory, (".sql",)):
            raise ProjectError(
                "a migration of this project's own, beside those of another tool",
                place=Place(path.relative_to(root)),
                hint=f"take 'migrations' out of {FILE}, or the file out of {settings.paths.schema}/",
            )


def _module(root: Path, name: str, settings: Settings) -> Module:
    paths = settings.paths
    seeds = folders.files(root, root / paths.seeds / name, (".csv", *_YAML))
    found = () if settings.migrations else migrations.discover(root, name, root / paths.schema / name)
    return Module(
        name=name,
        depends_on=settings.modules[name].depends_on,
        migrations=tuple(each for each in found if not each.draft),
        seeds=tuple(_seed(root, name, root / paths.seeds / name, path) for path in seeds),
        checks=folders.files(root, root / paths.checks / name, _YAML),
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
    return Seed(
        module,
        TableName(found["schema"] or module, found["table"]),
        path,
        "csv" if found["format"] == "csv" else "yaml",
        path.relative_to(directory).parts[0] == AFTERWARDS,
    )


def _refuse_unclaimed(root: Path, directory: Path, modules: Mapping[str, object]) -> None:
    """Refuses a folder that belongs to no module, and a file outside of the modules' folders."""
    if not folders.is_folder(root, root / directory):
        if folders.is_file(root, root / directory):
            raise ProjectError("a file where the folders of the modules should lie", place=Place(directory))
        return
    for path in folders.entries(root, root / directory):
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        place = Place(folders.relative(path, root))
        if folders.is_folder(root, path) and path.name not in modules:
            raise ProjectError(
                f"the folder belongs to no module of {FILE}{did_you_mean(path.name, modules)}",
                place=place,
                hint=f"add {path.name!r} to 'modules' in {FILE}, or move the folder away",
            )
        if path.suffix in (".sql", ".csv", *_YAML) and folders.is_file(root, path):
            raise ProjectError(
                "a file outside of a module's folder", place=place, hint=f"move it into {directory}/<module>/"
            )
