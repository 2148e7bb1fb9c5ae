"""``harness types``: writes TypeScript, Zod and Pydantic from the database and its checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness import files
from harness.cli.common import CLEAN, COULD_NOT_RUN, FINDINGS, load_project, target_option
from harness.errors import ProjectError
from harness.project.folders import relative
from harness.project.model import ALL_DRIVERS, DRIVERS
from harness.reports.words import counted

if TYPE_CHECKING:
    import psycopg

    from harness.catalog.model import Catalog
    from harness.declarations import DeclaredCheck
    from harness.project.model import Project, TableName, TypesOutput
    from harness.scratch.workspaces import Workspace
    from harness.seeds.tolerant import RefusedRows
    from harness.types.agreement.verdict import TableVerdict
    from harness.types.model import DatabaseTypes, Unstated
    from harness.types.output import Rendered
    from harness.types.repositories.model import DatabaseRepositories

REPORT = "types.json"


@click.command()
@click.option("--language", type=click.Choice(list(DRIVERS)), help="What to write, in place of 'types' in project.yml.")
@click.option("--path", metavar="DIR", help="With --language: the directory.  [default: types/LANGUAGE]")
@click.option("--driver", type=click.Choice(ALL_DRIVERS), help="With --language: what brings rows to the program.")
@click.option("--role", metavar="ROLE", help="With --language: only what this role may do has a shape.")
@click.option("--case", type=click.Choice(["snake", "camel"]), help="With --language: how properties are spelled.")
@click.option("--repository", type=click.Choice(["psycopg"]), help="With --language pydantic: also write repositories.")
@click.option("--check", "checks", is_flag=True, help="Write nothing; exit with 1 and a diff if files would change.")
@click.option("--prove", is_flag=True, help="Try rows on PostgreSQL and on the types; exit with 1 where they differ.")
@click.option("--rows", type=click.IntRange(1), default=300, show_default=True, help="With --prove: for each table.")
@click.option("--seed", type=int, default=0, show_default=True, help="With --prove: repeats a run exactly.")
@click.option("--report", type=click.Choice(["json"]), help="Also write what the types cannot say to a report.")
@click.option("--report-dir", metavar="DIR", help="Where the report goes.  [default: .harness/reports]")
@target_option
def types(
    *,
    checks: bool,
    prove: bool,
    rows: int,
    seed: int,
    report: str | None,
    report_dir: str | None,
    target: str | None,
    **given: str | None,
) -> int:
    """Write TypeScript, Zod and Pydantic types that say what the database says.

    They come from the catalog of a scratch database that is built from the project, and from the checks. What to write,
    and where, stands under 'types' in project.yml.

    --prove draws rows as harness test does. What PostgreSQL accepts, Zod and Pydantic have to accept; what breaks a
    rule that they state, they have to refuse by its name. Files are written before that, unless --check says not to.
    """
    project = load_project()
    outputs = _outputs(project, given)
    with _sources(project, target) as sources:
        written = [_written(project.root, each, sources) for each in outputs]
        code = _compare(project.root, written) if checks else _write(project.root, written)
        for line in _left_behind(project) if outputs is project.types else ():
            click.echo(line)
        proved = _prove(sources, written, rows, seed) if prove else _ProvedTypes()
    if report:
        directory = Path(report_dir) if report_dir else project.root / ".harness" / "reports"
        files.write(directory / REPORT, json.dumps(_json(written, proved), indent=2) + "\n")
    if proved.cannot_run:
        return COULD_NOT_RUN
    return FINDINGS if code or not all(each.agrees for _, each in proved.verdicts) else CLEAN


def _outputs(project: Project, given: dict[str, str | None]) -> Sequence[TypesOutput]:
    """Returns the outputs that the options name, or else those of the project."""
    from harness.project.types_keys import TypesKeys
    from harness.types.output import refuse_same

    language = given.pop("language")
    others = {name: value for name, value in given.items() if value is not None}
    if language is None:
        if others:
            raise ProjectError(f"--{next(iter(others))} says how to write a language", hint="add --language zod")
        if not project.types:
            raise ProjectError(
                "project.yml does not say which types to write",
                hint="add to it: types: [{language: zod, path: types/zod}], or give --language zod",
            )
        refuse_same(project.root, project.types)
        return project.types
    keys: dict[str, Any] = {"path": f"types/{language}", **others}
    try:
        return [TypesKeys(language=language, **keys).output]
    except ValueError as error:
        raise ProjectError(str(error)) from None


@dataclass(frozen=True)
class _WrittenTypes:
    """One output with its types and files, and all that they do not say."""

    output: TypesOutput
    types: DatabaseTypes
    rendered: Rendered
    unstated: tuple[Unstated, ...]

    @property
    def name(self) -> str:
        """The language with its driver and its directory: ``zod for postgrest in types/zod``."""
        return f"{self.output.language} for {self.output.driver} in {self.output.path}"


@dataclass(frozen=True)
class _ProvedTypes:
    """The verdicts on the tables of each output, and why some outputs could not be run."""

    verdicts: Sequence[tuple[_WrittenTypes, TableVerdict]] = ()
    cannot_run: Sequence[tuple[_WrittenTypes, str]] = ()


def _written(root: Path, output: TypesOutput, sources: _Sources) -> _WrittenTypes:
    """Reads and renders one output; an error that has no place gets that of the output."""
    from harness.types import javascript, python_types
    from harness.types.inherited import without_inherited
    from harness.types.output import render

    try:
        types, repositories = sources.types(output)
        types = without_inherited(types, output)
        rendered = render(root, output, types, repositories)
    except ProjectError as error:
        error.place = error.place or output.place
        raise
    lost = python_types.losses(types) if output.language == "pydantic" else javascript.losses(types, output.driver)
    return _WrittenTypes(output, types, rendered, (*types.unstated, *lost))


def _compare(root: Path, written: Sequence[_WrittenTypes]) -> int:
    from harness.types.output import differences

    lines = [line for each in written for line in differences(root, each.rendered)]
    for line in lines:
        click.echo(line)
    if lines:
        click.echo("\nthe types differ from the database; write them again with: harness types")
        return FINDINGS
    click.echo(f"{counted(_files(written), 'file')}, as the database has it")
    return CLEAN


def _write(root: Path, written: Sequence[_WrittenTypes]) -> int:
    from harness.types.output import shown, write

    changed = [path for each in written for path in write(each.rendered)]
    for path in changed:
        click.echo(f"  {shown(root, path)}{'' if path.exists() else ' (removed)'}")
    click.echo(f"{counted(_files(written), 'file')}, {len(changed) or 'none'} changed")
    for line in _listed(written):
        click.echo(line)
    return CLEAN


def _files(written: Sequence[_WrittenTypes]) -> int:
    return sum(len(each.rendered.texts) for each in written)


def _left_behind(project: Project) -> Iterator[str]:
    """Yields a line on each directory that an earlier run wrote, and that project.yml names no longer."""
    from harness.types.leftover import left_behind

    found = left_behind(project.root, [project.root / each.path for each in project.types])
    for path in found:
        name = path.relative_to(project.root)
        yield f"hint: {name} has types of an earlier run, and no entry of 'types' names it: remove it"


def _listed(written: Sequence[_WrittenTypes]) -> Iterator[str]:
    """Yields all that the types do not say."""
    from harness.types import listing

    found = list(listing.lines({each.output.path: each.unstated for each in written}))
    if found:
        yield from ("\nnot said by the types:", *found)


def _prove(sources: _Sources, written: Sequence[_WrittenTypes], rows: int, seed: int) -> _ProvedTypes:
    """Proves all that a program can run, and says the verdict on each table."""
    from harness.proving import draws
    from harness.types.agreement.judges import CannotRun
    from harness.types.agreement.proof import Proof

    draws.make_reproducible()

    found, cannot_run = [], []
    with Proof(sources.project, sources.space, sources.checks, rows, seed) as proof:
        for each in written:
            if each.output.language == "typescript":
                click.echo(f"\n{each.name}: nothing to run; the compiler tries it")
                continue
            click.echo(f"\n{each.name}:")
            try:
                for verdict in proof.verdicts(each.output, each.types, each.rendered):
                    found.append((each, verdict))
                    for line in verdict.lines():
                        click.echo(line)
            except CannotRun as reason:
                cannot_run.append((each, reason.message))
                click.echo(f"  not proved: {reason.message}\n  hint: {reason.hint}")
    return _ProvedTypes(found, cannot_run)


def _json(written: Sequence[_WrittenTypes], proved: _ProvedTypes) -> dict[str, Any]:
    """The report: what each language leaves unsaid, and what was proved."""
    return {
        "outputs": [
            {
                "language": each.output.language,
                "driver": each.output.driver,
                "path": each.output.path,
                "not_stated": [vars(line) for line in each.unstated],
                "cannot_run": next((reason for one, reason in proved.cannot_run if one is each), None),
                "tables": [verdict.json() for one, verdict in proved.verdicts if one is each],
            }
            for each in written
        ]
    }


@dataclass(frozen=True)
class _Sources:
    """A database and the checks of the project."""

    project: Project
    space: Workspace
    connection: psycopg.Connection[Any]
    catalog: Catalog
    checks: Sequence[DeclaredCheck]

    def types(self, output: TypesOutput) -> tuple[DatabaseTypes, DatabaseRepositories | None]:
        """Reads the types for one directory, and the repositories if it has any."""
        from harness.types import queries, reading
        from harness.types.declared import declared
        from harness.types.references import with_references
        from harness.types.repositories import reading as repositories

        schemas = output.schemas or self._schemas
        around = queries.read(self.connection, schemas, output.role, self.project.ledger_schema)
        said = declared(self.checks, self.catalog, around, self.project.type_names)
        types = reading.read(self.catalog, around, said, schemas, queries.ServerCharacters(self.connection))
        types = with_references(types, self.catalog, said.references, self.connection, self._refused)
        if output.repository is None:
            return types, None
        return types, repositories.read(types, self.catalog, around, self.checks)

    @property
    def _refused(self) -> dict[TableName, RefusedRows]:
        """Rows of seeds that are missing in the database, since the schema refuses them, by table."""
        seeds = [seed for module in self.project.modules for seed in module.seeds]
        tables = {str(relative(seed.path, self.project.root)): seed.table for seed in seeds}
        return {tables[each.path]: each for each in self.space.left_out() if each.path in tables}

    @property
    def _schemas(self) -> Sequence[str]:
        """The schemas of the tables that have checks; without any, all."""
        found = dict.fromkeys(each.table.schema for each in self.checks if each.table)
        return [each for each in found if each in self.catalog.schemas] or sorted(self.catalog.schemas)


@contextmanager
def _sources(project: Project, target: str | None) -> Iterator[_Sources]:
    """Opens a scratch database of the project."""
    from harness import declarations
    from harness.catalog import read
    from harness.cli.common import open_target
    from harness.kinds import KINDS
    from harness.scratch.workspaces import workspace

    checks = declarations.read(project, KINDS)
    with (
        open_target(project, target) as server,
        workspace(server, project, project.modules) as space,
        space.connect(space.clone()) as connection,
    ):
        yield _Sources(project, space, connection, read(connection, project.ledger_schema), checks)
