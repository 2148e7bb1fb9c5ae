"""Sqitch: ``sqitch.plan`` has the changes in their order, ``deploy/`` and ``revert/`` hold them.

Their files are run by psql. A change that the plan has twice was reworked: its former text is in a file with the tag
behind its name, ``deploy/users@v1.0.sql``. Refuses a change without a file, and one that is taken back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import Place, ProjectError
from harness.layouts.layout import Layout, owned_by
from harness.project import BuildStep, PsqlFiles, SqlScript

PLAN = "sqitch.plan"
_CHANGE = re.compile(r"[+]?(\w[^\s\[@]*)(?=\s|$)")


@dataclass(frozen=True)
class _PlannedChange:
    name: str
    line: int
    tag: str | None  # the first behind it


def fits(directory: Path) -> bool:
    return (directory / PLAN).is_file()


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    plan = files.shown(directory / PLAN)
    changes = _changes(plan, files.text(directory / PLAN))
    for number, change in enumerate(changes):
        reworked = any(later.name == change.name for later in changes[number + 1 :])
        stem = f"{change.name}@{change.tag}" if reworked and change.tag else change.name
        deploy, revert = directory / "deploy" / f"{stem}.sql", directory / "revert" / f"{stem}.sql"
        if not deploy.is_file():
            raise ProjectError(
                f"the change {change.name} has no file {files.shown(deploy)}", place=Place(plan, change.line)
            )
        yield BuildStep(
            stem,
            files.shown(deploy),
            SqlScript(files.parts(deploy), transactional=False),
            SqlScript(files.parts(revert), transactional=False) if revert.is_file() else None,
        )


def _changes(plan: Path, text: str) -> list[_PlannedChange]:
    found: list[_PlannedChange] = []
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.strip()
        if words.startswith("@"):
            tag = re.split(r"\s", words[1:], maxsplit=1)[0]
            found = [each if each.tag else _PlannedChange(each.name, each.line, tag) for each in found]
        elif words.startswith("-"):
            raise ProjectError("a change that is taken back again, which is not understood", place=Place(plan, number))
        elif match := _CHANGE.match(words):
            found.append(_PlannedChange(match[1], number, None))
        elif words and not words.startswith(("%", "#")):
            raise ProjectError("not a line of a plan", place=Place(plan, number))
    return found


LAYOUT = Layout(
    name="sqitch",
    sign=PLAN,
    fits=fits,
    owner=owned_by("Sqitch", "sqitch deploy"),
    read=read,
)
