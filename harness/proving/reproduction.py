"""A failure in words, and as a script that shows it in psql.

Decides whether a script takes two sessions, so that a person has to follow it.
Not here: saving the scripts (``reports/scripts.py``), and running one (``cli/opening.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from harness.catalog.model import Catalog, Table
from harness.declarations import DeclaredCheck
from harness.kinds.base import one_line
from harness.outcome import Counterexample
from harness.probes import (
    IMMEDIATE,
    Postcondition,
    Probe,
    SqlStatement,
    actual,
    assume,
    expected,
    rows_of,
    settle,
)
from harness.proving.commits import in_a_block
from harness.proving.examiner import SETUP, Failure
from harness.proving.fewer_rows import names_row
from harness.proving.racing import RaceViolation
from harness.races.database import result_settings

HEADER = """\
-- {name}
-- {place}
--
-- expected: {expected}
-- actual:   {actual}
--
-- {how}
\\set ON_ERROR_STOP off
{state}\
"""

UNDONE = "Run it with psql on a database that has the schema applied. It leaves nothing behind."
COMMITTED = "Run it with psql on a database that has the schema applied and can be thrown away: all of it is committed."


def counterexample(check: DeclaredCheck, failure: Failure, catalog: Catalog) -> Counterexample:
    """The counterexample of a probe that went wrong."""
    setup, probe = failure.setup, failure.probe
    words = expected(probe), actual(probe, failure.reply)
    header = HEADER.format(
        name=check.name,
        place=check.place,
        expected=one_line(words[0]),
        actual=one_line(words[1]),
        how=UNDONE if probe.ahead is None else COMMITTED,
        state=_left_empty(probe),
    )
    settled = settle(catalog) if probe.aspect != SETUP and not failure.waits else ()
    lines = [*_script(setup, probe, settled), *_compared(*words)] if probe.ahead is None else _committed(setup, probe)
    script = header + "".join(f"{line}\n" for line in lines)
    table = catalog.tables.get(check.table) if check.table else None
    rows = tuple(_rows(table, setup, probe))
    return Counterexample(*words, rows=rows, script=script, columns=_named(check.rule, table))


def _named(rule: Any, table: Table | None) -> tuple[str, ...]:
    """The columns of the table that a rule names."""
    said = {word for each in fields(rule) for word in re.findall(r"\w+", repr(getattr(rule, each.name)))}
    return tuple(column.name for column in table.columns if column.name in said) if table else ()


def _left_empty(probe: Probe) -> str:
    """The script of an earlier transaction that set the settings which the probe finds empty."""
    if not probe.left_empty:
        return ""
    sets = "".join(f"{each};\n" for each in assume(dict.fromkeys(probe.left_empty, "x")))
    return (
        f"\n-- An earlier transaction: what it set is empty for the rest of the session.\nbegin;\n{sets}rollback;\n\n"
    )


BY_HAND = """\
-- {name}
-- {place}
--
-- expected: {expected}
-- actual:   {actual}
--
-- This takes two sessions, so it is followed by hand: open psql twice on a database that has the schema applied and
-- can be thrown away, put up the rows, and then type each step into the session that it names. All of it is committed.
"""


def by_hand(script: str) -> bool:
    """Whether a script takes two sessions, so that no program can run it."""
    return BY_HAND.splitlines()[6] in script.splitlines()


def race_counterexample(check: DeclaredCheck, violation: RaceViolation) -> Counterexample:
    """The counterexample of a race that broke its invariant."""
    script = BY_HAND.format(
        name=check.name, place=check.place, expected=one_line(violation.expected), actual=one_line(violation.actual)
    ) + "".join(f"{line}\n" for line in _by_hand(violation))
    return Counterexample(
        violation.expected,
        violation.actual,
        tuple((str(table), dict(values)) for each in violation.setup for table, values in rows_of(each)),
        script,
        steps=tuple(map(str, violation.played.steps)),
    )


def _by_hand(violation: RaceViolation) -> Iterator[str]:
    yield "\n-- The rows, in either session."
    if violation.setup:
        yield from ("begin;", *_ended(violation.setup), "commit;")
    for step in violation.played.steps:
        if step.resumed:
            yield f"-- Session {step.session} goes on: {one_line(step.outcome)}"
        else:
            outcome = f": {one_line(step.outcome)}" if step.outcome else ""
            yield from (f"\n-- Step {step.number}, in session {step.session}{outcome}", f"{step.command.sql};")
    invariant = violation.race.invariant
    if invariant.results:
        yield "\n-- What the sessions got, for the query that follows in the same session."
        yield from (f"{setting};" for setting in result_settings(violation.played.results))
    yield from (f"\n-- What is there in the end; expected: {one_line(invariant.expected)}", f"{invariant.sql};")


def _ended(statements: Iterable[SqlStatement]) -> list[str]:
    return [f"{statement.sql};" for statement in statements]


def _script(setup: tuple[SqlStatement, ...], probe: Probe, settled: tuple[str, ...]) -> Iterator[str]:
    checked = [f"{each};" for each in settled]
    yield "begin;"
    if setup:
        yield from ("\n-- What stands before.", *_ended(setup), *checked)
    if probe.before:
        yield from (f"{probe.before};", *checked)
    yield from (
        *("\n-- The probe.", "savepoint probe;"),
        *(f"{each};" for each in assume(probe.settings)),
        f"{probe.statement.sql};",
        *(_REFUSED, "\\else", "\\set harness_changed :ROW_COUNT"),
        f"{IMMEDIATE};",
        *(_REFUSED, "\\else", "\\set harness_now 'accepted, rows: ' :harness_changed"),
    )
    if probe.then:
        yield from ("reset role;", "select set_config('harness.changed', :'harness_changed', true);")
        yield from _postcondition(probe.then)
    yield from ("\\endif", "\\endif", "rollback;")


def _postcondition(then: Postcondition) -> tuple[str, str]:
    return f"-- {one_line(then.meaning)}, expected: {one_line(then.expected)}", f"{then.sql};"


_REFUSED = "\\if :ERROR\n\\set harness_now 'refused: ' :LAST_ERROR_MESSAGE ' (' :LAST_ERROR_SQLSTATE ')'"


def _compared(expected: str, actual: str) -> tuple[str, str, str]:
    """Prints the expected outcome, the actual one when the fault was found, and that of this run."""
    return (
        f"\\echo '\\nexpected: {_quoted(expected)}'",
        f"\\echo 'actual:   {_quoted(actual)}'",
        "\\echo 'now:      ' :harness_now",
    )


def _quoted(text: str) -> str:
    """Escapes a text for the quotes of psql's own commands."""
    return one_line(text).replace("\\", "\\\\").replace("'", "''")


