"""Keeps ``.harness/repro/<check>.sql``, which shows a failure in psql, while the check is broken.

Writes it, and removes it once the check is proved. ``harness replay`` runs it (``cli/opening.py``).
Not here: the text of a script (``proving/reproduction.py``).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from harness import files
from harness.outcome import Outcome, Status

DIRECTORY = Path(".harness", "repro")

# Names that Windows reserves for devices, with any extension.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_HASHED = re.compile(r".*-[0-9a-f]{8}")
_LENGTH = 100


def file_name(check: str) -> str:
    """Returns the file name of a check's script: the check's name if every file system takes it, else with a hash.

    Two checks never share a file, even if the file system ignores case.
    """
    clean = re.sub(r"[^a-z0-9_.-]+", "-", check.lower()).strip("-.")[:_LENGTH]
    if clean and clean == check and not _DEVICES.fullmatch(clean) and not _HASHED.fullmatch(clean):
        return f"{clean}.sql"
    digest = hashlib.sha256(check.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{'check-' if _DEVICES.fullmatch(clean) else ''}{clean or 'check'}-{digest}.sql"


def of(root: Path, check: str) -> Path | None:
    """Returns the script that was written for a check, if there is one."""
    found = root / DIRECTORY / file_name(check)
    return found if found.is_file() else None


def script(outcome: Outcome) -> str | None:
    """Returns the script of the first counterexample that psql can show."""
    return next((example.script for example in outcome.counterexamples if example.script), None)


def path(outcome: Outcome) -> Path | None:
    """Returns the path of the script of an outcome, relative to the project; None if there is none."""
    return DIRECTORY / file_name(outcome.name) if script(outcome) else None


def keep(root: Path, outcome: Outcome) -> None:
    """Writes the script of a broken check, or removes it once the check is proved. Raises :class:`OSError`.

    The script of an unreliable check, or one that ended with an error, stays: the failure may still be there.
    """
    if outcome.status in (Status.UNRELIABLE, Status.ERROR):
        return
    file, text = root / DIRECTORY / file_name(outcome.name), script(outcome)
    if text is None:
        file.unlink(missing_ok=True)
    else:
        files.write(file, text)
