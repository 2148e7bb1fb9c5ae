"""Learns how to fill a table whose rows a trigger refuses: no rule of the catalog says what would please it.

A row is drawn and tried. Where a trigger stands in the way, its function's text is looked through for constants and
tables, and the row is tried again with a column changed, with a row that has to stand before, with a column that leads
to another table. What helps is a lesson: the same as a person would write under ``rows:``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from harness.catalog.model import Column, Constraint, Missing, Table
from harness.generation.candidates import candidates
from harness.generation.draft import Draft
from harness.generation.examples import examples
from harness.generation.hints import Hints, of_bodies
from harness.generation.pools import Pools, Unfillable
from harness.generation.room import standing
from harness.generation.supply import Lead, Supply
from harness.generation.types import Unsupported, nth
from harness.probes import Accepted, Execute, Insert, Probe, Refusal, Scenario, Session, Statement, Values
from harness.project.model import TableName

TRIES = 12
"""Rows that are drawn before a table counts as one that refuses them."""

LESSONS = 5
"""Lessons learnt for one table and the tables above it before it is given up."""

PICKY = 6
"""Rows of a table that are tried once it is filled: where some of them are refused, there is more to learn."""

FORMATS = ("1", "<a/>", "{}", "[]", "2000-01-01", "a@b.org", "https://a.org/", "10.0.0.1", "true", "a", "A1", "00:00")
"""Texts that functions expect where a column would take any."""


@dataclass(frozen=True)
class Obstacle:
    """Why a table cannot be filled: the table whose row was refused, which may be one above it, and how."""

    table: TableName
    reason: str


@dataclass(frozen=True)
class _Attempt:
    """The statement that was refused, and what stood before it."""

    before: tuple[Statement, ...]
    insert: Insert
    refusal: Refusal

    @property
    def obstacle(self) -> Obstacle:
        return Obstacle(self.insert.table, str(self.refusal))

    def instead(self, values: Values) -> Insert:
        return Insert(self.insert.table, values)


class _Enough(BaseException):
    """Ends the drawing of rows. Of what is an Exception Hypothesis would want to know whether it comes again."""


Lesson = Callable[[Table, _Attempt, list[str]], "Supply | tuple[TableName, Supply] | None"]
"""What is found out of the table whose row was refused, or of another one above it."""


class Teacher:
    """Fills tables, and lets pools know what it takes."""

    def __init__(self, session: Session, pools: Pools) -> None:
        self._session = session
        self._pools = pools
        self.learnt: dict[TableName, Supply] = {}
        self._given_up: dict[TableName, Obstacle] = {}
        self._lenient = False

    def fill(self, name: TableName) -> Obstacle | None:
        """Whether a row of the table, with all it refers to, is accepted; else what stood in the way."""
        learnt, supplies = dict(self.learnt), dict(self._pools.supplies)
        try:
            found = self._filled(name)
            if found is None:
                self._refine(name)
        except (Unfillable, Unsupported, Missing) as reason:
            found = Obstacle(name, str(reason))
        if found is not None:
            self._given_up.setdefault(found.table, found)
            # What did not lead to a row in the end was no lesson.
            self.learnt = learnt
            self._pools.resupply(supplies)
        return found

    def _filled(self, name: TableName) -> Obstacle | None:
        for _ in range(LESSONS):
            refused = self._tried(name)
            if not isinstance(refused, _Attempt):
                return refused
            if refused.insert.table in self._given_up and refused.insert.table != name:
                return self._given_up[refused.insert.table]
            if not self._learn(refused):
                return refused.obstacle
        refused = self._tried(name)
        return refused.obstacle if isinstance(refused, _Attempt) else refused

    def _refine(self, name: TableName) -> None:
        """Learns what rows lack, where triggers refuse some of them."""
        if not any(table.triggers for table in self._above(name)):
            return
        for _ in range(LESSONS):
            found = [self._culprit(scenario) for scenario in self._drawn(self._row(name), PICKY)]
            refused = [each for each in found if isinstance(each, _Attempt) and _functions(each.refusal)]
            if len(refused) < 2 or not self._learn(refused[-1], lenient=(False,)):
                return

    def _above(self, name: TableName) -> list[Table]:
        """The table and all that it needs."""
        found = {name: self._pools.catalog.table(name)}
        pending = [found[name]]
        while pending:
            for key in pending.pop().of_type("f"):
                if key.references is not None and key.references not in found:
                    found[key.references] = self._pools.catalog.table(key.references)
                    pending.append(found[key.references])
        return list(found.values())

    def _setup(self, draft: Draft) -> tuple[Statement, ...]:
        """What stands before a row that was drawn."""
        return standing(draft, draft.inserts, self._pools.oracle.may_silence)

    def _row(self, name: TableName, fixed: Values | None = None) -> Callable[[Draft], Scenario]:
        def build(draft: Draft) -> Scenario:
            row = draft.row(name, fixed)
            probe = Probe(Insert(name, row), Accepted(1), "a row")
            return Scenario(self._setup(draft), (probe,))

        return build

    def _tried(self, name: TableName) -> _Attempt | Obstacle | None:
        """None if one of several rows was accepted, else how the first one was refused."""
        first: _Attempt | Obstacle | None = None
        for count in (1, TRIES):
            for scenario in self._drawn(self._row(name), count):
                found = self._culprit(scenario)
                if found is None:
                    return None
                if isinstance(found, _Attempt) and found.insert.table in self._given_up:
                    return found
                # The first is the simplest: there is least to learn from it.
                first = first or found
        return first or Obstacle(name, "no row could be drawn that keeps all rules")

    def _drawn(self, build: Callable[[Draft], Scenario], count: int) -> list[Scenario]:
        return examples(st.composite(lambda draw: build(Draft(draw, self._pools)))(), count)

    def _refusals(self, tries: Sequence[tuple[Sequence[Statement], Statement]]) -> list[Refusal | None]:
        """How each statement is refused behind others; None where it is accepted."""
        # As text: what is tried once is not worth a static statement.
        found: list[Refusal | None] = []
        for setup, statement in tries:
            probe = Probe(_text(statement), Accepted(), "a row")
            answer = self._session.replies(Scenario(tuple(map(_text, setup)), (probe,)))
            found.append(answer if isinstance(answer, Refusal) else answer[0].refusal)
        return found

    def _culprit(self, scenario: Scenario) -> _Attempt | Obstacle | None:
        """The first statement of a scenario that is refused."""
        wanted = scenario.probes[0].statement
        assert isinstance(wanted, Insert)
        statements = (*scenario.setup, wanted)
        if self._refusals([(scenario.setup, wanted)])[0] is None:
            return None
        tries = [(statements[:place], statement) for place, statement in enumerate(statements)]
        for (before, statement), refusal in zip(tries, self._refusals(tries), strict=True):
            if refusal is not None:
                insert = statement.leaves if isinstance(statement, Execute) else statement
                if not isinstance(insert, Insert):
                    return Obstacle(wanted.table, f"rows that stand cannot be taken away: {refusal}")
                return _Attempt(before, insert, refusal)
        return None

    def _learn(self, attempt: _Attempt, lenient: tuple[bool, ...] = (False, True)) -> bool:
        """Whether something was found with which the row is accepted, or at least gets further."""
        table = self._pools.catalog.table(attempt.insert.table)
        functions = _functions(attempt.refusal) or _emptying(table, attempt)
        bodies = self._bodies(table, functions)
        lessons: list[Lesson] = [self._row_before]
        if not functions:
            lessons = [self._past_triggers]
        elif attempt.refusal.sqlstate != "23503":
            lessons = [self._made, self._empty, self._parent_value, self._value, self._lead, self._tied]
        else:
            lessons = [self._row_before, self._lead, self._value, self._tied]
        for self._lenient in lenient:
            for lesson in lessons:
                found = lesson(table, attempt, bodies)
                if found is not None:
                    self._take(*(found if isinstance(found, tuple) else (table.name, found)))
                    return True
        return False

    def _take(self, table: TableName, found: Supply) -> None:
        self._pools.supply(table, found)
        self.learnt[table] = self.learnt.get(table, Supply()) | found

    def _bodies(self, table: Table, functions: Sequence[tuple[str | None, str]]) -> list[str]:
        """The functions that were running when the row was refused."""
        schemas = self._pools.catalog.schemas
        return list(dict.fromkeys(body for schema in schemas for body in self._pools.oracle.sources(schema, functions)))

    def _accepted(self, attempt: _Attempt, rows: Sequence[Values], more: Sequence[Statement] = ()) -> list[bool]:
        """Which of these are accepted in place of the row that was refused, or get further if that will do."""
        before = (*attempt.before, *more)
        found = self._refusals([(before, attempt.instead(row)) for row in rows])
        return [each is None or self._further(each, attempt) for each in found]

    def _further(self, refusal: Refusal, attempt: _Attempt) -> bool:
        """Whether a row that is refused as well at least got further, if that will do."""
        return self._lenient and _further(refusal, attempt.refusal)

    def _stands(self, before: Sequence[Statement]) -> bool:
        """Whether these rows are accepted: what they were refused for is no progress of a row behind them."""
        return not before or self._refusals([(before[:-1], before[-1])])[0] is None

    def _past_triggers(self, table: Table, attempt: _Attempt, bodies: list[str]) -> Supply | None:
        """A trigger of a row that it refers to has made the row already."""
        refusal = attempt.refusal
        known = self._pools.supplies.get(table.name)
        tried = known is not None and known.past_triggers
        own = refusal.sqlstate == "23505" and refusal.table_name == table.name
        return Supply(past_triggers=True) if own and not tried and table.of_type("f") else None

    def _made(self, table: Table, attempt: _Attempt, bodies: list[str]) -> Supply | None:
        """Its trigger makes the row that it refers to, which must not be there."""
        refusal, own = attempt.refusal, attempt.insert.values
        for key in table.of_type("f") if refusal.sqlstate == "23505" else ():
            if key.references is None or key.references != refusal.table_name:
                continue
            led = {to: own.get(name) for name, to in zip(key.columns, key.referenced_columns, strict=True)}
            parent = [each for each in attempt.before if isinstance(each, Insert) and each.table == key.references]
            made = [id(each) for each in parent if led.items() <= each.values.items()]
            found = self._refusals([([each for each in attempt.before if id(each) not in made], attempt.insert)])[0]
            if found is None or (found.sqlstate, found.constraint) != (refusal.sqlstate, refusal.constraint):
                return Supply(makes=(key.references,))
        return None

    def _row_before(self, table: Table, attempt: _Attempt, bodies: list[str]) -> Supply | None:
        """A trigger writes a row that refers to one that is not there; a constant of it names that one."""
        holder = self._pools.catalog.tables.get(attempt.refusal.table_name or table.name)
        for key in holder.of_type("f") if holder else ():
            if key.name != attempt.refusal.constraint or key.references is None:
                continue
            column = self._pools.catalog.table(key.references).column(key.referenced_columns[0])
            hints = of_bodies(bodies)
            for value in (each for each in candidates(column, hints) if each in hints.constants):
                more = self._standing(key.references, {column.name: value})
                found = self._refusals([((*attempt.before, *more), attempt.insert)])[0] if more else attempt.refusal
                if found is None or (found.sqlstate, found.constraint) != (attempt.refusal.sqlstate, key.name):
                    return Supply(before=((key.references, {column.name: value}),))
        return None

    def _lead(self, table: Table, attempt: _Attempt, bodies: list[str]) -> Supply | None:
        """A column leads to a row of a table that the trigger looks into, though no foreign key says so."""
        foreign = table.foreign_columns | {*table.primary_key}
        for parent in (*self._missed(attempt.refusal), *self._mentioned(table, bodies)):
            key = parent.primary_key
            known = self._strange(parent, key[0]) if len(key) == 1 else None
            more = self._standing(parent.name, {key[0]: known} if known else {}) if len(key) == 1 else ()
            rows = [each.values for each in more if isinstance(each, Insert) and each.table == parent.name]
            columns = [
                column.name
                for column in table.columns
                if rows and column.name not in foreign and _comparable(column, parent.column(key[0]))
            ]
            changed = [{**attempt.insert.values, column: rows[-1][key[0]]} for column in columns]
            for column, accepted in zip(columns, self._accepted(attempt, changed, more), strict=True):
                if accepted:
                    return Supply(leads={column: Lead(parent.name, key[0])})
        return None

    def _strange(self, table: Table, name: str) -> str | None:
        """A key that no column has by chance; where rules speak of it, the last that they let pass."""
        pool = next((each for each in self._pools.of(table) if name in each.columns), None)
        if pool is None:
            return nth(table.column(name), STRANGE)
        found = [row[pool.columns.index(name)] for row in pool.rows]
        return next((value for value in reversed(found) if value is not None), None)

    def _empty(self, table: Table, attempt: _Attempt, bodies: list[str]) -> Supply | None:
        """Some columns have to be NULL together."""
        values = attempt.insert.values
        foreign = table.foreign_columns
        free = [
            column.name
            for column in table.columns
            if values.get(column.name) is not None and not column.not_null and column.name not in foreign
        ]
        if not free or not self._accepted(attempt, [{**values, **dict.fromkeys(free)}])[0]:
            return None
        for column in tuple(free):
            fewer = [name for name in free if name != column]
            if fewer and self._accepted(attempt, [{**values, **dict.fromkeys(fewer)}])[0]:
                free = fewer
        return Supply(values=dict.fromkeys(free, (None,)))

    def _parent_value(self, table: Table, attempt: _Attempt, bodies: list[str]) -> tuple[TableName, Supply] | None:
        """A row above it has to have another value in a column that the trigger looks at."""
        words = {word for body in bodies for word in re.findall(r"\w+", body.lower())}
        hints = of_bodies(bodies)
        for place, parent in reversed(list(enumerate(attempt.before))):
            led = self._leading(attempt, parent) if isinstance(parent, Insert) else None
            if led is None or not isinstance(parent, Insert) or parent.table.table.lower() not in words:
                continue
            child, key = led
            definition = self._pools.catalog.table(parent.table)
            for column in definition.columns:
                if column.name.lower() not in words or column.name in key.referenced_columns:
                    continue
                for option in self._options(definition, column.name, hints)[:24]:
                    other = Insert(parent.table, {**parent.values, column.name: option})
                    before = (*attempt.before[:place], other, *attempt.before[place + 1 :])
                    refusal = self._refusals([(before, attempt.insert)])[0]
                    if refusal is None or (self._further(refusal, attempt) and self._stands(before)):
                        return child, Supply(parents={key.columns[0]: {column.name: option}})
        return None

    def _leading(self, attempt: _Attempt, parent: Insert) -> tuple[TableName, Constraint] | None:
        """A row of the attempt that refers to this one, by its table and the foreign key."""
        for row in (attempt.insert, *(each for each in attempt.before if isinstance(each, Insert))):
            for key in self._pools.catalog.table(row.table).of_type("f"):
                pairs = zip(key.columns, key.referenced_columns, strict=True)
                if key.references == parent.table and all(
                    row.values.get(n) == parent.values.get(to) for n, to in pairs
                ):
                    return row.table, key
        return None

    def _missed(self, refusal: Refusal) -> list[Table]:
        """The table in which a foreign key of a row that a trigger writes finds nothing."""
        holder = self._pools.catalog.tables.get(refusal.table_name) if refusal.table_name else None
        keys = holder.of_type("f") if holder else ()
        names = [key.references for key in keys if key.name == refusal.constraint and key.references]
        return [self._pools.catalog.table(name) for name in names]

    def _mentioned(self, table: Table, bodies: Sequence[str]) -> list[Table]:
        """The tables that the bodies name."""
        words = {word for body in bodies for word in re.findall(r"[\w.]+", body.lower())}
        return [
            each
            for each in self._pools.catalog.tables.values()
            if each.name != table.name and ({str(each.name).lower(), each.name.table.lower()} & words)
        ]

    def _value(self, table: Table, attempt: _Attempt, bodies: list[str]) -> Supply | None:
        """A column has to have a value that the trigger knows, or texts of a form that it can read."""
        hints = of_bodies(bodies)
        foreign = table.foreign_columns
        for column in table.columns:
            if not column.is_supplied or column.name in foreign:
                continue
            options = self._options(table, column.name, hints)
            accepted = self._accepted(attempt, [{**attempt.insert.values, column.name: each} for each in options])
            kept = tuple(option for option, fine in zip(options, accepted, strict=True) if fine)
            if kept:
                return Supply(values={column.name: kept})
        return None

    def _tied(self, table: Table, attempt: _Attempt, bodies: list[str]) -> Supply | None:
        """Of what rules let several columns be together, only a part is accepted: what one of them is then."""
        if self._lenient:
            return None
        tied = [each for each in self._pools.of(table) if len(each.columns) > 1]
        free = {column.name for column in table.columns if not column.not_null}
        free -= {name for pool in tied for name in pool.columns}
        # References that may be left out lead far away, and back to a row that is not there yet.
        out = {name: None for key in table.of_type("f") for name in key.columns if name in free}
        for pool in tied:
            for place, name in enumerate(pool.columns):
                options = list(dict.fromkeys(row[place] for row in pool.rows))
                kept = tuple(each for each in options[:TIED] if self._takes(table.name, {**out, name: each}))
                if kept and len(kept) < len(options):
                    return Supply(values={name: kept})
        return None

    def _takes(self, name: TableName, fixed: Values) -> bool:
        """Whether rows with these values are accepted, whatever else is drawn."""
        build, tries = self._row(name, fixed), itertools.count(1)

        def impatient(draft: Draft) -> Scenario:
            try:
                return build(draft)
            except UnsatisfiedAssumption:
                # Most values lead nowhere, and Hypothesis would go on for hundreds of rows that cannot be.
                if next(tries) < PATIENCE:
                    raise
                raise _Enough from None

        try:
            rows = [(each.setup, each.probes[0].statement) for each in self._drawn(impatient, SURE)]
        except (Unfillable, Unsupported, Missing, _Enough):
            return False
        return len(rows) > SURE // 2 and not any(self._refusals(rows))

    def _options(self, table: Table, name: str, hints: Hints) -> list[str | None]:
        """Values of a column that keep the rules about it, and differ from all that was drawn."""
        column = table.column(name)
        plain = candidates(column, hints, draws=4)
        found: dict[str | None, None] = dict.fromkeys(each for each in plain if each in hints.constants)
        if column.base_name in ("text", "varchar", "bpchar", "citext"):
            limit = column.typmod - 4 if column.typmod >= 4 else None
            found |= dict.fromkeys(text for text in FORMATS if limit is None or len(text) <= limit)
        found |= dict.fromkeys(plain)
        pool = next((each for each in self._pools.of(table) if name in each.columns), None)
        if pool is not None:
            there = dict.fromkeys(row[pool.columns.index(name)] for row in pool.rows)
            found = {**{value: None for value in found if value in there}, **there}
        return [value for value in found if value is not None or not column.not_null][:MOST]

    def _standing(self, name: TableName, fixed: dict[str, str | None]) -> tuple[Statement, ...]:
        """A row of a table with all it refers to, as statements; none if it cannot be drawn."""

        def build(draft: Draft) -> Scenario:
            draft.insert(name, fixed)
            return Scenario(self._setup(draft), ())

        try:
            return next((scenario.setup for scenario in self._drawn(build, 1)), ())
        except (Unfillable, Unsupported, Missing):
            return ()


STRANGE = 7919
"""The number of a key that is unlike all that are drawn."""

MOST = 60
"""Values of a column that are tried on a trigger."""

TIED = 12
"""Values of a column that are tried with all that rules tie to them."""

PATIENCE = 40
"""Rows with such a value that are begun before it counts as one with which there are none."""

SURE = 8
"""Rows that have to be accepted before a value of a column counts as what was lacking."""


def _comparable(one: Column, other: Column) -> bool:
    integers = ("int2", "int4", "int8")
    return one.base_name == other.base_name or (one.base_name in integers and other.base_name in integers)


def _further(refusal: Refusal, than: Refusal) -> bool:
    """Whether a row was refused at another place of the functions, and not because they could not compute with it."""
    places = [re.findall(r"function (?!\S*harness_)\S+ line \d+ at [^\n]*", each.context) for each in (refusal, than)]
    return refusal.sqlstate[:2] not in ("22", "42") and places[0] != places[1]


def _functions(refusal: Refusal) -> list[tuple[str | None, str]]:
    """The functions that were running, without the one that tries probes."""
    named = re.findall(r"function (?:(\w+)\.)?(\w+)\(", refusal.context)
    return [(schema or None, name) for schema, name in named if not name.startswith("harness_")]


def _emptying(table: Table, attempt: _Attempt) -> list[tuple[str | None, str]]:
    """The functions of which one has emptied a column that the row had filled, and may not be NULL."""
    refusal = attempt.refusal
    emptied = refusal.sqlstate == "23502" and refusal.table_name == table.name and refusal.column
    if not emptied or attempt.insert.values.get(emptied) is None:
        return []
    fired = [each for each in table.triggers if (each.timing, each.level) == ("before", "row")]
    names = [each.function.rpartition(".") for each in fired if "insert" in each.events]
    return [(schema or None, name) for schema, _, name in names]


def _text(statement: Statement) -> Execute:
    return statement if isinstance(statement, Execute) else Execute(statement.sql)
