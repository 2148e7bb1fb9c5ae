"""A failure as people read it, and as psql shows it."""

from __future__ import annotations

from collections.abc import Iterator

from harness.declarations import Check
from harness.outcome import Counterexample
from harness.probes import Delete, Insert, Probe, Reply, Statement, Update
from harness.probes.statement import literal
from harness.probes.verdict import caught, wanted

HEADER = """\
-- {name}
-- {place}
--
-- wanted: {wanted}
-- caught: {caught}
--
-- Run it with psql on a database that has the schema applied. It leaves nothing behind.
\\set ON_ERROR_STOP off
begin;
"""


def counterexample(check: Check, setup: tuple[Statement, ...], probe: Probe, reply: Reply) -> Counterexample:
    """The words and the script for a probe that went wrong."""
    words = wanted(probe), caught(probe, reply)
    header = HEADER.format(name=check.name, place=check.place, wanted=_one_line(words[0]), caught=_one_line(words[1]))
    script = header + "".join(f"{line}\n" for line in _script(setup, probe)) + "rollback;\n"
    rows = tuple(_rows([*setup, probe.statement]))
    return Counterexample(wanted=words[0], caught=words[1], rows=rows, script=script)


def _script(setup: tuple[Statement, ...], probe: Probe) -> Iterator[str]:
    if setup:
        yield "\n-- What stands before."
        yield from (f"{statement.sql};" for statement in setup)
    if probe.before:
        yield f"{probe.before};"
    yield "\n-- The probe."
    yield "savepoint probe;"
    for setting, value in sorted(probe.settings.items(), key=lambda item: item[0] == "role"):
        yield f"select set_config({literal(setting).strip()}, {literal(value).strip()}, true);"
    yield f"{probe.statement.sql};"
    if probe.then:
        yield "reset role;"
        yield "select set_config('harness.changed', :'ROW_COUNT', true);"
        yield f"-- {_one_line(probe.then.meaning)}, wanted: {_one_line(probe.then.wanted)}"
        yield f"{probe.then.sql};"
    yield "set constraints all immediate;"


def _rows(statements: list[Statement]) -> Iterator[tuple[str, dict[str, str | None]]]:
    for statement in statements:
        if isinstance(statement, Insert):
            yield str(statement.table), dict(statement.values)
        elif isinstance(statement, Update):
            yield str(statement.table), {**statement.key, **statement.set}
        elif isinstance(statement, Delete):
            yield str(statement.table), dict(statement.key)


def _one_line(text: str) -> str:
    return " ".join(text.split())
