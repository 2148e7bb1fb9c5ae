"""A file of SQL: its text, its statements and where each one stands.

PostgreSQL's own grammar splits the file, so dollar quotes, nested comments and ``begin atomic`` bodies need no
rules of ours. Only what psql would have kept from the server is taken out by hand first: the meta commands of
``pg_dump`` and the data behind ``copy … from stdin``.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import MigrationError, Place, ProjectError, StatementError
from harness.project import grammar
from harness.project.tree import unreadable

_LEXEME = re.compile(
    r"""
      (?P<space> \s+ | --[^\n]* )
    | (?P<block> /\* )
    | (?P<quoted> [eE]'(?: [^'\\] | \\. | '' )*' | '[^']*' | "[^"]*" | (?P<tag> \$(?:[^\W\d]\w*)?\$ ).*?(?P=tag) )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<end> ; )
    | (?P<meta> \\[^\n]* )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_END_OF_DATA = re.compile(r"^\\\.[ \t]*$", re.MULTILINE)
_HARMLESS_META = ("\\restrict", "\\unrestrict")
_PASSWORD = re.compile(r"(\bpassword\s+)((?:[eEuU]&?)?'(?:[^'\n]|'')*'?|\$(\w*)\$.*?\$\3\$)", re.IGNORECASE)
_WIDTH = 120
_DISCARD_ALL = 1  # DiscardMode of libpg_query


@dataclass(frozen=True)
class SqlStatement:
    """One statement, without its semicolon.

    ``offset`` counts characters of the file from 0; ``line`` and ``column`` are those of its first word, from 1.
    ``copy_data`` is what follows ``copy … from stdin``, its first row on line ``copy_line`` of the file; ``tree`` is
    postgast's parse tree, not to be changed.
    """

    text: str
    line: int
    column: int
    offset: int
    copy_data: str | None = None
    copy_line: int | None = None
    tree: Any = field(default=None, repr=False, compare=False)


