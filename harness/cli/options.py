"""The options of ``harness test``, and the commands that repeat or resume a run.

Refuses an unknown report, and what is no number of workers or no shard. Decides where reports are written.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.outcome import Status

if TYPE_CHECKING:
    from harness.reports.run import Run
    from harness.workers import Shard

REPORTS = {"junit": "junit.xml", "json": "report.json"}
_NAMED = 3  # checks that are named in "repeat with:"; for more of them the whole run is repeated


def read_formats(context: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    """Reads ``junit,json``."""
    formats = tuple(word.strip() for word in value.split(",") if word.strip())
    for each in formats:
        if each not in REPORTS:
            raise click.BadParameter(f"{each!r} is no report; there are {', '.join(REPORTS)}")
    return formats


def read_workers(context: click.Context, option: click.Parameter, value: str) -> int | None:
    """Reads a number of processes; None for ``auto``."""
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is no number of workers, nor 'auto'")
    return int(value)


def read_shard(context: click.Context, option: click.Parameter, value: str | None) -> Shard | None:
    """Reads ``2/3``."""
    from harness.workers import Shard

    if value is None:
        return None
    number, slash, count = value.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise click.BadParameter(f"{value!r} is no shard; the second of three is 2/3")
    return Shard(int(number), int(count))


@dataclass(frozen=True)
class ProvingOptions:
    """The options of a call of ``harness test``."""

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

    def reports(self, root: Path) -> dict[str, Path]:
        """Returns the files of the reports that are asked for, by their formats."""
        directory = Path(self.report_dir) if self.report_dir else root / ".harness" / "reports"
        return {each: directory / REPORTS[each] for each in self.report}

    def resuming(self, run: Run) -> str:
        """Returns the command that goes on with a run."""
        return f"{self.repeating(run, ())} --resume"

    def repeating(self, run: Run, failed: tuple[str, ...]) -> str:
        """Returns the command that tries the same again: only the failed checks, if they are few."""
        project = click.get_current_context().find_root().params.get("project")
        words = ["harness", *(["--project", str(project)] if project else []), "test"]
        several = {"--select": self.select, "--exclude": self.exclude}
        if failed and len(failed) <= _NAMED:
            several = {"--select": failed}
        if self.shard is not None and several.get("--select") == self.select:
            several |= {"--shard": (str(self.shard),), "--durations": self.durations}
        if self.target is not None:
            # A connection string may hold a password.
            several["--target"] = ("DSN" if "://" in self.target or "=" in self.target else self.target,)
        if self.baseline is not None:
            several["--baseline"] = (self.baseline,)
        if self.fail_on != Status.UNRELIABLE.value:
            several["--fail-on"] = (self.fail_on,)
        several |= {"--profile": (run.profile,), "--seed": (str(run.seed),)}
        return shlex.join(
            [*words, *(word for option in several for each in several[option] for word in (option, each))]
        )
