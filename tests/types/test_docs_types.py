"""``docs/types.md`` says what is so: its table is that of the code, and its example is built, compiled and run.

``python -m tests.types.test_docs_types`` writes the table anew.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from harness.server.connection import Server
from harness.types import javascript, python_types
from harness.types.javascript import NODE, javascript_type
from harness.types.python_types import python_type
from tests.types import docs_programs as programs
from tests.types.javascript_samples import column, numeric
from tests.types.node_programs import NODE as PROGRAM
from tests.types.node_programs import PACKAGES, ROOT
from tests.types.packages import compiled, ran

PAGE = ROOT / "docs" / "types.md"
TABLE = re.compile(r"(?<=<!-- types -->\n).*(?=<!-- /types -->)", re.DOTALL)
ANEW = "write it anew: python -m tests.types.test_docs_types"
HEAD = """\
| PostgreSQL | TypeScript | Zod | Pydantic, JSON | Pydantic, psycopg | notes |
|---|---|---|---|---|---|
"""
WIDEST = 145
"""Characters of a line that nobody has to scroll for."""


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def table() -> str:
    """The table of all types, and the notes below it."""
    notes: dict[str, int] = {}
    rows: dict[tuple[str, ...], list[str]] = {}
    for name, typmod in named_types():
        rows.setdefault(cells(name, typmod, notes), []).append(shown(name, typmod))
    lines = (f"| {', '.join(names)} | {' | '.join(found)} |\n" for found, names in rows.items())
    told = (f"{number}. {note}\n" for note, number in notes.items())
    return f"{HEAD}{''.join(lines)}\n{''.join(told)}"


def named_types() -> Iterator[tuple[str, int]]:
    """The types of the tables of the code, each with its type modifier; numeric with and without one."""
    for name in dict.fromkeys((*javascript.TYPES, *python_types.TYPES)):
        if name == "numeric":
            yield name, numeric(8, 2)
        yield name, -1


def cells(name: str, typmod: int, notes: dict[str, int]) -> tuple[str, ...]:
    """What becomes of one type; adds to the notes."""
    of = replace(column("x", name), typmod=typmod)
    node, postgrest = (javascript_type(of, driver) for driver in (NODE, "postgrest"))
    python = python_type(of)
    losses = (
        *(f"TypeScript and Zod: {each}" for each in node.losses if each in postgrest.losses),
        *(f"node-postgres: {each}" for each in node.losses if each not in postgrest.losses),
        *(f"postgrest: {each}" for each in postgrest.losses if each not in node.losses),
        *(f"Pydantic: {each}" for each in python.losses),
        *(f"records of psycopg: {each}" for each in python.record_losses),
    )
    numbers = sorted(notes.setdefault(note, len(notes) + 1) for note in losses)
    return (
        either(node.typescript, postgrest.typescript),
        either(node.schema, postgrest.schema),
        f"{code(python.json)} ({python.python})" if python.json != python.python else code(python.json),
        code(python.record),
        ", ".join(map(str, numbers)),
    )


def shown(name: str, typmod: int) -> str:
    return code(f"{name}(p,s)" if typmod >= 0 else name)


def either(first: str, second: str) -> str:
    return code(first) if first == second else f"{code(first)}; {code(second)}"


def code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`"


def test_the_table_is_that_of_the_code() -> None:
    (written,) = TABLE.findall(page())
    assert written == table(), ANEW


@pytest.mark.parametrize(
    ("types", "name", "change"),
    [
        (javascript.TYPES, "int8", lambda both: (both[1], both[1])),
        (javascript.TYPES, "text", lambda both: (replace(both[0], losses=("its case",)), both[1])),
        (python_types.TYPES, "uuid", lambda one: replace(one, record="Text")),
        (python_types.TYPES, "inet", lambda one: replace(one, record_losses=("its mask",))),
    ],
)
def test_another_type_is_noticed(monkeypatch: pytest.MonkeyPatch, types: Any, name: str, change: Any) -> None:
    before = table()
    monkeypatch.setitem(types, name, change(types[name]))
    assert table() != before


def test_lines_are_narrow_and_sentences_short() -> None:
    assert [line for line in page().splitlines() if len(line) > WIDEST and not line.startswith("|")] == []
    prose = re.sub(r"^(```.*?^```|    .*?|\|.*?|<!--.*?)$", "", TABLE.sub("", page()), flags=re.DOTALL | re.MULTILINE)
    sentences = re.split(r"[.:;?](?:\*\*)?\s|\n\n|\n- |\n\d\. ", prose)
    assert [each for each in sentences if len(each.split()) > 30] == []


def blocks(language: str) -> list[str]:
    """The programs of the page that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page(), re.MULTILINE | re.DOTALL)


