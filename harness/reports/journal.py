"""Keeps ``.harness/run.jsonl``, the outcomes of a run so far: an interrupted run can be resumed.

The first line says what decides the outcomes. Each other line is an outcome, written as soon as it is known. A run that
comes to its end deletes the file. Refuses to resume if something changed since.
Not here: what counts as a change, and which outcomes are taken over (``cli/run.py``).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from harness.errors import Place, ProjectError
from harness.outcome import Counterexample, Outcome, Status

VERSION = 2
_HASHES = ("check files", "selected checks", "schema and seeds")


def path(root: Path, shard: str = "") -> Path:
    """Returns the file of a run; ``shard`` is for example ``2/3``."""
    return root / ".harness" / (f"run-{shard.replace('/', '-of-')}.jsonl" if shard else "run.jsonl")


@dataclass(frozen=True)
class Interrupted:
    """A run that did not come to its end: its outcomes by name, and the ``command`` that resumes it.

    ``origin`` is what decides its outcomes, by names for people: hashes of files, and the values of settings.
    """

    run: str
    origin: Mapping[str, str]
    seed: int
    command: str
    seconds: float
    outcomes: Mapping[str, Outcome]

    @classmethod
    def read(cls, path: Path) -> Interrupted:
        """Reads a journal. Raises :class:`ProjectError` if there is none."""
        try:
            with path.open(encoding="utf-8") as file:
                head = json.loads(file.readline())
                if head["version"] != VERSION:
                    raise ValueError
                found: dict[str, Outcome] = {}
                seconds = 0.0
                for line in file:
                    # A killed run may leave half a line; another run at the same time, lines of its own.
                    with suppress(ValueError, KeyError, TypeError):
                        entry = json.loads(line)
                        if entry["run"] == head["run"]:
                            found[entry["outcome"]["name"]] = _outcome(entry["outcome"])
                            seconds = entry["seconds"]
                return cls(head["run"], head["origin"], head["seed"], head["command"], seconds, found)
        except (OSError, ValueError, KeyError, TypeError):
            raise ProjectError(
                "there is no run to resume: the last one came to its end", hint="run it without --resume"
            ) from None

    def require(self, origin: Mapping[str, str]) -> None:
        """Raises :class:`ProjectError` if the origin has changed: the run could find other outcomes now."""
        different = [name for name in origin if origin[name] != self.origin.get(name)]
        if different:
            said = [
                f"the {name}" if name in _HASHES else f"the {name} ({self.origin.get(name)}, now {origin[name]})"
                for name in different
            ]
            raise ProjectError(
                f"the run cannot be resumed, since this changed: {', '.join(said)}",
                hint=f"it goes on with: {self.command}; or run all of it again, without --resume",
            )


@dataclass
class Journal:
    """Writes outcomes as they come. If the file cannot be written, the run goes on without it."""

    path: Path
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    _file: TextIO | None = field(default=None, repr=False)

    def begin(self, origin: Mapping[str, str], seed: int, command: str) -> None:
        """Begins a new file: an earlier run cannot be resumed any more."""
        head = {"version": VERSION, "run": self.run, "origin": dict(origin), "seed": seed, "command": command}
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
            self._write(head)

    def resume(self) -> None:
        """Continues the file of the resumed run, which may end in the middle of a line."""
        with suppress(OSError):
            self._file = self.path.open("a", encoding="utf-8")
            self._file.write("\n")

    def add(self, outcome: Outcome, seconds: float) -> None:
        """Writes an outcome that came after so many ``seconds`` of the run."""
        self._write({"run": self.run, "seconds": round(seconds, 3), "outcome": asdict(outcome)})

    def close(self) -> None:
        """Closes the file, which remains for a run that resumes this one."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def end(self) -> None:
        """Deletes the file, unless another run has begun a new one."""
        self.close()
        with suppress(ProjectError, OSError):
            if Interrupted.read(self.path).run == self.run:
                self.path.unlink()

    def _write(self, entry: Mapping[str, Any]) -> None:
        if self._file is not None:
            try:
                self._file.write(json.dumps(entry, default=_json) + "\n")
                self._file.flush()
            except OSError:
                self.close()


def _json(value: Path | Status) -> str:
    return value.as_posix() if isinstance(value, Path) else value.value


def _place(facts: dict[str, Any]) -> Place:
    return Place(**{**facts, "path": Path(facts["path"])})


def _outcome(facts: dict[str, Any]) -> Outcome:
    examples = (
        Counterexample(
            **{
                **example,
                "rows": tuple((table, values) for table, values in example["rows"]),
                "steps": tuple(example["steps"]),
                "columns": tuple(example["columns"]),
            }
        )
        for example in facts["counterexamples"]
    )
    return Outcome(
        **{
            **facts,
            "status": Status(facts["status"]),
            "place": _place(facts["place"]),
            "shared": _place(facts["shared"]) if facts["shared"] else None,
            "counterexamples": tuple(examples),
            "notes": tuple(facts.get("notes", ())),
        }
    )
