"""The code imports in the order that ARCHITECTURE.md says, and no modules import one another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.imports import PACKAGE, circles, core, graph, imported, modules, outside

ROOT = Path(__file__).parents[1]

FACADE = "harness"
"""Registered in the package's own __init__ for users; imported when first used."""


def layers() -> list[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("## The layers")[1].split("\n## ")[0]
    return re.findall(r"^\d+\. `(\w+)`", section, re.MULTILINE)


def layer_of(module: str) -> str:
    return module.split(".")[1]


def violations(order: Sequence[str]) -> list[str]:
    found = []
    for module, path in modules().items():
        if module == FACADE:
            continue
        own = layer_of(module)
        for other, line in imported(path):
            if other != FACADE and order.index(layer_of(other)) > order.index(own):
                found.append(f"{path.relative_to(ROOT)}:{line}: {own} imports {other}, which stands below it")
    return found


def test_every_module_has_a_layer() -> None:
    assert sorted({layer_of(module) for module in modules() if module != FACADE}) == sorted(layers())


def test_imports_follow_the_layers() -> None:
    assert violations(layers()) == []


def test_an_import_against_the_order_is_found() -> None:
    order = layers()
    assert violations(order[::-1]) != []
    assert order.index("errors") < order.index("kinds") < order.index("cli")


def test_the_core_imports_nothing_of_the_rest() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{line} imports {other}"
        for module, path in modules().items()
        if core(module)
        for other, line in imported(path)
        if not core(other) and other != FACADE
    ] == []


def test_what_is_outside_of_the_core_is_there() -> None:
    assert {*outside()} <= {*modules()}
    assert core("harness.kinds.check") and not core("harness.bulk") and not core("harness.bulk.load")


def test_circles_are_found() -> None:
    edges = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert circles({name: frozenset(others) for name, others in edges.items()}) == [{"b", "c"}]


def test_each_package_says_what_it_is_for() -> None:
    for path in sorted(PACKAGE.glob("*/__init__.py")):
        assert path.read_text(encoding="utf-8").startswith('"""'), path


def test_every_import_is_seen() -> None:
    """At the top, in functions, for types; of modules and of names in them."""
    assert "harness.server.connection" in graph()["harness.scratch.workspaces"]
    assert "harness.kinds.check" in graph()["harness.kinds"]
