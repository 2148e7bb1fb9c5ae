"""referenced_by"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from harness.catalog.model import ForeignKey, Missing
from harness.kinds.base import Fact, Kind, ScenarioStrategy, Subject, TableName
from harness.kinds.foreign_key_parts.actions import never_met, with_actions
from harness.kinds.foreign_key_parts.facts import action, action_facts
from harness.kinds.foreign_key_parts.links import links
from harness.kinds.foreign_key_parts.reference import Reference
from harness.kinds.toolkit.constraints import enforced_fact
from harness.project.keys import key, name, table


@dataclass(frozen=True)
class ReferencedByKind(Kind):
    """A deleted or changed row of this table does to the rows that refer to it what is declared.

    ```yaml
    table: shop.orders
    checks:
      - referenced_by: shop.order_lines
        on_delete: cascade
    ```

    It is `foreign_key` from the side of the parent. Proven: parents with no, one and many children are deleted and
    change their key, down the whole chain, and the children of other parents are left alone: also where two cascades
    meet in one row below, of which a trigger may see only the first; a note says where no such row is accepted. Without
    `on_update`, a change of the key is expected to do what the catalog says. `constraint` is needed if two foreign keys
    of that table refer to this one.
    """

    referenced_by: TableName = key(table, "the table whose rows refer to this one")
    on_delete: str = key(action, "what becomes of them when their parent is deleted", default="no action")
    on_update: str | None = key(action, "what becomes of them when its key changes", default=None)
    constraint: str | None = key(name, "the foreign key, if there is more than one", default=None)

    @property
    def subject(self) -> str:
        return self.constraint or str(self.referenced_by)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = self._key(subject)
        if self.constraint is not None:  # else it was found by the table that it references
            yield Fact(f"{found.name} references {subject.table.name}", f"{found.name} references {found.references}")
        yield enforced_fact(found)
        yield from action_facts(found, self.on_delete, self.on_update)

    def scenarios(self, subject: Subject) -> ScenarioStrategy | None:
        reference = self._reference(subject)
        if not reference.key.enforced:
            return None
        if reference.linked:
            return subject.probes(lambda draft: links(subject, draft, reference))
        return with_actions(subject, reference)

    def notes(self, subject: Subject, shown: Collection[str], masked: Mapping[str, str]) -> Iterator[str]:
        yield from never_met(subject, self._reference(subject), shown) if shown else ()

    def _reference(self, subject: Subject) -> Reference:
        child, found = subject.catalog.table(self.referenced_by), self._key(subject)
        on_update = self.on_update or found.on_update
        return Reference.of(subject, child, subject.table, found, self.on_delete, on_update)

    def _key(self, subject: Subject) -> ForeignKey:
        child = subject.catalog.table(self.referenced_by)
        if self.constraint is not None:
            return child.foreign_key(self.constraint)
        keys = [each for each in child.constraints if isinstance(each, ForeignKey)]
        for found in sorted(keys, key=lambda each: not each.enforced):
            if found.references == subject.table.name:
                return found
        known = [str(found.references) for found in keys]
        raise Missing(f"foreign key of {child.name} that references", str(subject.table.name), known)
