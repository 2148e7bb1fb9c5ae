"""SQL inside the project's YAML: predicates and expressions, parsed by PostgreSQL's own parser.

``$name`` outside of quotes is a variable of the check. For the parser it is a parameter, for a probe a literal.
Offsets count characters of the text as written.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from harness.project import grammar
from harness.project.model import TableName

_OPENING, _CLOSING, _SEMICOLON, _DOLLAR = 40, 41, 59, 36
_TYPES = {"int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean", "float8": "double precision"}


class SqlError(ValueError):
    """A text that is not the SQL it should be; ``offset`` is where, if that is known."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True)
class ColumnRef:
    """A column as a predicate names it; ``qualifier`` is what stands before the last dot."""

    name: str
    qualifier: str | None = None


@dataclass(frozen=True)
class Constant:
    """A literal of a predicate. ``type`` is its cast or what its form says; None for a string without a cast."""

    text: str
    type: str | None = None


@dataclass(frozen=True)
class Pattern:
    """What an expression matches texts against; ``kind`` is ``regex``, ``like`` or ``similar``."""

    text: str
    kind: str
    ignores_case: bool = False


@dataclass(frozen=True)
class _Token:
    kind: int
    text: str
    start: int
    end: int


_KEPT = 2**14
"""Expressions that are remembered: a schema of a thousand tables has some thousands."""


def predicate(text: str) -> str:
    """The text, if it is one SQL expression; raises :class:`SqlError`."""
    expression(text)
    return text


@lru_cache(maxsize=_KEPT)
def expression(text: str) -> Any:
    """The parse tree (postgast's, not to be changed) of one expression; raises :class:`SqlError`."""
    tokens = _tokens(text)
    if not tokens:
        raise SqlError("an empty expression")
    _closed(tokens)
    prefix = "select (\n"
    try:
        statement = _parse(f"{prefix}{_with_parameters(text, tokens)}\n)", len(prefix))[0]
    except SqlError as error:
        ended = error.offset is not None and error.offset > len(text)
        raise (SqlError("the expression ends too early", len(text)) if ended else error) from None
    value = statement.stmt.select_stmt.target_list[0].res_target.val
    if value.HasField("row_expr") and value.row_expr.row_format != _explicit_row():
        raise SqlError("several expressions where one belongs")
    if value.HasField("sub_link") and tokens[0].text.lower() in ("select", "with", "values", "table"):
        raise SqlError("a query where an expression belongs", tokens[0].start)
    return value


_CALLS, _SIGNS = frozenset("()'\""), frozenset("|:<>=+*/")


@lru_cache(maxsize=_KEPT)
def is_name(text: str) -> bool:
    """Whether an element of a key is the name of a column: hardly any has a sign, and makes an expression of it.

    A name that does so stands between SQL's double quotes.
    """
    if _CALLS & {*text} or not _SIGNS & {*text}:
        return not _CALLS & {*text}
    try:
        expression(text)
    except SqlError:
        return True
    return False


def element(text: str) -> str:
    """The text, if it is the name of a column or an expression; raises :class:`SqlError`."""
    return text if is_name(text) else predicate(text)


def figured_name(text: str) -> str:
    """What PostgreSQL calls an expression: by its function, else ``expr``; raises :class:`SqlError`."""
    from postgast import unwrap_node

    node = _uncast(unwrap_node(expression(text)))
    if type(node).__name__ == "FuncCall":
        return str(node.funcname[-1].string.sval)
    return "coalesce" if type(node).__name__ == "CoalesceExpr" else "expr"


def query(text: str) -> str:
    """The text without a closing semicolon, if it is one SELECT; raises :class:`SqlError`."""
    tokens = _tokens(text)
    if not tokens:
        raise SqlError("an empty query")
    statements = _parse(_with_parameters(text, tokens), 0)
    if len(statements) != 1:
        raise SqlError(f"{len(statements)} statements where one SELECT belongs")
    select = statements[0].stmt
    if not select.HasField("select_stmt") or select.select_stmt.HasField("into_clause"):
        raise SqlError("not a SELECT", tokens[0].start)
    return text[: tokens[-1].start].rstrip() if tokens[-1].kind == _SEMICOLON else text


