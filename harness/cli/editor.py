"""``.harness/schemas/``: JSON Schemas of the project's files, with which an editor completes and underlines them."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

from harness import files

IGNORE = """\
# Everything here is made anew, but for the schemas: project.yml and the check files begin with the path of theirs, and
# an editor wants them in a fresh clone.
*
!.gitignore
!schemas/
!schemas/*.json
"""


def text(name: str) -> str:
    """The schema of ``checks`` files, of ``project`` or of ``report`` as JSON."""
    from harness.project import json_schema
    from harness.reports.schema import report_schema

    if name == "report":
        return json.dumps(report_schema(), indent=2) + "\n"
    if name == "project":
        return json.dumps(json_schema.project_schema(), indent=2) + "\n"
    from harness.kinds import KINDS

    return json.dumps(json_schema.checks_schema(KINDS), indent=2) + "\n"


def refresh(root: Path) -> None:
    """Writes the schemas that are missing or of another version, and what git is to leave alone beside them.

    The kinds import Hypothesis, which takes its time: a verb that does without them leaves the file of the checks
    alone unless it is missing.
    """
    from harness.project.json_schema import DIRECTORY

    directory = root / DIRECTORY
    names = ["project"]
    if "harness.kinds" in sys.modules or not (directory / "checks.json").exists():
        names.append("checks")
    # An editor's comfort is no reason to fail: the project may lie where nothing can be written.
    with suppress(OSError):
        for name in names:
            files.refresh(directory / f"{name}.json", text(name))
        if not (directory.parent / ".gitignore").exists():
            files.write(directory.parent / ".gitignore", IGNORE)
