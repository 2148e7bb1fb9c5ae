"""SQL that is nested without end: refused in words, wherever it is read, and it ends no process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import postgast
import pytest

from harness import grammar
from harness.errors import MigrationError
from harness.project import sql, sqlfile
from tests.lint.linted import lint

PATH = Path("schema/app/001_x.up.sql")


@pytest.mark.parametrize("levels", [50, 600, 3000, 25_000])
@pytest.mark.parametrize(
    "nested",
    [
        lambda n: "1 + " * n + "1",
        lambda n: "not " * n + "true",
        lambda n: "f(" * n + ")" * n,
        lambda n: "array[" * n + "1" + "]" * n,
        lambda n: "(case when a then " * n + "1" + " end)" * n,
        lambda n: "f(1, 2) || " * n + "'a'",
    ],
    ids=["chain", "prefix", "calls", "arrays", "case", "commas"],
)
def test_a_deep_expression(nested: Callable[[int], str], levels: int) -> None:
    text = nested(levels)
    with pytest.raises(sql.SqlError, match=r"^nested too deeply to be read$"):
        sql.predicate(text)
    with pytest.raises(grammar.TooDeep):
        grammar.parse(f"select {text}")


@pytest.mark.parametrize("levels", [600, 30_000])
def test_a_deep_statement_is_named(levels: int) -> None:
    with pytest.raises(MigrationError) as caught:
        sqlfile.migration_statements(PATH, f"select 1;\n-- why\n  select {'1+' * levels}1;\nselect 2;")
    assert str(caught.value).startswith(
        f"{PATH}:3:3: an expression in this statement is nested too deeply to be read\n    3 |   select 1+1+"
    )
    assert "\nhint: each operator of a chain" in str(caught.value)


@pytest.mark.parametrize("beside", ["drop copy x;", ""])
def test_a_deep_statement_beside_one_that_is_no_sql(beside: str) -> None:
    with pytest.raises(MigrationError, match="nested too deeply"):
        sqlfile.migration_statements(PATH, f"{beside}\nselect {'not ' * 30_000} true;\n{beside}")


@pytest.mark.parametrize(
    "text",
    [
        "select " + "(" * 3000 + "1" + ")" * 3000,
        "select " + " and ".join(["a = 1"] * 4000),
        "insert into t values " + ", ".join(["(1, -2, (3), array[4])"] * 30_000),
        "select 1; " * 30_000,
        "create function f() returns void language sql as $$ " + "select 1 + 1 " * 30_000 + "$$",
    ],
    ids=["parentheses", "and", "rows", "statements", "body"],
)
def test_what_is_only_long_is_read(text: str) -> None:
    assert len(grammar.parse(text)) == len(postgast.parse(text).stmts)


def test_the_house_rules_pass_it_by(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "001_a.up.sql").write_text(f"SELECT {'1 + ' * 60}1;\n")
    (tmp_path / ".sqlfluff").write_text("[sqlfluff]\ndialect = postgres\ntemplater = raw\nrules = Harness_HS01, CP01\n")
    assert lint(tmp_path) == []
