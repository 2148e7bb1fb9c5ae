"""The files under ``checks/`` become checks: each a rule of one kind, with its name and its place.

Nothing here asks a server. What the files alone show to be wrong is a :class:`~harness.errors.ProjectError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.errors import Place, ProjectError, did_you_mean
from harness.project import keys, nodes, shared
from harness.project.columns import CONTRACT
from harness.project.keys import ColumnForm, Rule, read_kind, unknown_key
from harness.project.model import Module, Project, TableName
from harness.project.nodes import Node, Scalar, as_mapping, as_sequence
from harness.project.shared import Shared

COMMON = ("name", "description", "tags")
FILE_KEYS = {
    "table": ("table", "description", "tags", "undeclared", "known", "columns", "checks"),
    "module": ("module", "description", "tags", "checks"),
}
DECLARED = "declared"
"""The kind of the check that every table with a file has: that nothing is there which nobody declared."""
NONE: Mapping[str, Shared] = {}
NO_CHANGES: Mapping[Path, str | None] = {}


@dataclass(frozen=True)
class Check:
    """One declared rule. ``rule`` is an instance of its kind; the place is that of the kind's key in the file.

    Of a shared check the place is where it is used, and ``shared`` where its text stands.
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
        """What the rule is about, in a word."""
        rule: Rule = self.rule
        return rule.subject

    @property
    def label(self) -> str:
        """How a report names it: ``accepted_values trigger_type``."""
        return f"{self.kind} {self.subject}".strip()


def read(
    project: Project, registry: Mapping[str, type], changed: Mapping[Path, str | None] = NO_CHANGES
) -> tuple[Check, ...]:
    """All checks of a project, in the order of its modules and files; raises :class:`ProjectError`.

    ``changed`` are the texts of check files that are not written yet, by their paths below the project's root; None is
    a file to be removed.
    """
    found: dict[str, Check] = {}
    for module in project.modules:
        for document in _documents(project, module, changed):
            declared = _Document(as_mapping(document), module.name, registry, project.shared, project.undeclared)
            for check in declared.checks():
                first = found.get(check.name)
                if first is not None and check.kind != DECLARED:
                    raise _same_name(first, check)
                _refuse_unfit(project, check)
                found[check.name] = check if first is None else replace(first, rule=first.rule | check.rule)
    return tuple(found.values())


def _documents(project: Project, module: Module, changed: Mapping[Path, str | None]) -> Iterator[Node]:
    """The documents of a module's check files, sorted by path."""
    root = project.root
    written = {path.relative_to(root) if path.is_relative_to(root) else path: path for path in module.checks}
    folder = Path(project.paths.checks) / module.name
    new = (path for path in changed if path.suffix == ".yml" and path.is_relative_to(folder))
    for shown in sorted({*written, *new}):
        if shown not in changed:
            yield from nodes.read(written[shown], shown)
        elif (text := changed[shown]) is not None:
            yield from nodes.compose(text, shown)


def read_file(
    path: Path,
    shown: Path,
    module: str,
    registry: Mapping[str, type],
    used: Mapping[str, Shared] = NONE,
    undeclared: str = "broken",
) -> Iterator[Check]:
    """The checks of one file, which messages call ``shown``, and the shared ones that it uses.

    ``undeclared`` is what the project makes of rules that no check declares. Raises :class:`ProjectError`.
    """
    for document in nodes.read(path, shown):
        yield from _Document(as_mapping(document), module, registry, used, undeclared).checks()


def read_text(
    text: str, shown: Path, module: str, registry: Mapping[str, type], used: Mapping[str, Shared] = NONE
) -> Iterator[Check]:
    """The checks of a text that is to become a file; raises :class:`ProjectError`."""
    for document in nodes.compose(text, shown):
        yield from _Document(as_mapping(document), module, registry, used, "broken").checks()


def _same_name(first: Check, second: Check) -> ProjectError:
    hint = "remove one of them, or give one a name of its own with the key 'name'"
    if second.shared is not None:
        hint = f"remove one of them, or let what {second.shared} is called say $table, or a parameter that differs"
    return ProjectError(
        f"a second check of the name {second.name!r}, the first is {first.place}", place=second.place, hint=hint
    )


def _refuse_unfit(project: Project, check: Check) -> None:
    unfit = getattr(check.rule, "unfit", None)
    why = unfit(project) if unfit else None
    if why:
        raise ProjectError(f"{check.kind!r}: {why}", place=check.place, hint="correct it, or take this check out")


