"""A file of SQL: its text, its statements and their places.

PostgreSQL's own grammar splits the file, so dollar quotes and ``begin atomic`` bodies need no rules of ours. Only the
parts that psql does not send are taken out first: meta commands, and the data behind ``copy … from stdin``. Refuses in
migrations what would separate them from their row in the ledger: COMMIT, DISCARD ALL, commands of psql.
Not here: files written for psql (``psql.py``), and single expressions in YAML (``sql``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import grammar
from harness.errors import MigrationError, Place, ProjectError, StatementError
from harness.project.folders import read_utf8
from harness.project.sqltext import END_OF_DATA, blank, error_at, lexemes, next_word, position

_HARMLESS_META = ("\\restrict", "\\unrestrict")
_WORD = re.compile(r"[^\s;]+")

_CopyData = list[tuple[int, str, int]]
"""The rows behind each ``copy … from stdin``: the offset after its semicolon, the rows, and their first line."""


@dataclass(frozen=True)
class FileStatement:
    """One statement, without its semicolon.

    ``offset`` counts characters of the file from 0; ``line`` and ``column`` are those of its first word, from 1.
    ``copy_data`` are the rows behind ``copy … from stdin``, the first on line ``copy_line`` of the file; ``tree`` is
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
    """The text of a file, without byte order mark and with LF for every line end; ``shown`` is its name in messages.

    Raises :class:`ProjectError` if it cannot be read, at the first byte that is not UTF-8 and at a NUL.
    """
    text = read_utf8(path, shown).replace("\r\n", "\n")
    if "\0" in text:
        raise ProjectError(
            "a NUL character, which PostgreSQL cannot read",
            place=Place(shown, *position(text, text.index("\0"))),
            hint="save the file as UTF-8",
        )
    return text


def statements(path: Path, text: str) -> tuple[FileStatement, ...]:
    """The statements of a file that :mod:`harness.project.psql` has read; ``path`` is its name in messages.

    Raises :class:`StatementError` (42601) if the text is not SQL, and :class:`MigrationError` for COPY to the client.
    """
    sent = _without_client_side(path, text) if END_OF_DATA.search(text) else (text, [])
    return tuple(_statements(path, text, *sent))


def migration_statements(path: Path, text: str) -> tuple[FileStatement, ...]:
    """The statements of a migration file, which runs in one transaction with its ledger row.

    Raises like :func:`statements`, and :class:`MigrationError` for psql's commands, for transaction commands and for
    DISCARD ALL: these would separate the migration from its ledger row.
    """
    found = []
    for statement in _statements(path, text, *_without_client_side(path, text)):
        _refuse_what_breaks_the_ledger(path, text, statement)
        found.append(statement)
    return tuple(found)


def tokens(path: Path, text: str) -> list[str]:
    """The tokens of a file without comments, then the rows behind each ``copy … from stdin``.

    Two texts with the same tokens mean the same: words that are not quoted are in lower case, semicolons at the end
    are left out. Raises :class:`MigrationError` and :class:`StatementError` if the text cannot be read; ``path`` is
    its name in messages.
    """
    sql, data = _without_client_side(path, text)
    try:
        found = [_folded(token.text) for token in grammar.tokens(sql) if not token.text.startswith(("--", "/*"))]
    except grammar.SqlError as error:
        raise StatementError(f"{error.message} (42601)", sqlstate="42601", place=Place(path)) from None
    while found[-1:] == [";"]:
        found.pop()
    return found + [rows for _, rows, _ in data]


def _folded(token: str) -> str:
    """The token as the server folds it: only ASCII letters become lower case, and none in quotes."""
    quoted = token.startswith("$") or "'" in token or '"' in token
    return token if quoted else token.encode().lower().decode()


