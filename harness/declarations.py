"""The checks of the files under ``checks/``: each a rule of one kind, with its name and its place.

Decides the name of a check, and puts in the shared ones that it uses. Refuses unknown kinds, a kind in a file where it
cannot be, and a second check of the same name. Nothing here asks a server: a fault that the files alone show is a
:class:`~harness.errors.ProjectError`.
Not here: the keys of each kind (``project/keys.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.errors import Place, ProjectError, did_you_mean
from harness.project import Module, Project, TableName, keys, shared, yaml_reader
from harness.project import columns as column_keys
from harness.project.folders import read_utf8, relative
from harness.project.keys import read_kind, scopes_of, unknown_key
from harness.project.nodes import MappingNode, Node, Scalar, as_mapping, as_sequence, expected
from harness.project.shared import Shared

COMMON = ("name", "description", "tags")
"""Keys that a check of any kind may have."""
FILE_KEYS = {
    "table": ("table", "description", "tags", "undeclared", "known", "reference", "columns", "checks"),
    "module": ("module", "description", "tags", "checks"),
}
DECLARED = "declared"
"""The kind of the check that every table with a file has: each rule of the database is declared."""
_NO_SHARED: Mapping[str, Shared] = {}
_NO_CHANGES: Mapping[Path, str | None] = {}


@dataclass(frozen=True)
class DeclaredCheck:
    """One declared rule. ``rule`` is an instance of its kind; the place is that of the kind's key in the file.

    The place of a shared check is its use, and ``shared`` the place of its text.
    """

    name: str
    kind: str
    module: str
    table: TableName | None
    rule: Any
    place: Place
    description: str | None = None
    tags: tuple[str, ...] = ()
    shared: Place | None = field(default=None, compare=False)

    @property
    def subject(self) -> str:
        """The constraint of the rule, else its columns joined by ``_``."""
        return str(self.rule.subject)

    @property
    def label(self) -> str:
        """The check in a report: ``accepted_values trigger_type``."""
        return f"{self.kind} {self.subject}".strip()


def read(
    project: Project, registry: Mapping[str, type], changed: Mapping[Path, str | None] = _NO_CHANGES
) -> tuple[DeclaredCheck, ...]:
    """All checks of a project, in the order of its modules and files; raises :class:`ProjectError`.

    ``changed`` are the texts of check files that are not written yet, by their paths below the project's root; None is
    a file to be removed.
    """
    found: dict[str, DeclaredCheck] = {}
    for module in project.modules:
        for shown, text in _texts(project, module, changed):
            for check in read_text(text, shown, module.name, registry, project.shared, project.undeclared):
                first = found.get(check.name)
                if first is not None and check.kind != DECLARED:
                    raise _same_name(first, check)
                _refuse_unfit(project, check)
                found[check.name] = check if first is None else replace(first, rule=first.rule | check.rule)
    return tuple(found.values())


def _texts(project: Project, module: Module, changed: Mapping[Path, str | None]) -> Iterator[tuple[Path, str]]:
    """The texts of a module's check files, sorted by path."""
    written = {relative(path, project.root): path for path in module.checks}
    folder = Path(project.paths.checks) / module.name
    new = (path for path in changed if path.suffix == ".yml" and path.is_relative_to(folder))
    for shown in sorted({*written, *new}):
        text = changed[shown] if shown in changed else read_utf8(written[shown], shown)
        if text is not None:
            yield shown, text


def read_text(
    text: str,
    shown: Path,
    module: str,
    registry: Mapping[str, type],
    shared_checks: Mapping[str, Shared] = _NO_SHARED,
    undeclared: str = "broken",
) -> Iterator[DeclaredCheck]:
    """The checks of one file's text and the shared ones that it uses; ``shown`` is the file's name in messages.

    ``undeclared`` is the project's status for rules that no check declares. Raises :class:`ProjectError`.
    """
    for document in yaml_reader.compose(text, shown):
        yield from _Document(as_mapping(document), module, registry, shared_checks, undeclared).checks()


def _same_name(first: DeclaredCheck, second: DeclaredCheck) -> ProjectError:
    hint = "remove one of them, or give one a name of its own with the key 'name'"
    if second.shared is not None:
        hint = f"remove one of them, or let what {second.shared} is called say $table, or a parameter that differs"
    return ProjectError(
        f"a second check of the name {second.name!r}, the first is {first.place}", place=second.place, hint=hint
    )


def _refuse_unfit(project: Project, check: DeclaredCheck) -> None:
    unfit = getattr(check.rule, "unfit", None)
    if unfit and (why := unfit(project)):
        raise ProjectError(f"{check.kind!r}: {why}", place=check.place, hint="correct it, or take this check out")


