"""Check files to checks: short forms, names, and what the files alone show to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.declarations import DeclaredCheck, read
from harness.errors import ProjectError
from harness.project.columns import DeclaredColumn
from harness.project.load import load
from harness.project.model import TableName

from .sample import KINDS, AcceptedValues, Class, NotNull, Predicate, Unique, checks_of, write

FILE = "checks/shop/orders.yml"


def refusal(root: Path, text: str | bytes) -> str:
    with pytest.raises(ProjectError) as caught:
        checks_of(root, text)
    return str(caught.value)


def listed(checks: tuple[DeclaredCheck, ...]) -> list[tuple[str, str]]:
    return [(check.name, str(check.place).removeprefix(f"{FILE}:")) for check in checks]


def test_a_file_of_a_table(tmp_path: Path) -> None:
    checks = checks_of(
        tmp_path,
        """\
table: shop.orders
description: What was bought.
tags: [core]
columns:
  id: {type: uuid, default: gen_random_uuid(), not_null: true}
  status: {type: text, accepted_values: [new, on], constraint: chk_status, class: public}
  amount:
    type: "numeric(10,2)"
    check: amount > 0
    generated: a + b
    description: in euros
  slug: {type: text, unique: true, not_null: false, constraint: uq_slug}
  note:
checks:
  - unique: [a, b]
    where: a > 0
    tags: [slow, core]
    description: one each
  - check: a
    name: by hand
