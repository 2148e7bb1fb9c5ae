"""Brings one check file up to date after a migration; all that people wrote in it stays.

Decides for each column, key and check in the file: added, changed, removed, or left and reported. Three texts are
compared: what ``adopt`` wrote last, what it would write now, and the file. If the schema changed, the file follows
where its text is still that of ``adopt``; else people decide. A handwritten file only gets rules that no check
declares.
Not here: whether a whole file is added or removed (``adoption.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml as pyyaml

from harness.adopt import check_file
from harness.adopt.edit import Editor, plain
from harness.adopt.record import AdoptedTable
from harness.catalog import Table, TableRule
from harness.declarations import DECLARED, DeclaredCheck
from harness.describe import CheckEntry, TableDescription

TOUCHED = "touched_on_update"
SHORT = {"not null": "not_null", "default": "default", "generated": "generated", "labels": "accepted_values"}
"""The keys of a column, by the kind of the rule that each declares."""
NAMED = ("unique", "accepted_values", "check")
"""The keys of a column whose rule is a constraint; a column may have one of each."""


@dataclass
class CheckFileUpdate:
    """The update of one file. ``checks`` are those in it, ``elsewhere`` those of the same table in other files.

    ``before`` is what ``adopt`` wrote last; without it the file is taken for handwritten, and rules that no check
    declares are added to it. ``now`` describes the ``table`` as the schema has it. ``done`` and ``left`` are sentences
    that say what was changed, and what people have to decide.
    """

    editor: Editor
    table: Table
    now: TableDescription
    before: AdoptedTable | None
    checks: Sequence[DeclaredCheck]
    elsewhere: Sequence[DeclaredCheck] = ()
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    overwritten: set[TableRule] = field(default_factory=set)
    """Rules that the file declared where it declares others now."""

    def run(self) -> str:
        """The new text of the file."""
        now = AdoptedTable.of(self.now)
        if self.before is not None:
            described = ({"description": each.description} for each in (self.before, now))
            self._follow("the description", self.editor.root, *described)
            self._known(self.before.known, now.known)
            for column in [*now.columns, *(gone for gone in self.before.columns if gone not in now.columns)]:
                self._column(column, self.before.columns.get(column), now.columns.get(column))
            for part in [*now.checks, *(gone for gone in self.before.checks if gone not in now.checks)]:
                self._check(part, self.before.checks.get(part), now.checks.get(part))
        else:
            self._known({}, now.known)
            self._undeclared(now)
        return self.editor.result()

    def add_row_hints(self, entry: CheckEntry) -> str:
        """The new text of the file, with the row hints of its table."""
        if any(check.kind == "rows" for check in self.checks):
            self.left.append(f"its rows want more than the file says: {dict(entry)}")
        else:
            self._add(entry)
            self.done.append("rows: found by trying")
        return self.editor.result()

    def _known(self, before: Mapping[str, str], now: Mapping[str, str]) -> None:
        """Updates the rules that no kind of check can state; an entry that people wrote stays, in any file."""
        said = {part.name for part in self._declared(self._every)}.union(
            *(each.rule.known for each in self._every if each.kind == DECLARED)
        )
        now = {name: why for name, why in now.items() if name in before or name not in said}
        root, node = self.editor.root, self.editor.get(self.editor.root, "known")
        if isinstance(node, pyyaml.MappingNode):
            if before and not now and plain(node).items() <= before.items():
                self.editor.change(root, {"known": None})
                self.done += [f"known: {name} removed" for name in plain(node)]
            else:
                self._follow("known", node, before, now)
        elif new := {name: why for name, why in now.items() if name not in before}:
            self.editor.change(root, {"known": new})
            self.done += [f"known: {name} is {why}" for name, why in new.items()]

    def _undeclared(self, now: AdoptedTable) -> None:
        """Adds rules that no check declares to a handwritten file."""
        said = self._declared(self._every)
        columns = self._columns()
        there = {name.value for name, _ in columns.value} if columns is not None else set()
        for column, entry in now.columns.items():
            if column not in there:
                self._column(column, None, entry)
            else:
                self._add_to_column(column, entry, said)
        for part, entry in now.checks.items():
            if part not in said and part.kind not in ("comment", "index"):
                self._check(part, None, entry)

    def _add_to_column(self, column: str, entry: Mapping[str, Any], said: set[TableRule]) -> None:
        """Adds rules that no check declares to a column that the file has."""
        node = self.editor.get(self._columns(), column)
        inline_columns = [part for part, home in self.now.inline_columns.items() if home == column and part not in said]
        now = {key: entry[key] for kind, key in SHORT.items() if key in entry and TableRule(kind, column) not in said}
        named = {key: entry[key] for key in (*NAMED, "constraint", TOUCHED) if key in entry} if inline_columns else {}
        if not isinstance(node, pyyaml.MappingNode):
            return
        there = {name.value for name, _ in node.value}
        if named and not there & {*named}:
            now |= named
        elif named:
            self._add_second(column, named)
        if now and not there & {*now}:
            self._follow(f"column {column}", node, {}, now)

    def _add_second(self, column: str, named: Mapping[str, Any]) -> None:
        """Adds the rule of a column that has another one of its kind, as an entry of ``checks:``."""
        kind = next((kind for kind in NAMED if kind in named), None)
        if kind is None or TOUCHED in named:
            return
        own = {"unique": {"unique": [column]}, "accepted_values": {"accepted_values": named[kind], "column": column}}
        constraint = {"constraint": named["constraint"]} if "constraint" in named else {}
        self._add({**own.get(kind, {kind: named[kind]}), **constraint})
        self.done.append(f"column {column}: a second {kind} added, {named.get('constraint') or named[kind]}")

    @property
    def _every(self) -> tuple[DeclaredCheck, ...]:
        """The checks of the table in any file."""
        return (*self.checks, *self.elsewhere)

    def _declared(self, checks: Iterable[DeclaredCheck]) -> set[TableRule]:
        """The rules that checks declare of the table."""
        return {part for check in checks for part in check.rule.declares(self.table)}

    def _columns(self) -> pyyaml.MappingNode | None:
        found = self.editor.get(self.editor.root, "columns")
        return found if isinstance(found, pyyaml.MappingNode) else None

    def _column(self, column: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> None:
        columns = self._columns()
        node = self.editor.get(columns, column)
        if before == now or columns is None:
            return
        if before is None and node is None and now is not None:
            self.editor.insert_lines(check_file.column_lines(column, dict(now)), self._above(columns, column))
            self.done.append(f"column {column}: added")
        elif now is None and node is not None:
            self._remove_column(columns, column, node, before or {})
        elif node is not None and isinstance(node, pyyaml.MappingNode):
            self._follow(f"column {column}", node, before or {}, now or {})

    def _above(self, columns: pyyaml.MappingNode, column: str) -> pyyaml.Node:
        """The column that a new one comes after: of those before it in the table the last one that the file has."""
        names = list(self.now.columns)
        there = {name.value: value for name, value in columns.value}
        known = [name for name in names[: names.index(column)] if name in there]
        nearest: pyyaml.Node = there[known[-1]] if known else columns.value[-1][1]
        return nearest

    def _remove_column(
        self, columns: pyyaml.MappingNode, column: str, node: pyyaml.Node, before: Mapping[str, Any]
    ) -> None:
        name = next(name for name, _ in columns.value if name.value == column)
        if plain(node) == before and not self.editor.commented(node, name.start_mark.index):
            self.editor.change(columns, {column: None})
            self.done.append(f"column {column}: removed")
        else:
            self.left.append(f"column {column} is gone; the file says more of it than adopt did")

    def _check(self, part: TableRule, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> None:
        if before == now:
            return
        item = self._item(part)
        if item is None and part.kind == "domain" and before is not None:
            # Of a domain that lacks it nobody can say that it was the domain's.
            item = self._item(TableRule("constraint", before["constraint"]))
        if item is None:
            if before is None and now is not None and part not in self._declared(self._every) - self.overwritten:
                self._add(dict(now))
                self.done.append(f"{part}: added")
            elif before is not None and part in self._declared(
                check for check in self._every if check.shared is not None
            ):
                gone = "is gone" if now is None else "has changed"
                self.left.append(f"{part} {gone}; the file says it by shared checks of project.yml")
        elif now is None:
            self._remove_check(part, item, before or {})
        elif before is not None:
            self._follow(str(part), item, before, now)

    def _remove_check(self, part: TableRule, item: pyyaml.MappingNode, before: Mapping[str, Any]) -> None:
        if plain(item) == before and not self.editor.commented(item):
            self.editor.remove_item(item)
            self.done.append(f"{part}: removed")
        else:
            self.left.append(f"{part} is gone; the file says more of it than adopt did")

    def _add(self, entry: CheckEntry) -> None:
        """Adds an entry behind the last check of its group, or of an earlier group."""
        lines = check_file.check_lines(entry)
        checks = self.editor.get(self.editor.root, "checks")
        if not isinstance(checks, pyyaml.SequenceNode) or not checks.value:
            self.editor.insert_lines(["checks:", *lines], self.editor.root.value[-1][1])
            return
        own = check_file.group(next(iter(entry)))
        before = [item for item in checks.value if check_file.group(_kind(item)) <= own]
        self.editor.insert_lines(lines, before[-1] if before else checks.value[-1])

    def _item(self, part: TableRule) -> pyyaml.MappingNode | None:
        """The entry under ``checks:`` that declares a rule."""
        lines = {check.place.line: check for check in self.checks if part in check.rule.declares(self.table)} or {
            check.place.line: check for check in self.checks if part.kind == "comment" and check.kind == "comment"
        }
        checks = self.editor.get(self.editor.root, "checks")
        for item in checks.value if isinstance(checks, pyyaml.SequenceNode) else ():
            check = lines.get(item.start_mark.line + 1)
            if check is not None and isinstance(item, pyyaml.MappingNode) and _kind(item) == check.kind:
                return item
        return None

    def _follow(self, what: str, node: pyyaml.MappingNode, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Changes each key that the schema changed, unless people have changed it, too."""
        changes: dict[str, Any] = {}
        lines = range(node.start_mark.line + 1, node.end_mark.line + 2)
        for key in (*now, *(gone for gone in before if gone not in now)):
            found = self.editor.get(node, key)
            written = plain(found) if found is not None else None
            if before.get(key) == now.get(key) or _same(written, now.get(key)):
                continue
            if _same(written, before.get(key)):
                changes[key] = now.get(key)
                own = (check for check in self.checks if check.kind == key and check.place.line in lines)
                self.overwritten |= self._declared(own)
                self.done.append(f"{what}: {key} {'removed' if now.get(key) is None else f'is {now[key]}'}")
            else:
                shown = "nothing" if now.get(key) is None else now[key]
                self.left.append(f"{what}: {key} is {shown} in the schema now, and {written or 'nothing'} in the file")
        if changes:
            self.editor.change(node, changes)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same; a list of one may be written without brackets."""
    one, other = ([each] if isinstance(each, str) else each for each in (one, other))
    return bool(one == other)


def _kind(item: pyyaml.Node) -> str:
    return str(item.value[0][0].value) if isinstance(item, pyyaml.MappingNode) and item.value else ""
