"""The code imports in the order that ARCHITECTURE.md says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "harness"

# Registered in the package's own __init__ for users; imported when first used.
FACADE = PACKAGE / "__init__.py"


def layers() -> list[str]:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("## The layers")[1].split("\n## ")[0]
    return re.findall(r"^\d+\. `(\w+)`", section, re.MULTILINE)


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """The layers that a module imports, wherever in it the import stands, and in which line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "harness":
            names = [f"harness.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        else:
            continue
        for name in names:
            if name.startswith("harness."):
                yield name.split(".")[1], node.lineno


def violations(order: list[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        if path == FACADE:
            continue
        own = layer_of(path)
        for other, line in imported(path):
            if other != own and other in order and order.index(other) > order.index(own):
                found.append(f"{path.relative_to(ROOT)}:{line}: {own} imports {other}, which stands below it")
    return found


def test_every_module_has_a_layer() -> None:
    found = {layer_of(path) for path in PACKAGE.rglob("*.py") if path != FACADE}
    assert sorted(found) == sorted(layers())


def test_imports_follow_the_layers() -> None:
    assert violations(layers(), sorted(PACKAGE.rglob("*.py"))) == []


def test_an_import_against_the_order_is_found() -> None:
    order = layers()
    turned = [*order[::-1]]
    assert violations(turned, sorted(PACKAGE.rglob("*.py"))) != []
    assert order.index("errors") < order.index("kinds") < order.index("cli")
