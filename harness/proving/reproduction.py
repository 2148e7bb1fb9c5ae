"""A failure in words, and as a script that shows it in psql."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog.model import Catalog
from harness.declarations import DeclaredCheck
from harness.kinds.base import one_line
from harness.outcome import Counterexample
from harness.probes import Delete, Execute, Insert, Probe, SqlStatement, Update
from harness.probes.probe import actual, expected
from harness.probes.settling import IMMEDIATE, settle
from harness.probes.statement import assume
from harness.proving.commits import in_a_block
from harness.proving.examiner import SETUP, Failure
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
    rows = tuple(_rows([*setup, probe.statement]))
    return Counterexample(expected=words[0], actual=words[1], rows=rows, script=script)


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
    header = BY_HAND.format(
        name=check.name, place=check.place, expected=one_line(violation.expected), actual=one_line(violation.actual)
    )
    script = header + "".join(f"{line}\n" for line in _by_hand(violation))
    rows = tuple(_rows([*violation.setup]))
    return Counterexample(
        violation.expected, violation.actual, rows, script, steps=tuple(map(str, violation.played.steps))
    )


def _by_hand(violation: RaceViolation) -> Iterator[str]:
    yield "\n-- The rows, in either session."
    if violation.setup:
        yield "begin;"
        yield from (f"{statement.sql};" for statement in violation.setup)
        yield "commit;"
    for step in violation.played.steps:
        if step.resumed:
            yield f"-- Session {step.session} goes on: {one_line(step.outcome)}"
            continue
        outcome = f": {one_line(step.outcome)}" if step.outcome else ""
        yield f"\n-- Step {step.number}, in session {step.session}{outcome}"
        yield f"{step.command.sql};"
    if violation.race.invariant.results:
        yield "\n-- What the sessions got, for the query that follows in the same session."
        yield from (f"{setting};" for setting in result_settings(violation.played.results))
    yield f"\n-- What is there in the end; expected: {one_line(violation.race.invariant.expected)}"
    yield f"{violation.race.invariant.sql};"


def _script(setup: tuple[SqlStatement, ...], probe: Probe, settled: tuple[str, ...]) -> Iterator[str]:
    yield "begin;"
    if setup:
        yield "\n-- What stands before."
        yield from (f"{statement.sql};" for statement in setup)
        yield from (f"{each};" for each in settled)
    if probe.before:
        yield f"{probe.before};"
        yield from (f"{each};" for each in settled)
    yield "\n-- The probe."
    yield "savepoint probe;"
    yield from (f"{each};" for each in assume(probe.settings))
    yield f"{probe.statement.sql};"
    yield from (_REFUSED, "\\else", "\\set harness_changed :ROW_COUNT")
    yield f"{IMMEDIATE};"
    yield from (_REFUSED, "\\else", "\\set harness_now 'accepted, rows: ' :harness_changed")
    if probe.then:
        yield "reset role;"
        yield "select set_config('harness.changed', :'harness_changed', true);"
        yield f"-- {one_line(probe.then.meaning)}, expected: {one_line(probe.then.expected)}"
        yield f"{probe.then.sql};"
    yield from ("\\endif", "\\endif", "rollback;")


_REFUSED = "\\if :ERROR\n\\set harness_now 'refused: ' :LAST_ERROR_MESSAGE ' (' :LAST_ERROR_SQLSTATE ')'"


def _compared(expected: str, actual: str) -> Iterator[str]:
    """Prints the expected outcome, the actual one when the fault was found, and that of this run."""
    yield f"\\echo '\\nexpected: {_quoted(expected)}'"
    yield f"\\echo 'actual:   {_quoted(actual)}'"
    yield "\\echo 'now:      ' :harness_now"


def _quoted(text: str) -> str:
    """Escapes a text for the quotes of psql's own commands."""
    return one_line(text).replace("\\", "\\\\").replace("'", "''")


def _committed(setup: tuple[SqlStatement, ...], probe: Probe) -> Iterator[str]:
    """The script of a probe whose statements are committed."""
    if setup:
        yield "\n-- What stands before."
        yield from ("begin;", *(f"{statement.sql};" for statement in setup), "commit;")
    if probe.before:
        yield f"{probe.before};"
    yield "\n-- The calls, each committed."
    for statement in (*(probe.ahead or ()), probe.statement):
        yield from (f"{each};" for each in assume(probe.settings, local=False))
        within = in_a_block(statement)
        yield from ("begin;", f"{statement.sql};", "commit;") if within else (f"{statement.sql};",)
        yield "reset role;"
    if probe.then:
        yield f"\n-- {one_line(probe.then.meaning)}, expected: {one_line(probe.then.expected)}"
        yield f"{probe.then.sql};"


def _rows(statements: list[SqlStatement]) -> Iterator[tuple[str, dict[str, str | None]]]:
    for given in statements:
        statement = given.instead_of or given.leaves or given if isinstance(given, Execute) else given
        if isinstance(given, Execute) and given.instead_of:
            yield from ((str(other.table), dict(other.values)) for other in given.beside)
        if isinstance(statement, Insert):
            yield str(statement.table), dict(statement.values)
        elif isinstance(statement, Update):
            yield str(statement.table), {**statement.key, **statement.set}
        elif isinstance(statement, Delete):
            yield str(statement.table), dict(statement.key)
