"""``docs/repositories.md`` says what is so: its table is that of the code, and its examples are written and run.

``python -m tests.types.test_docs_repositories`` writes the table anew.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from harness.server.connection import Server, value
from harness.types.repositories.model import status
from harness.types.repositories.runtime import Refusal
from tests.types.node_programs import ROOT
from tests.types.package_programs import ASK_FASTAPI
from tests.types.packages import ran

PAGE = ROOT / "docs" / "repositories.md"
TABLE = re.compile(r"(?<=<!-- refusals -->\n).*(?=<!-- /refusals -->)", re.DOTALL)
ANEW = "write it anew: python -m tests.types.test_docs_repositories"
SORTS = {
    "UniqueRefusal": {"23505": "a primary key, a unique key or a unique index"},
    "ExclusionRefusal": {"23P01": "an exclusion constraint"},
    "ReferenceRefusal": {"23503": "a foreign key, from either side"},
    "CheckRefusal": {"23514": "a CHECK of a table or of a domain"},
    "NotNullRefusal": {"23502": "NOT NULL"},
    "PrivilegeRefusal": {"42501": "a privilege that the role lacks, or a policy of row level security"},
    "RaisedRefusal": {
        "P0001": "a trigger that locks, or keeps rows as they are",
        "P0002": "a trigger or function that misses a row",
        "22023": "a function that does not take a value; so with any SQLSTATE that begins with 22",
        "AB001": "any other SQLSTATE that a trigger or function raises",
    },
}
DOWN = "drop table shop.orders;\ndrop schema shop;\n"
PROGRAM = f"""\
{ASK_FASTAPI}
body = {{"number": "A1", "total": "12.50"}}
asked = [("POST", "/orders", body), ("POST", "/orders", body), ("POST", "/orders", {{**body, "total": "-1.00"}})]
asked += [("PATCH", "/orders/A1", {{"status": "paid"}}), ("PATCH", "/orders/B2", {{"status": "paid"}})]
print(json.dumps([asyncio.run(answer(path, given, method)) for method, path, given in asked]))
"""
NONBLANK = 20
"""Lines of an example that fits on a page."""


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The programs of the page that are in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page(), re.MULTILINE | re.DOTALL)


def table() -> str:
    """The table of all sorts of refusals."""
    rows = (
        f"| `{name}` | {about} | {sqlstate} | {status(sqlstate)} |\n"
        for name, found in SORTS.items()
        for sqlstate, about in found.items()
    )
    return f"| class | what refuses | SQLSTATE | HTTP |\n|---|---|---|---|\n{''.join(rows)}"


def test_the_table_is_that_of_the_code() -> None:
    (written,) = TABLE.findall(page())
    assert written == table(), ANEW
    assert {each.__name__ for each in Refusal.__subclasses__() if each.__module__.startswith("harness.")} == {*SORTS}
    for sort in Refusal.__subclasses__():
        if sort.__name__ in SORTS and sort.__name__ != "RaisedRefusal":
            assert {status(each) for each in SORTS[sort.__name__]} == {sort.status}, sort


@pytest.fixture(scope="module")
def role(server: Server) -> str:
    """The role that the package of the page is for; it stays, as templates have grants to it."""
    with server.connect() as connection:
        if value(connection, "select to_regrole('shop_clerk')") is None:
            connection.execute("create role shop_clerk")
    return "shop_clerk"


@pytest.fixture(scope="module")
def shop(server: Server, role: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the page, with the package that harness writes for it."""
    directory = tmp_path_factory.mktemp("shop")
    migrations = directory / "schema" / "shop"
    migrations.mkdir(parents=True)
    (migrations / "001_orders.up.sql").write_text(blocks("sql")[0], encoding="utf-8")
    (migrations / "001_orders.down.sql").write_text(DOWN, encoding="utf-8")
    (directory / "project.yml").write_text(f"name: repositories_shop\nmodules: {{shop: {{}}}}\n{blocks('yaml')[1]}")
    harness = Path(sys.executable).with_name("harness")
    ran([harness, "types", "--target", make_conninfo(**server.conninfo)], directory)
    return directory


@pytest.fixture(scope="module")
def database(server: Server, role: str) -> Iterator[dict[str, str]]:
    """The variables by which psycopg finds a database with the schema of the page, as the role."""
    name = "docs_repositories_database"
    with server.connect() as connection:
        connection.execute(f"create database {name}".encode())
    with server.connect(name) as connection:
        connection.execute(blocks("sql")[0].encode())
    found = {f"PG{key.upper()}": str(each) for key, each in {**server.conninfo, "database": name}.items()}
    yield {**found, "PGOPTIONS": f"{found.get('PGOPTIONS', '')} -c role={role}"}
    with server.connect() as connection:
        connection.execute(f"drop database {name} with (force)".encode())


def test_the_page_is_short() -> None:
    assert len([line for line in blocks("python")[0].splitlines() if line]) <= NONBLANK


def test_fastapi(shop: Path, database: dict[str, str]) -> None:
    (shop / "example.py").write_text(blocks("python")[0], encoding="utf-8")
    (shop / "run.py").write_text(PROGRAM, encoding="utf-8")
    environment = {"PYTHONPATH": os.fspath(shop), **database}
    said = ran([sys.executable, "-W", "error", "run.py"], shop, **environment)
    created, taken, cheap, paid, missing = json.loads(said)
    assert created[0] == 200, said
    assert (created[0], created[1]["status"], created[1]["total"]) == (200, "draft", "12.50"), said
    assert taken[0] == 409 and "orders_number" in taken[1]["error"]
    assert (cheap[0], [each["msg"] for each in cheap[1]["detail"]]) == (422, ["orders_total"])
    assert (paid[0], paid[1]) == (200, {**created[1], "status": "paid"})
    assert missing == [404, {"detail": "Not Found"}]


def test_the_other_examples_are_well_typed(shop: Path) -> None:
    (shop / "example.py").write_text("\n\n".join(blocks("python")), encoding="utf-8")
    (shop / "wrong.py").write_text(
        "from shop_app.shop_repository import OrdersRepository\n\n\n"
        "def gone(orders: OrdersRepository) -> None:\n    orders.delete(1)\n",
        encoding="utf-8",
    )
    mypy = Path(sys.executable).with_name("mypy")
    command = [str(mypy), "--strict", "--config-file", "", "example.py", "wrong.py", "shop_app"]
    done = subprocess.run(command, cwd=shop, capture_output=True, text=True, check=False)
    assert [line.split(": ", 1)[0] for line in done.stdout.splitlines() if ": error:" in line] == ["wrong.py:5"], (
        done.stdout
    )
    own = (shop / "shop_app" / "shop_repository.py").read_text(encoding="utf-8")
    methods = {name for name in re.findall(r"^    def (\w+)", own, re.MULTILINE) if not name.startswith("_")}
    named = set(re.findall(r"`(find\w*|create\w*|upsert\w*|update)`", page()))
    assert named <= methods, named - methods


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: table(), page()), encoding="utf-8")