def statement(text: str) -> str:
    """The text without a closing semicolon, if it is one statement of any kind; raises :class:`SqlError`."""
    tokens = _tokens(text)
    if not tokens:
        raise SqlError("an empty statement")
    count = len(_parse(_with_parameters(text, tokens), 0))
    if count != 1:
        raise SqlError(f"{count} statements where one belongs")
    return text[: tokens[-1].start].rstrip() if tokens[-1].kind == _SEMICOLON else text


def variables(text: str) -> tuple[str, ...]:
    """The names of the variables, each once, in the order of the text; raises :class:`SqlError`."""
    return tuple(dict.fromkeys(name for name, _, _ in _variables(_tokens(text))))


def bind(text: str, values: Mapping[str, str]) -> str:
    """The text with each variable replaced by its SQL literal, in parentheses; raises :class:`SqlError`."""
    parts, last = [], 0
    for name, start, end in _variables(_tokens(text)):
        if name not in values:
            raise SqlError(f"no value for ${name}", start)
        parts += [text[last:start], f"({values[name]})"]
        last = end
    return "".join([*parts, text[last:]])


def replace_value(text: str, column: str) -> str:
    """A domain's predicate about a column: ``VALUE`` outside of quotes becomes the column's name."""
    name = '"' + column.replace('"', '""') + '"'
    parts, last = [], 0
    for token in _tokens(text):
        if token.text.lower() == "value":
            parts += [text[last : token.start], name]
            last = token.end
    return "".join([*parts, text[last:]])


@lru_cache(maxsize=_KEPT)
def column_refs(text: str) -> tuple[ColumnRef, ...]:
    """The columns an expression names, each once, in the order of the parse tree; raises :class:`SqlError`."""
    from postgast import walk

    found: dict[ColumnRef, None] = {}
    node: Any
    for _, node in walk(expression(text)):
        if type(node).__name__ == "ColumnRef":
            parts = [part.string.sval for part in node.fields if part.HasField("string")]
            if len(parts) == len(node.fields):
                found[ColumnRef(parts[-1], ".".join(parts[:-1]) or None)] = None
    return tuple(found)


def equalities(text: str) -> tuple[tuple[ColumnRef, str], ...]:
    """Columns that must equal a variable: ``c.doctor_id = $doctor``, casts aside; raises :class:`SqlError`.

    The qualifier of a column is the table behind an alias (``clinic.conversations``), if the text has it.
    """
    from postgast import walk

    # The parser knows parameters only by number: a text that nobody writes stands for each variable.
    marks = {f"harness variable {name}": name for name in variables(text)}
    tree = expression(bind(text, {name: f"'{mark}'" for mark, name in marks.items()}))
    aliases, found = {}, []
    node: Any
    for _, node in walk(tree):
        if type(node).__name__ == "RangeVar":
            table = f"{node.schemaname}.{node.relname}" if node.schemaname else node.relname
            aliases[node.alias.aliasname or node.relname] = table
        elif type(node).__name__ == "A_Expr" and [part.string.sval for part in node.name] == ["="]:
            sides = [_uncast(node.lexpr), _uncast(node.rexpr)]
            for column, value in (sides, reversed(sides)):
                if (
                    type(column).__name__ == "ColumnRef"
                    and type(value).__name__ == "A_Const"
                    and value.sval.sval in marks
                ):
                    found.append(([part.string.sval for part in column.fields], marks[value.sval.sval]))
    return tuple(
        (ColumnRef(parts[-1], aliases.get(".".join(parts[:-1]), ".".join(parts[:-1]) or None)), name)
        for parts, name in found
    )


def _uncast(node: Any) -> Any:
    from postgast import unwrap_node

    node = unwrap_node(node)
    while type(node).__name__ == "TypeCast":
        node = unwrap_node(node.arg)
    return node


