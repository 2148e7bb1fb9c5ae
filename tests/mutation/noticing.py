"""Whether a check notices a mutant: it is proved without it, red with it, and names the rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from harness.catalog import Catalog, read
from harness.declarations import DeclaredCheck
from harness.outcome import Outcome
from harness.project.model import Module, Project
from harness.proving.prover import Effort, Prover
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server

from . import access, additions, functions, sources, tables
from .databases import Mutated
from .functions import mentions
from .mutant import Mutant

QUICK = ("class", "columns", "comment", "privileges", "query")
"""Kinds that read the catalog, or may: they are asked before those that try rows."""
SLOW = "index"
"""The kind that fills a table with thousands of rows: asked last where it does not speak of the rule."""
CALLED = ("functions", "function grants", "views", "races")
"""Mutants that are tried beside the seeds. The others are not: rows that stand would refuse many a stricter rule
before a check could."""
EFFORT = Effort(3, 0, shrink=False)
THOROUGH = Effort(20, 0, shrink=False)
"""What few rows do not show is tried on more before it counts as not noticed."""


class Base:
    """The databases of one module as they are, with or without seeds: what is green there notices."""

    def __init__(self, space: Workspace, project: Project, checks: Sequence[DeclaredCheck]) -> None:
        self.space = space
        self._unchanged = Prover(checks, project, Mutated(space), EFFORT)
        self._green: dict[str, bool] = {}

    def is_green(self, check: DeclaredCheck) -> bool:
        """What is red anyway notices nothing."""
        if check.name not in self._green:
            self._green[check.name] = self._unchanged.prove(check).status.green
        return self._green[check.name]

    def close(self) -> None:
        self._unchanged.__exit__(None, None, None)


class Bench:
    """One module and what it depends on."""

    def __init__(
        self, bare: Base, seeded: Base, project: Project, module: str, checks: Sequence[DeclaredCheck]
    ) -> None:
        self._bare = bare
        self._seeded = seeded
        self._project = project
        self.module = module
        self._declared = checks
        # `rollback` builds databases from the migrations, where no mutant has been.
        self._checks = [check for check in checks if check.module == module and check.kind != "rollback"]
        with bare.space.connect(bare.space.clone()) as connection:
            self.catalog: Catalog = read(connection)
            self.sources = sources.read(connection, module)
        self.mutants = tuple(self._made(module))

    def _made(self, module: str) -> Iterator[Mutant]:
        for name, table in self.catalog.tables.items():
            if name.schema == module:
                yield from tables.mutants(self.catalog, table)
                yield from access.mutants(self.catalog, table)
                yield from additions.mutants(self.catalog, table)
        yield from functions.mutants(self.catalog, self.sources)
        for enum in self.sources.enums:
            yield from tables.enums(self.catalog, enum)

    def noticed_by(self, mutant: Mutant) -> str | None:
        """The name of the first check that notices. Those that speak of the rule are asked first, in the end all."""
        return self._noticed_by(mutant, EFFORT) or self._noticed_by(mutant, THOROUGH)

    def _noticed_by(self, mutant: Mutant, effort: Effort) -> str | None:
        base = self._seeded if mutant.group in CALLED else self._bare
        databases = Mutated(base.space, mutant)
        try:
            with Prover(self._declared, self._project, databases, effort) as prover:
                for check in sorted(self._checks, key=lambda check: _distance(check, mutant)):
                    outcome = prover.prove(check)
                    if outcome.status.green or not _names(check, outcome, mutant):
                        continue
                    if base.is_green(check):
                        return check.name
        finally:
            databases.drop_clones()
        return None


@contextmanager
def bench(server: Server, project: Project, module: str, checks: Sequence[DeclaredCheck]) -> Iterator[Bench]:
    modules = project.with_dependencies([module])
    names = {needed.name for needed in modules}
    declared = [check for check in checks if check.module in names]
    with ExitStack() as opened:

        def base(built: tuple[Module, ...]) -> Base:
            made = Base(opened.enter_context(workspace(server, project, built)), project, declared)
            opened.callback(made.close)
            return made

        bare = base(tuple(replace(needed, seeds=()) for needed in modules))
        yield Bench(bare, base(modules), project, module, declared)


def _distance(check: DeclaredCheck, mutant: Mutant) -> tuple[bool, bool, bool, bool]:
    spoken = any(mentions(repr(check.rule), rule) for rule in mutant.rules)
    spoken = spoken or (mutant.group == additions.GROUP and check.kind == "declared")
    near = spoken or check.table is None or check.table in mutant.tables
    return not near, not spoken and check.kind == SLOW, not spoken, check.kind not in QUICK


def _names(check: DeclaredCheck, outcome: Outcome, mutant: Mutant) -> bool:
    """Whether the check, or what it tells, names the rule."""
    told = [text for found in outcome.counterexamples for text in (found.expected, found.actual)]
    words = " ".join([repr(check.rule), outcome.label, *told, outcome.reason or ""])
    return any(mentions(words, rule) for rule in mutant.rules)
