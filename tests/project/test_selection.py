"""dbt's grammar of selection."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.declarations import DeclaredCheck
from harness.errors import Place, ProjectError
from harness.project.model import TableName
from harness.selection import select

from .sample import NotNull, Rollback, Unique


def check(module: str, table: str, rule: object, kind: str, name: str, tags: tuple[str, ...] = ()) -> DeclaredCheck:
    place = Place(Path(f"checks/{module}/{table}.yml"), 1, 1)
    return DeclaredCheck(name, kind, module, TableName(module, table), rule, place, tags=tags)


CHECKS = (
    check("shop", "orders", Unique(("a",)), "unique", "u-orders", ("core",)),
    check("shop", "orders", NotNull("a"), "not_null", "n-orders"),
    check("shop", "items", NotNull("a"), "not_null", "n-items", ("core", "slow")),
    check("auth", "users", NotNull("a"), "not_null", "n-users"),
    check("auth", "users", NotNull("b"), "not_null", "users see their own"),
    DeclaredCheck("r", "rollback", "auth", None, Rollback("all"), Place(Path("checks/auth/_module.yml"), 1, 1)),
)
ALL = ["u-orders", "n-orders", "n-items", "n-users", "users see their own", "r"]


@pytest.mark.parametrize(
    ("selectors", "exclude", "names"),
    [
        ([], [], ALL),
        (["shop"], [], ALL[:3]),
        (["auth"], [], ALL[3:]),
        (["orders"], [], ALL[:2]),
        (["shop.orders"], [], ALL[:2]),
        (["shop.*"], [], ALL[:3]),
        (["n-items"], [], ["n-items"]),
        (["name:n-*"], [], ["n-orders", "n-items", "n-users"]),
        (["users see their own"], [], ["users see their own"]),
        (["orders users"], [], [*ALL[:2], *ALL[3:5]]),
        (["users", "orders"], [], [*ALL[:2], *ALL[3:5]]),
        (["kind:not_null,shop"], [], ["n-orders", "n-items"]),
        (["kind:not_null,shop", "r"], [], ["n-orders", "n-items", "r"]),
        (["tag:core"], [], ["u-orders", "n-items"]),
        (["tag:core,tag:slow"], [], ["n-items"]),
        (["path:checks/auth"], [], ALL[3:]),
        (["path:checks/auth/"], [], ALL[3:]),
        (["path:checks/auth/users.yml"], [], ALL[3:5]),
        (["path:checks/*/users.yml"], [], ALL[3:5]),
        (["shop"], ["kind:not_null"], ["u-orders"]),
        ([], ["shop", "r"], ALL[3:5]),
    ],
)
def test_select(selectors: list[str], exclude: list[str], names: list[str]) -> None:
    assert [check.name for check in select(CHECKS, selectors, exclude)] == names


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("shpo", "nothing matches 'shpo'; did you mean 'shop'?"),
        ("kind:uniqe", "nothing matches 'kind:uniqe'; did you mean 'unique'?"),
        ("tag:cor,shop", "nothing matches 'tag:cor'; did you mean 'core'?"),
        ("shop.order", "nothing matches 'shop.order'; did you mean 'shop.orders'?"),
        ("zzz", "nothing matches 'zzz'\nhint: modules: auth, shop"),
        ("unique", "nothing matches 'unique'; did you mean 'kind:unique'?"),
        ("ord", "nothing matches 'ord'\nhint: 2 of the checks have it in their names: --select '*ord*'"),
        ("tag:zzz", "nothing matches 'tag:zzz'\nhint: tags: core, slow"),
        (
            "kind:unique,auth",
            "nothing matches 'kind:unique,auth'\nhint: 'kind:', 'path:', 'tag:' and 'name:' select as well",
        ),
        (
            "knd:unique",
            "'knd:unique' selects by 'knd', which is not known; did you mean 'kind'?\n"
            "hint: select by kind:, path:, tag:, name: or by a module, a table or a check",
        ),
    ],
)
def test_what_matches_nothing(selector: str, message: str) -> None:
    ways: list[tuple[list[str], list[str]]] = [([selector], []), ([], [selector])]
    for selectors, exclude in ways:
        with pytest.raises(ProjectError) as caught:
            select(CHECKS, selectors, exclude)
        assert str(caught.value) == message