def tables(text: str) -> tuple[TableName, ...]:
    """The tables and views that a query names with their schema, each once; raises :class:`SqlError`."""
    return tuple(TableName(schema, name) for schema, name in _relations(text) if schema)


def unqualified(text: str) -> tuple[str, ...]:
    """The relations that a query names without a schema, each once, but for those of its own WITH.

    Raises :class:`SqlError`.
    """
    return tuple(name for schema, name in _relations(text) if not schema and name not in _own(text))


def is_call(text: str) -> bool:
    """Whether a statement is a CALL; raises :class:`SqlError`."""
    return bool(_parse(_with_parameters(text, _tokens(text)), 0)[0].stmt.HasField("call_stmt"))


@lru_cache(maxsize=_KEPT)
def _own(text: str) -> frozenset[str]:
    """The relations that the WITH clauses of a query make."""
    from postgast import walk

    tree = _parse(_with_parameters(text, _tokens(text)), 0)[0].stmt
    return frozenset(node.ctename for _, node in walk(tree) if type(node).__name__ == "CommonTableExpr")


def returns_nothing(text: str) -> bool:
    """Whether a statement writes rows and has no RETURNING; raises :class:`SqlError`."""
    command = _parse(_with_parameters(text, _tokens(text)), 0)[0].stmt
    written = getattr(command, command.WhichOneof("node"))
    named = "returning_clause" in written.DESCRIPTOR.fields_by_name
    return named and not written.HasField("returning_clause")


@lru_cache(maxsize=_KEPT)
def _relations(text: str) -> tuple[tuple[str, str], ...]:
    from postgast import walk

    tree = _parse(_with_parameters(text, _tokens(text)), 0)[0].stmt
    found = ((node.schemaname, node.relname) for _, node in walk(tree) if type(node).__name__ == "RangeVar")
    return tuple(dict.fromkeys(found))


def columns(text: str) -> tuple[str, ...]:
    """The names of the columns of an expression without their qualifiers, each once; raises :class:`SqlError`."""
    return tuple(dict.fromkeys(column.name for column in column_refs(text)))


def functions(text: str) -> frozenset[str]:
    """The functions that an expression calls, without their schemas, and ``::`` if it casts to more than a text.

    Operators are functions, too. Raises :class:`SqlError`.
    """
    from postgast import walk

    found: set[str] = set()
    node: Any
    for _, node in walk(expression(text)):
        if type(node).__name__ == "FuncCall":
            found.add(node.funcname[-1].string.sval)
        elif type(node).__name__ == "TypeCast" and _type_name(node.type_name) not in ("text", "varchar", "regconfig"):
            found.add("::")
        elif type(node).__name__ == "A_Expr":
            found.add(node.name[-1].string.sval)
    return frozenset(found)


def constants(text: str) -> tuple[Constant, ...]:
    """The literals of an expression, each once, also the elements of array literals; NULL is none of them."""
    return tuple(dict.fromkeys(_constants(expression(text), None)))


_MATCHES = {
    "~": ("regex", False),
    "~*": ("regex", True),
    "~~": ("like", False),
    "~~*": ("like", True),
    "similar_to_escape": ("similar", False),
    "similar_escape": ("similar", False),
    "like_escape": ("like", False),
    **dict.fromkeys(("regexp_like", "regexp_match", "regexp_matches", "regexp_count", "textregexeq"), ("regex", False)),
    **dict.fromkeys(("regexp_replace", "regexp_substr", "substring"), ("regex", False)),
}


def patterns(text: str) -> tuple[Pattern, ...]:
    """What an expression matches texts against, each once; raises :class:`SqlError`."""
    from postgast import walk

    found: dict[Pattern, None] = {}
    node: Any
    for _, node in walk(expression(text)):
        if type(node).__name__ not in ("A_Expr", "FuncCall"):
            continue
        names = node.name if type(node).__name__ == "A_Expr" else node.funcname
        kind = _MATCHES.get(names[-1].string.sval.removeprefix("!"))
        sides = [node.rexpr] if type(node).__name__ == "A_Expr" else node.args
        for constant in (each for side in sides for each in _constants(side, None)) if kind else ():
            found[Pattern(constant.text, *kind)] = None  # type: ignore[misc]
    return tuple(found)


