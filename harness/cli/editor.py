"""Writes ``.harness/schemas/``: JSON Schemas of the project's files, for completion in an editor.

Decides when they are written anew: if one is missing or of another version.
Not here: the schemas themselves (``project/json_schema.py``).
"""

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
    """Returns the schema of ``checks`` files, of ``project`` or of ``report`` as JSON."""
    from harness.project import json_schema
    from harness.reports.json import report_schema

    if name == "report":
        return json.dumps(report_schema(), indent=2) + "\n"
    if name == "project":
        return json.dumps(json_schema.project_schema(), indent=2) + "\n"
    from harness.kinds import KINDS

    return json.dumps(json_schema.checks_schema(KINDS), indent=2) + "\n"


def refresh(root: Path) -> None:
    """Writes the schemas that are missing or of another version, and a ``.gitignore``.

    The kinds import Hypothesis, which is slow: a verb that does not need them writes the schema of the checks only if
    it is missing.
    """
    from harness.project.json_schema import DIRECTORY

    directory = root / DIRECTORY
    names = ["project"]
    if "harness.kinds" in sys.modules or not (directory / "checks.json").exists():
        names.append("checks")
    # Not a reason to fail: the project may be read-only.
    with suppress(OSError):
        for name in names:
            files.refresh(directory / f"{name}.json", text(name))
        if not (directory.parent / ".gitignore").exists():
            files.write(directory.parent / ".gitignore", IGNORE)
