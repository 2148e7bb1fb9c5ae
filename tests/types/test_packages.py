"""``types/`` as two packages: packed, installed elsewhere and used as others would, with the tools that they use."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from harness.project.load import load
from harness.seeds import loading
from harness.server.connection import Server, value
from tests.schema.support import migrations, standing
from tests.types import package_programs as programs
from tests.types.node_programs import NODE, PACKAGES, ROOT
from tests.types.packages import (
    TYPES,
    compiled,
    copied,
    examples,
    lent,
    npm_consumer,
    npm_package,
    python_consumer,
    ran,
    wheel,
)

SYSTEMS = ("absence", "clinic", "intents", "orchestrator", "weeksmith")
TOOLS = Path(sys.executable).parent
BLANK = " \t"


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The npm package as an archive."""
    return npm_package(copied(tmp_path_factory.mktemp("npm") / "sources"))


@pytest.fixture(scope="module")
def consumer(npm: Path) -> Path:
    """A program's directory with the npm package, Zod, and the two drivers."""
    directory = npm_consumer(npm.parents[1] / "consumer", npm, PACKAGES / "zod")
    lent(directory, "@supabase", "pg")
    return directory


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the Python package."""
    return wheel(copied(tmp_path_factory.mktemp("wheel") / "sources"))


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel installed."""
    return python_consumer(tmp_path_factory.mktemp("python"), built)


@pytest.fixture
def database(server: Server) -> Iterator[Mapping[str, str]]:
    """The module ``absence`` with its seeds: the variables by which drivers find it."""
    project = load(ROOT)
    with standing(server, ordinary=False, files=migrations("platform", "absence")) as fresh:
        with fresh.connect() as connection:
            loading.load(connection, project.with_dependencies(["absence"]))
        found = {**server.conninfo, "database": fresh.name}
        yield {f"PG{name.upper()}": str(each) for name, each in found.items()}


def pending(database: Mapping[str, str], server: Server) -> str:
    """The id of an action that is open."""
    with server.connect(database["PGDATABASE"]) as connection:
        query = "select id::text from absence.milestone_actions where status = 'PENDING' order by id limit 1"
        return str(value(connection, query))


def test_the_npm_package_has_what_it_exports(npm: Path) -> None:
    with tarfile.open(npm) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    modules = [f"{folder}/{module}" for folder in ("typescript", "zod", "supabase") for module in SYSTEMS]
    modules += ["zod/runtime", "supabase/database"]
    files = {f"dist/{module}{suffix}" for module in modules for suffix in (".js", ".d.ts")}
    assert names == {"package.json", "README.md", "LICENSE", *files}


def test_who_takes_the_types_alone_needs_no_zod(npm: Path, tmp_path: Path) -> None:
    directory = npm_consumer(tmp_path / "consumer", npm)
    assert not (directory / "node_modules" / "zod").exists()
    assert compiled(directory, 7, {"program.ts": programs.TYPES_ALONE}) == ""


@pytest.mark.parametrize("version", [6, 7])
def test_programs_compile(consumer: Path, version: int) -> None:
    """With the declarations of the package and of Zod as well; the package's are written by TypeScript 7."""
    files = {"types.ts": programs.TYPES_ALONE, "zod.ts": programs.WITH_ZOD}
    assert compiled(consumer, version, files, noEmit=True) == ""


