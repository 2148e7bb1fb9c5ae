"""One probe, and what is expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.catalog.model import Table
from harness.probes.reply import ServerError, function_of
from harness.probes.statement import SqlStatement
from harness.project.model import TableName


@dataclass(frozen=True)
class Accepted:
    """The statement succeeds; an UPDATE or DELETE changes ``rows`` rows, if that is said."""

    rows: int | None = None

    def __str__(self) -> str:
        return "accepted" if self.rows is None else f"accepted, {self.rows} row{'s' * (self.rows != 1)}"


@dataclass(frozen=True)
class Refused:
    """The statement fails by one rule: SQLSTATE (any, if none is said) and whatever else PostgreSQL names the rule by.

    One of ``routines``, functions of triggers, must stand in the error's context if any are given: triggers need not
    name a constraint. ``triggers`` are those whose functions only the catalog can tell.
    """

    sqlstates: tuple[str, ...]
    table: TableName | None = None
    constraint: str | None = None
    column: str | None = None
    routines: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()

    def in_catalog(self, table: Table | None) -> Refused | None:
        """The refusal with the functions of its triggers on a table; None if none of them is there to refuse."""
        if not self.triggers:
            return self
        found = (trigger.function for trigger in (table.triggers if table else ()) if trigger.name in self.triggers)
        routines = tuple(dict.fromkeys(found))
        return replace(self, routines=routines) if routines else None

    def matches(self, refusal: ServerError) -> bool:
        """Whether it was this rule that refused. A domain's rule comes without a table."""
        domain = bool(refusal.datatype and not refusal.table)
        return (
            (not self.sqlstates or refusal.sqlstate in self.sqlstates)
            and (domain or self.table in (None, refusal.table_name))
            and self.constraint in (None, refusal.constraint)
            # A domain that refuses NULL does not say in which column.
            and (domain or self.column in (None, refusal.column))
            and (not self.routines or any(_was_running(refusal, name) for name in self.routines))
        )

    def __str__(self) -> str:
        states = " or ".join(self.sqlstates)
        if self.constraint:
            return f"refused by {self.constraint} ({states})"
        if self.sqlstates == ("23502",) and self.column:
            return f"refused by NOT NULL of {self.column} ({states})"
        return f"refused with {states}"


def _was_running(refusal: ServerError, function: str) -> bool:
    """Whether a function was; of which schema is no matter where one of the two is not said."""
    schema, name = function_of(function)
    return any(other == name and (None in (schema, of) or schema == of) for of, other in refusal.functions)


@dataclass(frozen=True)
class NoRowChanged:
    """No row is changed: the statement finds none, or is refused for lack of privilege."""

    sqlstates: tuple[str, ...] = ("42501",)

    def __str__(self) -> str:
        return f"no row changed: 0 rows, or refused with {' or '.join(self.sqlstates)}"


@dataclass(frozen=True)
class AcceptedOrRefused:
    """Accepted or refused, by whatever rule: what counts is what a query finds after it was accepted."""

    def __str__(self) -> str:
        return "accepted or refused"


@dataclass(frozen=True)
class NotDenied:
    """Accepted, or refused by whatever is no lack of a privilege: then nothing is shown."""

    def __str__(self) -> str:
        return "accepted"


@dataclass(frozen=True)
class AcceptedIf:
    """Accepted where a query ahead has found that the ``condition`` holds, refused where it does not.

    It says so by ``yes`` or ``no`` in the setting ``harness.foreseen``; where it says neither, both will do.
    """

    condition: str
    sqlstates: tuple[str, ...]

    def __str__(self) -> str:
        return f"accepted if {self.condition}, else refused"


Expected = Accepted | Refused | NoRowChanged | AcceptedOrRefused | NotDenied | AcceptedIf


@dataclass(frozen=True)
class Postcondition:
    """A query asked after an accepted statement, before it is undone; its one text must be ``expected``.

    It is asked by whom the tool is connected as; the setting ``harness.changed`` holds the number of rows changed.
    ``idle`` is its text where the statement was no occasion for what is to be shown, with which nothing is.
    """

    sql: str
    expected: str
    meaning: str
    idle: str | None = None


@dataclass(frozen=True)
class Probe:
    """One statement and the outcome expected.

    ``aspect`` says what it shows (``null on update``); a check is reliable only if every ``required`` aspect was shown
    at least once by a probe that no other rule masked. ``value`` is what a report names first.
    ``settings`` hold for this statement alone (``role``, a claims setting …); ``before`` is a query asked ahead of
    them, by whom the tool is connected as. ``never_masked`` means that it has to come out as expected whatever other rules
    are declared: refused by one of them, it is wrong and not masked; ``not_masked_by`` are tables whose rules alone mask
    nothing, because what a trigger writes there has to keep them. ``ahead`` are statements that are committed before
    it, each by itself: then it is committed, too. Of all other probes, which are undone, it is None. Custom settings
    are as production has them: ``never_set`` in the session, or ``left_empty`` by an earlier transaction, as PostgreSQL
    leaves what it had set. ``reaches`` is what to say where it got to no row, and so was not tried: where none is
    changed, or where a policy refuses what was to be accepted or to be refused by another rule.
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
