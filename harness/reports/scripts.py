"""``.harness/repro/<check>.sql``: the script that shows a fault in psql, for as long as the check is broken.

``harness replay`` plays it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from harness import files
from harness.outcome import Outcome, Status

DIRECTORY = Path(".harness", "repro")

# Names that Windows keeps for devices, whatever follows the first dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_HASHED = re.compile(r".*-[0-9a-f]{8}")
_LENGTH = 100


def file_name(check: str) -> str:
    """The name of a check's script: its own name where any file system takes it, else one that tells it apart.

    Two checks never share a file, also where upper and lower case are the same.
    """
    clean = re.sub(r"[^a-z0-9_.-]+", "-", check.lower()).strip("-.")[:_LENGTH]
    if clean and clean == check and not _DEVICES.fullmatch(clean) and not _HASHED.fullmatch(clean):
        return f"{clean}.sql"
    digest = hashlib.sha256(check.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{'check-' if _DEVICES.fullmatch(clean) else ''}{clean or 'check'}-{digest}.sql"


def of(root: Path, check: str) -> Path | None:
    """The script that was written for a check, if there is one."""
    found = root / DIRECTORY / file_name(check)
    return found if found.is_file() else None


def script(outcome: Outcome) -> str | None:
    """The first of its counterexamples that psql can show."""
    return next((example.script for example in outcome.counterexamples if example.script), None)


def path(outcome: Outcome) -> Path | None:
    """Where the script of an outcome lies, relative to the project; None if there is none."""
    return DIRECTORY / file_name(outcome.name) if script(outcome) else None


def write(root: Path, outcome: Outcome) -> Path | None:
    """Writes the script of a broken check and returns where. Raises :class:`OSError`."""
    text, place = script(outcome), path(outcome)
    if text is None or place is None:
        return None
    files.write(root / place, text)
    return place


def remove(root: Path, outcome: Outcome) -> None:
    """Removes the script of a check that is not broken any more."""
    (root / DIRECTORY / file_name(outcome.name)).unlink(missing_ok=True)


def keep(root: Path, outcome: Outcome) -> None:
    """Brings the script up to date: written for a fault it can show, removed once the check is proved.

    An unreliable check, or one that ended with an error, leaves the script of an earlier fault alone: nothing has shown
    that it is gone.
    """
    if outcome.status not in (Status.UNRELIABLE, Status.ERROR) and write(root, outcome) is None:
        remove(root, outcome)
