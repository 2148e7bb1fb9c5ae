"""``harness test``: proves the declared checks."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import files
from harness.cli.common import load_project, open_target, target_option
from harness.errors import ProjectError
from harness.outcome import Outcome, Status
from harness.reports import scripts
from harness.reports.words import counted
from harness.workbench import default_profile

if TYPE_CHECKING:
    from rich.console import Console

    from harness.catalog.model import Catalog
    from harness.declarations import Check
    from harness.project.model import Project
    from harness.reports.run import Run

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


@click.command()
@click.option("--select", metavar="WHAT", multiple=True, help="Modules, tables, checks, kind:…, path:…, tag:….")
@click.option("--exclude", metavar="WHAT", multiple=True, help="What to leave out, in the same words.")
@click.option(
    "--profile", metavar="NAME", help="How hard to try: dev, ci, nightly.  [default: dev; ci where CI is set]"
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Repeat the run that said this number.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first check that is not proved.")
@click.option("--report", type=_Formats(), default="", metavar="junit,json", help="Also write these reports.")
@click.option("--report-dir", metavar="DIR", help="Where reports go.  [default: .harness/reports]")
@target_option
def test(
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    profile: str | None,
    seed: int | None,
    fail_fast: bool,
    report: tuple[str, ...],
    report_dir: str | None,
    target: str | None,
) -> int:
    """Prove the checks.

    Works in scratch databases that are dropped afterwards; the target's own database is never touched. With
    --select they hold the modules of those checks, and the modules these depend on, and no others.
    """
    from harness import declarations, selection
    from harness.database.scratch import workspace
    from harness.kinds import KINDS
    from harness.proving.prover import Effort, Prover
    from harness.reports.run import Run
    from harness.reports.terminal import Terminal

    project = load_project()
    declared = declarations.read(project, KINDS)
    chosen = selection.select(declared, select, exclude)
    _refuse_nothing(declared, chosen)
    how = project.profile(profile or default_profile(os.environ))
    _share_hypothesis_data()
    effort = Effort.of(how.scenarios, how.seed if seed is None else seed)
    modules = project.with_dependencies({check.module for check in chosen}) if select else project.modules
    there = [check for check in declared if check.module in {module.name for module in modules}]
    with open_target(project, target) as server, workspace(server, project, modules) as databases:
        run = Run(project.name, server.description, how.name, effort.scenarios, effort.seed, len(chosen))
        outcomes: list[Outcome] = []
        with closing(Terminal(_console(), run)) as terminal:
            with Prover(there, project, databases, effort) as prover:
                terminal.begin(f"{server.description}, {_contents(project, chosen, prover.catalog)}")
                started = time.perf_counter()
                for check in chosen:
                    outcome = prover.prove(check)
                    scripts.keep(project.root, outcome)
                    terminal.add(outcome)
                    outcomes.append(outcome)
                    if fail_fast and outcome.status is not Status.PROVED:
                        break
                seconds = time.perf_counter() - started
            failed = [outcome.name for outcome in outcomes if outcome.status is not Status.PROVED]
            repeat = _repeat(run, failed, select, exclude, target) if failed or how.name == "ci" else None
            terminal.end(seconds, repeat)
    _write(report, Path(report_dir) if report_dir else project.root / ".harness" / "reports", run, outcomes, seconds)
    return int(bool(failed))


def _refuse_nothing(declared: Sequence[Check], chosen: Sequence[Check]) -> None:
    """A run that tries nothing must not look like one that found nothing."""
    if not declared:
        raise ProjectError(
            "the project declares no checks, so there is nothing to prove",
            hint="write one into checks/<module>/<table>.yml",
        )
    if not chosen:
        raise ProjectError("nothing is left to prove: --exclude takes out all that --select chooses")


def _share_hypothesis_data() -> None:
    """Hypothesis' tables of Unicode take a second to make: once for a person, not once for every directory."""
    if "HYPOTHESIS_STORAGE_DIRECTORY" not in os.environ:
        import platformdirs
        from hypothesis.configuration import set_hypothesis_home_dir

        set_hypothesis_home_dir(platformdirs.user_cache_path("constraint-harness") / "hypothesis")


def _contents(project: Project, chosen: Sequence[Check], catalog: Catalog) -> str:
    """``intents: 3 migrations, 96 rules, 115 checks``: the rules are those of the tables that the checks speak of."""
    modules = [module for module in project.modules if any(check.module == module.name for check in chosen)]
    own = sum(len(module.migrations) for module in modules)
    migrations = len(project.adopted.steps) if project.adopted else own
    names = ", ".join(module.name for module in modules)
    tables = {check.table for check in chosen}
    rules = sum(table.rules for name, table in catalog.tables.items() if name in tables)
    return f"{names}: {counted(migrations, 'migration')}, {counted(rules, 'rule')}, {counted(len(chosen), 'check')}"


def _repeat(run: Run, failed: Sequence[str], select: Sequence[str], exclude: Sequence[str], target: str | None) -> str:
    """The command that tries the same again: only the checks that failed, where they are few."""
    words = ["harness", "test"]
    if failed and len(failed) <= _NAMED:
        select, exclude = failed, ()
    for name in select:
        words += ["--select", name]
    for name in exclude:
        words += ["--exclude", name]
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
