"""init, doctor, lint, clean, schema, help, and what an answer must not wait for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml

from harness.cli import editor
from harness.cli.entry import harness
from harness.server.connection import Server
from tests.cli.conftest import Cli, scratch_databases

ROOT = Path(__file__).parents[2]


def test_help_names_every_verb_and_every_option_has_words(cli: Cli) -> None:
    shown = cli.run("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    for name, verb in harness.commands.items():
        assert f"\n  {name} " in shown.stdout
        options = [each for each in verb.params if isinstance(each, click.Option)]
        assert verb.help and all(option.help for option in options)
        assert cli.run(name, "--help").returncode == 0


def test_version(cli: Cli) -> None:
    assert cli.run("--version").stdout == f"harness {metadata.version('constraint-harness')}\n"


SLOW = ("hypothesis", "sqlfluff", "rich", "pytest")


@pytest.mark.parametrize(
    ("arguments", "not_imported"),
    [
        (["--help"], (*SLOW, "psycopg", "yaml", "postgast")),
        (["test", "--help"], (*SLOW, "psycopg", "yaml", "postgast")),
        (["apply"], SLOW),
        (["status"], SLOW),
    ],
)
def test_what_takes_time_is_imported_late(cli: Cli, arguments: list[str], not_imported: tuple[str, ...]) -> None:
    cli.write(".harness/schemas/checks.json", "{}")
    code = (
        "import sys\nfrom harness.cli import entry\n"
        f"assert entry.run({arguments!r}) == 0\n"
        f"print(sorted(set({not_imported!r}) & set(sys.modules)), file=sys.stderr)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=cli.root, env=cli.environment, capture_output=True, text=True, check=False
    )
    assert shown.stderr == "[]\n"


@pytest.fixture
def demo(cli: Cli, server: Server) -> Cli:
    """A project fresh from init."""
    made = cli.run("init", "demo")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.endswith("\nNow prove it:\n\n  cd demo\n  harness test\n")
    return Cli(cli.root / "demo", "demo", cli.environment)


def test_init_is_green_and_red_by_name_when_its_rule_is_removed(demo: Cli) -> None:
    green = demo.run("test")
    assert (green.returncode, green.stderr) == (0, ""), green.stdout
    assert demo.run("coverage").stdout.endswith("100.0 %\n")
    demo.replace("schema/shop/001_tables.up.sql", "    constraint orders_total_not_negative check (total >= 0),\n", "")
    red = demo.run("test", "--select", "kind:check", "--seed", "1")
    assert red.returncode == 1
    broken = [line.split() for line in red.stdout.splitlines() if line.startswith("  BROKEN")]
    assert broken == [["BROKEN", "check", "orders_total_not_negative", "checks/shop/orders.yml:20"]]


def test_what_init_writes_is_clean_and_applies(demo: Cli) -> None:
    assert demo.run("lint").stdout == "2 files, clean\n"
    assert demo.run("apply").returncode == 0
    seeded = demo.run("seed")
    assert (seeded.returncode, seeded.stdout.splitlines()[-1]) == (0, "2 files, 5 rows")
    assert demo.run("rollback", "--all").returncode == 0


def test_init_overwrites_nothing(demo: Cli, cli: Cli) -> None:
    before = {path: path.read_bytes() for path in demo.root.rglob("*") if path.is_file()}
    (demo.root / "project.yml").write_text("mine")
    again = cli.run("init", "demo")
    assert again.returncode == 2
    assert again.stderr == (
        "demo/.gitignore: is there already, and init overwrites nothing\nhint: name a new directory\n"
    )
    (demo.root / "project.yml").write_bytes(before[demo.root / "project.yml"])
    assert {path: path.read_bytes() for path in demo.root.rglob("*") if path.is_file()} == before


def test_init_beside_other_files_and_in_a_directory_of_any_name(cli: Cli) -> None:
    root = cli.root / "Läden & mehr"
    root.mkdir()
    (root / "LICENSE").write_text("mine")
    there = Cli(root, "", cli.environment)
    made = there.run("init", ".")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.endswith("\nNow prove it:\n\n  harness test\n")
    assert "\nname: Läden_mehr\n" in (root / "project.yml").read_text()
    assert (root / "LICENSE").read_text() == "mine"
    assert there.run("apply", "--dry-run").returncode == 0


def test_init_where_a_file_is(cli: Cli) -> None:
    cli.write("x", "")
    done = cli.run("init", "x")
    assert (done.returncode, done.stderr) == (2, "x: is no directory\n")


def schemas(cli: Cli) -> dict[str, Any]:
    return {name: json.loads(cli.run("schema", name).stdout) for name in ("project", "checks")}


def test_every_yaml_file_of_ours_is_valid_for_an_editor(demo: Cli) -> None:
    known = schemas(demo)
    for root in (ROOT, demo.root):
        found = [*sorted(root.glob("checks/**/*.yml")), root / "project.yml"]
        assert len(found) >= 4
        for path in found:
            schema = known["project" if path.name == "project.yml" else "checks"]
            for document in yaml.load_all(path.read_text(), yaml.BaseLoader):
                jsonschema.Draft202012Validator(schema).validate(as_editors_read(document))


def test_the_schema_of_the_report_is_published(cli: Cli) -> None:
    published = ROOT / "docs/reference/report.schema.json"
    told = "write it anew: harness schema report > docs/reference/report.schema.json"
    assert published.read_text() == cli.run("schema", "report").stdout, told


def as_editors_read(document: object) -> object:
    """YAML 1.2's core schema, as the YAML language server reads it."""
    if isinstance(document, dict):
        return {key: as_editors_read(value) for key, value in document.items()}
    if isinstance(document, list):
        return [as_editors_read(value) for value in document]
    text = str(document)
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.lstrip("-").isdigit() else None if text == "" else text


