"""Objects besides tables, and statements that need a privilege on one and have no effect.

Reads ``on:`` of the check. Not here: statements on rows of a table (``rows.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog.roles import DEFAULTS, Granted
from harness.kinds.base import Missing, Subject, identifier, literal
from harness.probes import Accepted, Execute, Expected, Probe, Refused
from harness.project.keys import Reader
from harness.project.nodes import Node, as_scalar, expected

COMMANDS = {
    "schema": ("usage", "create"),
    "sequence": ("usage", "select", "update"),
    "function": ("execute",),
    "view": ("select", "insert", "update", "delete", "truncate", "references", "trigger"),
    DEFAULTS: (),
}
FORMS = "schema, schema NAME, sequence S.NAME, function S.NAME(TYPES), view S.NAME or defaults of ROLE"
_NAME = r'(?:"(?:[^"]|"")+"|[^\s".(),]+)'
_FORM = re.compile(
    rf"(?P<schema>schema)(?: +(?P<of>{_NAME}))?|(?P<kind>sequence|view) +(?P<relation>{_NAME}\.{_NAME})"
    rf"|(?P<function>function) +(?P<signature>{_NAME}\.{_NAME} *\(.*\))|(?P<defaults>defaults of) +(?P<role>{_NAME})"
)


@dataclass(frozen=True)
class Object:
    """An object in the file of a module; ``name`` is written as in SQL, and None is the schema of the module."""

    kind: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name or ''}".strip()

    def named(self, subject: Subject) -> str:
        return self.name or identifier(subject.module)

    def granted(self, subject: Subject) -> Granted:
        """Returns the grants on it. Raises :class:`~harness.catalog.model.Missing` if it is not there."""
        found = subject.roles.granted(self.kind, self.named(subject), subject.module)
        if found is None:
            raise Missing(self.kind if self.kind != DEFAULTS else "role", self.named(subject), ())
        return found

    def probes(self, subject: Subject, role: str, expected: frozenset[str]) -> Iterator[Probe]:
        """Yields a statement for each command that can be tried, as a role."""
        for command, text, accepted in self._statements(subject):
            may = command in expected or (command == "usage" and self.kind == "sequence" and "update" in expected)
            outcome: Expected = accepted if may else Refused(("42501",))
            aspect = f"{role} {'may' if may else 'may not'} {command}"
            value = f"{command} of {self.kind} {self.name or subject.module} as {role}"
            yield Probe(Execute(text), outcome, aspect, value, {"role": role})

    def _statements(self, subject: Subject) -> Iterator[tuple[str, str, Expected]]:
        """Yields commands, a statement for each, and its outcome with the privilege."""
        name = self.named(subject)
        if self.kind == "schema":
            # With the privilege, PostgreSQL looks for the relation and does not find it.
            yield "usage", f"select {literal(name + '.harness_nothing').strip()}::regclass", Refused(("42P01",))
            yield "create", f"create table {name}.harness_tried ()", Accepted()
        elif self.kind == "sequence":
            yield "usage", f"select nextval({literal(name).strip()})", Accepted()
            yield "select", f"select last_value from {name}", Accepted()
        elif self.kind == "view":
            # EXPLAIN checks the privileges, also those behind the view, and runs nothing.
            yield "select", f"explain select * from {name}", Accepted()
        elif self.kind == "function" and (call := subject.roles.call(name)) is not None:
            yield "execute", f"explain select {call}", Accepted()


def _read(node: Node) -> Object:
    text = as_scalar(node, FORMS).text.strip()
    found = _FORM.fullmatch(text)
    if not found:
        hint = "with the types of its arguments: function shop.total(integer)" if text.startswith("function") else None
        raise expected(FORMS, node, hint=hint)
    if found["schema"]:
        return Object("schema", found["of"])
    if found["defaults"]:
        return Object(DEFAULTS, found["role"])
    return Object(found["kind"] or "function", found["relation"] or found["signature"])


OBJECT: Reader[Object] = Reader(FORMS, _read, {"type": "string"})
