"""Cases as data: a tiny schema, a check file, and what comes of it. ``tests/test_cases.py`` runs them.

One folder for each kind; a file holds cases by name. A case has

``schema``     DDL, for an empty database in which the schema ``t`` exists; a list is joined
``roles``      roles that have to exist, with ``superuser`` or ``nologin`` … after the name where it matters
``check``      a check file to the letter; of its checks those of the folder's kind are proven, the others stand beside
``migrations`` for ``rollback``: the files of ``schema/t/``; ``seeds`` those of ``seeds/t/``
``outcome``    ``proved``, or ``present`` where only the catalog was asked; or else
``broken``     the counterexamples, in order; or
``unreliable`` the reason

Both are exact to the letter but for ``*``, which stands for whatever was drawn: another version of Hypothesis draws
other values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
_KEYS = {"schema", "roles", "check", "migrations", "seeds", "outcome", "broken", "unreliable"}


@dataclass(frozen=True)
class Case:
    """One case; ``kind`` is the name of its folder."""

    kind: str
    file: str
    name: str
    check: str
    schema: str = ""
    roles: tuple[str, ...] = ()
    migrations: Mapping[str, str] = field(default_factory=dict)
    seeds: Mapping[str, str] = field(default_factory=dict)
    outcome: str = ""
    broken: tuple[tuple[str, str], ...] = ()
    unreliable: str | None = None

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.file}: {self.name}".replace("_", " ")

    @property
    def status(self) -> str:
        return "broken" if self.broken else "unreliable" if self.unreliable else self.outcome


def matches(pattern: str, text: str) -> bool:
    """Whether a text is as a pattern says, in which ``*`` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def cases() -> list[Case]:
    """All cases of all kinds."""
    return [case for path in sorted(HERE.glob("*/*.yml")) for case in _read(path)]


def _read(path: Path) -> Iterator[Case]:
    document: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, case in document.items():
        if name.startswith("_"):  # what several cases share, by an anchor
            continue
        unknown = case.keys() - _KEYS
        assert not unknown, f"{path}: {name}: {unknown}"
        assert len(case.keys() & {"outcome", "broken", "unreliable"}) == 1, f"{path}: {name}: one outcome"
        broken = tuple((each["expected"], each["actual"]) for each in case.pop("broken", ()))
        roles = tuple(case.pop("roles", ()))
        schema, check = _joined(case.pop("schema", "")), _joined(case.pop("check"))
        yield Case(path.parent.name, path.stem, name, check, schema, roles, broken=broken, **case)


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "\n".join(text)
