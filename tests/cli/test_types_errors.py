"""Bad input of ``harness types``: exit 2, one message with its place, and nothing written."""

from __future__ import annotations

import pytest

from harness.types.output import WITHIN
from tests.cli.conftest import Cli, Run
from tests.cli.types_project import CHECKS, SCHEMA, small_project

OUTPUTS = "types:\n  - {language: typescript, path: types/typescript}\n  - {language: zod, path: types/zod"
USUAL = f"{OUTPUTS}}}\n"
ALIAS = "choose another name under 'type_names' in project.yml"
MIGRATION = "schema/app/001_orders.up.sql"
ORDERS = "checks/app/orders.yml"
RENAME = "rename it in the database, or leave its schema out under 'types' in project.yml"
TWO = "rename one of them in the database, or leave its schema out under 'types' in project.yml"


def refusal(cli: Cli, run: Run, *arguments: str) -> str:
    code, said, error = run("types", *arguments)
    assert (code, said) == (2, "")
    assert not (cli.root / "types").exists() and not (cli.root / "web").exists()
    return error


OPTIONS = {
    "a path without a language": (
        ["--path", "web"],
        "--path says how to write a language\nhint: add --language zod\n",
    ),
    "a role without a language": (["--role", "x"], "--role says how to write a language\nhint: add --language zod\n"),
    "a driver of another language": (
        ["--language", "zod", "--driver", "psycopg"],
        "no zod for psycopg; its drivers: node-postgres, postgrest\n",
    ),
    "a driver of none": (
        ["--language", "pydantic", "--driver", "postgrest"],
        "no pydantic for postgrest; its drivers: psycopg\n",
    ),
    "a path that leads out": (
        ["--language", "zod", "--path", "../web"],
        f"../web leads out of the project\nhint: {WITHIN}\n",
    ),
    "an absolute path": (
        ["--language", "zod", "--path", "/web"],
        "'/web' cannot be the directory of types; one that can is types/zod\n",
    ),
    "a directory above": (
        ["--language", "zod", "--path", ".."],
        "'..' cannot be the directory of types; one that can is types/zod\n",
    ),
    "a package with a name that is none": (
        ["--language", "pydantic", "--path", "my-models"],
        "'my-models' would be a package that Python cannot import; one that it can is models\n",
    ),
    "a role that is not there": (["--language", "zod", "--role", "nobody"], "the database has no role nobody\n"),
}


@pytest.mark.parametrize("what", OPTIONS)
def test_options(cli: Cli, run: Run, what: str) -> None:
    arguments, message = OPTIONS[what]
    small_project(cli)
    assert refusal(cli, run, *arguments) == message


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--language", "java"], "'java' is not one of 'typescript', 'zod', 'pydantic'."),
        (["--language", "zod", "--driver", "pg"], "'pg' is not one of 'node-postgres', 'postgrest', 'psycopg'."),
        (["--language", "zod", "--case", "kebab"], "'kebab' is not one of 'snake', 'camel'."),
        (["--prove", "--rows", "0"], "0 is not in the range x>=1."),
        (["--report", "xml"], "'xml' is not"),
    ],
)
def test_values_that_an_option_does_not_have(cli: Cli, run: Run, arguments: list[str], words: str) -> None:
    small_project(cli)
    assert words in refusal(cli, run, *arguments)