def calls(text: str) -> tuple[tuple[str | None, str], ...]:
    """The functions that an expression calls, each once, as (schema, name); raises :class:`SqlError`."""
    return tuple(dict.fromkeys(name for name, _ in arguments(text)))


@lru_cache(maxsize=_KEPT)
def arguments(text: str) -> tuple[tuple[tuple[str | None, str], tuple[str | None, ...]], ...]:
    """The calls of an expression: which function, as (schema, name), and the columns that it is given as they are.

    What is no column is None among them. Raises :class:`SqlError`.
    """
    from postgast import walk

    found: dict[tuple[tuple[str | None, str], tuple[str | None, ...]], None] = {}
    node: Any
    for _, node in walk(expression(text)):
        if type(node).__name__ == "FuncCall":
            parts = [part.string.sval for part in node.funcname]
            name = (parts[-2] if len(parts) > 1 else None, parts[-1])
            found[name, tuple(_given(each) for each in node.args)] = None
    return tuple(found)


def _given(node: Any) -> str | None:
    """The column that an argument is, a cast aside."""
    node = getattr(node, node.WhichOneof("node")) if type(node).__name__ == "Node" else node
    if type(node).__name__ == "TypeCast":
        return _given(node.arg)
    parts = [part.string.sval for part in node.fields] if type(node).__name__ == "ColumnRef" else []
    return parts[-1] if parts else None


@lru_cache(maxsize=_KEPT)
def constant_calls(text: str) -> tuple[str, ...]:
    """The calls of an expression that say the same of every row, as text; raises :class:`SqlError`."""
    from postgast import walk

    found: dict[str, None] = {}
    node: Any
    for _, node in walk(expression(text)):
        if type(node).__name__ == "FuncCall" and not any(type(each).__name__ in _VARYING for _, each in walk(node)):
            found[_deparsed_call(node)] = None
    return tuple(found)


_VARYING = frozenset(("ColumnRef", "ParamRef", "SQLValueFunction", "SubLink"))


def conjuncts(text: str) -> tuple[str, ...]:
    """The parts of an expression that are joined by AND at its top, as text; raises :class:`SqlError`."""
    from postgast import pg_query_pb2

    return _joined(text, pg_query_pb2.AND_EXPR)


def disjuncts(text: str) -> tuple[str, ...]:
    """The parts of an expression that are joined by OR at its top, as text; raises :class:`SqlError`."""
    from postgast import pg_query_pb2

    return _joined(text, pg_query_pb2.OR_EXPR)


@lru_cache(maxsize=_KEPT)
def _joined(text: str, operator: int) -> tuple[str, ...]:
    tree = expression(text)
    if not (tree.HasField("bool_expr") and tree.bool_expr.boolop == operator):
        return (text,)
    return tuple(part for each in tree.bool_expr.args for part in _joined(_deparsed(each), operator))


def _deparsed(node: Any) -> str:
    import postgast

    tree = postgast.parse("select 1")
    tree.stmts[0].stmt.select_stmt.target_list[0].res_target.val.CopyFrom(node)
    return str(postgast.deparse(tree)).removeprefix("SELECT ")


def _deparsed_call(call: Any) -> str:
    from postgast import pg_query_pb2

    return _deparsed(pg_query_pb2.Node(func_call=call))


def _constants(node: Any, cast: str | None) -> Iterator[Constant]:
    from postgast import unwrap_node

    node = unwrap_node(node)
    name = type(node).__name__
    if name == "A_Const":
        yield from _constant(node, cast)
    elif name == "TypeCast":
        yield from _constants(node.arg, _type_name(node.type_name))
    elif name == "A_ArrayExpr":
        element = cast.removesuffix("[]") if cast else None
        for item in node.elements:
            yield from _constants(item, element)
    else:
        for descriptor, value in node.ListFields():
            if descriptor.message_type is not None:
                for child in value if _repeated(value) else [value]:
                    yield from _constants(child, None)


