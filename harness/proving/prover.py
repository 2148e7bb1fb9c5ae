"""Checks in, outcomes out: the one place where a declared rule meets a database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from harness.bulk import grow
from harness.catalog import read
from harness.catalog.canonical import Canonical
from harness.catalog.model import Catalog, Missing, Table
from harness.catalog.parts import Part
from harness.catalog.roles import Roles
from harness.declarations import DECLARED, Check
from harness.errors import HarnessError, TargetError
from harness.kinds.base import Begun, Databases, Kind, Pair, Subject, Unreliable
from harness.kinds.primary_key import PrimaryKeyKind
from harness.kinds.touched_on_update import TouchedOnUpdateKind
from harness.outcome import EVALUABLE, THERE, Counterexample, Outcome
from harness.probes import Endless, Patience, Session
from harness.probes.disturbance import CONFLICTS, PAUSES, Disturbed, of_error
from harness.probes.renewal import Renewal, never_set
from harness.project.model import Project, TableName
from harness.proving import bug, unset
from harness.proving.commits import Commits
from harness.proving.effort import Effort as Effort
from harness.proving.findings import Findings
from harness.proving.opaque import Opaque
from harness.proving.racing import REPLAYS, compete
from harness.proving.refusals import Refusals
from harness.proving.slips import Slip, said, slips
from harness.proving.trial import Trial, attempt
from harness.proving.undeclared import Undeclared
from harness.races import Stage
from harness.solver.contradiction import find_contradiction
from harness.solver.pools import Pools
from harness.solver.row_hints import NOTHING, RowHints
from harness.solver.rules import Rule, Unfillable
from harness.values.examples import examples
from harness.values.types import Unsupported

if TYPE_CHECKING:
    import psycopg
    from hypothesis import strategies as st

    from harness.probes import Scenario

MOST = 1_000_000
"""Scenarios that no profile asks for."""

SESSION_LOST = ("08", "57P")
"""SQLSTATEs of a session that was ended, or that cannot begin."""


def run(
    checks: Sequence[Check], declared: Sequence[Check], project: Project, databases: Databases, effort: Effort
) -> Iterator[Outcome]:
    """Proves ``checks``; ``declared`` are all checks there are, whose rules generated rows keep.

    Raises :class:`TargetError` when the server goes away.
    """
    with Prover(declared, project, databases, effort) as prover:
        for check in checks:
            yield prover.prove(check)


class Prover:
    """Proves one check after the other in a scratch database of its own, which no check changes."""

    def __init__(self, declared: Sequence[Check], project: Project, databases: Databases, effort: Effort) -> None:
        self._declared = declared
        self._project = project
        self._databases = databases
        self._effort = effort
        self._spoilt = False
        self._patience = Patience(effort.timeout)  # a trigger that never ends must not hold up everything else
        self._sets = False
        self._slips: tuple[Slip, ...] | None = None
        self._open()
        self._beside: dict[TableName, list[Kind]] = {}
        self._touched: dict[TableName, frozenset[str]] = {}
        for check in declared:
            if check.table is not None:
                self._beside.setdefault(check.table, []).append(check.rule)
                if isinstance(check.rule, TouchedOnUpdateKind):
                    known = self._touched.get(check.table, frozenset())
                    self._touched[check.table] = known | {check.rule.touched_on_update}

    def _open(self) -> None:
        """All that is bound to a scratch database, in a new one."""
        self._clones: list[str] = []
        self._filled: psycopg.Connection[Any] | None = None
        self._full: set[TableName] = set()
        self._at_odds: dict[TableName, tuple[Rule, Rule] | None] = {}
        self._pairs: tuple[TableName, list[Pair]] | None = None
        with ExitStack() as opened:
            database = self._clone()
            self._connection = self._databases.connect(database)
            opened.callback(self._connection.close)
            self._connection.execute("set statement_timeout = '5min'")
            self.catalog = read(self._connection, self._project.ledger_schema)
            self._hear()

            def connect() -> psycopg.Connection[Any]:
                self._trying = self._databases.connect(database)
                self._trying.execute(f"set statement_timeout = {self._patience.batch}".encode())
                return self._trying

            # Of its own, since rows are tried while others are drawn.
            connect()
            opened.callback(lambda: self._trying.close())
            self._renewal = self._renewed_by(connect)
            companions = (self._connection.info.backend_pid,)
            self._session = Session(self._trying, self.catalog, companions, self._patience, self._renewal)
            self._roles = Roles(self._connection)
            self._opened = opened.pop_all()  # from here on it is for __exit__ to close them

    def _renewed_by(self, connect: Callable[[], psycopg.Connection[Any]]) -> Renewal:
        """When the session that tries is replaced, and what a role without claims may find left empty in one."""
        declared = [check for check in self._declared if id(check) not in self._unheard]
        untold = any(each.name is None for each in self.catalog.settings)
        # What the server, the database or the role has set already is never missing, and never left empty.
        self._left = never_set(self._trying, unset.left(declared, self.catalog))
        return Renewal(connect, never_set(self._trying, unset.set_by_code(self.catalog)), untold)

    def _forget(self, check: Check) -> None:
        """Sees to it that no setting is left in a session from another check. Expressions hardly ever set one."""
        if replace(self._renewal, untold=False).due(self._connection):
            self._renew()
        self._session.refresh(anew=self._sets)
        self._sets = unset.sets(check)

    def _hear(self) -> None:
        """What all checks say of rows and refusals. An error in what one says costs that one alone."""
        import psycopg

        self._unheard: dict[int, Exception] = {}
        try:
            self._listen(self._declared)
        except (HarnessError, psycopg.Error):
            raise
        except Exception:
            for check in self._declared:
                try:
                    _says(check, self.catalog)
                except Exception as error:
                    self._unheard[id(check)] = error
            self._listen([check for check in self._declared if id(check) not in self._unheard])

    def _listen(self, declared: Sequence[Check]) -> None:
        self._heard = declared
        self._pools = pools(self._connection, self.catalog, declared)
        # All: what a check declares is declared, whatever else it cannot say.
        self._undeclared = Undeclared.of(self._declared, self.catalog)
        self._opaque = Opaque.of(declared, self.catalog)
        self._opaque_at_all = Opaque.of(declared, self.catalog, self._undeclared.triggers())
        self._refusals = Refusals(declared, self.catalog, self._undeclared)

    def __enter__(self) -> Prover:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()

    def prove(self, check: Check) -> Outcome:
        """The verdict on one check; an error of our own is its outcome, too, and costs no other check.

        Raises :class:`HarnessError`: what nothing can be proven without, as :class:`TargetError` when the server goes
        away.
        """
        started = time.perf_counter()
        pauses = iter(PAUSES)
        while True:
            if self._spoilt:
                self._renew()
            verdict = Findings()
            try:
                self._judge(check, verdict)
            except HarnessError:
                raise
            except Exception as error:
                self._spoilt = True
                met = _met(error)
                if met is not None and (pause := next(pauses, None)) is not None:
                    time.sleep(pause)
                    continue
                if met is not None or isinstance(error, Disturbed):
                    verdict.disturbed = str(met or error)
                else:
                    verdict.add_error(error, bug.again(check.name, self._effort))
            return verdict.outcome(check, time.perf_counter() - started)

    def _renew(self) -> None:
        """Begins anew: a check that ended in the middle may have left anything behind."""
        self._opened.close()
        for name in self._clones:
            self._databases.drop(name)
        self._open()
        self._spoilt = False

    def _judge(self, check: Check, verdict: Findings) -> None:
        """Brings a verdict about, also where nothing could be tried for a reason that is known."""
        import psycopg

        try:
            self._forget(check)
            self._examine(check, verdict)
        except Missing as missing:
            verdict.broken.append(Counterexample(THERE, str(missing)))
        except Unfillable as reason:
            verdict.reason = str(reason)
            if reason.table is not None:
                self._blame(check, reason.table, verdict)
        except (Unreliable, Unsupported, Endless) as reason:
            verdict.reason = str(reason)
        except psycopg.errors.QueryCanceled as error:
            verdict.reason = f"stopped by the server: {error.diag.message_primary}"
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            if error.sqlstate is None:  # not the server's word, but psycopg's about a call of ours
                raise
            self._stumble(check, said(error), verdict)
        except psycopg.errors.DiskFull:
            raise TargetError("the server's disk is full", hint="free some space on it and run again") from None
        except psycopg.OperationalError as error:
            if not _lost(error):
                raise
            raise TargetError(
                f"the server went away while {check.name} was proven: {str(error).splitlines()[0]}",
                hint="run it again; `harness doctor` says whether the server is there",
            ) from None

    def _stumble(self, check: Check, message: str, verdict: Findings) -> None:
        """Finds whose expression the server makes no sense of: one slip is one check's fault."""
        if self._slips is None:
            self._slips = tuple(slips(self._connection, self._declared, self.catalog))
        found = sorted((slip for slip in self._slips if slip.message == message), key=lambda slip: slip.check != check)
        if found and found[0].check != check:
            verdict.reason = f"{found[0].check.place}: {found[0]}"
        elif not verdict.broken:
            actual = str(found[0]) if found else f"PostgreSQL cannot evaluate it: {message}"
            verdict.broken.append(Counterexample(EVALUABLE, actual))

    def _blame(self, check: Check, table: Table, verdict: Findings) -> None:
        """Where no row can be since the database contradicts what is declared, that is what is said."""
        if table.name not in self._at_odds:
            self._at_odds[table.name] = find_contradiction(self._pools, self.catalog.tables.get(table.name, table))
        found = self._at_odds[table.name]
        if found is None:
            return
        stated, own = found
        verdict.reason = f"no row of {table.name} can be: {stated} is declared, and the database has {own}"
        if stated in check.rule.rules() or (check.kind == DECLARED and check.table == table.name):
            verdict.broken.append(Counterexample(f"rows that keep {stated} accepted", f"refused by {own}: all of them"))

    def _examine(self, check: Check, verdict: Findings) -> None:
        if (error := self._unheard.get(id(check))) is not None:
            raise error
        rule: Kind = check.rule
        subject = self._subject(check)
        verdict.only_shown = check.kind == DECLARED and check.rule.shown and bool(subject.undeclared)
        try:
            facts = list(rule.facts(subject))
            verdict.add_facts(facts)
        except Missing as missing:
            # Rows that show what the lack of it lets happen say more than its absence.
            verdict.broken.append(Counterexample(THERE, str(missing)))
        if not self._becomes(rule, verdict):
            return
        try:
            stated = unset.in_both_states(rule.scenarios(subject), self._left)
        except (Missing, Unreliable, Unfillable, Unsupported):
            if not verdict.broken:
                raise
            stated = None
        trial = self._try(check, stated) if stated is not None else Trial()
        if stated is not None:
            verdict.add_trial(check, trial, self._undeclared)
        if trial.failure is None:
            masked = {aspect: str(refusal) for aspect, refusal in trial.masked.items()}
            verdict.notes += rule.notes(subject, trial.shown, masked)
        if rule.concurrently and trial.failure is None and verdict.reason is None:
            self._race(check, subject, verdict)

    def _try(self, check: Check, stated: st.SearchStrategy[Scenario] | Begun) -> Trial:
        rule: Kind = check.rule
        return attempt(
            Commits(self._databases, self.catalog, self._patience) if rule.commits else self._session,
            stated,
            scenarios=self._scenarios(rule),
            seeded=self._effort.seed,
            shrink=self._effort.shrink,
            own=self._refusals.of(check),
            others=lambda refusal: self._refusals.beside(check, refusal),
            barred=lambda probe, refusal: self._refusals.bars(check, probe, refusal),
            ready=self._begin(stated) if isinstance(stated, Begun) else None,
            opaque=self._opaque if rule.about_triggers else self._opaque_at_all,
            replays=REPLAYS if rule.commits else None,
        )

    def _scenarios(self, rule: Kind) -> int:
        if rule.commits:
            return self._effort.races
        return self._effort.drawn if rule.varies else min(self._effort.scenarios, rule.drawn or MOST)

    def _begin(self, stated: Begun) -> list[Pair]:
        """What is drawn for several checks of a table, which mostly come one after the other."""
        if self._pairs is None or self._pairs[0] != stated.table:
            self._pairs = stated.table, examples(stated.pairs, self._effort.drawn, self._effort.seed)
        return self._pairs[1]

    def _race(self, check: Check, subject: Subject, verdict: Findings) -> None:
        """What holds for one session is tried between two, in a clone of its own."""
        rule: Kind = check.rule
        try:
            strategy = rule.races(subject)
        except (Missing, Unreliable, Unfillable, Unsupported):
            if not verdict.broken:
                raise
            return
        if strategy is None:
            return
        with Stage(self._databases, self.catalog, self._roles.silent) as stage:
            contest = compete(
                stage,
                self._session,
                strategy,
                levels=rule.concurrently,
                scenarios=self._effort.races,
                seeded=self._effort.seed,
                shrink=self._effort.shrink,
                declared=self._refusals.all,
            )
        verdict.add_contest(check, contest)

    def _becomes(self, rule: Kind, verdict: Findings) -> bool:
        """A role that the tool may not take on refuses nothing itself: nothing would be shown."""
        for role in rule.roles():
            if self._roles.exists(role) and not self._roles.may_become(role):
                verdict.reason = f"{self._roles.current} may not SET ROLE {role}: grant it, or connect as a superuser"
                return False
        return True

    def _subject(self, check: Check) -> Subject:
        beside = self._beside.get(check.table, []) if check.table else []
        table = self.catalog.tables.get(check.table) if check.table else None
        frozen = (column for rule in beside for column in rule.frozen(table)) if table else ()
        undeclared, catalog, made_of = self._told_by(check)
        return Subject(
            module=check.module,
            name=check.table,
            project=self._project,
            catalog=catalog,
            pools=made_of,
            canonical=Canonical(self._connection),
            roles=self._roles,
            databases=self._databases,
            filled=self._fill,
            touched=self._touched,
            frozen=frozenset(frozen),
            primary_key=next((rule.primary_key for rule in beside if isinstance(rule, PrimaryKeyKind)), ()),
            declared_indexes=frozenset(rule.subject for rule in beside),
            undeclared=undeclared,
            beside=self._beside,
            variety=self._effort.variety if check.rule.varies else 1,
        )

    def _told_by(self, check: Check) -> tuple[dict[Part, str], Catalog, Pools]:
        """What a check tells of that nobody declared, the catalog without it, and what rows are made of there."""
        table = self.catalog.tables.get(check.table) if check.table and check.kind == DECLARED else None
        undeclared = self._undeclared.rules(table) if table is not None else {}
        if table is None or not undeclared or check.rule.shown:
            return undeclared, self.catalog, self._pools
        catalog = self._undeclared.hidden(table)
        return undeclared, catalog, pools(self._connection, catalog, self._heard)

    def _fill(self, table: Table) -> psycopg.Connection[Any]:
        """A connection to a second database, in which tables are filled as they are asked for."""
        if self._filled is None:
            self._filled = self._databases.connect(self._clone())
            self._opened.callback(self._filled.close)
        if table.name not in self._full:
            grow(self._filled, self.catalog, self._pools, table)
            self._full.add(table.name)
        return self._filled

    def _clone(self) -> str:
        name = self._databases.clone()
        self._clones.append(name)
        return name


