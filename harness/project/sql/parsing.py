"""One expression, query or statement, and the variables in it.

Refuses what is not exactly one of them, and text that would leave the parentheses put around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from harness import grammar
from harness.grammar import SqlError, Token, enum_name

KEPT = 2**14
"""Expressions that are remembered: a schema of a thousand tables has some thousands."""
_CALLS, _SIGNS = frozenset("()'\""), frozenset("|:<>=+*/")

_tokens = lru_cache(maxsize=KEPT)(grammar.tokens)


def predicate(text: str) -> str:
    """The text, if it is one SQL expression."""
    expression(text)
    return text


@lru_cache(maxsize=KEPT)
def expression(text: str) -> Any:
    """The parse tree (postgast's, not to be changed) of one expression."""
    tokens = _tokens(text)
    if not tokens:
        raise SqlError("an empty expression")
    _refuse_unbalanced(tokens)
    prefix = "select (\n"
    try:
        parsed = grammar.parse(f"{prefix}{_with_parameters(text)}\n)")
    except SqlError as error:
        offset = None if error.offset is None else max(error.offset - len(prefix), 0)
        if offset is not None and offset > len(text):
            raise SqlError("the expression ends too early", len(text)) from None
        raise SqlError(error.message, offset) from None
    value = parsed[0].stmt.select_stmt.target_list[0].res_target.val
    if value.HasField("row_expr") and enum_name(value.row_expr, "row_format") != "COERCE_EXPLICIT_CALL":
        raise SqlError("several expressions where one belongs")
    if value.HasField("sub_link") and tokens[0].text.lower() in ("select", "with", "values", "table"):
        raise SqlError("a query where an expression belongs", tokens[0].start)
    return value


@lru_cache(maxsize=KEPT)
def is_name(text: str) -> bool:
    """Whether an element of a key is the name of a column.

    A name hardly ever has a sign that makes an expression of it; one that has is written between SQL's double quotes.
    """
    if _CALLS & {*text} or not _SIGNS & {*text}:
        return not _CALLS & {*text}
    try:
        expression(text)
    except SqlError:
        return True
    return False


def element(text: str) -> str:
    """The text, if it is the name of a column or an expression."""
    return text if is_name(text) else predicate(text)


def query(text: str) -> str:
    """The text without a closing semicolon, if it is one SELECT."""
    select = _only_statement(text, "query", "one SELECT belongs")
    if not select.HasField("select_stmt") or select.select_stmt.HasField("into_clause"):
        raise SqlError("not a SELECT", _tokens(text)[0].start)
    return _without_semicolon(text)


def statement(text: str) -> str:
    """The text without a closing semicolon, if it is one statement of any kind."""
    _only_statement(text, "statement", "one belongs")
    return _without_semicolon(text)


@lru_cache(maxsize=KEPT)
def statement_tree(text: str) -> Any:
    """The parse tree (postgast's, not to be changed) of the first statement of a text."""
    return grammar.parse(_with_parameters(text))[0].stmt


def variables(text: str) -> tuple[str, ...]:
    """The names of the variables, each once, in the order of the text."""
    return tuple(dict.fromkeys(name for name, _, _ in _variables(text)))


def bind(text: str, values: Mapping[str, str]) -> str:
    """The text with each variable replaced by its SQL literal, in parentheses."""
    parts, last = [], 0
    for name, start, end in _variables(text):
        if name not in values:
            raise SqlError(f"no value for ${name}", start)
        parts += [text[last:start], f"({values[name]})"]
        last = end
    return "".join([*parts, text[last:]])


def replace_value(text: str, column: str) -> str:
    """A domain's predicate about a column: ``VALUE`` outside of quotes becomes the column's name."""
    return renamed(text, {"value": column})


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A predicate about other columns: each of these names becomes the other one."""
    quoted = {name: '"' + name.replace('"', '""') + '"' for each in names.items() for name in each}
    written = {form: quoted[new] for old, new in names.items() for form in (old, quoted[old])}
    parts, last, before = [], 0, ""
    tokens = _tokens(text)
    for token, after in zip(tokens, [*(each.text for each in tokens[1:]), ""], strict=True):
        word = token.text if token.text.startswith('"') else token.text.lower()
        # Not a field of a row, a type or a function.
        if word in written and before not in (".", "::", "as") and after != "(":
            parts += [text[last : token.start], written[word]]
            last = token.end
        before = word
    return "".join([*parts, text[last:]])


def _only_statement(text: str, kind: str, belongs: str) -> Any:
    if not _tokens(text):
        raise SqlError(f"an empty {kind}")
    statements = grammar.parse(_with_parameters(text))
    if len(statements) != 1:
        raise SqlError(f"{len(statements)} statements where {belongs}")
    return statements[0].stmt


def _without_semicolon(text: str) -> str:
    last = _tokens(text)[-1]
    return text[: last.start].rstrip() if last.text == ";" else text


def _refuse_unbalanced(tokens: tuple[Token, ...]) -> None:
    """Refuses text that would leave the parentheses put around it, or swallow the closing one."""
    depth = 0
    for token in tokens:
        if token.text.startswith("--"):
            raise SqlError("an SQL comment where one expression belongs", token.start)
        depth += (token.text == "(") - (token.text == ")")
        if depth < 0:
            raise SqlError("a ')' that nothing opened", token.start)
        if token.text == ";":
            raise SqlError("a ';' where one expression belongs", token.start)


def _variables(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each ``$name``: to PostgreSQL's scanner a dollar sign and a word that touches it."""
    for dollar, word in pairwise(_tokens(text)):
        if dollar.text == "$" and word.start == dollar.end and word.text[0].isidentifier():
            yield word.text, dollar.start, word.end


def _with_parameters(text: str) -> str:
    """Each variable as ``$1``, filled up with spaces so that offsets stay."""
    for _, start, end in _variables(text):
        text = text[:start] + "$1".ljust(end - start) + text[end:]
    return text
