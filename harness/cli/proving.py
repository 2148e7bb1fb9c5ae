"""``harness test``: proves the declared checks."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import files
from harness.cli import interrupts
from harness.cli.common import (
    CLEAN,
    COULD_NOT_RUN,
    FINDINGS,
    debugging,
    load_project,
    open_target,
    project_directory,
    target_option,
)
from harness.errors import HarnessError, ProjectError
from harness.outcome import Gate, Outcome, Status
from harness.pytest_session import default_profile
from harness.reports.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from harness.catalog.model import Catalog
    from harness.cli.progress import Progress
    from harness.cli.workers import Crew
    from harness.declarations import Check
    from harness.project.model import Module, Project
    from harness.reports.journal import Interrupted, Journal, Origin
    from harness.reports.run import Run
    from harness.reports.terminal import Terminal
    from harness.scratch.workspaces import Workspace
    from harness.server.connection import Server
    from harness.workers import Durations, Shard

REPORTS = {"junit": "junit.xml", "json": "report.json"}
_NAMED = 3  # checks that are named in "repeat with:"; for more of them the whole run is repeated


class _Formats(click.ParamType):  # type: ignore[type-arg]  # a generic only since click 8.4
    """``junit,json``."""

    name = "formats"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        formats = tuple(word.strip() for word in str(value).split(",") if word.strip())
        for each in formats:
            if each not in REPORTS:
                self.fail(f"{each!r} is no report; there are {', '.join(REPORTS)}", param, ctx)
        return formats


class _Workers(click.ParamType):  # type: ignore[type-arg]
    """A number of processes; ``auto`` leaves it to us."""

    name = "workers"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "auto":
            return None
        if not str(value).isdecimal() or int(str(value)) < 1:
            self.fail(f"{value!r} is no number of workers, nor 'auto'", param, ctx)
        return int(str(value))


class _Shards(click.ParamType):  # type: ignore[type-arg]
    """``2/3``."""

    name = "shard"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        from harness.workers import Shard

        number, slash, of = str(value).partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            self.fail(f"{value!r} is no shard; the second of three is 2/3", param, ctx)
        return Shard(int(number), int(of))


@click.command()
@click.option("--select", metavar="WHAT", multiple=True, help="Modules, tables, checks, kind:…, path:…, tag:….")
@click.option("--exclude", metavar="WHAT", multiple=True, help="What to leave out, in the same words.")
@click.option(
    "--profile", metavar="NAME", help="How hard to try: dev, ci, nightly.  [default: dev; ci where CI is set]"
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Repeat the run that said this number.")
@click.option(
    "--baseline", metavar="FILE", help="Fail only where it is worse than in this report; write it if it is not there."
)
@click.option(
    "--fail-on",
    type=click.Choice([Status.BROKEN.value, Status.UNRELIABLE.value]),
    default=Status.UNRELIABLE.value,
    show_default=True,
    help="What exits with 1; errors exit with 2 in any case.",
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first check that fails.")
@click.option("--resume", is_flag=True, help="Go on with the run that was interrupted.")
@click.option("--quiet", is_flag=True, help="Say nothing of checks that are green or known.")
@click.option("--workers", type=_Workers(), default="auto", metavar="N|auto", help="Processes.  [default: auto]")
@click.option("--scheduler", metavar="ADDRESS", help="Prove on the workers of a Dask cluster, tcp://host:8786.")
@click.option("--shard", type=_Shards(), metavar="I/N", help="Only the I-th of N parts that take equally long.")
@click.option("--durations", metavar="FILE", multiple=True, help="Weigh by these.  [default: .harness/durations.json]")
@click.option("--report", type=_Formats(), default="", metavar="junit,json", help="Also write these reports.")
@click.option("--report-dir", metavar="DIR", help="Where reports go.  [default: .harness/reports]")
@target_option
def test(**given: Any) -> int:
    """Prove the checks.

    Works in scratch databases that are dropped afterwards; the target's own database is never touched. With
    --select they hold the modules of those checks, and the modules these depend on, and no others.

    With --baseline a check fails if it is worse than in that report (proved > present > unreliable > broken > error),
    or new and not green. What is known is told apart.

    The outcomes are the same however many workers there are, and all shards together have those of the whole run.
    """
    from harness.kinds import KINDS  # noqa: F401 - where they are loaded, editors get the schema of the checks

    asked = _Asked(**given)
    for path in _reports(asked, project_directory()).values():
        # A run that ends before it writes its own must not leave that of another in its place.
        if asked.baseline is None or path.resolve() != Path(asked.baseline).resolve():
            path.unlink(missing_ok=True)
    return _prove(load_project(), asked)


@dataclass(frozen=True)
class _Asked:
    """The options of one call."""

    select: tuple[str, ...]
    exclude: tuple[str, ...]
    profile: str | None
    seed: int | None
    baseline: str | None
    fail_on: str
    fail_fast: bool
    resume: bool
    quiet: bool
    workers: int | None
    scheduler: str | None
    shard: Shard | None
    durations: tuple[str, ...]
    report: tuple[str, ...]
    report_dir: str | None
    target: str | None


@dataclass(frozen=True)
class _Chosen:
    """What is to be proven: ``there`` are the checks of the modules that are built for ``checks``."""

    modules: tuple[Module, ...]
    there: tuple[Check, ...]
    checks: tuple[Check, ...]
    declared: tuple[Check, ...]
    durations: Durations
    shard: str

    @classmethod
    def of(cls, project: Project, asked: _Asked) -> _Chosen:
        from harness import declarations, selection
        from harness.cli.workers import known_durations
        from harness.kinds import KINDS

        declared = declarations.read(project, KINDS)
        checks = selection.select(declared, asked.select, asked.exclude)
        _refuse_nothing(declared, checks)
        modules = project.modules
        # What another tool migrates is built whole, and rows are made by what is said of all of it.
        if asked.select and project.adopted is None:
            modules = project.with_dependencies({check.module for check in checks})
        names = {module.name for module in modules}
        there = tuple(check for check in declared if check.module in names)
        durations, shard = known_durations(project.root, asked.durations), ""
        if asked.shard is not None:
            # Shards that were dealt by other durations would leave checks out: they say so by another word here.
            shard = f", shard {asked.shard} of plan {asked.shard.plan(checks, durations)}"
            checks = asked.shard.part(checks, durations)
        return cls(modules, there, checks, declared, durations, shard)


def _prove(project: Project, asked: _Asked) -> int:
    from harness.cli import baselines, workers
    from harness.cli.progress import Progress
    from harness.proving import draws, seeding
    from harness.proving.prover import Effort
    from harness.reports import journal
    from harness.reports.run import Run
    from harness.reports.terminal import Terminal
    from harness.scratch.workspaces import workspace

    baseline = baselines.known(asked.baseline, whole=asked.shard is None)
    gate = Gate(baseline.statuses if baseline else {}, Status(asked.fail_on))
    chosen = _Chosen.of(project, asked)
    profile = project.profile(asked.profile or default_profile(os.environ))
    draws.make_reproducible()
    file = journal.path(project.root, str(asked.shard or ""))
    resumed = journal.Interrupted.read(file) if asked.resume else None
    seeds = (asked.seed, profile.seed, resumed.seed if resumed else None)
    seed = next((seed for seed in seeds if seed is not None), None)
    effort = Effort.of(profile, seed)
    means = workers.Means(asked.workers, asked.scheduler, asked.target, chosen.durations, asked.fail_fast, gate)
    with open_target(project, asked.target) as server, workspace(server, project, chosen.modules) as databases:
        broken = seeding.outcomes(databases.left_out())
        selected = len(broken) + len(chosen.checks)
        run = Run(project.name, server.description, profile.name, effort.scenarios, effort.seed, selected)
        origin = _origin(project, chosen, run, databases.template())
        if resumed is not None:
            resumed.require(origin)
        known = _known(chosen.checks, resumed)
        left = [place for place in range(len(chosen.checks)) if place not in known]
        shown = Terminal(_console(), run, tracebacks=debugging(), quiet=asked.quiet, gate=gate)
        with closing(shown) as terminal:
            with (
                means.open(databases, chosen.there, [chosen.checks[place] for place in left], effort) as crew,
                closing(_journal(file, resumed)) as kept,
            ):
                contents = _contents(project, chosen.checks, crew.catalog)
                terminal.begin(f"{server.description}, {contents}{chosen.shard}{crew.size}{_taken_over(known)}")
                for each in _notes(project, asked, chosen, crew.catalog, server, databases):
                    terminal.note(each)
                if resumed is None:
                    kept.begin(origin, effort.seed, _resume(run, asked))
                tables, before = not crew.in_order, resumed.seconds if resumed else 0.0
                progress = Progress(terminal, kept, project.root, chosen.checks, tables=tables, before=before)
                with _told_so_far(progress, terminal, project.root, run, asked, gate):
                    _tell(crew, broken, known, left, progress, terminal, gate if asked.fail_fast else None)
                seconds, outcomes = progress.seconds, progress.outcomes
                kept.end()
            failed = [each for each in outcomes if gate.fails(each) or each.status is Status.ERROR]
            checks = [outcome.name for outcome in failed if outcome.kind != seeding.KIND]  # seeds come with any check
            # One that is written now knows all of it.
            again = asked if baseline else replace(asked, baseline=None)
            repeat = _repeat(run, checks, again) if failed or profile.name == "ci" else None
            compared = baselines.compared(
                baseline, chosen.declared, outcomes, selected=bool(asked.select or asked.exclude)
            )
            terminal.end(outcomes, seconds, repeat, compared)
            if asked.baseline and baseline is None:
                terminal.note(baselines.keep(Path(asked.baseline), run, outcomes, seconds))
    workers.remember(project.root, asked.shard, asked.durations, chosen.declared, outcomes)
    _write(asked, project.root, run, outcomes, seconds, gate)
    if any(outcome.status is Status.ERROR for outcome in outcomes):
        return COULD_NOT_RUN
    return FINDINGS if failed else CLEAN


def _notes(
    project: Project, asked: _Asked, chosen: _Chosen, catalog: Catalog, server: Server, databases: Workspace
) -> Iterator[str]:
    """What to know of a run before its outcomes: what it does not look at."""
    if not server.own:
        yield "in scratch databases of this server; the database itself is looked at by: harness coverage --target …"
    for each in databases.skipped():
        yield f"not run in scratch databases: {each}"
    drafts = [each.id for module in chosen.modules for each in module.drafts]
    if drafts:
        yield f"left out, as there is no statement yet: {', '.join(drafts)}"
    spoken_of = {check.table for check in chosen.declared}
    schemas = {name.schema for name in spoken_of if name is not None}
    whole = (name for name in catalog.tables if (name, "") not in catalog.roots)  # a partition's rules are the whole's
    silent = [str(name) for name in whole if name.schema in schemas and name not in spoken_of]
    if silent and not asked.select and project.adopted is None:
        yield f"no check speaks of {', '.join(silent)}; a file for each is written by: harness declare"


def _tell(
    crew: Crew,
    broken: Sequence[Outcome],
    known: Mapping[int, Outcome],
    left: Sequence[int],
    progress: Progress,
    terminal: Terminal,
    stop: Gate | None,
) -> None:
    """Takes the outcomes as they come: of seeds that are ``broken``, those that are ``known``, and what is ``left``.

    The first that fails at the gate is a ``stop``, if there is one.
    """
    for outcome in broken:
        progress.add_seeds(outcome)
        if stop is not None and stop.fails(outcome):
            return
    found = ((left[place], outcome) for place, outcome in crew.outcomes(terminal.tried))
    old = iter(sorted(known.items(), key=itemgetter(0)))
    for place, outcome in heapq.merge(old, found, key=itemgetter(0)) if crew.in_order else itertools.chain(old, found):
        if interrupts.seen():  # whatever it was that an interrupt has become on its way through a check
            raise KeyboardInterrupt
        progress.add(place, outcome, known=place in known)
        if stop is not None and stop.fails(outcome):
            return


@contextmanager
def _told_so_far(
    progress: Progress, terminal: Terminal, root: Path, run: Run, asked: _Asked, gate: Gate
) -> Iterator[None]:
    """Where a signal or a lost server ends it, what has been found is told, before anything is tidied up."""
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt) or interrupts.seen()
        if interrupted or isinstance(error, HarnessError):
            with suppress(OSError):  # the terminal may be what is gone
                progress.tell_rest()
                why = "interrupted" if interrupted else "broken off"
                # On a machine of CI nothing is left of a run to go on with.
                gone = bool(os.environ.get("CI"))
                again = f"repeat with: {_repeat(run, (), asked)}" if gone else f"go on with: {_resume(run, asked)}"
                terminal.broken_off(progress.outcomes, progress.seconds, why, again)
            with suppress(OSError):
                _write(asked, root, run, progress.outcomes, progress.seconds, gate)
        raise


def _origin(project: Project, chosen: _Chosen, run: Run, template: str) -> Origin:
    """What the outcomes of a run follow from."""
    from harness.workers.job import versions

    paths = [project.root / "project.yml", *(path for module in project.modules for path in module.checks)]
    texts = [(path.as_posix(), path.read_bytes()) for path in paths]
    return {
        "check files": _hash(repr(texts)),
        "selected checks": _hash(repr([check.name for check in chosen.checks])),
        "schema and seeds": template,
        "profile": f"{run.profile}, {counted(run.scenarios, 'scenario')}",
        "seed": str(run.seed),
        "server": run.server,
        "versions": versions(),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _known(checks: Sequence[Check], resumed: Interrupted | None) -> dict[int, Outcome]:
    """The outcomes that need not be found again, by place; what ended with an error is tried again."""
    outcomes = resumed.outcomes if resumed is not None else {}
    found = {place: outcomes[check.name] for place, check in enumerate(checks) if check.name in outcomes}
    return {place: outcome for place, outcome in found.items() if outcome.status is not Status.ERROR}


def _taken_over(known: Mapping[int, Outcome]) -> str:
    return f", {len(known)} taken over" if known else ""


def _journal(file: Path, resumed: Interrupted | None) -> Journal:
    from harness.reports.journal import Journal

    if resumed is None:
        return Journal(file)
    kept = Journal(file, resumed.run)
    kept.resume()
    return kept


def _refuse_nothing(declared: Sequence[Check], chosen: Sequence[Check]) -> None:
    """A run that tries nothing must not look like one that found nothing."""
    if not declared:
        raise ProjectError(
            "the project declares no checks, so there is nothing to prove",
            hint="write one into checks/<module>/<table>.yml",
        )
    if not chosen:
        raise ProjectError("nothing is left to prove: --exclude takes out all that --select chooses")


def _contents(project: Project, chosen: Sequence[Check], catalog: Catalog) -> str:
    """``intents: 3 migrations, 96 rules, 115 checks``: the rules are those of the tables that the checks speak of."""
    if not chosen:
        return "no checks"  # more shards than checks
    modules = [module for module in project.modules if any(check.module == module.name for check in chosen)]
    own = sum(len(module.migrations) for module in modules)
    migrations = len(project.adopted.steps) if project.adopted else own
    names = ", ".join(module.name for module in modules)
    tables = {check.table for check in chosen}
    rules = sum(table.rule_count for name, table in catalog.tables.items() if name in tables)
    return f"{names}: {counted(migrations, 'migration')}, {counted(rules, 'rule')}, {counted(len(chosen), 'check')}"


def _resume(run: Run, asked: _Asked) -> str:
    """The command that goes on with this run."""
    return f"{_repeat(run, (), asked)} --resume"


def _repeat(run: Run, failed: Sequence[str], asked: _Asked) -> str:
    """The command that tries the same again: only the checks that failed, where they are few."""
    project = click.get_current_context().find_root().params.get("project")
    words = ["harness", *(["--project", str(project)] if project else []), "test"]
    select, exclude, target = asked.select, asked.exclude, asked.target
    if failed and len(failed) <= _NAMED:
        select, exclude = tuple(failed), ()
    for name in select:
        words += ["--select", name]
    for name in exclude:
        words += ["--exclude", name]
    if asked.shard is not None and select == asked.select:
        words += ["--shard", str(asked.shard)]
        for path in asked.durations:
            words += ["--durations", path]
    if target is not None:
        # A connection string may hold a password.
        words += ["--target", "DSN" if "://" in target or "=" in target else target]
    if asked.baseline is not None:
        words += ["--baseline", asked.baseline]
    if asked.fail_on != Status.UNRELIABLE.value:
        words += ["--fail-on", asked.fail_on]
    return shlex.join([*words, "--profile", run.profile, "--seed", str(run.seed)])


def _console() -> Console:
    from rich.console import Console

    from harness.cli import streams

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would exit by itself; that is not its business

    return Plain(highlight=False, file=streams.raw())


def _write(asked: _Asked, root: Path, run: Run, outcomes: Sequence[Outcome], seconds: float, gate: Gate) -> None:
    from harness.reports import json, junit

    for each, path in _reports(asked, root).items():
        text = junit.render(run, outcomes, gate) if each == "junit" else json.render(run, outcomes, seconds, gate)
        files.write(path, text)


def _reports(asked: _Asked, root: Path) -> dict[str, Path]:
    """Where the reports go that are asked for, by their formats."""
    directory = Path(asked.report_dir) if asked.report_dir else root / ".harness" / "reports"
    return {each: directory / REPORTS[each] for each in asked.report}
