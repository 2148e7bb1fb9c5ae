"""Compares a run with the report of an earlier run, so that known failures do not fail it.

Refuses a file that is no such report. Not here: the decision that an outcome fails (``Gate`` in ``outcome.py``), and
whether a baseline is written (``cli/run.py``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import Place, ProjectError
from harness.outcome import Gate, Outcome, Status
from harness.reports import words
from harness.reports.json import VERSION

SHOWN = 20
"""Names that are listed of checks that are better, and of checks that are gone."""


@dataclass(frozen=True)
class Baseline:
    """The ``report.json`` of an earlier run, with the status of each check in it."""

    path: Path
    statuses: Mapping[str, Status]

    @classmethod
    def read(cls, path: Path) -> Baseline | None:
        """Reads a report; None if the file does not exist. Raises :class:`ProjectError` if it is no such report."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProjectError(f"the baseline cannot be read: {error.strerror}", place=Place(path)) from None
        except json.JSONDecodeError as error:
            raise _unfit(Place(path, error.lineno, error.colno), f"no JSON: {error.msg}") from None
        except (ValueError, RecursionError):
            raise _unfit(Place(path), "no JSON in UTF-8") from None
        return cls(path, _statuses(document, Place(path)))

    def compared(self, outcomes: Sequence[Outcome], declared: Collection[str]) -> Iterator[str]:
        """Yields the lines that compare a run with the baseline. A check that is not ``declared`` any more is gone."""
        known = Counter(outcome.status for outcome in outcomes if Gate(self.statuses).knows(outcome))
        if known:
            counts = ", ".join(f"{known[status]:,} {status.value}" for status in Status if known[status])
            yield f"known from {self.path}, and no failure: {counts}"
        named = {outcome.name: outcome for outcome in outcomes}
        better = [
            f"{name}: was {before.value}, is {named[name].status.value}"
            for name, before in self.statuses.items()
            if name in named and before.worse_than(named[name].status)
        ]
        gone = [f"{name}: was {before.value}" for name, before in self.statuses.items() if name not in declared]
        yield from _listed(f"better than in {self.path}:", better)
        yield from _listed(f"in {self.path}, and no check any more:", gone)
        if better or gone:
            yield f"to renew it, delete {self.path} and run all of it again with --baseline {self.path}"


def _listed(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield title
        yield from (f"  {words.plain(line)}" for line in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"  and {len(lines) - SHOWN:,} more"


def _statuses(document: Any, place: Place) -> dict[str, Status]:
    if not isinstance(document, dict) or not isinstance(document.get("checks"), list) or "version" not in document:
        raise _unfit(place, "no report of harness test")
    if document["version"] != VERSION:
        raise _unfit(place, f"a report of version {words.plain(str(document['version']))}, and this is {VERSION}")
    try:
        return {str(check["name"]): Status(check["status"]) for check in document["checks"]}
    except (KeyError, TypeError, ValueError):
        raise _unfit(place, "a report in which not every check has a name and a status") from None


def _unfit(place: Place, what: str) -> ProjectError:
    return ProjectError(
        f"the baseline is {what}",
        place=place,
        hint=f"it has to be a report.json of version {VERSION}; delete the file, and the next run writes it anew",
    )