class _Document:
    """One table, or one module."""

    def __init__(
        self,
        node: nodes.Mapping,
        module: str,
        registry: Mapping[str, type],
        used: Mapping[str, Shared],
        undeclared: str,
    ) -> None:
        self.node = node
        self.used = used
        self.module = module
        self.registry = registry
        self.undeclared = undeclared
        self.level = self._level()
        self.table = keys.table.read(self._value("table")) if self.level == "table" else None
        self.tags = keys.texts.read(self._value("tags")) if node.get("tags") else ()

    def checks(self) -> Iterator[Check]:
        columns = self.node.get("columns")
        if columns is not None:
            yield from self._columns(columns)
        entries = self.node.get("checks")
        for entry in as_sequence(entries, "a list of checks").items if entries is not None else ():
            yield from self._shared(entry) if shared.begins(entry) else (self._entry(entry),)
        if self.table is not None and DECLARED in self.registry:
            yield self._declared()

    def _shared(self, entry: Node) -> Iterator[Check]:
        """The checks that ``use`` stands for, each at the place of use."""
        use = as_mapping(entry)
        own = (self.table.schema, self.table.table) if self.table else None
        for node in shared.expand(use, self.used, shared.own_values(own, self.module, use.place)):
            with shared.telling(use):
                check = self._entry(node)
            yield replace(check, place=use.entries[0][0].place, shared=check.place)

    def _declared(self) -> Check:
        """The check that nobody writes; its keys are those of the file."""
        own = keys.key_fields(self.registry[DECLARED])
        entries = tuple(entry for entry in self.node.entries if entry[0].text in own)
        place = self._value("table").place
        rule: Any = read_kind(self.registry[DECLARED], nodes.Mapping(entries, place), label="table file")
        if self.node.get("undeclared") is None:
            rule = replace(rule, undeclared=self.undeclared)
        return self._check(DECLARED, rule, place, nodes.Mapping((), place))

    def _level(self) -> str:
        levels = [level for level in FILE_KEYS if self.node.get(level)]
        if len(levels) != 1:
            found = "both" if levels else "neither"
            raise ProjectError(
                f"a check file says 'table: schema.table' or 'module: name', this one says {found}",
                place=self.node.place,
            )
        for name in self.node.names():
            if name not in FILE_KEYS[levels[0]]:
                raise unknown_key(self._key(name), list(FILE_KEYS[levels[0]]), f"{levels[0]} file")
        if levels == ["module"]:
            self._refuse_other_module()
        return levels[0]

    def _refuse_other_module(self) -> None:
        written = keys.name.read(self._value("module"))
        if written != self.module:
            raise ProjectError(
                f"module {written!r} in the folder of module {self.module!r}", place=self._value("module").place
            )

    def _key(self, name: str) -> Scalar:
        found = self.node.key(name)
        assert found is not None
        return found

    def _value(self, name: str) -> Node:
        found = self.node.get(name)
        assert found is not None
        return found

    def _check(self, kind: str, rule: Any, place: Place, node: nodes.Mapping) -> Check:
        """A check with what any entry may say besides: its name, description and tags."""
        name, description, tags = (node.get(key) for key in COMMON)
        owner = str(self.table) if self.table else self.module
        derived = ".".join(part for part in (owner, kind, rule.subject) if part)
        own_tags = keys.texts.read(tags) if tags is not None else ()
        return Check(
            name=keys.text.read(name) if name is not None else derived,
            kind=kind,
            module=self.module,
            table=self.table,
            rule=rule,
            place=place,
            description=keys.text.read(description) if description is not None else None,
            tags=tuple(dict.fromkeys((*self.tags, *own_tags))),
        )

    def _entry(self, node: Node) -> Check:
        entry = as_mapping(node, "a check, which begins with its kind")
        if not entry.entries:
            raise nodes.expected("a check, which begins with its kind", node)
        first, _ = entry.entries[0]
        kind = self._kind(first)
        rule: Any = read_kind(kind, entry, also=COMMON, label=first.text)
        misplaced = getattr(rule, "misplaced", None)
        why = misplaced(self.level) if misplaced else None
        if why:
            raise ProjectError(f"{first.text!r}: {why}", place=first.place)
        return self._check(first.text, rule, first.place, entry)

    def _kind(self, written: Scalar) -> type:
        """The kind that an entry begins with. The contract of the columns stands at the top of a file, not here."""
        known = [name for name, kind in self.registry.items() if self.level in levels_of(kind)]
        if written.text == shared.WITH:
            raise ProjectError(f"'{shared.WITH}' comes behind '{shared.USE}'", place=written.place)
        if written.text in known:
            return self.registry[written.text]
        hint = f"kinds: {', '.join(sorted(known))}" if known else None
        if written.text in self.registry:
            raise ProjectError(f"{written.text!r} is no check of a {self.level}", place=written.place, hint=hint)
        message = f"unknown kind {written.text!r}{did_you_mean(written.text, [*known, shared.USE])}"
        if written.text in COMMON or any(written.text in keys.key_fields(self.registry[name]) for name in known):
            message = f"a check begins with its kind, not with {written.text!r}"
        raise ProjectError(message, place=written.place, hint=hint)

    def _columns(self, node: Node) -> Iterator[Check]:
        columns = as_mapping(node, "a mapping of columns")
        for _, value in columns.entries:
            self._refuse_unknown(as_mapping(value, "a mapping such as {type: text}"))
        if "columns" in self.registry:
            contract = nodes.Mapping(((self._key("columns"), columns),), columns.place)
            rule: Any = read_kind(self.registry["columns"], contract, label="columns")
            yield self._check("columns", rule, self._key("columns").place, nodes.Mapping((), columns.place))
        for name, value in columns.entries:
            yield from self._column(name, as_mapping(value))

    def _refuse_unknown(self, column: nodes.Mapping) -> None:
        forms = column_forms(self.registry)
        allowed = dict.fromkeys([*CONTRACT, *forms, *(key for form in forms.values() for key in form.keys)])
        for key, _ in column.entries:
            if key.text not in allowed:
                raise unknown_key(key, list(allowed), "column")

    def _column(self, name: Scalar, column: nodes.Mapping) -> Iterator[Check]:
        forms = {kind: form for kind, form in column_forms(self.registry).items() if _is_meant(column, kind, form)}
        _refuse_unclaimed(column, forms, column_forms(self.registry))
        for key, value in column.entries:
            if key.text in forms:
                form = forms[key.text]
                node = _as_entry(key, value, form, column)
                rule: Any = read_kind(
                    self.registry[key.text], node, inherited={form.column: name}, also=COMMON, label=key.text
                )
                yield self._check(key.text, rule, key.place, node)


