"""A probe: one statement, and the outcome expected; both it and its reply in the words of reports.

Decides whether an error was raised by the expected rule: by SQLSTATE, names, or the functions that were running.
Not here: what a reply says of the check (``proving/attribution.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.catalog.model import Table
from harness.grammar import quoted
from harness.probes.reply import CASTS_EMPTY_TEXT, Reply, ServerError, function_of, is_same
from harness.probes.statement import Delete, SqlStatement, Update
from harness.project.model import TableName


@dataclass(frozen=True)
class Accepted:
    """The statement succeeds; an UPDATE or DELETE changes ``rows`` rows, if that is said."""

    rows: int | None = None

    def __str__(self) -> str:
        return "accepted" if self.rows is None else f"accepted, {self.rows} row{'s' * (self.rows != 1)}"


@dataclass(frozen=True)
class Refused:
    """The statement fails by one rule, recognised by its SQLSTATE (any, if none is given) and the names in the error.

    If ``routines`` are given, one of them has to be in the error's context: they are the functions of triggers, whose
    errors need not name a constraint. ``triggers`` are those whose functions have to be looked up in the catalog, and
    ``events`` the tables and commands that fire them.
    """

    sqlstates: tuple[str, ...]
    table: TableName | None = None
    constraint: str | None = None
    column: str | None = None
    routines: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    events: tuple[tuple[TableName, str], ...] = ()

    def in_catalog(self, table: Table | None) -> Refused | None:
        """Adds the functions that its triggers have on a table; None if the table has none of the triggers."""
        if not self.triggers:
            return self
        if table is None:
            return None
        found = [trigger for trigger in table.triggers if trigger.name in self.triggers]
        routines = tuple(dict.fromkeys(trigger.function for trigger in found))
        events = tuple((table.name, event) for trigger in found for event in trigger.events)
        return replace(self, routines=routines, events=events) if found else None

    def fits(self, refusal: ServerError) -> bool:
        """Whether the statement that the error's context names fires one of its triggers, or the context names none.

        Several triggers may have one function.
        """
        writes = [write for routine in self.routines for write in refusal.fired_by(function_of(routine))]
        return not writes or any(
            event == fires and name == table.table and schema in (None, table.schema)
            for table, fires in self.events
            for schema, name, event in writes
        )

    def matches(self, refusal: ServerError) -> bool:
        """Whether it was this rule that refused. The error of a domain names no table."""
        domain = bool(refusal.datatype and not refusal.table)
        return (
            (not self.sqlstates or refusal.sqlstate in self.sqlstates)
            and any(
                (domain or self.table in (None, table)) and self.constraint in (None, constraint)
                for table, constraint in refusal.names
            )
            # A domain that refuses NULL does not say in which column.
            and (domain or self.column in (None, refusal.column))
            and (not self.routines or any(_was_running(refusal, name) for name in self.routines))
        )

    def __str__(self) -> str:
        states = " or ".join(self.sqlstates)
        if self.constraint:
            return f"refused by {quoted(self.constraint)} ({states})"
        if self.sqlstates == ("23502",) and self.column:
            return f"refused by NOT NULL of {quoted(self.column)} ({states})"
        return f"refused with {states}"


def _was_running(refusal: ServerError, function: str) -> bool:
    """Whether a function was running."""
    return any(is_same(function_of(function), other) for other in refusal.functions)


@dataclass(frozen=True)
class NoRowChanged:
    """The statement changes, or ``gets``, no row: it finds none, or a privilege is lacking."""

    sqlstates: tuple[str, ...] = ("42501",)
    verb: str = "changes"

    def __str__(self) -> str:
        return f"{self.verb} no row, or is refused with {' or '.join(self.sqlstates)}"


@dataclass(frozen=True)
class AcceptedOrRefused:
    """Accepted, or refused by any rule; only the postcondition of an accepted statement counts."""

    def __str__(self) -> str:
        return "accepted or refused"


@dataclass(frozen=True)
class Harmless(AcceptedOrRefused):
    """Accepted or refused, and the postcondition says that rows of others were neither shown nor changed."""

    def __str__(self) -> str:
        return "nothing of others is shown or changed"


@dataclass(frozen=True)
class NotDenied:
    """Not refused for lack of privilege; a refusal for any other reason shows nothing."""

    def __str__(self) -> str:
        return "accepted"

    def excludes(self, refusal: ServerError) -> bool:
        """Whether a refusal is the one that is not to be."""
        return refusal.denied


@dataclass(frozen=True)
class Works(NotDenied):
    """Accepted, or refused on purpose: by RAISE in the ``function`` of a trigger, or by a rule."""

    trigger: str
    function: str

    def __str__(self) -> str:
        return "accepted, or refused on purpose"

    def excludes(self, refusal: ServerError) -> bool:
        # Values that cannot be read may be those of some rows: that is said if no row passes.
        return self.fails(refusal) and refusal.of_code

    def fails(self, refusal: ServerError) -> bool:
        """Whether the trigger failed, and no other one that it fires."""
        own = function_of(self.function)
        inner = next((each for each in refusal.functions if is_same(own, each) or any(refusal.fired_by(each))), None)
        return inner is not None and is_same(own, inner) and refusal.failed


@dataclass(frozen=True)
class AcceptedIf:
    """Accepted if the probe's query ``before`` it has found that the ``condition`` holds, refused if it does not.

    That query sets ``harness.foreseen`` to ``yes`` or ``no``; with any other value both outcomes will do.
    """

    condition: str
    sqlstates: tuple[str, ...]

    def __str__(self) -> str:
        return f"accepted if {self.condition}, else refused"


Expected = Accepted | Refused | NoRowChanged | AcceptedOrRefused | NotDenied | AcceptedIf


@dataclass(frozen=True)
class Postcondition:
    """A query run after an accepted statement, before that is undone; its one text must be ``expected``.

    The role that the tool is connected as runs it; the setting ``harness.changed`` holds the number of rows changed.
    If its text is ``idle``, the statement had no occasion to show anything.
    """

    sql: str
    expected: str
    meaning: str
    idle: str | None = None


@dataclass(frozen=True)
class Probe:
    """One statement and the outcome expected.

    - ``aspect`` names what it shows (``null on update``). A check is reliable only if every ``required`` aspect was
      shown at least once by a probe that no other rule masked. ``value`` is what a report names first.
    - ``settings`` hold for this statement alone (``role``, a claims setting …).
    - ``before`` is a query run before the settings, and ``then`` one after the statement, both by the role that the
      tool is connected as.
    - ``never_masked``: it has to come out as expected whatever other rules are declared. ``not_masked_by``: tables
      whose rules alone mask nothing, because what a trigger writes there has to keep them.
    - ``ahead`` are statements committed before it, each by itself; then it is committed, too. A probe that is undone
      has None.
    - Custom settings are as production has them: ``never_set`` in the session, or ``left_empty`` by an earlier
      transaction.
    - ``contrast`` is the aspect of a probe that differs in one respect: where that one was shown, it is this respect
      that fails, and no trigger of which nothing is declared explains it.
    - ``unexcused`` are refusals that nothing excuses: no other rule masks them, and no trigger explains them.
    - ``brings`` is what the statement does to rows of another table, without their key.
    - ``reaches`` is the reason to report where it reached no row, and so was not tried: where no row is changed, or
      where a policy refuses a statement that was to be accepted or refused by another rule.
    """

    statement: SqlStatement
    expected: Expected
    aspect: str
    value: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    then: Postcondition | None = None
    before: str | None = None
    required: bool = True
    never_masked: bool = False
    not_masked_by: tuple[TableName, ...] = ()
    ahead: tuple[SqlStatement, ...] | None = None
    never_set: tuple[str, ...] = ()
    left_empty: tuple[str, ...] = ()
    reaches: str | None = None
    brings: Update | Delete | None = None
    contrast: str | None = None
    unexcused: tuple[Refused, ...] = ()

    def excuses(self, refusal: ServerError | None) -> bool:
        """Whether another rule or a trigger may be behind a refusal."""
        return refusal is None or not any(each.matches(refusal) for each in self.unexcused)


def has_expected_rows(probe: Probe, reply: Reply) -> bool:
    """Whether as many rows were changed as is expected."""
    match probe.expected:
        case AcceptedOrRefused() | NotDenied() | AcceptedIf() | Accepted(None):
            return True
        case Accepted(rows):
            return reply.rows == rows
    return reply.rows == 0


def actual(probe: Probe, reply: Reply) -> str:
    """The actual outcome, in the words that ``expected:`` uses."""
    if isinstance(probe.expected, Works) and reply.refusal is not None:
        error = f"{reply.refusal.sqlstate}: {reply.refusal.message}"
        return f"{probe.value} fails: trigger {probe.expected.trigger}: {error}"
    if reply.refusal is not None:
        return f"{reply.refusal}{_another(probe, reply.refusal)}"
    if not isinstance(probe.expected, Refused) and has_expected_rows(probe, reply) and probe.then is not None:
        return f"{probe.then.meaning}: {'nothing' if reply.then is None else reply.then}"
    return str(Accepted(None if isinstance(probe.expected, Refused) and reply.rows == 1 else reply.rows))


def _another(probe: Probe, refusal: ServerError) -> str:
    """Adds how the refusal differs from the expected one, where its own words do not tell."""
    if probe.left_empty and refusal.of_empty_text:
        return CASTS_EMPTY_TEXT
    if isinstance(probe.expected, AcceptedIf):
        return f"; {probe.expected.condition}"
    if isinstance(probe.expected, Refused) and probe.expected.routines:
        same_error = replace(probe.expected, routines=()).matches(refusal)
        return f"; not by {' or '.join(probe.expected.routines)}" if same_error else ""
    return ""


def expected(probe: Probe) -> str:
    """The expected outcome, after the value that was tried."""
    words = str(probe.expected)
    if probe.then is not None and not isinstance(probe.expected, Harmless):
        words = f"{words}, and {probe.then.meaning}: {probe.then.expected}"
    if probe.never_set:
        words = f"{words} (with {', '.join(probe.never_set)} never set)"
    if probe.left_empty:
        words = f"{words} (with {', '.join(probe.left_empty)} left empty by an earlier transaction)"
    return f"{probe.value} {words}" if probe.value else words