def _statements(path: Path, text: str, sql: str, data: _CopyData) -> Iterator[FileStatement]:
    """The statements of ``sql``, which is ``text`` with psql's parts blanked out."""
    try:
        parsed = grammar.parse(sql)
    except grammar.TooDeep:
        raise _too_deep(path, text, sql) from None
    except grammar.SqlError as error:
        message = f"{error.message} (42601)"
        raise error_at(StatementError, path, text, error.offset or 0, message, sqlstate="42601") from None
    size = len(sql.encode())
    spans = ((raw.stmt_location, raw.stmt_location + raw.stmt_len if raw.stmt_len else size) for raw in parsed)
    offsets = grammar.characters(sql, itertools.chain.from_iterable(spans))
    line, counted = 1, 0
    for raw, begin, end in zip(parsed, offsets, offsets, strict=True):
        begin = next_word(sql, begin)
        line, counted = line + text.count("\n", counted, begin), begin  # from the start each time would be quadratic
        rows, row_line = data.pop(0)[1:] if data and begin < data[0][0] <= end + 1 else (None, None)
        if rows is None:
            _refuse_client_copy(path, text, begin, raw.stmt.copy_stmt)
        yield FileStatement(
            sql[begin:end].rstrip(), line, begin - text.rfind("\n", 0, begin), begin, rows, row_line, raw.stmt
        )


def _too_deep(path: Path, text: str, sql: str) -> MigrationError:
    """The error of the first statement whose parse tree is too deep."""
    return error_at(
        MigrationError,
        path,
        text,
        next_word(sql, _deep_statement(sql)),
        "an expression in this statement is nested too deeply to be read",
        hint="each operator of a chain such as a || b || c is a level; a function with many arguments is one",
    )


def _deep_statement(sql: str) -> int:
    """The offset of the first statement that is too deep; 0 if that cannot be told."""
    for offset, piece in grammar.pieces(sql):
        try:
            grammar.parse(piece)
        except grammar.TooDeep:
            return offset
        except grammar.SqlError:  # no SQL either, which is said once this is mended
            pass
    return 0


def _without_client_side(path: Path, text: str) -> tuple[str, _CopyData]:
    """The text with psql's parts blanked out, and the COPY data."""
    data: _CopyData = []
    if "\\" not in text:
        return text, data
    pieces: list[str] = []
    done = semicolon = 0
    for kind, start, end in lexemes(path, text):
        if kind == "end":
            semicolon = end
        elif kind in ("meta", "data"):
            if kind == "meta":
                _refuse_meta_command(path, text, start, end)
            else:
                data.append((semicolon, text[start : text.rindex("\\.", start, end)], position(text, start)[0]))
            pieces += [text[done:start], blank(text[start:end])]
            done = end
    return "".join([*pieces, text[done:]]), data


def _refuse_meta_command(path: Path, text: str, start: int, end: int) -> None:
    command = text[start:end].split()[0]
    if command not in _HARMLESS_META:
        message = f"{command} is a command of psql; only SQL can be sent to the server"
        raise error_at(
            MigrationError, path, text, start, message, hint="take the line out, or write what it does as SQL"
        )


def _refuse_what_breaks_the_ledger(path: Path, text: str, statement: FileStatement) -> None:
    kind = statement.tree.WhichOneof("node")
    if kind == "transaction_stmt":
        word = _WORD.match(statement.text)
        message = f"{word[0].upper() if word else ''}: it would commit half a migration without its ledger row"
        hint = "take it out: a migration and its ledger row are one transaction already"
    elif kind == "discard_stmt" and grammar.enum_name(statement.tree.discard_stmt, "target") == "DISCARD_ALL":
        message = "DISCARD ALL: it would give up the lock that keeps other runs out"
        hint = "take it out: what a file sets does not reach the next one"
    else:
        return
    raise error_at(MigrationError, path, text, statement.offset, message, hint=hint)


def _refuse_client_copy(path: Path, text: str, offset: int, copy: Any) -> None:
    """Refuses a COPY without its data, and one to the client; ``copy`` is empty for other statements."""
    if copy.ListFields() and not (copy.filename or copy.is_program):
        stdin = "COPY FROM STDIN: its data must begin on the next line and end with a line \\."
        message = stdin if copy.is_from else "COPY TO STDOUT: there is nobody to read it"
        raise error_at(MigrationError, path, text, offset, message)
