"""Triggers and rewrite rules of which nothing is said but that they are there: did one make a probe go wrong?

A trigger may rewrite a value before a rule sees it, write to other tables, or put away what a query then looks for. A
rule in the sense of CREATE RULE makes something else of a command, and there is no check that could say what. What went
wrong is tried once more with them switched off, the rewrite rules alone and then all; only failures pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.catalog.model import Catalog
from harness.declarations import Check
from harness.probes import (
    Execute,
    Expected,
    NotDenied,
    Probe,
    Refused,
    Scenario,
    ScenarioRunner,
    ServerError,
    SqlStatement,
    Verdict,
    judge,
)
from harness.probes.statement import identifier, qualified
from harness.project.model import TableName

NAMED = 3
"""Triggers that a reason names."""


@dataclass(frozen=True)
class Cause:
    """``trigger orders_count, of which no check says what it does``, for a reason."""

    names: tuple[str, ...]
    what: str = "trigger"

    def __str__(self) -> str:
        if len(self.names) == 1:
            return f"{self.what} {self.names[0]}, of which no check says what it does"
        more = f" and {len(self.names) - NAMED} more" if len(self.names) > NAMED else ""
        return f"{self.what}s {', '.join(self.names[:NAMED])}{more}, of which no check says what they do"


@dataclass(frozen=True)
class UnexplainedTriggers:
    """The triggers of which no check says what they do, and all rewrite rules, by table."""

    triggers: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)
    rules: Mapping[TableName, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, declared: Iterable[Check], catalog: Catalog, undeclared: Iterable[tuple[TableName, tuple[str, ...]]] = ()
    ) -> UnexplainedTriggers:
        found: dict[TableName, tuple[str, ...]] = dict(undeclared)
        for check in declared:
            table = catalog.tables.get(check.table) if check.table else None
            if table is not None and (names := check.rule.opaque()):
                there = tuple(each.name for each in table.triggers if each.name in names)
                found[table.name] = (*found.get(table.name, ()), *there)
        rules = {table.name: tuple(each.name for each in table.rewrites) for table in catalog.tables.values()}
        return cls(*({table: names for table, names in each.items() if names} for each in (found, rules)))

    def excuses(
        self,
        session: ScenarioRunner,
        scenario: Scenario,
        failed: Sequence[Probe],
        others: Callable[[ServerError], Iterable[Refused]],
    ) -> dict[int, Cause]:
        """The places among ``failed`` of the probes that come out as expected without these, and what is to blame.

        So do those that are refused by one of the ``others``, rules that are declared: it was the trigger's part to
        make the row keep them. Without ``failed`` it is the rows themselves, before any probe: the place is 0.
        """
        tables = self._tables(scenario, failed)
        rules = {table: self.rules[table] for table in tables if table in self.rules}
        triggers = {table: self.triggers[table] for table in tables if table in self.triggers}
        off = tuple(_off(rules, "rule"))
        excused: dict[int, Cause] = {}
        if rules:
            excused = dict.fromkeys(_fine(session, scenario, failed, others, off), _blame(rules, "rule"))
        if triggers:
            places = _fine(session, scenario, failed, others, (*off, *_off(triggers, "trigger")))
            excused = {**dict.fromkeys(places, _blame(triggers, "trigger")), **excused}
        # Who says that a trigger refuses a command means that it is refused, and not that a rule drops it. And whoever
        # lacks a privilege for what a trigger does lacks it.
        return {
            place: blame
            for place, blame in excused.items()
            if not failed
            or not ((rules and _by_a_trigger(failed[place].expected)) or isinstance(failed[place].expected, NotDenied))
        }

    def _tables(self, scenario: Scenario, failed: Sequence[Probe]) -> dict[TableName, None]:
        """The tables whose rows the statements write, or of whose rules they speak, each once."""
        statements: Sequence[SqlStatement] = (*scenario.setup, *(probe.statement for probe in failed))
        texts = [each.sql for each in statements if isinstance(each, Execute)]
        spoken = (table for table in self.rules if any(qualified(table) in text for text in texts))
        return dict.fromkeys((*(each.table for each in statements if not isinstance(each, Execute)), *spoken))


def _fine(
    session: ScenarioRunner,
    scenario: Scenario,
    failed: Sequence[Probe],
    others: Callable[[ServerError], Iterable[Refused]],
    off: Sequence[Execute],
) -> list[int]:
    """The places of the probes that come out as expected once this is switched off."""
    # One that has its rows in the setup is switched off before them: a trigger with events that are pending stays.
    tried = replace(scenario, setup=(*off, *scenario.setup), probes=tuple(failed))
    answer = session.replies(tried)
    if isinstance(answer, ServerError):
        return [0] if not failed and any(rule.matches(answer) for rule in others(answer)) else []
    if not failed:
        return [0]
    verdicts = (
        judge(probe, reply, others(reply.refusal) if reply.refusal else ())
        for probe, reply in zip(failed, answer, strict=True)
    )
    fine = (Verdict.AS_EXPECTED, Verdict.MASKED)
    return [place for place, verdict in enumerate(verdicts) if verdict in fine]


def _by_a_trigger(expected: Expected) -> bool:
    if not isinstance(expected, Refused) or expected.constraint is not None or expected.column is not None:
        return False
    # Nobody needs a privilege for what a rule drops.
    return expected.sqlstates != ("42501",)


def _blame(several: Mapping[TableName, tuple[str, ...]], what: str) -> Cause:
    return Cause(tuple(dict.fromkeys(name for names in several.values() for name in names)), what)


def _off(several: Mapping[TableName, tuple[str, ...]], what: str) -> Iterator[Execute]:
    for table, names in several.items():
        for name in names:
            yield Execute(f"alter table {qualified(table)} disable {what} {identifier(name)}")
    # PostgreSQL forgets which table the plan of a statement is about of which a rule made nothing.
    yield Execute("discard plans")
