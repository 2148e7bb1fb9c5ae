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
    Accepted,
    AcceptedIf,
    AcceptedOrRefused,
    NoRowChanged,
    Postcondition,
    Probe,
    Refused,
    Reply,
    SqlStatement,
    actual,
    assume,
    expected,
    literal,
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
\\set harness_state ''
\\set harness_message ''
\\set harness_then ''
\\set harness_changed 0
\\set harness_failed false
\\set harness_untried false
{state}\
"""

UNDONE = "Run it with psql on a database that has the schema applied. It leaves nothing behind."
COMMITTED = "Run it with psql on a database that has the schema applied and can be thrown away: all of it is committed."


def counterexample(check: DeclaredCheck, failure: Failure, catalog: Catalog) -> Counterexample:
    """The counterexample of a probe that went wrong."""
    setup, probe = failure.setup, failure.probe
    words = expected(probe), "; ".join(filter(None, (actual(probe, failure.reply), failure.because)))
    header = HEADER.format(
        name=check.name,
        place=check.place,
        expected=one_line(words[0]),
        actual=one_line(words[1]),
        how=UNDONE if probe.ahead is None else COMMITTED,
        state=_left_empty(probe),
    )
    settled = settle(catalog) if probe.aspect != SETUP and not failure.waits else ()
    lines = _script(setup, probe, settled) if probe.ahead is None else _committed(setup, probe)
    end = [f"\\echo '{TO_READ}'"] if failure.in_message else _compared(*words, _as_expected(probe, failure.reply))
    script = header + "".join(f"{line}\n" for line in _explained([*lines, *end]))
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
        yield from (_said("what stands before"), *_ended(setup), *checked)
    if probe.before:
        yield from (f"{probe.before};", *checked)
    yield from (
        *(_said("the probe"), "savepoint probe;"),
        *(f"{each};" for each in assume(probe.settings)),
        *_tried(probe.statement, IMMEDIATE),
    )
    if probe.then:
        yield from ("reset role;", "select set_config('harness.changed', :'harness_changed', true) \\gset harness_")
        yield from _postcondition(probe.then)
    yield from ("\\endif", "\\endif", "rollback;")


def _tried(statement: SqlStatement, end: str) -> Iterator[str]:
    """The statement, and ``end`` where it is accepted; then keeps what came of both. Two ``\\if`` are left open."""
    yield from (f"{statement.sql};", _REFUSED, "\\else", "\\set harness_changed :ROW_COUNT", f"{end};")
    yield from (_REFUSED, "\\else", "\\set harness_now 'accepted, rows: ' :harness_changed")


def _postcondition(then: Postcondition) -> Iterator[str]:
    yield _said(f"{then.meaning}, expected: {then.expected}")
    yield f"select coalesce(({then.sql})::text, 'nothing') as harness_then \\gset"
    yield "\\set harness_now :harness_now '; ' :harness_then"


_REFUSED = """\
\\if :ERROR
\\set harness_state :LAST_ERROR_SQLSTATE
\\set harness_message :LAST_ERROR_MESSAGE
\\set harness_failed true
\\set harness_now 'refused: ' :LAST_ERROR_MESSAGE ' (' :LAST_ERROR_SQLSTATE ')'"""
UNTRIED = "this could not be tried: what stands before is refused"
SHOWN = "the fault is there"
GONE = "the fault is gone: now it is as expected"
TO_READ = "no script gets the messages of a server: read above whether one of them shows it"
_ABORTED = "25P02"


def _compared(expected: str, actual: str, kept: str) -> Iterator[str]:
    """Prints the expected outcome, the actual one when the fault was found, that of this run, and which it is."""
    yield f"\\echo '\\nexpected: {_quoted(expected)}'"
    yield f"\\echo 'actual:   {_quoted(actual)}'"
    yield from (
        "\\echo 'now:      ' :harness_now",
        "\\set ECHO none",
        "\\set QUIET on",
        "\\pset tuples_only on",
        "\\pset format unaligned",
    )
    untried = f":harness_untried or :'harness_state' = '{_ABORTED}'"
    yield f"select case when {untried} then '{UNTRIED}' when {kept} then '{GONE}' else '{SHOWN}' end;"


def _as_expected(probe: Probe, reply: Reply) -> str:
    """A condition in SQL for the outcome of the script: whether it is as expected.

    A script sees no constraint in an error, only the message, which names it.
    """
    refused, accepted = ":'harness_state' in ({})".format, ":'harness_state' = ''"
    then = f" and :'harness_then' = {literal(probe.then.expected)}" if probe.then else ""
    blamed = reply.refusal and (reply.refusal.constraint or reply.refusal.message)
    other = f" and strpos(:'harness_message', {literal(blamed)}) = 0" if blamed else ""
    match probe.expected:
        case Refused(sqlstates):
            states = refused(", ".join(map(literal, sqlstates))) if sqlstates else f"not {accepted}"
            return f"{states}{other}"
        case NoRowChanged(sqlstates):
            return f"{refused(', '.join(map(literal, sqlstates)))} or {accepted} and :'harness_changed' = '0'{then}"
        case AcceptedOrRefused():
            return f"not {accepted} or {accepted}{then}"
        case AcceptedIf():
            return f"{accepted}{then}" if reply.refusal else f"not {accepted}"
        case Accepted(int(rows)):
            return f"{accepted} and :'harness_changed' = '{rows}'{then}"
    return f"{accepted}{then}"


_EXPLANATIONS = {
    "function pg_temp.harness_deeper": "a trigger runs what is put into this table, as a cascade would",
    "function pg_temp.harness_narrowed": "a trigger, gone at the end, that keeps a statement away from other rows",
    "harness.expected": "what is to be found afterwards, as it is before",
    "session_replication_role": "triggers are off while a row is put up that they would refuse",
}


def _explained(lines: Iterable[str]) -> Iterator[str]:
    """The lines, with a comment before each first use of something that stands in no schema."""
    left = dict(_EXPLANATIONS)
    for line in lines:
        for word in [word for word in left if word in line]:
            yield _said(left.pop(word))
        yield line


def _said(text: str) -> str:
    """A comment that psql shows as well."""
    return f"\\echo '\\n-- {_quoted(text)}'"


def _quoted(text: str) -> str:
    """Escapes a text for the quotes of psql's own commands."""
    return one_line(text).replace("\\", "\\\\").replace("'", "''")


def _committed(setup: tuple[SqlStatement, ...], probe: Probe) -> Iterator[str]:
    """The script of a probe whose statements are committed."""
    if setup:
        yield from (_said("what stands before"), "begin;", *_ended(setup), "\\set harness_untried :ERROR", "commit;")
    if probe.before:
        yield f"{probe.before};"
    yield _said("the calls, each committed")
    settings = [f"{each};" for each in assume(probe.settings, "session")]
    for statement in probe.ahead or ():
        call = ("begin;", f"{statement.sql};", "commit;") if in_a_block(statement) else (f"{statement.sql};",)
        yield from (*settings, *call, "reset role;")
    block = in_a_block(probe.statement)
    yield from (*settings, "begin;" * block, *_tried(probe.statement, "commit" if block else "select"), "reset role;")
    yield from _postcondition(probe.then) if probe.then else ()
    yield from ("\\endif", "\\endif")
    if block:
        yield from ("\\if :harness_failed", "rollback;", "\\endif")


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
