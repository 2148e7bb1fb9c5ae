"""A run of ``harness test``: chooses the checks, has them proved, and reports the outcomes.

Decides which modules are built, which outcomes of an interrupted run are taken over, when ``--fail-fast`` ends it,
whether a baseline is written, the exit code, and the notes on what is not looked at. Reports what was found if it is
broken off.
Not here: how many workers (``workers.py``), and which outcomes fail a run (``outcome.py``).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

from rich.console import Console

from harness import declarations, files, selection
from harness.catalog.model import Catalog
from harness.cli import interrupts, streams, workers
from harness.cli.common import CLEAN, COULD_NOT_RUN, FINDINGS, debugging, open_target
from harness.cli.options import ProvingOptions
from harness.cli.progress import Progress
from harness.declarations import DeclaredCheck
from harness.errors import HarnessError, ProjectError
from harness.kinds import KINDS
from harness.outcome import Gate, Outcome, Status
from harness.project.model import Module, Project
from harness.proving import draws, seeding
from harness.proving.effort import default_profile
from harness.proving.prover import Effort
from harness.reports import journal, json, junit
from harness.reports.journal import Interrupted, Journal
from harness.reports.json import Baseline
from harness.reports.run import Run
from harness.reports.terminal import Terminal
from harness.reports.words import counted
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server
from harness.workers import Durations, versions


@dataclass(frozen=True)
class ChosenChecks:
    """The ``checks`` of a run; ``available`` are all checks of the ``modules`` that are built for them.

    ``shard`` names the shard in the first line of the run.
    """

    modules: tuple[Module, ...]
    available: tuple[DeclaredCheck, ...]
    checks: tuple[DeclaredCheck, ...]
    declared: tuple[DeclaredCheck, ...]
    durations: Durations
    shard: str

    @classmethod
    def of(cls, project: Project, options: ProvingOptions) -> ChosenChecks:
        """Raises :class:`ProjectError` if there are no checks: a run without checks must not look like a clean one."""
        declared = declarations.read(project, KINDS)
        checks = selection.select(declared, options.select, options.exclude)
        if not declared:
            raise ProjectError(
                "the project declares no checks, so there is nothing to prove",
                hint="write one into checks/<module>/<table>.yml",
            )
        if not checks:
            raise ProjectError("nothing is left to prove: --exclude takes out all that --select chooses")
        modules = project.modules
        # Migrations of another tool are built whole, and rows keep the rules of all its tables.
        if options.select and project.adopted is None:
            modules = project.with_dependencies({check.module for check in checks})
        names = {module.name for module in modules}
        available = tuple(check for check in declared if check.module in names)
        given, shard = options.durations, ""
        durations = Durations.merged(map(Path, given)) if given else Durations.recorded(project.root)
        if options.shard is not None:
            # Shards that were distributed by other durations would leave checks out: their plans differ here.
            shard = f", shard {options.shard} of plan {options.shard.plan(checks, durations)}"
            checks = options.shard.part(checks, durations)
        return cls(modules, available, checks, declared, durations, shard)


class CheckRun:
    """A run of ``harness test``, from its options to its exit code."""

    def __init__(self, project: Project, options: ProvingOptions) -> None:
        self._project = project
        self._options = options
        self._baseline = self._read_baseline()
        self._gate = Gate(self._baseline.statuses if self._baseline else {}, Status(options.fail_on))
        self._stop = self._gate if options.fail_fast else None
        self._chosen = ChosenChecks.of(project, options)
        draws.make_reproducible()
        self._journal = journal.path(project.root, str(options.shard or ""))
        self._resumed = Interrupted.read(self._journal) if options.resume else None
        profile = project.profile(options.profile or default_profile(os.environ))
        seeds = (options.seed, profile.seed, self._resumed.seed if self._resumed else None)
        self._effort = Effort.of(profile, next((seed for seed in seeds if seed is not None), None))
        self._profile = profile.name

    def _read_baseline(self) -> Baseline | None:
        file = self._options.baseline
        found = Baseline.read(Path(file)) if file is not None else None
        if file is not None and found is None and self._options.shard is not None:
            raise ProjectError(
                f"there is no baseline {file}, and a shard cannot write one for all",
                hint=f"write it by a whole run, and commit it: harness test --baseline {file}",
            )
        return found

    def execute(self) -> int:
        """Proves the checks and returns the exit code."""
        options, project, chosen = self._options, self._project, self._chosen
        with open_target(project, options.target) as server, workspace(server, project, chosen.modules) as databases:
            seeds = seeding.outcomes(databases.left_out())
            selected = len(seeds) + len(chosen.checks)
            effort = self._effort
            run = Run(project.name, server.description, self._profile, effort.scenarios, effort.seed, selected)
            console = _Console(highlight=False, file=streams.raw())
            terminal = Terminal(console, run, tracebacks=debugging(), quiet=options.quiet, gate=self._gate)
            with closing(terminal):
                outcomes, seconds = self._prove(run, server, databases, seeds, terminal)
                self._conclude(run, outcomes, seconds, terminal)
        workers.remember(project.root, options.shard, options.durations, chosen.declared, outcomes)
        self._write_reports(run, outcomes, seconds)
        if any(outcome.status is Status.ERROR for outcome in outcomes):
            return COULD_NOT_RUN
        return FINDINGS if any(map(self._gate.fails, outcomes)) else CLEAN

    def _prove(
        self, run: Run, server: Server, databases: Workspace, seeds: Sequence[Outcome], terminal: Terminal
    ) -> tuple[list[Outcome], float]:
        """Proves the checks that are not known from a resumed run; returns all outcomes, and the seconds they took."""
        options, chosen, resumed = self._options, self._chosen, self._resumed
        origin = _origin(self._project, chosen, run, databases.template())
        if resumed is not None:
            resumed.require(origin)
        known = _known(chosen.checks, resumed)
        left = [position for position in range(len(chosen.checks)) if position not in known]
        execution = workers.Execution(options.workers, options.scheduler, options.target, chosen.durations, self._stop)
        checks = [chosen.checks[position] for position in left]
        with (
            execution.start(databases, chosen.available, checks, self._effort, terminal.tried) as started,
            closing(Journal(self._journal, resumed.run) if resumed else Journal(self._journal)) as kept,
        ):
            contents = _contents(self._project, chosen.checks, started.catalog)
            taken_over = f", {len(known)} taken over" if known else ""
            terminal.begin(f"{server.description}, {contents}{chosen.shard}{started.size}{taken_over}")
            for each in self._notes(started.catalog, server, databases):
                terminal.note(each)
            if resumed is None:
                kept.begin(origin, run.seed, options.resuming(run))
            else:
                kept.resume()
            root, before = self._project.root, resumed.seconds if resumed else 0.0
            tables = not started.in_order
            progress = Progress(terminal, kept, root, chosen.checks, tables=tables, known=known, before=before)
            found = ((left[position], outcome) for position, outcome in started.outcomes)
            old = iter(sorted(known.items(), key=itemgetter(0)))
            both = heapq.merge(old, found, key=itemgetter(0)) if started.in_order else itertools.chain(old, found)
            with self._partial_report(progress, terminal, run):
                self._collect(seeds, both, progress)
            kept.end()
            return progress.outcomes, progress.seconds

    def _notes(self, catalog: Catalog, server: Server, databases: Workspace) -> Iterator[str]:
        """Yields what the run does not look at."""
        chosen = self._chosen
        if not server.own:
            look = "the database itself is looked at by: harness coverage --target …"
            yield f"in scratch databases of this server; {look}"
        yield from (f"not run in scratch databases: {each}" for each in databases.skipped())
        drafts = [each.id for module in chosen.modules for each in module.drafts]
        if drafts:
            yield f"left out, as there is no statement yet: {', '.join(drafts)}"
        named = {check.table for check in chosen.declared}
        schemas = {name.schema for name in named if name is not None}
        # The rules of a partition are those of the partitioned table.
        whole = (name for name in catalog.tables if name not in catalog.above)
        silent = [str(name) for name in whole if name.schema in schemas and name not in named]
        if silent and not self._options.select and self._project.adopted is None:
            yield f"no check speaks of {', '.join(silent)}; a file for each is written by: harness declare"

    def _collect(
        self,
        seeds: Iterable[Outcome],
        found: Iterable[tuple[int, Outcome]],
        progress: Progress,
    ) -> None:
        """Takes outcomes as they come, those of seeds first; with ``--fail-fast`` up to the first that fails."""
        for outcome in seeds:
            progress.add_seeds(outcome)
            if self._stop is not None and self._stop.fails(outcome):
                return
        for position, outcome in found:
            if interrupts.seen():  # a check may have turned the interrupt into another exception
                raise KeyboardInterrupt
            progress.add(position, outcome)
            if self._stop is not None and self._stop.fails(outcome):
                return

    @contextmanager
    def _partial_report(self, progress: Progress, terminal: Terminal, run: Run) -> Iterator[None]:
        """Reports what was found if a signal or a lost server ends the run, before anything is tidied up."""
        try:
            yield
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt) or interrupts.seen()
            if interrupted or isinstance(error, HarnessError):
                with suppress(OSError):  # the terminal may be what is gone
                    progress.tell_rest()
                    why = "interrupted" if interrupted else "broken off"
                    again = f"go on with: {self._options.resuming(run)}"
                    if os.environ.get("CI"):  # nothing is left of the run on that machine
                        again = f"repeat with: {self._options.repeating(run, ())}"
                    terminal.broken_off(progress.outcomes, progress.seconds, why, again)
                with suppress(OSError):
                    self._write_reports(run, progress.outcomes, progress.seconds)
            raise

    def _conclude(self, run: Run, outcomes: Sequence[Outcome], seconds: float, terminal: Terminal) -> None:
        """Prints the totals, the comparison with the baseline, and the command that repeats the run."""
        options, baseline = self._options, self._baseline
        failed = [each for each in outcomes if self._gate.fails(each) or each.status is Status.ERROR]
        checks = [outcome.name for outcome in failed if outcome.kind != seeding.KIND]  # seeds come with any check
        # A baseline that is written now knows all outcomes.
        again = options if baseline else replace(options, baseline=None)
        repeat = again.repeating(run, tuple(checks)) if failed or run.profile == "ci" else None
        comparison: Iterator[str] = iter(())
        if baseline is not None:
            there = {check.name for check in self._chosen.declared} | {outcome.name for outcome in outcomes}
            selected = options.select or options.exclude  # then nothing is said of other checks
            comparison = baseline.compared(outcomes, there | {*baseline.statuses} if selected else there)
        terminal.end(outcomes, seconds, repeat, comparison)
        if options.baseline and baseline is None:
            path = Path(options.baseline)
            if len(outcomes) < run.selected:
                terminal.note(f"{path} is not written: not everything was tried")
                return
            files.write(path, json.baseline(outcomes))
            terminal.note(f"wrote {path}: commit it, and from the next run on only what is worse than there fails")
            if failed:
                terminal.note("this run fails as it would have without it")

    def _write_reports(self, run: Run, outcomes: Sequence[Outcome], seconds: float) -> None:
        for each, path in self._options.reports(self._project.root).items():
            if each == "junit":
                files.write(path, junit.render(run, outcomes, self._gate))
            else:
                files.write(path, json.render(run, outcomes, seconds, self._gate))


def _origin(project: Project, chosen: ChosenChecks, run: Run, template: str) -> Mapping[str, str]:
    """Returns what decides the outcomes of a run."""
    paths = [project.root / "project.yml", *(path for module in project.modules for path in module.checks)]
    return {
        "check files": _hash(repr([(path.as_posix(), path.read_bytes()) for path in paths])),
        "selected checks": _hash(repr([check.name for check in chosen.checks])),
        "schema and seeds": template,
        "profile": f"{run.profile}, {counted(run.scenarios, 'scenario')}",
        "seed": str(run.seed),
        "server": run.server,
        "versions": versions(),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _known(checks: Sequence[DeclaredCheck], resumed: Interrupted | None) -> dict[int, Outcome]:
    """Returns the outcomes of the resumed run, by position; a check that ended with an error is tried again."""
    before = resumed.outcomes if resumed is not None else {}
    settled = {name: outcome for name, outcome in before.items() if outcome.status is not Status.ERROR}
    return {position: settled[check.name] for position, check in enumerate(checks) if check.name in settled}


def _contents(project: Project, checks: Sequence[DeclaredCheck], catalog: Catalog) -> str:
    """Returns ``intents: 3 migrations, 96 rules, 115 checks``, with the rules of the tables of these checks."""
    if not checks:
        return "no checks"  # more shards than checks
    modules = [module for module in project.modules if any(check.module == module.name for check in checks)]
    migrations = len(project.adopted.steps) if project.adopted else sum(len(module.migrations) for module in modules)
    names = ", ".join(module.name for module in modules)
    tables = {check.table for check in checks}
    rules = sum(table.rule_count for name, table in catalog.tables.items() if name in tables)
    return f"{names}: {counted(migrations, 'migration')}, {counted(rules, 'rule')}, {counted(len(checks), 'check')}"


class _Console(Console):
    """A console that raises the error of a broken pipe; rich would exit by itself, which is not its business."""

    def on_broken_pipe(self) -> None:
        raise  # the error that is handled
