"""Makes records of the shapes of a table: of rows that are stored, and of values as a program sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from harness.catalog.model import Table
from harness.probes.statement import identifier, literal
from harness.project.model import Values
from harness.types.agreement.cases import SentValue, TriedRecord
from harness.types.agreement.received import as_of_column, free_type, read
from harness.types.model import ShapeName, TableShape
from harness.types.record_shapes import shapes


@dataclass(frozen=True)
class ServerRecords:
    """Makes the records of one table; of a shape that a role does not have there are none."""

    connection: psycopg.Connection[Any]
    table: Table
    shape: TableShape
    _known: dict[tuple[str, str | None], SentValue] = field(default_factory=dict)

    def stored(self, values: Mapping[str, SentValue]) -> Iterator[TriedRecord]:
        """Yields a row as it was stored."""
        yield from self._record("Row", values, None)

    def unstored(self, base: Mapping[str, SentValue], values: Values, name: str) -> Iterator[TriedRecord]:
        """Yields a row as it would be stored if ``name`` did not refuse it; ``base`` is one that was."""
        sent, generated = self._sent(values), self._asked(values, generated=True)
        if sent is not None and generated is not None:
            replaced = self._replaced("Insert")
            changed = {column: value for column, value in {**sent, **generated}.items() if column not in replaced}
            yield from self._record("Row", {**base, **changed}, name)

    def sent(self, shape: ShapeName, values: Values, name: str | None) -> Iterator[TriedRecord]:
        """Yields the values of an INSERT or UPDATE, refused by ``name`` if that is given."""
        fields = dict(shapes(self.shape)).get(shape, ())
        known = {each.name for each in fields}
        if shape == "Update" and not {*values} <= known:
            return
        found = self._sent({column: value for column, value in values.items() if column in known})
        if found is not None:
            yield from self._record(shape, found, name)

    def _record(self, shape: ShapeName, values: Mapping[str, SentValue], name: str | None) -> Iterator[TriedRecord]:
        fields = dict(shapes(self.shape)).get(shape)
        if fields is not None:
            known = {each.name: values[each.name] for each in fields if each.name in values}
            if name is None or self._tells(shape, known, name):
                yield TriedRecord(self.table.name, shape, known, name)

    def _tells(self, shape: ShapeName, values: Mapping[str, SentValue], name: str) -> bool:
        """Whether a record shows that it breaks a rule, whatever else is in the row."""
        rules = [rule for rule in self.shape.rules if rule.name == name]
        decisive = {*values} - self._replaced(shape)
        if rules:
            return any({*rule.columns} <= decisive for rule in rules)
        column, bracket, _ = name.rpartition(" (")
        return not bracket or column in decisive or (shape == "Insert" and column not in values)

    def _replaced(self, shape: ShapeName) -> set[str]:
        return {each.name for each in self.shape.fields if shape in each.replaced}

    def _sent(self, values: Values) -> dict[str, SentValue] | None:
        """Values as the program has them before the table has its say; None if they are none of their types."""
        known = {(name, value): self._known.get((name, value)) for name, value in values.items()}
        new = {name: value for (name, value), found in known.items() if found is None}
        if new:
            asked = self._asked(new)
            # One value may be none of its type: then each is asked for by itself.
            each = [asked] if asked is not None else [self._asked({name: value}) for name, value in new.items()]
            self._known.update(((name, new[name]), sent) for found in each if found for name, sent in found.items())
        found = {name: self._known.get((name, value)) for name, value in values.items()}
        sent = {name: value for name, value in found.items() if value is not None}
        return sent if len(sent) == len(values) else None

    def _asked(self, values: Values, *, generated: bool = False) -> dict[str, SentValue] | None:
        """Values as the server gives them, or the ``generated`` columns of a row of them."""
        columns = [self.table.column(name) for name in values]
        typed = zip(columns, values.values(), strict=True)
        query = "select " + ", ".join(
            f"{literal(value)}::{free_type(column)} as {identifier(column.name)}" for column, value in typed
        )
        if generated:
            columns = [each for each in self.table.columns if each.generated and each.default is not None]
            computed = (f"({each.default})::{free_type(each)} as {identifier(each.name)}" for each in columns)
            query = f"select {', '.join(computed)} from ({query}) as v"
        if not columns:
            return {}
        try:
            with self.connection.transaction(force_rollback=True):
                # Without the star, t would be a column of that name.
                asked = self.connection.execute(f"select t.*, to_json(t.*)::text from ({query}) as t".encode())
                found = read(asked, columns)
        except psycopg.Error:
            return None
        return {column.name: as_of_column(column, found[column.name]) for column in columns}
