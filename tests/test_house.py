"""What makes a code base hard to live in, counted over ``harness/``: none of it may grow.

``python -m tests.test_house`` prints the counts, and with ``-v`` what each of them is made of.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.imports import PACKAGE, circles, core, graph, module_name, nodes, trees

Definition = ast.FunctionDef | ast.AsyncFunctionDef

LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "class names used twice": 0,
        "import circles": 0,
        "modules of more than 300 lines": 0,
        "functions of more than 40 lines": 0,
        "docstrings that begin with a riddle": 0,
        "boolean parameters": 33,
        "boolean parameters by position": 0,
        "statements": 35_150,
        "lines of SQL and data": 1_800,
    }
)
"""The most that each of them may be. A change that needs more lowers another one, or has a better idea."""

RIDDLE = re.compile(r"(What|Those|Which|How|Where|Of|Who)\b")


def place(path: Path, node: ast.AST | None = None) -> str:
    return f"{path.relative_to(PACKAGE.parent)}:{getattr(node, 'lineno', 1)}"


def types(tree: ast.Module) -> Iterator[ast.stmt]:
    """Classes and aliases of types at the top level of a module, each with its name as ``name`` or first target."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) or (isinstance(node, ast.Assign) and _alias(node)):
            yield node


def _alias(node: ast.Assign) -> bool:
    target = node.targets[0]
    return isinstance(target, ast.Name) and bool(re.fullmatch(r"_?[A-Z]\w*[a-z]\w*", target.id))


def names_used_twice() -> Iterator[str]:
    where = defaultdict(list)
    for path, tree in trees().items():
        for node in types(tree):
            name = node.name if isinstance(node, ast.ClassDef) else ast.unparse(node.targets[0])  # type: ignore[attr-defined]
            where[name.lstrip("_")].append(place(path, node))
    yield from (f"{name}: {', '.join(places)}" for name, places in sorted(where.items()) if len(places) > 1)


def import_circles() -> Iterator[str]:
    yield from (" and ".join(sorted(circle)) for circle in circles(graph()))


def long_modules() -> Iterator[str]:
    for path in trees():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > 300:
            yield f"{place(path)}: {lines} lines"


def functions() -> Iterator[tuple[Path, Definition]]:
    for path in trees():
        yield from ((path, node) for node in nodes(path) if isinstance(node, Definition))


def long_functions() -> Iterator[str]:
    for path, node in functions():
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > 40:
            yield f"{place(path, node)}: {node.name} has {lines} lines"


def riddles() -> Iterator[str]:
    """Docstrings of modules, classes, functions and attributes."""
    for path in trees():
        for node in nodes(path):
            if isinstance(node, ast.Expr) and _is_text(node) and RIDDLE.match(text := ast.literal_eval(node.value)):
                yield f"{place(path, node)}: {text.splitlines()[0]}"


def booleans(*, by_position: bool) -> Iterator[str]:
    for path, node in functions():
        given = node.args
        positional = given.posonlyargs + given.args
        for each in positional if by_position else positional + given.kwonlyargs:
            if each.annotation is not None and re.fullmatch(r"bool( \| None)?", ast.unparse(each.annotation)):
                yield f"{place(path, each)}: {node.name}({each.arg})"


def statements() -> Iterator[str]:
    """Each statement that is no docstring, of whatever it is one."""
    for path in trees():
        for node in nodes(path):
            if isinstance(node, ast.stmt) and not _is_text(node):
                yield place(path, node)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def data() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            yield from (f"{place(path)}" for _ in path.read_text(encoding="utf-8").splitlines())


@cache
def counted() -> Mapping[str, list[str]]:
    return {
        "class names used twice": [*names_used_twice()],
        "import circles": [*import_circles()],
        "modules of more than 300 lines": [*long_modules()],
        "functions of more than 40 lines": [*long_functions()],
        "docstrings that begin with a riddle": [*riddles()],
        "boolean parameters": [*booleans(by_position=False)],
        "boolean parameters by position": [*booleans(by_position=True)],
        "statements": [*statements()],
        "lines of SQL and data": [*data()],
    }


def core_share() -> float:
    """The part of all statements that the core has."""
    names = [module_name(PACKAGE.parent / each.split(":")[0]) for each in counted()["statements"]]
    return sum(map(core, names)) / len(names)


@pytest.mark.parametrize("what", LIMITS)
def test_the_house_does_not_grow(what: str) -> None:
    found = counted()[what]
    listed = "\n".join(found[:40] if len(found) < 1000 else [])
    assert len(found) <= LIMITS[what], f"{len(found)} {what}, and {LIMITS[what]} at most:\n{listed}"


def main() -> None:
    for what, found in counted().items():
        print(f"{len(found):6,} {what}, {LIMITS[what]:,} at most")
        if "-v" in sys.argv and len(found) < 1000:
            print(*(f"         {each}" for each in found), sep="\n")
    print(f"{core_share():6.1%} of the statements are the core's")


if __name__ == "__main__":
    main()