def read(path: Path, shown: Path) -> str:
    """The text of a file, without byte order mark and with LF for every line end.

    Raises :class:`ProjectError` at the first byte that is no UTF-8, its column counted in bytes; ``shown`` is how
    it names the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(shown, error) from None
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise ProjectError(
            f"not UTF-8: byte 0x{data[error.start]:02x}",
            place=Place(shown, before.count(b"\n") + 1, error.start - before.rfind(b"\n")),
            hint="save the file as UTF-8",
        ) from None
    if "\0" in text:
        line, column = position(text, text.index("\0"))
        raise ProjectError(
            "a NUL character, which PostgreSQL cannot read",
            place=Place(shown, line, column),
            hint="save the file as UTF-8",
        )
    return text


def statements(path: Path, text: str, *, guarded: bool = True) -> tuple[SqlStatement, ...]:
    """The statements of a file in order; ``path`` is how errors name the file.

    Raises :class:`StatementError` (42601) where the text is no SQL, and :class:`MigrationError` for psql's commands,
    for COPY to the client and, if ``guarded``, for what would get between a migration and its ledger row:
    transaction commands and DISCARD ALL. What is not guarded has been through :mod:`harness.project.psql`.
    """
    import postgast

    none = "\\" not in text if guarded else not _END_OF_DATA.search(text)
    sql, data = (text, []) if none else _without_client_side(path, text)
    try:
        parsed = grammar.parse(sql)
    except grammar.TooDeep:
        raise _too_deep(path, text, sql) from None
    except postgast.PgQueryError as error:
        # Unlike all other positions this one counts characters.
        line, column = position(text, max(error.cursorpos - 1, 0))
        raise StatementError(
            f"{error.message} (42601)",
            sqlstate="42601",
            place=Place(path, line, column),
            excerpt=excerpt(text, line, column),
        ) from None
    spans = _character_spans(sql, [(raw.stmt_location, raw.stmt_len) for raw in parsed])
    found = []
    line, counted = 1, 0
    for raw, (begin, end) in zip(parsed, spans, strict=True):
        begin = skip(sql, begin)
        line, counted = line + text.count("\n", counted, begin), begin  # from the start each time would be quadratic
        place = Place(path, line, begin - text.rfind("\n", 0, begin))
        rows, row_line = data.pop(0)[1:] if data and begin < data[0][0] <= end + 1 else (None, None)
        _refuse_client_copy(raw.stmt, rows, place, text)
        if guarded:
            _refuse_what_breaks_the_ledger(raw.stmt, place, text)
        found.append(SqlStatement(sql[begin:end].rstrip(), line, place.column or 1, begin, rows, row_line, raw.stmt))
    return tuple(found)


def tokens(path: Path, text: str) -> list[str]:
    """What PostgreSQL's scanner reads of a file, without comments, then the rows behind each ``copy … from stdin``.

    Two texts with the same tokens mean the same: words that are not quoted are in lower case, semicolons at the end
    are left out. Raises :class:`MigrationError` and :class:`StatementError` where the text cannot be read; ``path`` is
    how they name it.
    """
    import postgast

    sql, data = _without_client_side(path, text) if "\\" in text else (text, [])
    encoded = sql.encode()
    try:
        scanned = postgast.scan(sql).tokens
    except postgast.PgQueryError as error:
        raise StatementError(f"{error.message} (42601)", sqlstate="42601", place=Place(path)) from None
    found = (_folded(encoded[each.start : each.end]) for each in scanned)
    read = [each.decode() for each in found if not each.startswith((b"--", b"/*"))]
    while read[-1:] == [";"]:
        read.pop()
    return read + [rows for _, rows, _ in data]


def _folded(token: bytes) -> bytes:
    # As the server does it: of bytes, so that only those of ASCII change.
    return token if token.startswith(b"$") or b"'" in token or b'"' in token else token.lower()


def _too_deep(path: Path, text: str, sql: str) -> MigrationError:
    """The error of the first statement whose parse tree is too deep."""
    line, column = position(text, skip(sql, _deep_statement(sql)))
    return MigrationError(
        "an expression in this statement is nested too deeply to be read",
        place=Place(path, line, column),
        excerpt=excerpt(text, line, column),
        hint="each operator of a chain such as a || b || c is a level; a function with many arguments is one",
    )


def _deep_statement(sql: str) -> int:
    """Where it begins; the beginning of the file if that cannot be told."""
    import postgast

    offset = 0
    with suppress(postgast.PgQueryError):  # a quote that is never closed
        for piece in postgast.split(sql, method="scanner"):
            offset = sql.index(piece, offset)
            try:
                grammar.parse(piece)
            except grammar.TooDeep:
                return offset
            except postgast.PgQueryError:  # no SQL either, which is said once this is mended
                pass
            offset += len(piece)
    return 0


def skip(text: str, offset: int) -> int:
    """Where the next word stands, behind white space and comments; the length of the text if there is none."""
    for kind, start, _ in _lexemes(text, offset):
        if kind not in ("space", "block"):
            return start
    return len(text)


def line_comments(text: str, end: int) -> Iterator[tuple[int, str]]:
    """Offset and text of each ``--`` comment that begins before ``end``."""
    for _, start, stop in _lexemes(text, 0):
        if start >= end:
            return
        if text.startswith("--", start):
            yield start, text[start:stop]


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def masked(text: str) -> str:
    """SQL without the passwords of roles, each letter a star, so that what stands behind them stays in its place."""
    return _PASSWORD.sub(lambda found: found[1] + "*" * len(found[2]), text)


def excerpt(text: str, line: int, column: int | None = None) -> str:
    """The line with its number, and a caret below the column; without passwords."""
    lines = masked(text).split("\n")
    shown, indent = window(lines[line - 1] if line <= len(lines) else "", column or 1)
    numbered = f"{line:>5} | {shown}"
    return numbered if column is None else f"{numbered}\n{'':>5} | {indent}^"


def window(source: str, column: int) -> tuple[str, str]:
    """As much of a line as a message shows of it, around a column, and the blanks that lead to that."""
    cut = max(0, column - _WIDTH // 2) if len(source) > _WIDTH else 0
    shown = source[cut : cut + _WIDTH]
    if cut:
        shown = "…" + shown[1:]
    if len(source) > cut + _WIDTH:
        shown += "…"
    return shown, "".join(map(_blank, source[cut : column - 1].ljust(column - 1 - cut)))


def _blank(character: str) -> str:
    """What takes as much room on a terminal as this character."""
    if character == "\t":
        return "\t"
    if unicodedata.combining(character):
        return ""
    return "  " if unicodedata.east_asian_width(character) in "WF" else " "


def lexemes(path: Path, text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, start and end of each lexeme of a file: ``word``, ``quoted``, ``end`` (a semicolon), ``meta`` (a command of
    psql, to the end of its line), ``data`` (what follows ``copy … from stdin``), ``space``, ``block``, ``other``.

    Raises :class:`MigrationError` for COPY data that has no end; ``path`` is how it names the file.
    """
    words: list[str] = []
    offset: int | None = 0
    while offset is not None:
        begin, offset = offset, None
        for kind, start, end in _lexemes(text, begin):
            yield kind, start, end
            if kind == "word":
                words.append(text[start:end].lower())
            elif kind == "end":
                from_stdin = words[:1] == ["copy"] and ("from", "stdin") in itertools.pairwise(words)
                words = []
                if from_stdin:
                    data, offset = _copy_data(path, text, start, end)
                    yield "data", data, offset
                    break