def test_editors_find_the_schemas(demo: Cli) -> None:
    for root in (ROOT, demo.root):
        settings = json.loads((root / ".vscode/settings.json").read_text())
        assert settings["yaml.schemas"] == {
            ".harness/schemas/project.json": "project.yml",
            ".harness/schemas/checks.json": ["checks/**/*.yml", "checks/**/*.yaml"],
        }
        assert settings["sqlfluff.executablePath"] == "${workspaceFolder}/.venv/bin/sqlfluff"
        assert settings["sqlfluff.workingDirectory"] == "${workspaceFolder}"
        assert json.loads((root / ".vscode/extensions.json").read_text())["recommendations"]
    directory = demo.root / ".harness/schemas"
    assert {path.name: path.read_text() for path in directory.iterdir()} == {
        f"{name}.json": demo.run("schema", name).stdout for name in ("project", "checks")
    }
    (directory / "checks.json").write_text("{}")
    demo.run("test", "--select", "nothing")
    assert json.loads((directory / "checks.json").read_text()) != {}


def clone(root: Path, into: Path) -> Path:
    """The repository as the next person gets it: what git leaves out is not there."""
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    for command in (["init", "-q"], ["add", "--all"], [*who, "commit", "-qm", "Begin"], ["clone", "-q", ".", into]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return into


def schemas_found(root: Path) -> dict[str, object]:
    """The schema of each YAML file of a project, as an editor finds it by the file's first line."""
    found: dict[str, object] = {}
    for file in (root / "project.yml", *(root / "checks").rglob("*.yml")):
        first = file.read_text().splitlines()[0]
        before, _, path = first.partition("$schema=")
        assert before == "# yaml-language-server: ", file
        found[str(file.relative_to(root))] = json.loads((file.parent / path).read_text())
    return found


def test_a_fresh_clone_has_the_schemas_that_its_files_name(demo: Cli, tmp_path: Path) -> None:
    demo.run("test", "--select", "kind:comment")
    there = clone(demo.root, tmp_path / "clone")
    found = schemas_found(there)
    assert len(found) == 4
    assert found.pop("project.yml") == json.loads(demo.run("schema", "project").stdout)
    assert all(schema == json.loads(demo.run("schema", "checks").stdout) for schema in found.values())
    kept = sorted(str(path.relative_to(there)) for path in (there / ".harness").rglob("*") if path.is_file())
    assert kept == [".harness/.gitignore", ".harness/schemas/checks.json", ".harness/schemas/project.json"]


def test_the_systems_files_name_schemas_of_this_version() -> None:
    assert len(schemas_found(ROOT)) > 40
    for name in ("project", "checks"):
        told = f"wrong unless brought up to date by: harness schema {name} > .harness/schemas/{name}.json"
        assert (ROOT / f".harness/schemas/{name}.json").read_text() == editor.text(name), told


def test_what_somebody_says_of_git_there_stays(demo: Cli) -> None:
    demo.write(".harness/.gitignore", "*\n")
    demo.run("status")
    assert (demo.root / ".harness/.gitignore").read_text() == "*\n"


JINJA = "alter table shop.orders add column note json; -- {% if false %}\n-- {% endif %}\n"


def as_an_editor(directory: Path, file: Path) -> tuple[set[str], str]:
    """What VS Code's extension shows of a file, and what it pops up."""
    sqlfluff = Path(sys.executable).with_name("sqlfluff")
    arguments = ["lint", "--format", "json", "--stdin-filename", os.path.relpath(file, directory), "-"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sqlfluff, *arguments], cwd=directory, env=environment, input=JINJA, capture_output=True, text=True, check=False
    )
    return {found["code"] for found in json.loads(done.stdout)[0]["violations"]}, done.stderr


