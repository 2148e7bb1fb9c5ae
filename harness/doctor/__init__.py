"""Examines this machine and the project's servers: what works, what does not, what to do about it.

Enter by :func:`examine`, which looks at all of them, or by :func:`examine_target`, which goes through one target step
by step. Both start private servers and change no data.
Not here: the removal of what runs have left (``scratch/templates.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.doctor import machine
from harness.doctor.diagnosis import Diagnosis, Severity, of_error, ok
from harness.doctor.leftovers import leftovers
from harness.doctor.target import abilities, examine_target
from harness.errors import HarnessError
from harness.project.model import Project, Target
from harness.server import BUILT_IN, binaries, open_server, resolve
from harness.server.targets import overlooked

__all__ = ["Diagnosis", "Severity", "examine", "examine_target", "leftovers"]


def examine(project: Project | None, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    """Examines Python, packages, servers and, with a project, its targets."""
    yield from machine.python()
    yield from machine.servers()
    yield from machine.data(project, environ)
    if project:
        yield from _targets(project, environ)


def _targets(project: Project, environ: Mapping[str, str]) -> Iterator[Diagnosis]:
    seen: set[str] = set()
    for flag in (None, *project.targets):
        try:
            target = resolve(project, flag, environ)
        except HarnessError as error:
            yield of_error(error, Severity.WARNING if flag else Severity.PROBLEM)
            continue
        if flag is None:
            yield ok(f"the target is {target.name}")
            if unused := overlooked(project, environ):
                yield ok(f"{unused} is not used: project.yml names the target")
        if target.name not in seen:
            seen.add(target.name)
            yield from (each.of(target.name) for each in _short(project, target))


def _short(project: Project, target: Target) -> Iterator[Diagnosis]:
    """Yields what a target's server is, what is wrong there, and what runs have left there."""
    if target.kind == BUILT_IN["system"].kind and not binaries.installed():
        return  # reported already
    try:
        with open_server(project, target) as server, server.connect() as connection:
            yield ok(server.description)
            yield from (each for each in abilities(project, server, connection) if each.severity is not Severity.OK)
            yield from leftovers(server, connection)
    except HarnessError as error:
        yield of_error(error)
