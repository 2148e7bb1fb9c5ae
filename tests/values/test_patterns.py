"""Texts that match PostgreSQL's patterns: the server is asked whether they do."""

from __future__ import annotations

import pytest

from harness.probes.statement import literal
from harness.project import sql
from harness.project.sql import Pattern
from harness.server.connection import Server
from harness.values.patterns import matching

EXPRESSIONS = (
    "a ~ '^[0-9]{11}$'",
    "a ~ '^[[:alpha:]][[:alnum:]_]*$'",
    r"a ~ '^\d{4}-\d{2}$'",
    "a ~* '^[a-z0-9._%+-]+@[a-z0-9.-]+[.][a-z]{2,}$'",
    r"a ~ '\mfoo\M'",
    "a like 'x%_'",
    r"a like '100\%%'",
    "a ilike '%Ab%'",
    "a similar to '(a|b)+%'",
    "a ~ '^(draft|final)$' and length(a) > 4",
    r"a ~ '^\^[\]^]$'",
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_drawn_texts_match(expression: str, database: tuple[Server, str]) -> None:
    server, name = database
    found = [text for pattern in sql.patterns(expression) for text in matching(pattern)]
    assert found
    rows = ", ".join(f"({literal(text)})" for text in found)
    with server.connect(name) as connection:
        kept = connection.execute(f"select from (values {rows}) as t (a) where {expression}".encode())
        assert kept.rowcount > 0


def test_a_pattern_that_python_cannot_read_yields_nothing() -> None:
    assert matching(Pattern("(unbalanced", "regex")) == ()


def test_the_patterns_of_an_expression() -> None:
    assert sql.patterns("a !~ 'x' or b ~~* 'y%' or c = 'z' or regexp_like(d, '^w')") == (
        Pattern("x", "regex"),
        Pattern("y%", "like", True),
        Pattern("^w", "regex"),
    )
