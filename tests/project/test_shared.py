"""Checks that stand once in ``project.yml`` and are used by many tables."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from harness.declarations import DeclaredCheck, read
from harness.errors import ProjectError
from harness.project.json_schema import checks_schema, project_schema
from harness.project.load import load
from harness.selection import select

from .sample import KINDS, write
from .test_json_schema import value

FILE = "checks/shop/orders.yml"


def project(root: Path, shared: str, *files: str) -> tuple[DeclaredCheck, ...]:
    """The checks of a project with these shared checks and files of tables."""
    texts = {"project.yml": f"name: demo\nmodules: [shop]\nshared:\n{shared}"}
    texts |= {f"checks/shop/{name}.yml": text for name, text in zip(("orders", "lines"), files, strict=False)}
    return read(load(write(root, {**texts})), KINDS)


def table(checks: str, name: str = "orders") -> str:
    return f"table: shop.{name}\nchecks:\n{checks}"


def refusal(root: Path, shared: str, *files: str) -> str:
    with pytest.raises(ProjectError) as caught:
        project(root, shared, *files)
    return str(caught.value)


TENANT = """\
  tenant_rows:
    parameters: {owner: , key: [id]}
    checks:
      - check: $owner is not null and $new > 0 and '$$owner$$' <> ''
        name: ${table_name} has its ${owner}
      - unique: $key
        constraint: uq_$table_name