""",
    )
    assert listed(checks) == [
        ("shop.orders.columns", "4:1"),
        ("shop.orders.not_null.id", "5:48"),
        ("shop.orders.accepted_values.chk_status", "6:24"),
        ("shop.orders.class.status", "6:76"),
        ("shop.orders.check.amount", "9:5"),
        ("shop.orders.unique.uq_slug", "12:22"),
        ("shop.orders.unique.a_b", "15:5"),
        ("by hand", "19:5"),
    ]
    columns, *rules = [check.rule for check in checks]
    assert rules == [
        NotNull("id"),
        AcceptedValues(("new", "on"), "status", "chk_status"),
        Class("public", "status"),
        Predicate("amount > 0", "amount"),
        Unique(("slug",), constraint="uq_slug"),
        Unique(("a", "b"), where="a > 0"),
        Predicate("a"),
    ]
    assert columns.columns[0] == DeclaredColumn(
        "id", columns.columns[0].place, type="uuid", not_null=True, default="gen_random_uuid()"
    )
    assert [(column.name, column.type, column.generated) for column in columns.columns[2:]] == [
        ("amount", "numeric(10,2)", "a + b"),
        ("slug", "text", None),
        ("note", None, None),
    ]
    assert checks[6].tags == ("core", "slow") and checks[6].description == "one each"
    assert checks[6].label == "unique a_b" and checks[0].label == "columns"
    assert {(check.module, check.table) for check in checks} == {("shop", TableName("shop", "orders"))}
    assert len(set(checks)) == len(checks)


def test_a_short_form_with_further_keys(tmp_path: Path) -> None:
    text = "table: a.b\ncolumns:\n  c: {unique: {nulls: not distinct, constraint: d, name: e, tags: f}}\n"
    _, check = checks_of(tmp_path, text)
    assert check.rule == Unique(("c",), nulls="not distinct", constraint="d")
    assert (check.name, check.tags) == ("e", ("f",))


def test_a_file_of_a_module_and_one_of_two_tables(tmp_path: Path) -> None:
    text = "module: shop\nchecks:\n  - rollback: all\n---\ntable: auth.a\nchecks:\n  - unique: x\n---\ntable: auth.b\n"
    checks = checks_of(tmp_path, text)
    assert listed(checks) == [("shop.rollback.all", "3:5"), ("auth.a.unique.x", "7:5")]
    assert checks[0].table is None and checks[1].module == "shop"


def test_the_order_is_that_of_modules_and_files(tmp_path: Path) -> None:
    files = {
        "project.yml": "name: demo\nmodules: {late: {depends_on: early}, early: {}}\n",
        "checks/late/a.yml": "table: l.a\nchecks: [{unique: x}]\n",
        "checks/early/b.yml": "table: e.b\nchecks: [{unique: x}]\n",
        "checks/early/a/z.yml": "table: e.a\nchecks: [{unique: x}]\n",
    }
    checks = read(load(write(tmp_path, files)), KINDS)
    assert [str(check.table) for check in checks] == ["e.a", "e.b", "l.a"]


def test_an_unknown_kind_as_the_page_has_it(tmp_path: Path) -> None:
    text = "table: shop.orders\nchecks:\n  - not_null: id\n  - uniqe: [id]\n"
    assert refusal(tmp_path, text) == (
        f"{FILE}:4:5: unknown kind 'uniqe'; did you mean 'unique'?\n"
        "hint: kinds: accepted_values, check, class, not_null, privileges, unique"
    )


KINDS_HINT = "\nhint: kinds: accepted_values, check, class, not_null, privileges, unique"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the file is empty"),
        (b"table: a.b\n# \xe9\n", "2:3: not UTF-8: byte 0xe9\nhint: save the file as UTF-8"),
        ("table: a.b\nchecks:\n\t- unique: a\n", "3:1: a tab; YAML indents with spaces"),
        ("table: a.b\ntable: a.c\n", "2:1: key 'table' is given twice, first in line 1"),
        ("- a\n", "1:1: expected a mapping, found a list"),
        ("checks: []\n", "1:1: a check file says 'table: schema.table' or 'module: name', this one says neither"),
        (
            "table: a.b\nmodule: a\n",
            "1:1: a check file says 'table: schema.table' or 'module: name', this one says both",
        ),
        ("table: orders\n", "1:8: expected schema.table, found 'orders'\nhint: with its schema: shop.orders"),
        (
            "table: a.b\ncheck: []\n",
            "2:1: unknown key 'check' in 'table file'; did you mean 'checks'?\n"
            "hint: keys: checks, columns, description, known, reference, table, tags, undeclared",
        ),
        (
            "module: shop\ncolumns: {}\n",
            "2:1: unknown key 'columns' in 'module file'\nhint: keys: checks, description, module, tags",
        ),
        ("module: shpo\n", "1:9: module 'shpo' in the folder of module 'shop'"),
        ("table: a.b\nchecks:\n  unique: a\n", "3:3: expected a list of checks, found a mapping"),
        ("table: a.b\nchecks:\n  - unique\n", "3:5: expected a check, which begins with its kind, found 'unique'"),
        ("table: a.b\nchecks:\n  - {}\n", "3:5: expected a check, which begins with its kind, found a mapping"),
        (
            "table: a.b\nchecks:\n  - constraint: c\n    unique: a\n",
            "3:5: a check begins with its kind, not with 'constraint'" + KINDS_HINT,
        ),
        ("table: a.b\nchecks:\n  - rollback: all\n", "3:5: 'rollback' is no check of a table" + KINDS_HINT),
        ("table: a.b\nchecks:\n  - columns: {}\n", "3:5: 'columns' is no check of a table" + KINDS_HINT),
        (
            "module: shop\nchecks:\n  - unique: a\n",
            "3:5: 'unique' is no check of a module\nhint: kinds: privileges, rollback",
        ),
        (
            "table: a.b\nchecks:\n  - unique: a\n    nuls: distinct\n",
            "4:5: unknown key 'nuls' in 'unique'; did you mean 'nulls'?\n"
            "hint: keys: constraint, description, name, nulls, tags, unique, where",
        ),
        ("table: a.b\nchecks:\n  - accepted_values: [a]\n", "3:5: 'accepted_values' needs the key 'column': a name"),
        (
            "table: a.b\nchecks:\n  - check: a >\n",
            "3:15: not a predicate: the expression ends too early\n    a >\n       ^",
        ),
        (
            "table: a.b\ncolumns:\n  c: {typ: text}\n",
            "3:7: unknown key 'typ' in 'column'; did you mean 'type'?\n"
            "hint: keys: accepted_values, check, class, constraint, default, description, generated, identity, "
            "not_null, shape, type, unique",
        ),
        ("table: a.b\ncolumns:\n  c: text\n", "3:6: expected a mapping such as {type: text}, found 'text'"),
        ("table: a.b\ncolumns:\n  c: {not_null: yes}\n", "3:17: expected true or false, found 'yes'"),
        (
            "table: a.b\ncolumns:\n  c: {unique: [a]}\n",
            "3:15: expected true, or a mapping of further keys, found a list",
        ),
        (
            "table: a.b\ncolumns:\n  c: {constraint: d}\n",
            "3:7: 'constraint' belongs to unique or accepted_values or check, which this column lacks",
        ),
        (
            "table: a.b\ncolumns:\n  c: {unique: true, check: c > 0, constraint: d}\n",
            "3:35: 'constraint' could belong to unique or check\nhint: write all but one of them under 'checks'",
        ),
        (
            "table: a.b\ncolumns:\n  c: {unique: {constraint: e}, constraint: d}\n",
            "3:32: 'constraint' is given twice, beside 'unique' and in it",
        ),
        (
            "table: a.b\ncolumns:\n  c: {unique: {column: e}}\n",
            "3:16: unknown key 'column' in 'unique'\nhint: keys: constraint, description, name, nulls, tags, where",
        ),
        (
            "table: a.b\ncolumns:\n  c: {type: numeric(10,2)}\n",
            "3:13: in flow style a comma ends a value, so 'numeric(10,2)' falls apart\n"
            'hint: quote it: {type: "numeric(10,2)"}',
        ),
        (
            "table: a.b\nchecks:\n  - check: meta #>> '{a,b}' is not null\n",
            "3:12: '#' after a space begins a comment, so the value is only 'meta'\n"
            "hint: quote the value: check: \"meta #>> '{a,b}' is not null\", or write the comment as '# …'",
        ),
        (
            "table: a.b\ncolumns:\n  c: {not_null: true}\nchecks:\n  - not_null: c\n",
            f"5:5: a second check of the name 'a.b.not_null.c', the first is {FILE}:3:7\n"
            "hint: remove one of them, or give one a name of its own with the key 'name'",
        ),
    ],
)
def test_a_bad_file(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path, text) == f"{FILE}:{message}"


def test_two_checks_of_a_name_in_two_files(tmp_path: Path) -> None:
    text = "table: a.b\nchecks: [{unique: x, name: same}]\n"
    root = write(tmp_path, {"checks/shop/1.yml": text, "checks/shop/2.yml": text})
    with pytest.raises(ProjectError) as caught:
        read(load(root), KINDS)
    assert str(caught.value).splitlines()[0] == (
        "checks/shop/2.yml:2:11: a second check of the name 'same', the first is checks/shop/1.yml:2:11"
    )