def test_the_example_of_constants(consumer: Path) -> None:
    page = (ROOT / "docs" / "repositories.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```ts\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert compiled(consumer, 7, {"constants.ts": example}, noEmit=True) == ""


@pytest.mark.parametrize("version", [6, 7])
def test_supabase_infers_rows(consumer: Path, version: int) -> None:
    assert compiled(consumer, version, {"supabase.ts": programs.SUPABASE}, noEmit=True, skipLibCheck=True) == ""


def test_zod_refuses_what_the_database_refuses(consumer: Path) -> None:
    assert compiled(consumer, 7, {"zod.ts": programs.WITH_ZOD}) == ""
    assert json.loads(ran([NODE, "out/zod.js"], consumer)) == programs.SAID


def compiled_example(consumer: Path, number: int, program: str) -> Path:
    """A program that runs an example of the page."""
    untyped = {"pg.d.ts": 'declare module "pg";\n'}
    files = {"example.ts": examples("ts")[number], **untyped}
    assert compiled(consumer, 7, files, skipLibCheck=True) == ""
    path = consumer / "out" / "run.js"
    path.write_text(program, encoding="utf-8")
    return path


SKIPPED = [["SKIPPED", "Not asked for."]]


def test_the_page_s_example_of_node_postgres(consumer: Path, server: Server, database: Mapping[str, str]) -> None:
    program = compiled_example(consumer, 0, programs.WITH_NODE_POSTGRES)
    found = ran([NODE, program, pending(database, server), BLANK], consumer, **database)
    assert json.loads(found) == [SKIPPED, programs.SKIP_NOTES]


def test_the_page_s_example_of_supabase(consumer: Path) -> None:
    program = compiled_example(consumer, 1, programs.WITH_SUPABASE)
    rows = [{"milestone_key": "DAY_3", "sickness_cases": {"employee_id": "1"}}]
    assert json.loads(ran([NODE, program], consumer)) == [
        rows,
        None,
        [["/rest/v1/milestone_actions", "lte.2026-01-01"]],
    ]


def test_the_page_s_example_of_fastapi(
    python: Path, tmp_path: Path, server: Server, database: Mapping[str, str]
) -> None:
    (tmp_path / "example.py").write_text(examples("python")[0], encoding="utf-8")
    (tmp_path / "run.py").write_text(programs.WITH_FASTAPI, encoding="utf-8")
    found = ran([python, "-W", "error", "run.py", pending(database, server), BLANK], tmp_path, **database)
    (accepted, rows), (refused, said) = json.loads(found)
    assert (accepted, [[row["status"], row["notes"]] for row in rows]) == (200, SKIPPED)
    assert (refused, [each["msg"] for each in said["detail"]]) == (422, programs.SKIP_NOTES)


def test_the_wheel_has_the_models_and_says_what_they_need(built: Path) -> None:
    with zipfile.ZipFile(built) as archive:
        names = {*archive.namelist()}
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        said = message_from_bytes(archive.read(metadata))
    about = metadata.removesuffix("METADATA")
    written = {f"{each.parent.name}/{each.name}" for each in TYPES.glob("constraint_harness_*/*") if each.is_file()}
    assert {name for name in names if not name.startswith(about)} == written
    assert {f"constraint_harness_systems/{each}.py" for each in SYSTEMS} <= written
    assert f"{about}licenses/LICENSE" in names
    assert said.get_all("Requires-Dist") == ["pydantic>=2.12", "psycopg>=3.2; extra == 'repositories'"]


def test_models_refuse_what_the_database_refuses(python: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(programs.PYTHON, encoding="utf-8")
    found = json.loads(ran([python, "-W", "error", "program.py"], tmp_path))
    assert Path(found.pop("file")).is_relative_to(python.parents[1])
    same = {"same": True, "record of texts": True, "blank record": programs.SKIP_NOTES}
    assert found == {**same, **programs.SAID}


OPTIONS = {"mypy": ("--strict", "--config-file", "", "--python-executable"), "pyright": ("--pythonpath",)}
FAULT = re.compile(r"^ *(\S+\.py):(\d+)(?::\d+ -|:) error", re.MULTILINE)


@pytest.mark.parametrize("tool", OPTIONS)
def test_models_are_well_typed_and_wrong_use_of_them_is_found(tool: str, python: Path, tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(programs.TYPED, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(programs.MISTYPED, encoding="utf-8")
    installed = python.parents[1].glob("lib/*/site-packages/constraint_harness_*")
    packages = [str(each) for each in installed if each.suffix != ".dist-info"]
    command = [str(TOOLS / tool), *OPTIONS[tool], str(python), "right.py", "wrong.py", *packages]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = {(Path(file).name, int(line)) for file, line in FAULT.findall(done.stdout)}
    assert found == {("wrong.py", line) for line in range(5, 13)}, done.stdout + done.stderr


def test_both_packages_are_of_one_name_version_and_license() -> None:
    npm: dict[str, Any] = json.loads((TYPES / "package.json").read_text(encoding="utf-8"))
    python: dict[str, Any] = tomllib.loads((TYPES / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {key: npm[key] for key in ("name", "version", "license")} == {
        key: python[key] for key in ("name", "version", "license")
    }
    assert (TYPES / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
