"""``.harness/run.jsonl``: what a run has found so far, so that one that was interrupted, or killed, can be resumed.

The first line says what the outcomes follow from, each other one is an outcome, written as soon as it is there. A run
that comes to its end takes the file away.
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

VERSION = 1

Origin = Mapping[str, str]
"""What the outcomes of a run follow from, by names for people: of files a hash, of all else the value."""

_HASHES = ("check files", "selected checks", "schema and seeds")


def path(root: Path, shard: str = "") -> Path:
    """Where the journal of a run lies; ``shard`` is such as ``2/3``."""
    return root / ".harness" / (f"run-{shard.replace('/', '-of-')}.jsonl" if shard else "run.jsonl")


@dataclass(frozen=True)
class Interrupted:
    """A run that did not come to its end: its outcomes by name, and the ``command`` that goes on with it."""

    run: str
    origin: Origin
    seed: int
    command: str
    seconds: float
    outcomes: Mapping[str, Outcome]

    @classmethod
    def read(cls, path: Path) -> Interrupted:
        """The one that a journal is of. Raises :class:`ProjectError` if there is none."""
        try:
            with path.open(encoding="utf-8") as file:
                head = json.loads(file.readline())
                if head["version"] != VERSION:
                    raise ValueError
                found: dict[str, Outcome] = {}
                seconds = 0.0
                for line in file:
                    # One that was killed may leave half a line; one that ran at the same time, lines of its own.
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

    def require(self, origin: Origin) -> None:
        """Raises :class:`ProjectError` where a run of another origin would not find the same."""
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
    """Keeps outcomes as they come. Where that cannot be written, the run goes on without it."""

    path: Path
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    _file: TextIO | None = field(default=None, repr=False)

    def begin(self, origin: Origin, seed: int, command: str) -> None:
        """Begins anew: what an earlier run has left cannot be resumed any more."""
        head = {"version": VERSION, "run": self.run, "origin": dict(origin), "seed": seed, "command": command}
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
            self._write(head)

    def resume(self) -> None:
        """Goes on where the run of this name stopped, be it in the middle of a line."""
        with suppress(OSError):
            self._file = self.path.open("a", encoding="utf-8")
            self._file.write("\n")

    def add(self, outcome: Outcome, seconds: float) -> None:
        """One more, after so many ``seconds`` of the run."""
        self._write({"run": self.run, "seconds": round(seconds, 3), "outcome": _facts(outcome)})

    def close(self) -> None:
        """Leaves it for a run that resumes this one."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def end(self) -> None:
        """Takes it away, unless it is that of another run by now."""
        self.close()
        with suppress(ProjectError, OSError):
            if Interrupted.read(self.path).run == self.run:
                self.path.unlink()

    def _write(self, entry: Mapping[str, Any]) -> None:
        if self._file is not None:
            try:
                self._file.write(json.dumps(entry) + "\n")
                self._file.flush()
            except OSError:
                self.close()


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        **asdict(outcome),
        "status": outcome.status.value,
        "place": _position(outcome.place),
        "shared": _position(outcome.shared) if outcome.shared else None,
    }


def _position(place: Place) -> list[Any]:
    return [place.path.as_posix(), place.line, place.column]


def _place(position: list[Any]) -> Place:
    file, line, column = position
    return Place(Path(file), line, column)


def _outcome(facts: dict[str, Any]) -> Outcome:
    """What :func:`_facts` was made of."""
    examples = (
        Counterexample(
            **{
                **example,
                "rows": tuple((table, values) for table, values in example["rows"]),
                "steps": tuple(example["steps"]),
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