"""


def test_each_table_has_its_own(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        TENANT,
        table("  - unique: x\n  - use: tenant_rows\n    with: {owner: tenant_id, key: [a, b]}\n"),
        table("  - {use: tenant_rows, with: {owner: firm}}\n", "lines"),
    )
    assert [(each.name, str(each.place), str(each.shared)) for each in found] == [
        ("lines has its firm", "checks/shop/lines.yml:3:6", "project.yml:7:9"),
        ("shop.lines.unique.uq_lines", "checks/shop/lines.yml:3:6", "project.yml:9:9"),
        ("shop.orders.unique.x", f"{FILE}:3:5", "None"),
        ("orders has its tenant_id", f"{FILE}:4:5", "project.yml:7:9"),
        ("shop.orders.unique.uq_orders", f"{FILE}:4:5", "project.yml:9:9"),
    ]
    assert found[3].rule.check == "tenant_id is not null and $new > 0 and '$$owner$$' <> ''"
    assert [each.rule.unique for each in found if each.kind == "unique"] == [("id",), ("x",), ("a", "b")]
    assert {each.name for each in select(found, [f"path:{FILE}"])} == {each.name for each in found[2:]}


def test_a_value_is_read_by_the_type_of_its_place(tmp_path: Path) -> None:
    checks = "[{privileges: {$who: $may}}, {$what: [on, 007]}]"
    shared = f"  s: {{parameters: [what, who, may], checks: {checks}}}\n"
    use = "  - use: s\n    with: {what: unique, who: anon, may: [select, insert]}\n"
    rights, unique = project(tmp_path, shared, table(use))
    assert dict(rights.rule.privileges) == {"anon": ("select", "insert")}
    assert unique.rule.unique == ("on", "007")


def test_names_are_quoted_where_sql_has_to(tmp_path: Path) -> None:
    shared = "  s:\n    checks:\n      - check: exists (select from $table) and $schema.f(id)\n"
    file = 'table: shop."Order lines"\nchecks:\n  - use: s\n'
    assert project(tmp_path, shared, file)[0].rule.check == 'exists (select from shop."Order lines") and shop.f(id)'


def test_shared_checks_use_others(tmp_path: Path) -> None:
    checks = "[{use: tenant_rows, with: {owner: $o}}, {unique: $o}]"
    shared = f"{TENANT}  all: {{parameters: [o], checks: {checks}}}\n"
    found = project(tmp_path, shared, table("  - use: all\n    with: {o: firm}\n"))
    assert [each.subject for each in found] == [
        "firm is not null and $new > 0 and '$$owner$$' <> ''",
        "uq_orders",
        "firm",
    ]
    assert {str(each.place) for each in found} == {f"{FILE}:3:5"}


def test_a_module_uses_what_needs_no_table(tmp_path: Path) -> None:
    shared = (
        "  s:\n    checks:\n      - privileges: {$schema: all}\n  t:\n    checks:\n      - privileges: {$table: all}\n"
    )
    assert dict(project(tmp_path, shared, "module: shop\nchecks:\n  - use: s\n")[0].rule.privileges) == {"shop": "all"}
    assert "$table in the checks of a module" in refusal(tmp_path, shared, "module: shop\nchecks:\n  - use: t\n")


USE = "  - use: tenant_rows\n    with: {owner: a}\n"


@pytest.mark.parametrize(
    ("shared", "checks", "said"),
    [
        (TENANT, "  - use: tenant_row\n", f"{FILE}:3:10: no shared checks 'tenant_row'; did you mean 'tenant_rows'?"),
        (TENANT, "  - use: tenant_rows\n", f"{FILE}:3:5: 'tenant_rows' needs the parameter 'owner'\nhint: write with:"),
        (
            TENANT,
            USE.replace("owner", "owned"),
            f"{FILE}:4:12: unknown parameter 'owned' in 'with of tenant_rows'; did",
        ),
        (TENANT, USE + "    tags: x\n", f"{FILE}:5:5: unknown key 'tags' in 'use'"),
        (TENANT, "  - uses: tenant_rows\n", "unknown kind 'uses'; did you mean 'use'?"),
        (TENANT, "  - with: {owner: a}\n    use: tenant_rows\n", "'with' comes behind 'use'"),
        (
            TENANT,
            "  - use: tenant_rows\n    with: {owner: 'a b'}\n",
            "project.yml:7:16: not a predicate: syntax error at or near \"b\" (shared checks 'tenant_rows', used in"
            f" {FILE}:3:5)",
        ),
        (
            TENANT.replace("constraint", "constrant"),
            USE,
            "project.yml:10:9: unknown key 'constrant' in 'unique'; did you mean 'constraint'? (shared checks"
            f" 'tenant_rows', used in {FILE}:3:5)",
        ),
        (TENANT, USE.replace("a}", "[a, b]}"), "project.yml:7:16: a list for $owner, which stands within a text"),
        (
            TENANT,
            USE + USE.replace("owner: a", "owner: b"),
            "a second check of the name 'shop.orders.unique.uq_orders'",
        ),
        ("  s: {checks: [{use: t}]}\n  t: {checks: [{use: s}]}\n", "  - use: s\n", "in a circle: s -> t -> s"),
        ("  s: {parameters: [old], checks: []}\n", "", "project.yml:4:20: the parameter 'old' means something already"),
        ("  s: {parameters: [a], checks: []}\n", "", "project.yml:4:3: the parameter 'a' of 's' stands nowhere"),
        ("  s: {checks: [{unique: '${ownr}'}]}\n", "", "project.yml:4:25: ${ownr} is no parameter of 's'"),
        ("  s: {check: []}\n", "", "unknown key 'check' in \"shared checks 's'\"; did you mean 'checks'?"),
        ("  s: {parameters: [a]}\n", "", "shared checks 's' need the key 'checks'"),
        ("  s: [a]\n", "", "project.yml:4:6: expected a mapping with 'checks', found a list"),
        (
            "  s: {parameters: [k], checks: [{privileges: {$k: all, a: all}}]}\n",
            "  - {use: s, with: {k: a}}\n",
            "key 'a'",
        ),
    ],
)
def test_what_the_files_show_to_be_wrong(shared: str, checks: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path, shared, table(checks or "  []"))


def test_without_any_shared_checks(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"no shared checks 's'\nhint: write them under 'shared' of project\.yml"):
        read(load(write(tmp_path, {FILE: table("  - use: s\n")})), KINDS)


def test_an_editor_knows_them() -> None:
    jsonschema.validate(value(f"name: demo\nmodules: [shop]\nshared:\n{TENANT}"), project_schema())
    jsonschema.validate(value(table("  - use: s\n    with: {a: [b], c: d}\n")), checks_schema(KINDS))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value(table("  - use: s\n    given: {a: b}\n")), checks_schema(KINDS))
