"""Triggers of which nothing is said but that they fire: did one of them make a probe go wrong?

A trigger may rewrite a value before a rule sees it, write to other tables, or put away what a query then looks for.
What went wrong is tried once more with the declared ones switched off; only failures pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.catalog.model import Catalog
from harness.declarations import Check
from harness.probes import Execute, Probe, Refusal, Refused, Scenario, Session, Statement, Verdict, judge
from harness.probes.statement import identifier, qualified
from harness.project.model import TableName

NAMED = 3
"""Triggers that a reason names."""


@dataclass(frozen=True)
class Opaque:
    """The declared triggers that are there, by table."""

    triggers: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, declared: Iterable[Check], catalog: Catalog) -> Opaque:
        found: dict[TableName, tuple[str, ...]] = {}
        for check in declared:
            table = catalog.tables.get(check.table) if check.table else None
            if table is not None and (names := check.rule.opaque()):
                there = tuple(each.name for each in table.triggers if each.name in names)
                found[table.name] = (*found.get(table.name, ()), *there)
        return cls({table: names for table, names in found.items() if names})

    def excuses(
        self,
        session: Session,
        scenario: Scenario,
        failed: Sequence[Probe],
        others: Callable[[Refusal], Iterable[Refused]],
    ) -> dict[int, tuple[str, ...]]:
        """The places among ``failed`` of the probes that come out as wanted without the triggers, and their names.

        So do those that are refused by one of the ``others``, rules that are declared: it was the trigger's part to
        make the row keep them. Without ``failed`` it is the rows themselves, before any probe: the place is 0.
        """
        triggers = {table: self.triggers[table] for table in _tables(scenario, failed) if table in self.triggers}
        if not triggers:
            return {}
        off = tuple(_off(triggers))
        # One that has its rows in the setup is switched off before them: a trigger with events that are pending stays.
        tried = replace(scenario, setup=(*off, *scenario.setup), probes=tuple(failed))
        answer = session.replies(tried)
        names = tuple(dict.fromkeys(name for several in triggers.values() for name in several))
        if isinstance(answer, Refusal):
            return {}
        if not failed:
            return {0: names}
        verdicts = (
            judge(probe, reply, others(reply.refusal) if reply.refusal else ())
            for probe, reply in zip(failed, answer, strict=True)
        )
        fine = (Verdict.AS_WANTED, Verdict.MASKED)
        return {place: names for place, verdict in enumerate(verdicts) if verdict in fine}


def _tables(scenario: Scenario, failed: Sequence[Probe]) -> dict[TableName, None]:
    """The tables whose rows the statements write, each once."""
    statements: Iterable[Statement] = (*scenario.setup, *(probe.statement for probe in failed))
    return dict.fromkeys(each.table for each in statements if not isinstance(each, Execute))


def _off(triggers: Mapping[TableName, tuple[str, ...]]) -> Iterator[Execute]:
    for table, names in triggers.items():
        for name in names:
            yield Execute(f"alter table {qualified(table)} disable trigger {identifier(name)}")


def blamed(names: Sequence[str]) -> str:
    """``trigger orders_count, of which no check says what it does``, for a reason."""
    if len(names) == 1:
        return f"trigger {names[0]}, of which no check says what it does"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"triggers {', '.join(names[:NAMED])}{more}, of which no check says what they do"
