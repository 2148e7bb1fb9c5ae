"""Checks in, outcomes out: the one place where a declared rule meets a database.

Decides which exceptions become a reason, broken or an error of the check, and which end the run (a lost server, a full
disk); when a check is tried again after interference; and when a new clone is needed. Refuses roles that the tool may
not SET ROLE to. Races come last, if the probes show no fault. Not here: the status (``findings.py``), and drawing and
shrinking (``trial.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cached_property

import psycopg
from hypothesis import strategies as st

from harness.catalog import Canonical, Catalog, Missing, Table, grouped
from harness.declarations import DECLARED, DeclaredCheck
from harness.errors import HarnessError, TargetError
from harness.kinds.base import Begun, Kind, RowPair, Subject, Unreliable
from harness.kinds.primary_key import PrimaryKeyKind
from harness.kinds.touched_on_update import TouchedOnUpdateKind
from harness.outcome import EVALUABLE, Counterexample, Outcome
from harness.probes import PAUSES, Interference, Scenario, TimedOut, TimeLimits, interference_of
from harness.project.model import Project, TableName
from harness.proving import bug, unset
from harness.proving.commits import SESSION_LOST, Commits
from harness.proving.committed_rows import CommittedRows
from harness.proving.doors import try_doors
from harness.proving.effort import Effort as Effort
from harness.proving.examiner import Trial
from harness.proving.findings import Findings
from harness.proving.prover_database import InvalidPredicate, ProverDatabase, invalid_predicates, server_words
from harness.proving.racing import RACE_REPLAYS, run_races
from harness.proving.trial import REPLAYS, Context, attempt
from harness.races import Databases, RaceDatabase
from harness.solver.declared import rules_of_rows
from harness.solver.rules import Unfillable
from harness.values.examples import examples
from harness.values.types import Unsupported

UNBUILDABLE = (Missing, Unreliable, Unfillable, Unsupported)
"""Reasons why a kind has no scenarios or races to try."""


def run(
    checks: Sequence[DeclaredCheck],
    declared: Sequence[DeclaredCheck],
    project: Project,
    databases: Databases,
    effort: Effort,
) -> Iterator[Outcome]:
    """Proves ``checks``; ``declared`` are all checks there are, whose rules generated rows keep.

    Raises :class:`TargetError` when the server goes away.
    """
    with Prover(declared, project, databases, effort) as prover:
        for check in checks:
            yield prover.prove(check)


class Prover:
    """Proves one check after the other in a scratch database of its own, which no check changes."""

    def __init__(
        self, declared: Sequence[DeclaredCheck], project: Project, databases: Databases, effort: Effort
    ) -> None:
        self._declared = declared
        self._project = project
        self._databases = databases
        self._effort = effort
        self._may_be_changed = False
        self._time_limits = TimeLimits(effort.timeout)
        self._pairs: tuple[TableName, list[RowPair]] | None = None
        self.database = self._open()
        rules: list[tuple[TableName, Kind]] = rules_of_rows(declared, self.catalog)
        self._rules_of = grouped(rules)
        touching = ((name, rule) for name, rule in rules if isinstance(rule, TouchedOnUpdateKind))
        touched = grouped((name, rule.touched_on_update) for name, rule in touching)
        self._touched = {name: frozenset(columns) for name, columns in touched.items()}

    def _open(self) -> ProverDatabase:
        return ProverDatabase(self._project, self._databases, self._declared, self._time_limits)

    @property
    def catalog(self) -> Catalog:
        return self.database.catalog

    @cached_property
    def _invalid(self) -> tuple[InvalidPredicate, ...]:
        return tuple(invalid_predicates(self.database.connection, self._declared, self.catalog))

    def __enter__(self) -> Prover:
        return self

    def __exit__(self, *error: object) -> None:
        self.database.close()

    def prove(self, check: DeclaredCheck) -> Outcome:
        """The verdict on one check; an error of our own is its outcome, too, and costs no other check.

        Raises :class:`HarnessError` where nothing at all can be proven, as :class:`TargetError` when the server goes
        away.
        """
        started = time.perf_counter()
        pauses = iter(PAUSES)
        while True:
            if self._may_be_changed:
                self._renew()
            findings = Findings()
            try:
                self._find(check, findings)
            except HarnessError:
                raise
            except Exception as error:
                # A check that ended in the middle may have left anything behind.
                self._may_be_changed = True
                met = interference_of(error)
                if met is not None and (pause := next(pauses, None)) is not None:
                    time.sleep(pause)
                    continue
                if met is not None or isinstance(error, Interference):
                    findings.disturbed = str(met or error)
                else:
                    findings.error, findings.again = error, bug.again(check.name, self._effort)
            return findings.outcome(check, time.perf_counter() - started)

    def _renew(self) -> None:
        self.database.drop()
        self._pairs = None
        self.database = self._open()
        self._may_be_changed = False

    def _find(self, check: DeclaredCheck, findings: Findings) -> None:
        """Examines a check; what is known to keep it from being tried becomes its reason."""
        try:
            # Expressions hardly ever set a custom setting; one that did would answer otherwise the next time.
            if self.database.is_stained:
                self._renew()
            self.database.prepare_session(check)
            self._examine(check, findings)
        except Missing as missing:
            findings.add_missing(missing, check, self.catalog)
        except Unfillable as reason:
            findings.reason = str(reason)
            if reason.table is not None:
                self._add_contradiction(check, reason.table, findings)
        except (Unreliable, Unsupported, TimedOut) as reason:
            findings.reason = str(reason)
        except psycopg.errors.QueryCanceled as error:
            findings.reason = f"stopped by the server: {error.diag.message_primary}"
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            if error.sqlstate is None:  # not the server's word, but psycopg's about a call of ours
                raise
            self._add_invalid_predicate(check, server_words(error), findings)
        except psycopg.errors.DiskFull:
            raise TargetError("the server's disk is full", hint="free some space on it and run again") from None
        except psycopg.OperationalError as error:
            # Without an SQLSTATE it is libpq that says so.
            if not (error.sqlstate is None or error.sqlstate.startswith(SESSION_LOST)):
                raise
            raise TargetError(
                f"the server went away while {check.name} was proven: {str(error).splitlines()[0]}",
                hint="run it again; `harness doctor` says whether the server is there",
            ) from None

    def _add_invalid_predicate(self, check: DeclaredCheck, message: str, findings: Findings) -> None:
        """Finds the check whose predicate the server cannot evaluate: that one is broken, and no other."""
        same = (each for each in self._invalid if each.message == message)
        found = sorted(same, key=lambda each: each.check != check)
        if found and found[0].check != check:
            findings.reason = f"{found[0].check.place}: {found[0]}"
        elif not findings.broken:
            actual = str(found[0]) if found else f"PostgreSQL cannot evaluate it: {message}"
            findings.broken.append(Counterexample(EVALUABLE, actual))

    def _add_contradiction(self, check: DeclaredCheck, table: Table, findings: Findings) -> None:
        """Says so where no row can be, because the database contradicts what is declared."""
        found = self.database.rules.contradiction(table)
        if found is None:
            return
        declared, own = found
        findings.reason = f"no row of {table.name} can be: {declared} is declared, and the database has {own}"
        if declared in check.rule.rules() or (check.kind == DECLARED and check.table == table.name):
            findings.broken.append(
                Counterexample(f"rows that keep {declared} accepted", f"refused by {own}: all of them")
            )

    def _examine(self, check: DeclaredCheck, findings: Findings) -> None:
        if (error := self.database.rules.errors.get(id(check))) is not None:
            raise error
        rule: Kind = check.rule
        subject, findings.only_shown = self._subject(check), rule.at_best_present
        findings.only_shown |= check.kind == DECLARED and check.rule.shown and bool(subject.undeclared)
        try:
            findings.add_facts(list(rule.facts(subject)))
        except Missing as missing:
            # Rows that show what the lack of it lets happen say more than its absence.
            findings.add_missing(missing, check, self.catalog)
        if not self._may_take_roles(rule, findings):
            return
        try:
            stated = unset.in_both_states(rule.scenarios(subject), self.database.left_settings)
        except UNBUILDABLE:
            if not findings.broken:
                raise
            stated = None
        trial = Trial()
        if stated is not None:
            trial = self._try(check, stated)
            findings.add_trial(check, trial, self.database.rules.undeclared)
            findings.add_doors(try_doors(check, subject, self.database, self._effort))
        if trial.failure is None:
            findings.notes += rule.notes(subject, trial.shown, {each: str(why) for each, why in trial.masked.items()})
        if rule.concurrently and trial.failure is None and findings.reason is None:
            self._race(check, subject, findings)

    def _try(self, check: DeclaredCheck, stated: st.SearchStrategy[Scenario] | Begun) -> Trial:
        rule: Kind = check.rule
        context = Context(
            Commits(self._databases, self.catalog, self._time_limits) if rule.commits else self.database.session,
            scenarios=self._scenarios(rule),
            seed=self._effort.seed,
            shrink=self._effort.shrink,
            replays=RACE_REPLAYS if rule.commits else REPLAYS,
            attribution=self.database.rules.attribution(check),
            catalog=None if rule.commits else self.catalog,
            committed=None if rule.commits else CommittedRows(self._databases, self.catalog, self._time_limits),
        )
        return attempt(context, stated, self._drawn(stated) if isinstance(stated, Begun) else None)

    def _scenarios(self, rule: Kind) -> int:
        if rule.commits:
            return self._effort.races
        return self._effort.drawn if rule.varies else min(self._effort.scenarios, rule.drawn or self._effort.scenarios)

    def _drawn(self, stated: Begun) -> list[RowPair]:
        """The pairs that checks of one table share, which mostly come one after the other."""
        if self._pairs is None or self._pairs[0] != stated.table:
            self._pairs = stated.table, examples(stated.pairs, self._effort.drawn, self._effort.seed)
        return self._pairs[1]

    def _race(self, check: DeclaredCheck, subject: Subject, findings: Findings) -> None:
        """Tries between two sessions what holds for one, in a clone of its own."""
        rule: Kind = check.rule
        try:
            strategy = rule.races(subject)
        except UNBUILDABLE:
            if not findings.broken:
                raise
            return
        if strategy is None:
            return
        with RaceDatabase(self._databases, self.catalog, self.database.roles) as race_database:
            result = run_races(
                race_database,
                self.database.session,
                strategy,
                levels=rule.concurrently,
                scenarios=self._effort.races,
                seeded=self._effort.seed,
                replays=RACE_REPLAYS if self._effort.shrink else 0,
                declared=self.database.rules.refusals.all,
            )
        findings.add_races(check, result)

    def _may_take_roles(self, rule: Kind, findings: Findings) -> bool:
        """Whether the tool may SET ROLE to those of the rule: one that it may not take on would refuse nothing."""
        roles = self.database.roles
        for role in rule.roles():
            if roles.exists(role) and not roles.may_become(role):
                findings.reason = f"{roles.current} may not SET ROLE {role}: grant it, or connect as a superuser"
                return False
        return True

    def _subject(self, check: DeclaredCheck) -> Subject:
        database = self.database
        beside = self._rules_of.get(check.table, []) if check.table else []
        table = self.catalog.tables.get(check.table) if check.table else None
        frozen = (column for rule in beside for column in rule.frozen(table)) if table else ()
        undeclared, catalog, pools = database.rules.reported_by(check)
        return Subject(
            module=check.module,
            name=check.table,
            project=self._project,
            catalog=catalog,
            pools=pools,
            canonical=Canonical(database.connection),
            roles=database.roles,
            databases=self._databases,
            filled=database.filled,
            touched=self._touched,
            frozen=frozenset(frozen),
            primary_key=next((rule.primary_key for rule in beside if isinstance(rule, PrimaryKeyKind)), ()),
            declared_indexes=frozenset(rule.subject for rule in beside),
            undeclared=undeclared,
            declared=self._rules_of,
            variety=self._effort.variety if check.rule.varies else 1,
        )