SETTINGS = {
    "no types": (
        "",
        "project.yml does not say which types to write\n"
        "hint: add to it: types: [{language: zod, path: types/zod}], or give --language zod\n",
    ),
    "an empty list": (
        "types: []\n",
        "project.yml does not say which types to write\n"
        "hint: add to it: types: [{language: zod, path: types/zod}], or give --language zod\n",
    ),
    "a language": (
        "types: [{language: java, path: types/java}]\n",
        "project.yml:4:20: expected one of typescript, zod, pydantic, found 'java'\n",
    ),
    "a driver of another language": (
        f"{OUTPUTS}, driver: psycopg}}\n",
        "project.yml:6:5: 'types': no zod for psycopg; its drivers: node-postgres, postgrest\n",
    ),
    "a path that leads out": (
        "types: [{language: zod, path: ../zod}]\n",
        f"project.yml:4:9: ../zod leads out of the project\nhint: {WITHIN}\n",
    ),
    "the same path twice": (
        f"{OUTPUTS}/../typescript}}\n",
        "project.yml:6:5: 'types': 'types/zod/../typescript' cannot be the directory of types; "
        "one that can is types/zod\n",
    ),
    "a package with the name of a keyword": (
        "types: [{language: pydantic, path: python/class}]\n",
        "project.yml:4:9: 'types': 'class' would be a package that Python cannot import; one that it can is models\n",
    ),
    "the same path": (
        "types:\n  - {language: zod, path: types/a}\n  - {language: zod, path: types//a/}\n",
        "project.yml:6:5: types//a/ stands here twice\nhint: name another directory\n",
    ),
    "a schema": (
        f"{OUTPUTS}, schemas: [ap]}}\n",
        "project.yml:6:5: the database has no schema ap; did you mean 'app'?\n",
    ),
    "a role": (f"{OUTPUTS}, role: nobody}}\n", "project.yml:6:5: the database has no role nobody\n"),
    "a name of what is not there": (
        f"{USUAL}type_names:\n  app.orders: Order\n  app.ordres: Another\n",
        "project.yml:9:15: Another would be a row of app.ordres, and there is no such table or view; "
        "did you mean 'app.orders'?\n",
    ),
    "a name in no schema": (
        f"{USUAL}type_names: {{ap.orders: Order}}\n",
        "project.yml:7:25: Order would be a row of ap.orders, and there is no such table or view; "
        "did you mean 'app.orders'?\n",
    ),
    "no name": (
        f"{USUAL}type_names: {{app.orders: an order}}\n",
        "project.yml:7:26: expected a name such as MilestoneAction, found 'an order'\n",
    ),
    "a name that is taken": (
        f"{USUAL}type_names: {{app.orders: OrdersInsert}}\n",
        "project.yml:7:26: table app.orders and the alias OrdersInsert would both be called OrdersInsert in app.ts\n"
        f"hint: {ALIAS}\n",
    ),
    "a name that Pydantic's models have": (
        "types: [{language: pydantic, path: models}]\ntype_names: {app.orders: OrdersRow}\n",
        "project.yml:5:26: table app.orders and the alias OrdersRow would both be called OrdersRow in app.py\n"
        f"hint: {ALIAS}\n",
    ),
    "a name of JavaScript": (
        "types: [{language: zod, path: types/zod}]\ntype_names: {app.orders: Date}\n",
        "project.yml:5:26: the alias Date would be called Date in app.ts, which is a word of TypeScript or used there "
        f"already\nhint: {ALIAS}\n",
    ),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_settings(cli: Cli, run: Run, what: str) -> None:
    settings, message = SETTINGS[what]
    small_project(cli, settings)
    assert refusal(cli, run) == message


TABLES = {
    "two columns in camelCase": (
        'create table app.twins (a_b integer, "aB" integer);',
        ", case: camel",
        "project.yml:6:5: the columns a_b and aB of app.twins would both be aB in camelCase\n"
        "hint: say 'case: snake' under 'types' in project.yml, or rename one of them\n",
    ),
    "two tables": (
        'create table app.a_b (a integer); create table app."aB" (a integer);',
        "",
        f'project.yml:5:5: table app."aB" and table app.a_b would both be called ABRow in app.ts\nhint: {TWO}\n',
    ),
    "a reserved word": (
        "create type app.\"class\" as enum ('a');",
        "",
        "project.yml:5:5: enum app.class would be called class in app.ts, which is a word of TypeScript or used there "
        f"already\nhint: {RENAME}\n",
    ),
}


@pytest.mark.parametrize("what", TABLES)
def test_names_of_the_database(cli: Cli, run: Run, what: str) -> None:
    statement, case, message = TABLES[what]
    small_project(cli, f"{OUTPUTS}{case}}}\n")
    cli.write(MIGRATION, f"{SCHEMA}{statement}\n")
    assert refusal(cli, run) == message


FILES = {
    "no JSON Schema": (
        "shape: {type: object}",
        "shape: {type: objekt}",
        f"{ORDERS}:3:40: expected one of object, array, string, number, integer, boolean, null, or a list of them, "
        "found 'objekt'\n",
    ),
    "no keyword": (
        "shape: {type: object}",
        "shape: {typ: object}",
        f"{ORDERS}:3:34: 'typ' is no keyword that a shape can have; did you mean 'type'?\nhint: a shape is",
    ),
    "no column": (
        "{column: app.orders.closing_note,",
        "{column: closing_note,",
        f"{ORDERS}:15:24: expected schema.table.column, found 'closing_note'\n",
    ),
    "a table that is not there": (
        "column: app.orders.closing_note",
        "column: app.ordres.closing_note",
        f"{ORDERS}:10:5: argument p_note: no table app.ordres; did you mean 'app.orders'?\n",
    ),
    "a column that is not there": (
        "column: app.orders.closing_note",
        "column: app.orders.closing_notes",
        f"{ORDERS}:10:5: argument p_note: no column in app.orders: closing_notes; did you mean 'closing_note'?\n",
    ),
    "a parameter that is not there": (
        "p_note:",
        "p_notes:",
        f"{ORDERS}:10:5: app.close_order has no parameter p_notes; did you mean 'p_note'?\n",
    ),
}


@pytest.mark.parametrize("what", FILES)
def test_check_files(cli: Cli, run: Run, what: str) -> None:
    old, new, message = FILES[what]
    small_project(cli)
    assert CHECKS["orders"].count(old) == 1
    cli.replace(ORDERS, old, new)
    assert refusal(cli, run).startswith(message)
