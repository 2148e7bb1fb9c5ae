"""``harness test``: its options; removes reports that an earlier run has left, and starts the run or lists the checks.

Not here: everything about the run (``run.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import CLEAN, load_project, project_directory, target_option, tell
from harness.cli.options import ProvingOptions, read_formats, read_shard, read_workers
from harness.outcome import Status
from harness.reports.words import counted

if TYPE_CHECKING:
    from harness.declarations import DeclaredCheck


@click.command()
@click.option("--select", metavar="WHAT", multiple=True, help="Modules, tables, checks, kind:…, path:…, tag:….")
@click.option("--exclude", metavar="WHAT", multiple=True, help="What to leave out, in the same words.")
@click.option("--collect-only", is_flag=True, help="Read all files and list the checks; start no server, try nothing.")
@click.option(
    "--profile", metavar="NAME", help="How hard to try: dev, ci, nightly.  [default: dev; ci where CI is set]"
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Repeat the run that said this number.")
@click.option(
    "--baseline", metavar="FILE", help="Fail only where it is worse than there; the run that writes it fails as ever."
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
@click.option("--workers", callback=read_workers, default="auto", metavar="N|auto", help="Processes.  [default: auto]")
@click.option("--scheduler", metavar="ADDRESS", help="Prove on the workers of a Dask cluster, tcp://host:8786.")
@click.option("--shard", callback=read_shard, metavar="I/N", help="Only the I-th of N parts that take equally long.")
@click.option("--durations", metavar="FILE", multiple=True, help="Weigh by these.  [default: .harness/durations.json]")
@click.option("--report", callback=read_formats, default="", metavar="junit,json", help="Also write these reports.")
@click.option("--report-dir", metavar="DIR", help="Where reports go.  [default: .harness/reports]")
@target_option
def test(**given: Any) -> int:
    """Prove the checks.

    Works in scratch databases that are dropped afterwards; the target's own database is never touched. With
    --select they hold the modules of those checks, and the modules these depend on, and no others.

    With --baseline a check fails if it is worse than in that report (proved > present > unreliable > broken > error),
    or new and not green. What is known is told apart. Where there is no such file the run writes it, and exits as it
    would have without.

    The outcomes are the same however many workers there are, and all shards together have those of the whole run.
    """
    # With all kinds: where they are loaded, editors get the schema of the checks.
    from harness.cli.run import CheckRun, ChosenChecks

    collect_only = given.pop("collect_only")
    options = ProvingOptions(**given)
    if collect_only:
        return _list(ChosenChecks.of(load_project(), options).checks)
    for path in options.reports(project_directory()).values():
        # A run that ends before it writes its own report must not leave that of another run in its place.
        if options.baseline is None or path.resolve() != Path(options.baseline).resolve():
            path.unlink(missing_ok=True)
    return CheckRun(load_project(), options).execute()


def _list(checks: Sequence[DeclaredCheck]) -> int:
    tell((check.name for check in checks), indent="")
    click.echo(f"\n{counted(len(checks), 'check')} collected")
    return CLEAN
