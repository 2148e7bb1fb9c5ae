"""A project in which there is something of each sort to disagree about, and proofs of its types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import declarations
from harness.catalog import read as read_catalog
from harness.kinds import KINDS
from harness.project.load import load
from harness.project.model import Project, TypesOutput
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server
from harness.types import queries, reading
from harness.types.agreement.proof import Proof
from harness.types.agreement.verdict import TableVerdict
from harness.types.declared import declared
from harness.types.model import DatabaseTypes
from harness.types.output import Rendered, render
from tests.types.node_programs import PACKAGES

ZOD, POSTGREST, PYDANTIC = (
    TypesOutput("zod", "types/zod", "node-postgres"),
    TypesOutput("zod", "types/postgrest", "postgrest"),
    TypesOutput("pydantic", "types/python", "psycopg"),
)


@dataclass(frozen=True)
class Proving:
    """Types of a project, and what proves them."""

    project: Project
    space: Workspace
    connection: Any
    proof: Proof

    def types(self, output: TypesOutput) -> DatabaseTypes:
        catalog = read_catalog(self.connection)
        checks = declarations.read(self.project, KINDS)
        around = queries.read(self.connection, ["app"], output.role)
        said = declared(checks, catalog, around, self.project.type_names)
        return reading.read(catalog, around, said, ["app"], queries.ServerCharacters(self.connection))

    def verdicts(
        self, output: TypesOutput, planted: Mapping[str, Mapping[str, str]] | None = None
    ) -> dict[str, TableVerdict]:
        """The verdicts by table; ``planted`` texts replace others, each of which stands once in a file."""
        types = self.types(output)
        rendered = render(self.project.root, output, types)
        found = self.proof.verdicts(output, types, _planted(rendered, planted or {}))
        return {each.shape.name.table: each for each in found}


def _planted(rendered: Rendered, planted: Mapping[str, Mapping[str, str]]) -> Rendered:
    texts = dict(rendered.texts)
    for file, changes in planted.items():
        for old, new in changes.items():
            assert texts[file].count(old) == 1, f"{texts[file].count(old)} times in {file}: {old}"
            texts[file] = texts[file].replace(old, new)
    return replace(rendered, texts=texts)


@contextmanager
def proving(
    root: Path,
    server: Server,
    schema: str,
    checks: Mapping[str, str],
    *,
    rows: int = 40,
    seed: int = 0,
    node: bool = True,
) -> Iterator[Proving]:
    """Gives what proves the types of a project with one migration."""
    files = {
        "project.yml": "name: proving\nmodules: [app]\n",
        "schema/app/001_app.up.sql": schema,
        "schema/app/001_app.down.sql": "drop schema app cascade;\n",
        **{f"checks/app/{name}.yml": f"table: app.{name}\n{text}" for name, text in checks.items()},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    if node:
        (root / "node_modules").symlink_to(PACKAGES)
    project = load(root)
    written = declarations.read(project, KINDS)
    with (
        workspace(server, project, project.modules) as space,
        space.connect(space.clone()) as connection,
        Proof(project, space, written, rows, seed) as proof,
    ):
        yield Proving(project, space, connection, proof)