class _Document:
    """One document of a check file. Its ``scope`` is a ``table`` or a ``module``."""

    def __init__(
        self,
        node: MappingNode,
        module: str,
        registry: Mapping[str, type],
        shared_checks: Mapping[str, Shared],
        undeclared: str,
    ) -> None:
        self.node = node
        self.shared_checks = shared_checks
        self.module = module
        self.registry = registry
        self.undeclared = undeclared
        self.forms = column_keys.forms_of(registry)
        self.scope = self._scope()
        self.table = keys.table.read(node["table"]) if self.scope == "table" else None
        self.tags = keys.texts.read(node["tags"]) if node.get("tags") else ()

    def checks(self) -> Iterator[DeclaredCheck]:
        for key, value in self.node.entries:
            if key.text == "columns":
                yield from self._columns(key, as_mapping(value, "a mapping of columns"))
        entries = self.node.get("checks")
        for entry in as_sequence(entries, "a list of checks").items if entries is not None else ():
            yield from self._shared(entry) if shared.is_use(entry) else (self._entry(entry),)
        if self.table is not None and DECLARED in self.registry:
            yield self._declared()

    def _scope(self) -> str:
        scopes = [scope for scope in FILE_KEYS if self.node.get(scope)]
        if len(scopes) != 1:
            found = "both" if scopes else "neither"
            raise ProjectError(
                f"a check file says 'table: schema.table' or 'module: name', this one says {found}",
                place=self.node.place,
            )
        (scope,) = scopes
        for name, _ in self.node.entries:
            if name.text not in FILE_KEYS[scope]:
                raise unknown_key(name, list(FILE_KEYS[scope]), f"{scope} file")
        if scope == "module" and (written := keys.name.read(self.node["module"])) != self.module:
            raise ProjectError(
                f"module {written!r} in the folder of module {self.module!r}", place=self.node["module"].place
            )
        return scope

    def _shared(self, entry: Node) -> Iterator[DeclaredCheck]:
        """The checks that ``use`` stands for, each at the place of use."""
        use = as_mapping(entry)
        own = (self.table.schema, self.table.table) if self.table else None
        for node in list(shared.expand(use, self.shared_checks, shared.own_arguments(own, self.module, use.place))):
            with shared.naming_use(use):
                check = self._entry(node)
            yield replace(check, place=use.entries[0][0].place, shared=check.place)

    def _declared(self) -> DeclaredCheck:
        """The check of kind :data:`DECLARED`, which is not written; its keys are those of the file."""
        kind, place = self.registry[DECLARED], self.node["table"].place
        own = keys.key_fields(kind)
        rule: Any = read_kind(
            kind,
            MappingNode(tuple(entry for entry in self.node.entries if entry[0].text in own), place),
            label="table file",
        )
        if self.node.get("undeclared") is None:
            rule = replace(rule, undeclared=self.undeclared)
        return self._check(DECLARED, rule, MappingNode((), place))

    def _columns(self, key: Scalar, columns: MappingNode) -> Iterator[DeclaredCheck]:
        for _, value in columns.entries:
            column_keys.refuse_unknown(as_mapping(value, "a mapping such as {type: text}"), self.forms)
        if "columns" in self.registry:
            rule: Any = read_kind(
                self.registry["columns"], MappingNode(((key, columns),), columns.place), label="columns"
            )
            yield self._check("columns", rule, MappingNode((), key.place))
        for name, value in columns.entries:
            for kind, entry in column_keys.entries(as_mapping(value), self.forms):
                rule = read_kind(
                    self.registry[kind.text],
                    entry,
                    inherited={self.forms[kind.text].column: name},
                    also=COMMON,
                    label=kind.text,
                )
                yield self._check(kind.text, rule, entry)

    def _entry(self, node: Node) -> DeclaredCheck:
        entry = as_mapping(node, "a check, which begins with its kind")
        if not entry.entries:
            raise expected("a check, which begins with its kind", node)
        first, _ = entry.entries[0]
        rule: Any = read_kind(self._kind(first), entry, also=COMMON, label=first.text)
        misplaced = getattr(rule, "misplaced", None)
        if misplaced and (why := misplaced(self.scope)):
            raise ProjectError(f"{first.text!r}: {why}", place=first.place)
        return self._check(first.text, rule, MappingNode(entry.entries, first.place))

    def _check(self, kind: str, rule: Any, entry: MappingNode) -> DeclaredCheck:
        """A check with the keys of ``entry`` that any check may have; the place is that of ``entry``."""
        name, description, tags = (entry.get(key) for key in COMMON)
        derived = ".".join(
            part for part in (str(self.table) if self.table else self.module, kind, rule.subject) if part
        )
        own_tags = keys.texts.read(tags) if tags is not None else ()
        return DeclaredCheck(
            name=keys.text.read(name) if name is not None else derived,
            kind=kind,
            module=self.module,
            table=self.table,
            rule=rule,
            place=entry.place,
            description=keys.text.read(description) if description is not None else None,
            tags=tuple(dict.fromkeys((*self.tags, *own_tags))),
        )

    def _kind(self, written: Scalar) -> type:
        """The kind that an entry begins with. ``columns`` is none: it is a key of the file."""
        known = [name for name, kind in self.registry.items() if self.scope in scopes_of(kind)]
        if written.text == shared.WITH:
            raise ProjectError(f"'{shared.WITH}' comes behind '{shared.USE}'", place=written.place)
        if written.text in known:
            return self.registry[written.text]
        hint = f"kinds: {', '.join(sorted(known))}" if known else None
        if written.text in self.registry:
            raise ProjectError(f"{written.text!r} is no check of a {self.scope}", place=written.place, hint=hint)
        message = f"unknown kind {written.text!r}{did_you_mean(written.text, [*known, shared.USE])}"
        if written.text in COMMON or any(written.text in keys.key_fields(self.registry[name]) for name in known):
            message = f"a check begins with its kind, not with {written.text!r}"
        raise ProjectError(message, place=written.place, hint=hint)
