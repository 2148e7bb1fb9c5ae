"""The imports of every module of ``harness/``: at the top, in functions, and for types alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "harness"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> Mapping[str, Path]:
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """The modules that a module imports, and in which line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom) and node.module in modules():
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield below if below in modules() else str(node.module), node.lineno


@cache
def graph() -> Mapping[str, frozenset[str]]:
    return {name: frozenset(other for other, _ in imported(path)) - {name} for name, path in modules().items()}


def circles(edges: Mapping[str, frozenset[str]]) -> list[set[str]]:
    """The groups of modules that import one another, directly or by others."""
    reached = {name: _reached(name, edges) for name in edges}
    found: list[set[str]] = []
    for name in sorted(edges):
        circle = {name} | {other for other in reached[name] if name in reached.get(other, ())}
        if len(circle) > 1 and circle not in found:
            found.append(circle)
    return found


def _reached(start: str, edges: Mapping[str, frozenset[str]]) -> set[str]:
    found: set[str] = set()
    left = [start]
    while left:
        for other in edges[left.pop()] - found:
            found.add(other)
            left.append(other)
    return found


def core(path: Path) -> bool:
    """Whether a module belongs to the core."""
    return True
