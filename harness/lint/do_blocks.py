"""The statements of a file together with those that its DO blocks run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from harness.lint.statements import statements

_MAYBE_RELEVANT = re.compile(r"\b(?:table|column|schema|search_path)\b", re.IGNORECASE)


@lru_cache(maxsize=256)
def all_statements(text: str) -> tuple[tuple[Any, int | None], ...]:
    """The parse tree of each statement and the byte at which it begins, None in a DO block."""
    return tuple(found for each in statements(text) for found in _with_blocks(each.tree, each.start))


def _with_blocks(tree: Any, start: int | None) -> Iterator[tuple[Any, int | None]]:
    if tree.HasField("do_stmt"):
        for query in _queries(tree.do_stmt):
            for inner in statements(query):
                yield from _with_blocks(inner.tree, None)
    else:
        yield tree, start


def _queries(block: Any) -> Iterator[str]:
    """The statements that a DO block writes out; each of them is taken to run."""
    import postgast

    options = {each.def_elem.defname: each.def_elem.arg.string.sval for each in block.args}
    body = options.get("as", "")
    if options.get("language", "plpgsql") != "plpgsql" or not _MAYBE_RELEVANT.search(body):
        return
    quote = "$body_of_do$"
    try:
        parsed = postgast.parse_plpgsql(f"create function f() returns void language plpgsql as {quote}{body}{quote}")
    except (postgast.PgQueryError, RecursionError):
        return
    yield from _executed(parsed)


def _executed(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _executed(each)
    elif isinstance(node, dict):
        for kind, each in node.items():
            if kind == "PLpgSQL_stmt_execsql":
                yield each["sqlstmt"]["PLpgSQL_expr"]["query"]
            else:
                yield from _executed(each)
