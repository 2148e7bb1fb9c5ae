"""Checks in, outcomes out: the one place where a declared rule meets a database."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from harness.catalog import read
from harness.catalog.canonical import Canonical
from harness.catalog.model import Catalog, Missing, Table
from harness.catalog.roles import Roles
from harness.declarations import Check
from harness.errors import TargetError
from harness.generation import Oracle, Pools, Rule, Unfillable, Unsupported
from harness.generation.fill import fill
from harness.kinds.base import Databases, Fact, Kind, Subject, Unreliable
from harness.kinds.primary_key import PrimaryKey
from harness.kinds.touched_on_update import TouchedOnUpdate
from harness.outcome import Counterexample, Outcome, Status
from harness.probes import Session
from harness.project.model import Project, TableName
from harness.proving.racing import Contest, compete
from harness.proving.refusals import Refusals
from harness.proving.reproduction import counterexample, schedule
from harness.proving.trial import Trial, attempt
from harness.races import Stage

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Effort:
    """How hard to try: scenarios for each check, and the seed that all draws follow from.

    Without ``shrink`` a broken check shows the first case that was found, not the smallest.
    """

    scenarios: int
    seed: int
    shrink: bool = True

    @property
    def races(self) -> int:
        """Of how many scenarios the races are run: one takes as long as thousands of probes."""
        return max(1, self.scenarios // 5)

    @classmethod
    def of(cls, scenarios: int, seed: int | None) -> Effort:
        """With a seed of its own where none is given."""
        return cls(scenarios, random.SystemRandom().randrange(2**32) if seed is None else seed)


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
        self._project = project
        self._databases = databases
        self._effort = effort
        self._connection = databases.connect(databases.clone())
        # A trigger that never ends must not hold up everything else.
        self._connection.execute("set statement_timeout = '5min'")
        self.catalog = read(self._connection, project.ledger_schema)
        self._pools = Pools(Oracle(self._connection), self.catalog, rules(declared, self.catalog))
        self._session = Session(self._connection, self.catalog)
        self._roles = Roles(self._connection)
        self._filled: psycopg.Connection[Any] | None = None
        self._full: set[TableName] = set()
        self._refusals = Refusals(declared, self.catalog)
        self._beside: dict[TableName, list[Kind]] = {}
        for check in declared:
            if check.table is not None:
                self._beside.setdefault(check.table, []).append(check.rule)

    def __enter__(self) -> Prover:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()
        if self._filled is not None:
            self._filled.close()

    def prove(self, check: Check) -> Outcome:
        """The verdict on one check. Raises :class:`TargetError` when the server goes away."""
        import psycopg

        started = time.perf_counter()
        verdict = _Verdict()
        try:
            self._examine(check, verdict)
        except Missing as missing:
            verdict.broken.append(Counterexample("what the check names is in the database", str(missing)))
        except (Unreliable, Unfillable, Unsupported) as reason:
            verdict.reason = str(reason)
        except psycopg.errors.QueryCanceled as error:
            verdict.reason = f"stopped by the server: {error.diag.message_primary}"
        except (psycopg.ProgrammingError, psycopg.DataError) as error:
            message = f"PostgreSQL cannot evaluate it: {error.diag.message_primary} ({error.sqlstate})"
            if not verdict.broken:
                verdict.broken.append(Counterexample("an expression that the database can evaluate", message))
        except psycopg.errors.DiskFull:
            raise TargetError("the server's disk is full", hint="free some space on it and run again") from None
        except (psycopg.OperationalError, psycopg.InternalError) as error:
            raise TargetError(
                f"the server went away while {check.name} was proven: {str(error).splitlines()[0]}",
                hint="run it again; `harness doctor` says whether the server is there",
            ) from None
        return verdict.outcome(check, time.perf_counter() - started)

    def _examine(self, check: Check, verdict: _Verdict) -> None:
        rule: Kind = check.rule
        subject = self._subject(check)
        try:
            facts = list(rule.facts(subject))
            verdict.add_facts(facts)
        except Missing as missing:
            # Rows that show what the lack of it lets happen say more than its absence.
            verdict.broken.append(Counterexample("what the check names is in the database", str(missing)))
        if not self._becomes(rule, verdict):
            return
        failed = False
        try:
            strategy = rule.scenarios(subject)
        except (Missing, Unreliable, Unfillable, Unsupported):
            if not verdict.broken:
                raise
            strategy = None
        if strategy is not None:
            trial = attempt(
                self._session,
                strategy,
                scenarios=self._effort.scenarios,
                seeded=self._effort.seed,
                shrink=self._effort.shrink,
                own=self._refusals.of(check),
                others=lambda refusal: self._refusals.beside(check, refusal),
                barred=lambda probe, refusal: self._refusals.bars(check, probe, refusal),
            )
            verdict.add_trial(check, trial)
            failed = trial.failure is not None
        if rule.concurrently and not failed and verdict.reason is None:
            self._race(check, subject, verdict)

    def _race(self, check: Check, subject: Subject, verdict: _Verdict) -> None:
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
        superuser = self._roles.is_superuser(self._roles.current)
        with Stage(self._databases, self.catalog, superuser) as stage:
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

    def _becomes(self, rule: Kind, verdict: _Verdict) -> bool:
        """A role that the tool may not take on refuses nothing itself: nothing would be shown."""
        for role in rule.roles():
            if self._roles.exists(role) and not self._roles.may_become(role):
                verdict.reason = f"{self._roles.current} may not SET ROLE {role}: grant it, or connect as a superuser"
                return False
        return True

    def _subject(self, check: Check) -> Subject:
        beside = self._beside.get(check.table, []) if check.table else []
        return Subject(
            module=check.module,
            name=check.table,
            project=self._project,
            catalog=self.catalog,
            pools=self._pools,
            canonical=Canonical(self._connection),
            roles=self._roles,
            databases=self._databases,
            filled=self._fill,
            rewritten=frozenset(rule.touched_on_update for rule in beside if isinstance(rule, TouchedOnUpdate)),
            primary_key=next((rule.primary_key for rule in beside if isinstance(rule, PrimaryKey)), ()),
            declared_indexes=frozenset(rule.subject for rule in beside),
        )

    def _fill(self, table: Table) -> psycopg.Connection[Any]:
        """A connection to a second database, in which tables are filled as they are asked for."""
        if self._filled is None:
            self._filled = self._databases.connect(self._databases.clone())
        if table.name not in self._full:
            fill(self._filled, self.catalog, self._pools, table)
            self._full.add(table.name)
        return self._filled


@dataclass
class _Verdict:
    """An outcome in the making."""

    probes: int = 0
    facts: int = 0
    broken: list[Counterexample] = field(default_factory=list)
    reason: str | None = None

    def add_facts(self, facts: Sequence[Fact]) -> None:
        self.facts += len(facts)
        self.broken += [Counterexample(fact.wanted, fact.caught) for fact in facts if not fact.holds]

    def add_trial(self, check: Check, trial: Trial) -> None:
        self.probes += trial.probes
        if trial.failure is not None:
            found = counterexample(check, trial.failure.setup, trial.failure.probe, trial.failure.reply)
            # An example of what happens says more than a line of the catalog.
            self.broken.insert(0, found)
        elif trial.refused is not None and not trial.shown:
            self.reason = f"no scenario could be built: its rows were {trial.refused}"
        elif trial.untried is not None:
            self.reason = f"it could not be tried: {trial.untried.message}"
        elif trial.scenarios == 0:
            self.reason = "no scenario could be built: no rows were found that keep all rules"
        else:
            hidden = {aspect: mask for aspect, mask in trial.masked.items() if aspect not in trial.shown}
            for aspect, mask in hidden.items():
                self.reason = f"'{aspect}' was never seen: each time it was {mask}; if that is meant, say `implied_by:`"

    def add_contest(self, check: Check, contest: Contest) -> None:
        self.probes += contest.commands
        if contest.lost is not None:
            self.broken.insert(0, schedule(check, contest.lost))
        elif contest.reason is not None:
            self.reason = contest.reason

    def outcome(self, check: Check, seconds: float) -> Outcome:
        status = Status.BROKEN if self.broken else Status.UNRELIABLE if self.reason else Status.PROVED
        return Outcome(
            name=check.name,
            kind=check.kind,
            subject=check.subject,
            module=check.module,
            table=str(check.table) if check.table else None,
            place=check.place,
            status=status,
            probes=self.probes,
            facts=self.facts,
            seconds=seconds,
            reason=self.reason if status is Status.UNRELIABLE else None,
            counterexamples=tuple(self.broken),
        )


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