def test_editors_run_sqlfluff_from_the_project_and_from_above(demo: Cli, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    root = tmp_path / "below" / "shop"
    done = Cli(tmp_path, "shop", demo.environment).run("init", str(root))
    said = done.stdout[done.stdout.index("The repository begins") :].splitlines()
    assert said[0] == (
        f"The repository begins in {tmp_path}. For editors that are opened there, write {tmp_path / '.sqlfluff'}:"
    )
    file = root / "schema/shop/002_note.up.sql"
    assert as_an_editor(root, file) == ({"Harness_HS03", "Harness_HS06"}, "")
    assert as_an_editor(tmp_path, file)[1] != ""
    (tmp_path / ".sqlfluff").write_text("\n".join(line.strip() for line in said[1:]))
    assert as_an_editor(tmp_path, file) == ({"Harness_HS03", "Harness_HS06"}, "")
    again = Cli(tmp_path, "shop", demo.environment).run("init", str(tmp_path / "other"))
    assert "The repository begins" not in again.stdout


def test_lint(cli: Cli) -> None:
    cli.write(".sqlfluff", "[sqlfluff]\ndialect = postgres\n")
    cli.write("schema/app/001_items.down.sql", "DROP TABLE app.items;\ndrop schema app;\n")
    done = cli.run("lint", "schema/app/001_items.down.sql")
    assert (done.returncode, done.stderr) == (1, "")
    *found, blank, total = done.stdout.splitlines()
    assert found[0].startswith("schema/app/001_items.down.sql:2:1: CP01 ")
    assert (len(found), blank, total) == (2, "", "2 violations in 1 file; sqlfluff fix mends 2 of them")
    cli.write("schema/app/001_items.down.sql", "drop table app.items;  -- noqa: HS01\n")
    warned = cli.run("lint", "schema/app/001_items.down.sql")
    assert (warned.returncode, warned.stdout.splitlines()[-1]) == (0, "1 warning in 1 file")
    cli.write("schema/app/001_items.down.sql", "DROP table app.items;  -- noqa: HS01\n")
    both = cli.run("lint", "schema/app/001_items.down.sql").stdout.splitlines()[-1]
    assert both == "1 violation and 1 warning in 1 file; sqlfluff fix mends 1 of them"
    assert cli.run("lint", "checks").stderr == "checks: no .sql file\n"
    assert cli.run("lint", "checks").returncode == 2


def test_lint_with_settings_that_are_wrong(demo: Cli) -> None:
    demo.replace(".sqlfluff", "[sqlfluff:rules:harness.data_class]", "[sqlfluff:rules:harness.dataclass]")
    odd = demo.run("lint")
    assert (odd.returncode, odd.stderr) == (0, "")
    assert odd.stdout == (
        ".sqlfluff:15: nothing reads the section [sqlfluff:rules:harness.dataclass]; "
        "did you mean 'sqlfluff:rules:harness.data_class'? (warning)\n\n1 warning in 1 file\n"
    )
    demo.replace(".sqlfluff", "harness.dataclass]", "harness.data_class")
    broken = demo.run("lint")
    assert (broken.returncode, broken.stdout) == (2, "")
    assert broken.stderr == ".sqlfluff:15: the ] of the section is missing\n"


@pytest.mark.parametrize("name", ["HS02", "harness_hs02", "Harness_HS02", "harness.timestamptz", "timestamptz"])
def test_a_house_rule_is_explained_by_any_of_its_names(cli: Cli, name: str) -> None:
    done = cli.run("explain", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "docs/lint/Harness_HS02.md").read_text()


@pytest.mark.parametrize("word", ["proved", "present", "broken", "unreliable", "error", "probe", "fact"])
def test_the_words_of_a_report_are_explained(cli: Cli, word: str) -> None:
    assert cli.run("explain", word).stdout.startswith(f"{word}: ")


def test_all_verdicts_are_explained_at_once(cli: Cli) -> None:
    said = cli.run("explain", "verdicts").stdout
    assert [word for word in ("proved", "present", "unreliable", "broken", "error") if f"{word}: " not in said] == []
    assert "did you mean 'verdicts'?" in cli.run("explain", "verdict").stderr


def test_what_else_lint_says_is_explained(cli: Cli) -> None:
    assert cli.run("explain", "comment").stdout.startswith("## comment\n")  # a kind before a rule
    assert cli.run("explain", "LT05").stdout == cli.run("explain", "layout.long_lines").stdout
    assert cli.run("explain", "CP01").stdout == (
        "CP01 capitalisation.keywords: Inconsistent capitalisation of keywords.\n\n"
        "This rule is sqlfluff fix compatible.\n\n"
        "Settings, in [sqlfluff:rules:capitalisation.keywords]: "
        "capitalisation_policy, ignore_words, ignore_words_regex\n\n"
        "A rule of sqlfluff. More: https://docs.sqlfluff.com/en/stable/perma/rule/CP01.html\n"
    )
    assert "-- noqa: PRS" in cli.run("explain", "PRS").stdout
    listed = [line.split(maxsplit=2) for line in cli.run("explain", "lint").stdout.splitlines()]
    assert listed[0] == ["Harness_HS01", "harness.text", "Strings are `text`, never `varchar` or `char`."]
    assert [code for code, _, _ in listed] == sorted(path.stem for path in (ROOT / "docs/lint").glob("Harness_*.md"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [("primary_kye", "primary_key"), ("HS22", "Harness_HS02"), ("harness.txt", "harness.text"), ("lnt", "lint")],
)
def test_a_name_that_nothing_has(cli: Cli, name: str, meant: str) -> None:
    done = cli.run("explain", name)
    assert (done.returncode, done.stderr) == (
        2,
        f"no kind or rule {name!r}; did you mean {meant!r}?\n"
        "hint: harness explain prints all kinds, harness explain lint lists the house rules\n",
    )


def test_clean_and_doctor(cli: Cli, scratch_server: Server) -> None:
    cli.run("test")
    cleaned = cli.run("clean")
    assert (cleaned.returncode, cleaned.stderr) == (0, "")
    assert cleaned.stdout.startswith("dropped template harness_t_")
    assert cleaned.stdout.endswith(f" of project {cli.name}\n")
    assert cli.run("clean").stdout == "nothing to do\n"
    assert scratch_databases(scratch_server) == []
    seen = cli.run("doctor")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert f"ok       target embedded: {scratch_server.description}\n" in seen.stdout


def test_doctor_advises_and_fails_on_a_problem(cli: Cli) -> None:
    cli.write(".env", "DATABASE_URL=postgresql://ada:s3cret@127.0.0.1:1/shop\n")
    seen = cli.run("doctor")
    assert seen.returncode == 1
    assert "problem  target DATABASE_URL (.env): cannot connect to PostgreSQL at 127.0.0.1:1: " in seen.stdout
    assert "\n         is the server running there, and may this machine reach it? " in seen.stdout
    assert "s3cret" not in seen.stdout + seen.stderr


def test_doctor_outside_of_a_project(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = Cli(tmp_path_factory.mktemp("outside"), "", cli.environment)
    seen = outside.run("doctor")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert seen.stdout.startswith("ok       Python 3.")
