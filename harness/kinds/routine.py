"""routine"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.kinds.base import Draft, Fact, Kind, RacesStrategy, ScenarioStrategy, Subject
from harness.kinds.routine_parts.calls import Calls, variable_types
from harness.kinds.routine_parts.given import GIVEN, VARIABLE, BoundVariable, Given, GivenRows
from harness.kinds.routine_parts.results import ONE_SESSION, TWO_SESSIONS, Results, asks
from harness.kinds.toolkit.constraints import REFUSED_BY, RefusedBy
from harness.probes import Refused, Scenario, claim_settings, claim_variables
from harness.project import sql
from harness.project.columns import WrittenColumn, written_column
from harness.project.keys import (
    FrozenDict,
    any_value,
    choice,
    concurrently,
    expression,
    key,
    mapping,
    name,
    query,
    several,
    statement,
    text,
)
from harness.races import Races

COMMITS = "commits"


@dataclass(frozen=True)
class RoutineKind(Kind):
    """A function, a procedure or a view does what queries about the tables and about its result say.

    ```yaml
    - routine: closing a shop puts off what is open and due, and nothing else
      as: clerk
      claims: {app.shop: $shop}
      given:
        shop.orders:
          - {shop_id: $shop, due: $due, where: due between '2020-01-01' and '2030-01-01'}
          - {shop_id: $shop, status: open}
          - {}
      before:
        day: [$due - 1, $due, $due + 1]
        others: (select array_agg(o.id) from shop.orders as o where o.status <> 'open' or o.due >= $day)
      call: select * from shop.put_off($shop, $day)
      then:
        - select count(*) = 0 from shop.orders where shop_id = $shop and status = 'open' and due < $day
        - select count(*) = 0 from result where id = any ($others)
    - routine: a closed order is not closed again
      given:
        shop.orders: {id: $order, status: open}
      call:
        - select shop.close($order)
        - select shop.close($order)
      refused_by: {sqlstate: AB001, constraint: orders_close}
    ```

    `given` are rows, parents before children. Columns that are not named, and parents, are drawn by all rules and by
    `where`. A row may be in a state that no new row can have: it is then inserted past the triggers, if a superuser
    connects. Deferred constraints are checked for these rows before the call. `$name` is the value of its column, here
    and in all other keys; it is never null. Several given rows of a table are inserted in the order in which they are
    named and in the opposite one: a statement may meet them in any. `before` are expressions that the owner evaluates
    before the call; of a list each is tried. `call` are the statements that the role sends, one after the other.

    Proven, on drawn rows: all calls are accepted, and then each query under `then`, asked by the owner, is true.
    `result` are the rows of the last call with their `ordinality`: of a SELECT, of an INSERT, UPDATE, DELETE or MERGE
    with RETURNING, of a CALL with output. With `refused_by` the last call is refused so, and the calls before it are
    accepted. Any other error is a fault, wherever it is raised.

    `concurrently: true`: one session makes the last call, and another the calls before it. With `refused_by` they are
    not both accepted, whichever comes first. Without, both are accepted, and then the queries are true. `result_a` are
    the rows of the last call of the first session, `result_b` those of the other session. If both have the same
    columns, `result` are all of them, with their `session`, `A` or `B`. A deadlock and a serialization failure are
    refusals by the server itself, and no faults.

    `argument` is for `harness types`: a parameter carries the rules of the column that it is written to, as
    `{p_notes: shop.orders.notes}` or, where they depend on other columns, `{p_notes: {column: shop.orders.notes, where:
    status = 'closed'}}`.

    `each_call: commits`: the rows and each call are committed, a transaction for each, in a database that is dropped
    afterwards. Deferred constraints then refuse a call at its COMMIT, and `now()` moves on; a CALL may commit itself.
    """

    scopes = ("table", "module")
    about_triggers = True

    routine: str = key(text, "what it does, in a sentence")
    call: tuple[str, ...] = key(several(statement, distinct=False), "the statements that call it, with $variables")
    given: Given = key(GIVEN, "rows that are there: by table one or a list", default=())
    before: FrozenDict[tuple[str, ...]] | None = key(
        mapping(several(expression), VARIABLE), "variables, and what they stand for ahead of the call", default=None
    )
    then: tuple[str, ...] = key(several(query), "queries that are true after it", default=())
    refused_by: RefusedBy | None = key(REFUSED_BY, "how the last call is refused", default=None)
    as_: str | None = key(name, "the role that calls; by default whoever connects", default=None)
    claims: FrozenDict[Any] | None = key(
        mapping(any_value), "settings that say who asks; a mapping becomes a JSON text", default=None
    )
    concurrently: tuple[str, ...] = concurrently()
    argument: FrozenDict[WrittenColumn] | None = key(
        mapping(written_column), "parameters of the function, and the column that each is written to", default=None
    )
    each_call: str | None = key(
        choice(COMMITS), "what stands and each call are committed, each by itself", default=None
    )

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for keys that do not go together."""
        if self.then and self.refused_by:
            raise ValueError("'then' is what holds after a call that is accepted, beside 'refused_by' there is none")
        if self.concurrently and self.each_call:
            raise ValueError("'each_call' has no place beside 'concurrently': each session is one transaction")
        if self.concurrently:
            self._refuse_what_no_race_knows()
        elif any(map(asks, self.then)) and sql.returns_nothing(self.call[-1]):
            raise ValueError("'then' asks for 'result', and the last call returns no rows: add RETURNING to it")
        known = {name for row in self.given for name in row.variables}
        _refuse_unknown(claim_variables(self.claims or {}), known, "claims")
        for each, expressions in (self.before or {}).items():
            if each in known:
                raise ValueError(f"${each} stands in 'given' and in 'before'")
            _refuse_unknown((name for written in expressions for name in sql.variables(written)), known, "before")
            known.add(each)
        for where, texts in (("call", self.call), ("then", self.then)):
            _refuse_unknown((each for written in texts for each in sql.variables(written)), known, where)

    def _refuse_what_no_race_knows(self) -> None:
        if len(self.call) < 2:
            raise ValueError("'concurrently' takes two calls: the last is made in another session")
        if self.before:
            raise ValueError("'before' has no place beside 'concurrently': two sessions have no moment ahead of both")

    @property
    def commits(self) -> bool:
        return self.each_call == COMMITS

    def roles(self) -> tuple[str, ...]:
        return () if self.as_ is None else (self.as_,)

    def facts(self, subject: Subject) -> Iterator[Fact]:
        yield from subject.missing_roles(*self.roles())
        for trigger in self.refused_by.trigger if self.refused_by else ():
            found = [table for table in subject.catalog.tables.values() if trigger in {t.name for t in table.triggers}]
            if not found:
                yield Fact(f"trigger {trigger} enabled", f"no trigger {trigger}")
            yield from (replace(subject, name=table.name).fires(trigger) for table in found)

    def scenarios(self, subject: Subject) -> ScenarioStrategy:
        calls = self._calls(subject)

        def build(draft: Draft) -> Scenario:
            rows = GivenRows(subject)
            setup = rows.draw(draft, self.given)
            probes = tuple(calls.probes(rows.values, self._settings(rows.values)))
            turned = rows.turned(draft, setup)
            besides = (Scenario(turned, probes, optional="as a whole"),) if turned else ()
            return Scenario(setup, probes, besides=besides)

        return subject.scenarios(build)

    def races(self, subject: Subject) -> RacesStrategy | None:
        calls = self._calls(subject)

        def build(draft: Draft) -> Races:
            rows = GivenRows(subject)
            return calls.races(rows.draw(draft, self.given), rows.values, self._settings(rows.values))

        return subject.scenarios(build)

    def _calls(self, subject: Subject) -> Calls:
        """Raises ``psycopg.Error`` if the database does not know what is called, and :class:`Unreliable`."""
        before: Mapping[str, Sequence[str]] = self.before or {}
        types = variable_types(subject, self.given, before, self.call)
        results = Results.of(subject, self.call, self.then, types, TWO_SESSIONS if self.concurrently else ONE_SESSION)
        return Calls(before, self.call, self.then, types, results, self.commits, self._refused(subject))

    def _settings(self, values: Mapping[str, BoundVariable]) -> dict[str, str]:
        """Returns the claims, and the role that calls."""
        settings = claim_settings(self.claims or {}, {name: value.text or "" for name, value in values.items()})
        return settings if self.as_ is None else {**settings, "role": self.as_}

    def _refused(self, subject: Subject) -> Refused | None:
        """Returns the refusal that is expected of the last call."""
        if self.refused_by is None:
            return None
        triggers = (trigger for table in subject.catalog.tables.values() for trigger in table.triggers)
        routines = dict.fromkeys(each.function for each in triggers if each.name in self.refused_by.trigger)
        return replace(self.refused_by.anywhere(), routines=tuple(routines))


def _refuse_unknown(names: Iterable[str], known: set[str], where: str) -> None:
    for each in names:
        if each not in known:
            raise ValueError(
                f"${each} in {where!r} stands for nothing; variables: {', '.join(sorted(known)) or 'none'}"
            )
