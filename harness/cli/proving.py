"""``harness test``: proves the declared checks."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import files
from harness.cli.common import CLEAN, COULD_NOT_RUN, FINDINGS, debugging, load_project, open_target, target_option
from harness.errors import ProjectError
from harness.outcome import Outcome, Status
from harness.reports import scripts
from harness.reports.words import counted
from harness.workbench import default_profile

if TYPE_CHECKING:
    from rich.console import Console

    from harness.catalog.model import Catalog
    from harness.cli.workers import Crew
    from harness.crew import Durations, Shard
    from harness.declarations import Check
    from harness.project.model import Module, Project
    from harness.reports.run import Run
    from harness.reports.terminal import Terminal

REPORTS = {"junit": "junit.xml", "json": "report.json"}
_NAMED = 3  # checks that are named in "repeat with:"; for more of them the whole run is repeated


class _Formats(click.ParamType[tuple[str, ...]]):
    """``junit,json``."""

    name = "formats"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        formats = tuple(word.strip() for word in str(value).split(",") if word.strip())
        for each in formats:
            if each not in REPORTS:
                self.fail(f"{each!r} is no report; there are {', '.join(REPORTS)}", param, ctx)
        return formats


class _Workers(click.ParamType[int | None]):
    """A number of processes; ``auto`` leaves it to us."""

    name = "workers"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value == "auto":
            return None
        if not str(value).isdecimal() or int(str(value)) < 1:
            self.fail(f"{value!r} is no number of workers, nor 'auto'", param, ctx)
        return int(str(value))


class _Shards(click.ParamType["Shard"]):
    """``2/3``."""

    name = "shard"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        from harness.crew import Shard

        number, slash, of = str(value).partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            self.fail(f"{value!r} is no shard; of three there are 1/3, 2/3 and 3/3", param, ctx)
        return Shard(int(number), int(of))


@click.command()
@click.option("--select", metavar="WHAT", multiple=True, help="Modules, tables, checks, kind:…, path:…, tag:….")
@click.option("--exclude", metavar="WHAT", multiple=True, help="What to leave out, in the same words.")
@click.option(
    "--profile", metavar="NAME", help="How hard to try: dev, ci, nightly.  [default: dev; ci where CI is set]"
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Repeat the run that said this number.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first check that is not proved.")
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

    The outcomes are the same however many workers there are, and all shards together have those of the whole run.
    """
    from harness.kinds import KINDS  # noqa: F401 - where they are loaded, editors get the schema of the checks

    return _prove(load_project(), _Asked(**given))


@dataclass(frozen=True)
class _Asked:
    """The options of one call."""

    select: tuple[str, ...]
    exclude: tuple[str, ...]
    profile: str | None
    seed: int | None
    fail_fast: bool
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
    from harness.cli import workers
    from harness.database.scratch import workspace
    from harness.proving import draws, seeding
    from harness.proving.prover import Effort
    from harness.reports.run import Run
    from harness.reports.terminal import Terminal

    chosen = _Chosen.of(project, asked)
    profile = project.profile(asked.profile or default_profile(os.environ))
    draws.settle()
    effort = Effort.of(profile.scenarios, profile.seed if asked.seed is None else asked.seed, profile.name)
    means = workers.Means(asked.workers, asked.scheduler, asked.target, chosen.durations, asked.fail_fast)
    with open_target(project, asked.target) as server, workspace(server, project, chosen.modules) as databases:
        broken = seeding.outcomes(databases.left_out())
        selected = len(broken) + len(chosen.checks)
        run = Run(project.name, server.description, profile.name, effort.scenarios, effort.seed, selected)
        with closing(Terminal(_console(), run, tracebacks=debugging())) as terminal:
            with means.open(databases, chosen.there, chosen.checks, effort) as crew:
                contents = _contents(project, chosen.checks, crew.catalog)
                terminal.begin(f"{server.description}, {contents}{chosen.shard}{crew.size}")
                started = time.perf_counter()
                outcomes = list(_told(crew, broken, terminal, project.root, asked.fail_fast))
                seconds = time.perf_counter() - started
            failed = [outcome for outcome in outcomes if outcome.status is not Status.PROVED]
            checks = [outcome.name for outcome in failed if outcome.kind != seeding.KIND]  # seeds come with any check
            repeat = _repeat(run, checks, asked) if failed or profile.name == "ci" else None
            terminal.end(seconds, repeat)
    workers.remember(project.root, asked.shard, asked.durations, chosen.declared, outcomes)
    directory = Path(asked.report_dir) if asked.report_dir else project.root / ".harness" / "reports"
    _write(asked.report, directory, run, outcomes, seconds)
    if any(outcome.status is Status.ERROR for outcome in outcomes):
        return COULD_NOT_RUN
    return FINDINGS if failed else CLEAN


def _told(crew: Crew, broken: Sequence[Outcome], terminal: Terminal, root: Path, fail_fast: bool) -> Iterator[Outcome]:
    """The outcomes, first those of seeds that are ``broken``, each with its script and its line as it comes."""
    for outcome in broken:
        terminal.add(outcome)
        yield outcome
        if fail_fast:
            return
    for outcome in crew.outcomes(terminal.tried):
        scripts.keep(root, outcome)
        terminal.add(outcome)
        yield outcome


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
    rules = sum(table.rules for name, table in catalog.tables.items() if name in tables)
    return f"{names}: {counted(migrations, 'migration')}, {counted(rules, 'rule')}, {counted(len(chosen), 'check')}"


def _repeat(run: Run, failed: Sequence[str], asked: _Asked) -> str:
    """The command that tries the same again: only the checks that failed, where they are few."""
    words = ["harness", "test"]
    select, exclude, target = asked.select, asked.exclude, asked.target
    if failed and len(failed) <= _NAMED:
        select, exclude = tuple(failed), ()
    for name in select:
        words += ["--select", name]
    for name in exclude:
        words += ["--exclude", name]
    if asked.shard is not None and select == asked.select:
        words += ["--shard", str(asked.shard)]
    if target is not None and "://" not in target and "=" not in target:  # a connection string may hold a password
        words += ["--target", target]
    return shlex.join([*words, "--profile", run.profile, "--seed", str(run.seed)])


def _console() -> Console:
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would exit by itself; that is not its business

    return Plain(highlight=False)


def _write(formats: Sequence[str], directory: Path, run: Run, outcomes: Sequence[Outcome], seconds: float) -> None:
    from harness.reports import json, junit

    for each in formats:
        text = junit.render(run, outcomes) if each == "junit" else json.render(run, outcomes, seconds)
        files.write(directory / REPORTS[each], text)
