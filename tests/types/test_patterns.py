"""Patterns mean in Python what they mean to the server, or are refused with the reason."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.server.connection import Server
from harness.types.patterns import CannotState, Ranges, for_python, of_like, portable
from harness.types.queries import ServerCharacters

LETTERS = "abKk.-_ 1\n\u00e9\u0130\u212a\U0001f600]"
ATOMS = st.sampled_from(
    [
        *("a", "b", "K", "é", "1", r"\.", r"\-", r"\n", r"\u00e9", "."),
        *(r"\s", r"\S", r"\d", r"\D", "[a-c]", "[^a-c]", r"[\s_]", "[[:space:]1]", "[]a]", "[^]]", "[a.-]", "(a|b)"),
        *("(?:ab)", "(?=a)", "(?!a)", "{", "-", "]", "&", "}"),
    ]
)
QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "*?", "{2}", "{1,2}", "{0,}"])
PIECES = st.tuples(ATOMS, QUANTIFIERS).map(lambda pair: pair[0] if pair[0].startswith("(?") else "".join(pair))
STARTS, ENDS = st.sampled_from(["", "^", r"\A"]), st.sampled_from(["", "$", r"\Z"])
# A brace before a digit begins a quantifier of nothing, which PostgreSQL refuses: no CHECK has it.
NOTHING = re.compile(r"\{\d(?![,\d]*\})")
BODIES = st.lists(PIECES, min_size=1, max_size=4).map("".join).filter(lambda text: NOTHING.search(text) is None)
PATTERNS = st.tuples(STARTS, BODIES, ENDS).map("".join)
TEXTS = st.lists(st.text(st.sampled_from(LETTERS), max_size=5), min_size=5, max_size=10)


def _nothing(name: str) -> Ranges:
    return ((32, 32),)


@pytest.mark.parametrize("operator", ["~", "~*"])
def test_a_pattern_finds_what_the_server_finds(database: tuple[Server, str], operator: str) -> None:
    server, name = database
    with server.connect(name) as connection:
        characters = ServerCharacters(connection)

        @settings(max_examples=300, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(PATTERNS, TEXTS)
        def same(pattern: str, texts: list[str]) -> None:
            try:
                ours = portable(pattern, characters, ignoring_case=operator == "~*")
            except CannotState:
                return
            query = f"select text, text {operator} %s from unnest(%s::text[]) as t (text)"
            with connection.transaction(force_rollback=True):
                for text, found in connection.execute(query.encode(), [pattern, texts]):
                    assert bool(re.search(for_python(ours), text, re.DOTALL)) == found

        same()


def test_like_finds_what_the_server_finds(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection:

        @settings(max_examples=100, database=None, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.sampled_from(["%", "_", "a", ".", "\\%", "\\a", "é", "\n"]), max_size=5).map("".join), TEXTS)
        def same(pattern: str, texts: list[str]) -> None:
            query = "select text, text like %s from unnest(%s::text[]) as t (text)"
            for text, found in connection.execute(query, [pattern, texts]):
                assert bool(re.search(for_python(of_like(pattern)), text, re.DOTALL)) == found

        same()


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(a)\1", r"\1 in a pattern"),
        (r"\ma", r"\m in a pattern"),
        ("(?i)a", "options inside of the pattern"),
        ("(?<=a)b", "the pattern looks back, or has comments or options"),
        ("[[.a.]]", "a collating element in a pattern"),
        ("[a", "the pattern ends too early"),
        ("[[:none:]]", "the class none in a pattern"),
    ],
)
def test_what_other_languages_cannot_say(pattern: str, reason: str) -> None:
    def characters(name: str) -> Ranges:
        raise CannotState(f"the class {name} in a pattern")

    with pytest.raises(CannotState, match=re.escape(reason)):
        portable(pattern, characters, ignoring_case=False)


def test_letters_of_all_alphabets_are_too_many(database: tuple[Server, str]) -> None:
    server, name = database
    with server.connect(name) as connection, pytest.raises(CannotState, match="ranges in this database"):
        portable(r"\w", ServerCharacters(connection), ignoring_case=False)


@pytest.mark.parametrize(
    ("pattern", "ours"),
    [
        (r"^\S+$", r"^[^\x20]+$"),
        ("[a-z_]{1,3}", "[_a-z]{1,3}"),
        (r"a\.b", r"a\.b"),
        ("[.]", r"[\x2e]"),
        (r"\d?", r"[\x20]?"),
    ],
)
def test_how_it_is_written(pattern: str, ours: str) -> None:
    assert portable(pattern, _nothing, ignoring_case=False) == ours