def levels_of(kind: type) -> tuple[str, ...]:
    """Where an entry of this kind may stand: under a ``table``, a ``module``."""
    levels: tuple[str, ...] = getattr(kind, "levels", ("table",))
    return levels


def column_forms(registry: Mapping[str, type]) -> dict[str, ColumnForm]:
    """The kinds that may also be written as a key of a column."""
    return {name: kind.column_form for name, kind in registry.items() if hasattr(kind, "column_form")}


def _is_meant(column: nodes.Mapping, kind: str, form: ColumnForm) -> bool:
    """``unique: false`` says nothing; any other value of the key is a check."""
    value = column.get(kind)
    if value is None:
        return False
    if form.value is None and isinstance(value, Scalar):
        return keys.boolean.read(value)
    return True


def _refuse_unclaimed(column: nodes.Mapping, meant: Mapping[str, ColumnForm], forms: Mapping[str, ColumnForm]) -> None:
    """A key beside the kinds, such as ``constraint``, must belong to exactly one of them."""
    for key, _ in column.entries:
        takers = [kind for kind, form in forms.items() if key.text in form.keys]
        claims = [kind for kind in takers if kind in meant]
        if not takers or len(claims) == 1 or key.text in (*CONTRACT, *forms):
            continue
        if claims:
            message = f"{key.text!r} could belong to {' or '.join(claims)}"
            raise ProjectError(message, place=key.place, hint="write all but one of them under 'checks'")
        raise ProjectError(f"{key.text!r} belongs to {' or '.join(takers)}, which this column lacks", place=key.place)


def _as_entry(key: Scalar, value: Node, form: ColumnForm, column: nodes.Mapping) -> nodes.Mapping:
    """The short form as an entry of ``checks:`` would have it, but for the column."""
    beside = tuple((name, node) for name, node in column.entries if name.text in form.keys)
    if form.value is not None:
        return nodes.Mapping(((Scalar(form.value, key.place), value), *beside), key.place)
    inside = value.entries if isinstance(value, nodes.Mapping) else ()
    if not isinstance(value, nodes.Mapping | Scalar):
        raise nodes.expected("true, or a mapping of further keys", value)
    for name, _ in beside:
        if name.text in [entry.text for entry, _ in inside]:
            raise ProjectError(f"{name.text!r} is given twice, beside {key.text!r} and in it", place=name.place)
    return nodes.Mapping((*inside, *beside), key.place)
