"""The imports of every module of ``harness/``: at the top, in functions, and for types alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from harness.catalog import graph as graph_of_keys

PACKAGE = Path(__file__).parents[1] / "harness"


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> Mapping[str, Path]:
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def trees() -> Mapping[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in modules().values()}


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(trees()[path]))


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """The modules that a module imports, and in which line."""
    for node in nodes(path):
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
    return [{*circle} for circle in graph_of_keys.circles(edges) if len(circle) > 1]


@cache
def outside() -> frozenset[str]:
    """The packages and modules that ARCHITECTURE.md leaves out of the core."""
    text = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    listed = text.split("Outside of the core: ")[1].split("\n\n")[0]
    return frozenset(f"harness.{name}" for name in re.findall(r"`([\w.]+)`", listed))


def core(module: str) -> bool:
    """Whether a module belongs to the core; the package itself and that of the verbs only name what there is."""
    parts = module.split(".")
    above = {".".join(parts[:length]) for length in range(2, len(parts) + 1)}
    return module not in ("harness", "harness.cli") and not above & outside()
