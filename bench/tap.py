"""The same statements as assertions of pgTAP: ``throws_ok`` for what is refused, ``lives_ok`` for what is accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.probes import Insert, Probe, Refused, Scenario, Update
from harness.probes.statement import literal

PLACES = ("/usr/share/postgresql/*/extension", "/usr/local/share/postgresql/extension")


@dataclass(frozen=True)
class _Assertion:
    setup: tuple[str, ...]
    sql: str
    sqlstate: str | None

    @property
    def call(self) -> str:
        if self.sqlstate is None:
            return f"lives_ok({literal(self.sql)}::text, 'accepted')"
        return f"throws_ok({literal(self.sql)}::text, {literal(self.sqlstate)}::char(5), null::text, 'refused')"


def find() -> Path | None:
    """The newest of pgTAP's SQL that is installed here."""
    found = [each for place in PLACES for each in Path("/").glob(f"{place[1:]}/pgtap--?.?.?.sql")]
    return max(found, default=None)


class Tap:
    """A part of the scenarios, as many as hold ``most`` assertions, evenly taken from all.

    The rows of each scenario stand before its statements. What is accepted is undone by a savepoint.
    """

    def __init__(self, connection: Any, extension: Path, scenarios: Sequence[Scenario], most: int) -> None:
        self._connection = connection
        text = extension.read_text().replace("MODULE_PATHNAME", "$libdir/pgtap")
        connection.execute(text.encode())
        self._scenarios = list(_part(scenarios, most))
        self.count = sum(len(each) for each in self._scenarios)
        self.failed = 0

    def one_by_one(self) -> None:
        """One statement and one round trip for each assertion."""
        self.failed = 0
        for assertions in self._scenarios:
            self._begin(assertions)
            for each in assertions:
                # Undone in the same round trip, since pgTAP undoes nothing itself.
                undone = "" if each.sqlstate else "; rollback to savepoint clean"
                said = self._said(f"select {each.call}{undone}")
                self.failed += not said.startswith("ok")
            self._connection.execute("rollback")

    def as_a_set(self) -> None:
        """One statement for all refusals of a scenario, and one for all that is accepted.

        What is accepted is not undone: that of two rows with one key the second is then refused costs about the same.
        """
        for assertions in self._scenarios:
            self._begin(assertions)
            for refused in (True, False):
                rows = ", ".join(
                    f"({literal(each.sql)}, {literal(each.sqlstate)})"
                    for each in assertions
                    if (each.sqlstate is not None) == refused
                )
                call = (
                    "throws_ok(sql, state::char(5), null::text, 'refused')" if refused else "lives_ok(sql, 'accepted')"
                )
                if rows:
                    self._connection.execute(f"select {call} from (values {rows}) as v (sql, state)".encode())
            self._connection.execute("rollback")

    def _begin(self, assertions: Sequence[_Assertion]) -> None:
        setup = "; ".join(assertions[0].setup)
        self._connection.execute(f"begin; select no_plan(); {setup}; savepoint clean".encode())

    def _said(self, statement: str) -> str:
        cursor = self._connection.execute(statement.encode())
        return str(cursor.fetchone()[0])


def _part(scenarios: Sequence[Scenario], most: int) -> Iterator[list[_Assertion]]:
    step = max(sum(scenario.size for scenario in scenarios) // most, 1)
    for scenario in scenarios[::step] if step < len(scenarios) else scenarios[:1]:
        assertions = [each for probe in scenario.one_by_one().probes if (each := _assertion(scenario, probe))]
        if assertions:
            yield assertions


def _assertion(scenario: Scenario, probe: Any) -> _Assertion | None:
    assert isinstance(probe, Probe)
    if not isinstance(probe.statement, Insert | Update) or probe.settings or probe.then:
        return None
    setup = tuple(statement.sql for statement in scenario.setup)
    sqlstate = probe.expected.sqlstates[0] if isinstance(probe.expected, Refused) else None
    return _Assertion(setup, probe.statement.sql, sqlstate)