def _repeated(value: Any) -> bool:
    return not hasattr(value, "ListFields")


def _constant(node: Any, cast: str | None) -> Iterator[Constant]:
    kind = node.WhichOneof("val")
    if kind == "ival":
        yield Constant(str(node.ival.ival), cast or "integer")
    elif kind == "fval":
        yield Constant(node.fval.fval, cast or "numeric")
    elif kind == "boolval":
        yield Constant("true" if node.boolval.boolval else "false", cast or "boolean")
    elif kind == "bsval":
        yield Constant(node.bsval.bsval[1:], cast or "bit")
    elif kind == "sval":
        text = node.sval.sval
        yield Constant(text, cast)
        if text[:1] == "{" and text[-1:] == "}" and (cast is None or cast.endswith("[]")):
            yield from _elements(text, cast.removesuffix("[]") if cast else None)


def _elements(text: str, cast: str | None) -> Iterator[Constant]:
    """The elements of an array literal of one dimension."""
    for row in csv.reader([text[1:-1].replace("\n", " ")], doublequote=False, escapechar="\\", skipinitialspace=True):
        for element in row:
            if element and element.upper() != "NULL":
                yield Constant(element, cast)


def _type_name(node: Any) -> str:
    names = [part.string.sval for part in node.names if part.string.sval != "pg_catalog"]
    names = [_TYPES.get(names[0], names[0])] if len(names) == 1 else names
    return ".".join(names) + "[]" * len(node.array_bounds)


@lru_cache(maxsize=_KEPT)
def _tokens(text: str) -> tuple[_Token, ...]:
    """PostgreSQL's tokens with offsets in characters."""
    import postgast

    data = text.encode()
    try:
        scanned = postgast.scan(text).tokens
    except postgast.PgQueryError as error:
        raise SqlError(error.message, max(error.cursorpos - 1, 0)) from None
    found, characters, behind = [], 0, 0
    for token in scanned:
        characters += len(data[behind : token.start].decode())
        word = data[token.start : token.end].decode()
        found.append(_Token(token.token, word, characters, characters + len(word)))
        characters, behind = characters + len(word), token.end
    return tuple(found)


def _closed(tokens: tuple[_Token, ...]) -> None:
    """Refuses what would leave the parentheses that are put around it, or swallow the closing one."""
    depth = 0
    for token in tokens:
        if token.text.startswith("--"):
            raise SqlError("an SQL comment where one expression belongs", token.start)
        depth += (token.kind == _OPENING) - (token.kind == _CLOSING)
        if depth < 0:
            raise SqlError("a ')' that nothing opened", token.start)
        if token.kind == _SEMICOLON:
            raise SqlError("a ';' where one expression belongs", token.start)


def _variables(tokens: tuple[_Token, ...]) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each ``$name``: to PostgreSQL's scanner a dollar sign and a word that touches it."""
    for dollar, word in pairwise(tokens):
        if dollar.kind == _DOLLAR and dollar.text == "$" and word.start == dollar.end and word.text[0].isidentifier():
            yield word.text, dollar.start, word.end


def _with_parameters(text: str, tokens: tuple[_Token, ...]) -> str:
    """Each variable as ``$1``, filled up with spaces so that offsets stay."""
    for _, start, end in _variables(tokens):
        text = text[:start] + "$1".ljust(end - start) + text[end:]
    return text


def _parse(statement: str, prefix: int) -> Any:
    import postgast

    try:
        return grammar.parse(statement)
    except grammar.TooDeep:
        raise SqlError("nested too deeply to be read") from None
    except postgast.PgQueryError as error:
        offset = error.cursorpos - 1 - prefix  # in characters, other than the offsets of tokens
        raise SqlError(error.message, max(offset, 0) if error.cursorpos else None) from None


def _explicit_row() -> int:
    from postgast import pg_query_pb2

    return int(pg_query_pb2.COERCE_EXPLICIT_CALL)