def shown_output() -> list[str]:
    """The lines of output that the page shows: indented ones, apart from its commands."""
    prose = re.sub(r"^```.*?^```", "", page(), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^    (?!harness |echo )(.*)$", prose, re.MULTILINE)


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What ``harness types --prove`` said of the project of the page."""
    return {}


@pytest.fixture(scope="module")
def shop(server: Server, cluster_base: Path, tmp_path_factory: pytest.TempPathFactory, said: dict[str, str]) -> Path:
    """The project of the page, with the types that harness writes for it."""
    directory = tmp_path_factory.mktemp("shop")
    migrations = directory / "schema" / "shop"
    migrations.mkdir(parents=True)
    (migrations / "001_orders.up.sql").write_text(blocks("sql")[0], encoding="utf-8")
    (migrations / "001_orders.down.sql").write_text(programs.DOWN, encoding="utf-8")
    (directory / "project.yml").write_text(f"name: docs_shop\nmodules: {{shop: {{}}}}\n{blocks('yaml')[0]}")
    (directory / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (directory / "node_modules").symlink_to(PACKAGES)
    harness = Path(sys.executable).with_name("harness")
    said["all"] = ran([harness, "types", "--prove", "--target", make_conninfo(**server.conninfo)], directory)
    assert said["all"].count("shop.orders: agrees") == 3
    return directory


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[dict[str, str]]:
    """The variables by which drivers find a database that has the schema of the page."""
    name = "docs_shop_database"
    with server.connect() as connection:
        connection.execute(f"create database {name}".encode())
    with server.connect(name) as connection:
        connection.execute(blocks("sql")[0].encode())
    yield {f"PG{key.upper()}": str(each) for key, each in {**server.conninfo, "database": name}.items()}
    with server.connect() as connection:
        connection.execute(f"drop database {name} with (force)".encode())


@pytest.mark.usefixtures("shop")
def test_the_page_shows_what_is_said(said: dict[str, str]) -> None:
    """But for the numbers of rows, which are those of a random search."""
    lines = without_rows(said["all"]).splitlines()
    shown = [without_rows(line) for line in shown_output()]
    assert len(shown) == 5 and [line for line in shown if line not in lines] == []


def without_rows(text: str) -> str:
    return re.sub(r"\d+ (accepted|refused)", r"N \1", text)


def test_the_first_lines_lead_from_a_schema_to_types(
    server: Server, cluster_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schema.sql").write_text(blocks("sql")[0], encoding="utf-8")
    lines = re.findall(r"^    (.*)$", page(), re.MULTILINE)[:3]
    assert [each.split()[0] for each in lines] == ["harness", "echo", "harness"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    target = make_conninfo(**server.conninfo)
    ran(["sh", "-euc", "\n".join(lines)], tmp_path, PATH=path, HARNESS_TARGET=target)
    assert {each.name for each in (tmp_path / "zod").iterdir()} == {"shop.ts", "runtime.ts"}


def test_the_page_shows_what_is_written(shop: Path) -> None:
    assert blocks("ts")[0] in (shop / "zod" / "shop.ts").read_text(encoding="utf-8")


def test_the_argument_of_the_page_is_declared() -> None:
    declared = (ROOT / "checks" / "absence" / "milestone_actions.yml").read_text(encoding="utf-8")
    assert [line for line in blocks("yaml")[1].splitlines() if line.strip() not in declared] == []


def compiled_example(shop: Path, number: int) -> None:
    """Compiles an example with the strictest of TypeScript, as a program in the project."""
    files = {"example.ts": blocks("ts")[number], "pg.d.ts": programs.UNTYPED_PG}
    assert compiled(shop, 7, files, skipLibCheck=True) == ""


def test_node_postgres(shop: Path, database: dict[str, str]) -> None:
    compiled_example(shop, 1)
    (shop / "out" / "run.js").write_text(programs.WITH_NODE_POSTGRES, encoding="utf-8")
    assert json.loads(ran([PROGRAM, "out/run.js"], shop, **database)) == [["paid", "12.50"], ["orders_total"]]


def test_supabase(shop: Path) -> None:
    compiled_example(shop, 2)
    files = {"wrong.ts": programs.WRONG_SUPABASE}
    assert compiled(shop, 7, files, skipLibCheck=True, noEmit=True) == ""


def test_fastapi(shop: Path, database: dict[str, str]) -> None:
    (shop / "example.py").write_text(blocks("python")[0], encoding="utf-8")
    (shop / "run.py").write_text(programs.WITH_FASTAPI, encoding="utf-8")
    environment = {"PYTHONPATH": os.fspath(shop), **database}
    accepted, refused = json.loads(ran([sys.executable, "-W", "error", "run.py"], shop, **environment))
    assert isinstance(accepted[1].pop("id"), int)
    row = {"status": "paid", "email": "a@b", "total": "12.50", "paid_at": "2026-01-01T12:00:00+00:00"}
    assert accepted == [200, row]
    assert (refused[0], [each["msg"] for each in refused[1]["detail"]]) == (422, ["orders_total"])


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: table(), page()), encoding="utf-8")