def _lexemes(text: str, offset: int) -> Iterator[tuple[str, int, int]]:
    while match := _LEXEME.match(text, offset):
        kind, start, offset = str(match.lastgroup), match.start(), match.end()
        if kind == "block":
            offset = _block_end(text, offset)
        yield kind, start, offset


def _block_end(text: str, offset: int) -> int:
    """Behind the comment that is open at the offset; comments nest."""
    depth = 1
    for edge in _BLOCK_EDGE.finditer(text, offset):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def _without_client_side(path: Path, text: str) -> tuple[str, list[tuple[int, str, int]]]:
    """The text with psql's part blanked out, and the COPY data: (offset behind the semicolon, rows, first line)."""
    pieces: list[str] = []
    data: list[tuple[int, str, int]] = []
    done = semicolon = 0
    for kind, start, end in lexemes(path, text):
        if kind == "end":
            semicolon = end
        elif kind in ("meta", "data"):
            if kind == "meta":
                _refuse_meta_command(path, text, start, end)
            else:
                rows = text[start : text.rindex("\\.", start, end)]
                data.append((semicolon, rows, position(text, start)[0]))
            pieces += [text[done:start], blank(text[start:end])]
            done = end
    return "".join([*pieces, text[done:]]), data


def blank(text: str) -> str:
    """White space of the same shape, so that what follows keeps its position."""
    return re.sub(r"[^\n]", " ", text)


def _refuse_meta_command(path: Path, text: str, start: int, end: int) -> None:
    command = text[start:end].split()[0]
    if command in _HARMLESS_META:
        return
    line, column = position(text, start)
    raise MigrationError(
        f"{command} is a command of psql; only SQL can be sent to the server",
        place=Place(path, line, column),
        excerpt=excerpt(text, line, column),
        hint="take the line out, or write what it does as SQL",
    )


def _copy_data(path: Path, text: str, start: int, end: int) -> tuple[int, int]:
    """Where the rows behind the semicolon at ``start`` begin, and where the line after them that ends them does."""
    begin = text.find("\n", end) + 1 or len(text)
    close = _END_OF_DATA.search(text, begin)
    if text[end:begin].strip() or close is None:
        line, column = position(text, start)
        raise MigrationError(
            "the data of this COPY must begin on the next line and end with a line \\.",
            place=Place(path, line, column),
            excerpt=excerpt(text, line, column),
        )
    return begin, close.end()


def _character_spans(sql: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """libpg_query counts bytes of UTF-8; length 0 reaches to the end."""
    if sql.isascii():
        return [(begin, begin + length if length else len(sql)) for begin, length in spans]
    data = sql.encode()
    characters = bytes_done = 0
    found = []
    for begin, length in spans:
        characters += len(data[bytes_done:begin].decode())
        bytes_done = begin + length if length else len(data)
        start = characters
        characters += len(data[begin:bytes_done].decode())
        found.append((start, characters))
    return found


def _refuse_what_breaks_the_ledger(node: Any, place: Place, text: str) -> None:
    kind = node.WhichOneof("node")
    if kind == "transaction_stmt":
        message = f"{_first_words(text, place)}: it would commit half a migration without its ledger row"
        hint = "take it out: a migration and its ledger row are one transaction already"
    elif kind == "discard_stmt" and node.discard_stmt.target == _DISCARD_ALL:
        message = "DISCARD ALL: it would give up the lock that keeps other runs out"
        hint = "take it out: what a file sets does not reach the next one"
    else:
        return
    raise MigrationError(message, place=place, excerpt=excerpt(text, place.line or 1, place.column), hint=hint)


def _refuse_client_copy(node: Any, rows: str | None, place: Place, text: str) -> None:
    if node.WhichOneof("node") != "copy_stmt" or rows is not None:
        return
    statement = node.copy_stmt
    if statement.filename or statement.is_program:
        return
    message = "COPY TO STDOUT: there is nobody to read it"
    if statement.is_from:
        message = "COPY FROM STDIN: its data must begin on the next line and end with a line \\."
    raise MigrationError(message, place=place, excerpt=excerpt(text, place.line or 1, place.column))


def _first_words(text: str, place: Place) -> str:
    source = text.split("\n")[(place.line or 1) - 1][(place.column or 1) - 1 :]
    return source.partition(";")[0].split()[0].upper()