def _committed(setup: tuple[SqlStatement, ...], probe: Probe) -> Iterator[str]:
    """The script of a probe whose statements are committed."""
    if setup:
        yield from ("\n-- What stands before.", "begin;", *_ended(setup), "commit;")
    if probe.before:
        yield f"{probe.before};"
    yield "\n-- The calls, each committed."
    for statement in (*(probe.ahead or ()), probe.statement):
        yield from (f"{each};" for each in assume(probe.settings, "session"))
        yield from ("begin;", f"{statement.sql};", "commit;") if in_a_block(statement) else (f"{statement.sql};",)
        yield "reset role;"
    if probe.then:
        yield from ("", *_postcondition(probe.then))


def _rows(
    table: Table | None, setup: tuple[SqlStatement, ...], probe: Probe
) -> Iterator[tuple[str, dict[str, str | None]]]:
    """The rows that the failure needs; last the one that the probe writes, else that of the table which it names."""
    *others, own = [[*rows_of(statement)] for statement in (*setup, probe.statement)]
    rows = [row for rows in others for row in rows]
    if not own and table is not None:
        of_table = (row for row in rows if row[0] == table.name)
        own = sorted(of_table, key=lambda row: names_row(probe, row[1], table.primary_key or (*row[1],)))[-1:]
    yield from ((str(name), dict(values)) for name, values in [*(row for row in rows if row not in own), *own])