def _lost(error: psycopg.Error) -> bool:
    """Whether a session was ended, or its server: without an SQLSTATE it is libpq that says so."""
    return error.sqlstate is None or error.sqlstate.startswith(SESSION_LOST)


def _met(error: Exception) -> Disturbed | None:
    """What is said of a statement of ours that met another session, if that is what went wrong."""
    import psycopg

    if not isinstance(error, psycopg.Error) or error.sqlstate not in CONFLICTS:
        return None
    return Disturbed(of_error(error))


def _says(check: Check, catalog: Catalog) -> None:
    """Asks one check for all that others need to know of it; raises what that raises."""
    check.rule.row_hints()
    rules([check], catalog)
    Opaque.of([check], catalog)
    Refusals([check], catalog)


def pools(connection: psycopg.Connection[Any], catalog: Catalog, declared: Sequence[Check]) -> Pools:
    """What generated rows are made of: they keep the rules that are declared and those that the catalog has."""
    row_hints: dict[TableName, RowHints] = {}
    for check in declared:
        if check.table is not None and (found := check.rule.row_hints()) != NOTHING:
            row_hints[check.table] = row_hints.get(check.table, NOTHING) | found
    return Pools(connection, catalog, rules(declared, catalog), row_hints)


def rules(declared: Sequence[Check], catalog: Catalog) -> dict[TableName, tuple[Rule, ...]]:
    """The predicates that are declared of each table."""
    found: dict[TableName, tuple[Rule, ...]] = {}
    for check in declared:
        if check.table is None:
            continue
        rule: Kind = check.rule
        stated = [(check.table, rule.rules())]
        if check.table in catalog.tables:
            stated += rule.rules_elsewhere(catalog.tables[check.table], catalog).items()
        for table, predicates in stated:
            found[table] = (*found.get(table, ()), *predicates)
    return found
