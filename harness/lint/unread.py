"""Decides whether a statement that sqlfluff cannot read is a slip, or only a warning.

It is a warning if PostgreSQL's parser can read it; then the other statements of the file are judged without it.
Otherwise the error of PostgreSQL is the one violation. sqlfluff itself reads nothing of a file from such a statement
on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlfluff.core import FluffConfig, Linter
from sqlfluff.core.errors import SQLParseError
from sqlfluff.core.rules.noqa import IgnoreMask

from harness.errors import Place, ProjectError, StatementError
from harness.lint.rules.base import GROUP
from harness.project import sqlfile, sqltext
from harness.project.sqlfile import FileStatement

UNREAD = ("PRS", "LXR")
"""The codes of text that sqlfluff cannot read."""
_NOTE = (
    "sqlfluff cannot read this statement, and PostgreSQL can: its layout is not checked. "
    "For an editor, which shows it red, end line {} with: -- noqa: PRS"
)
_UNFINISHED = "syntax error at end of input"

RawViolation = dict[str, Any]
"""A violation as sqlfluff gives it to other programs."""


def lint_again(linter: Linter, path: Path, found: list[RawViolation], noqa: IgnoreMask | None) -> list[RawViolation]:
    """The violations of a file in place of those ``found``, of which some say that sqlfluff cannot read it.

    A slip is one violation, at its place, whatever ``noqa`` says. Otherwise there is a warning for each statement that
    sqlfluff cannot read, and the violations of all others. House rules do without sqlfluff's grammar: theirs are kept.
    If PostgreSQL's parser does not get that far, the violations stay as they are.
    """
    read = [each for each in found if each["code"] not in UNREAD]
    try:
        text = sqlfile.read(path, path)
        statements = sqlfile.statements(path, text)
    except StatementError as error:
        return [*read, _slip(path, error)]
    except ProjectError:
        return found
    unread = [(each, line) for each in statements if (line := _unread_line(linter, path, each)) is not None]
    if not unread:
        return found
    lines = {line for each, _ in unread for line in range(each.line, each.line + each.text.count("\n") + 1)}
    house = [each for each in read if each["code"].lower().startswith(GROUP)]
    rest = linter.lint_string(
        _without(text, [each for each, _ in unread]), fname=str(path), config=_config(linter, path)
    )
    others = (each.to_dict() for each in rest.get_violations())
    kept = (each for each in others if each["start_line_no"] not in lines and each not in house)
    notes = (
        _violation(Place(path, each.line, each.column), _NOTE.format(line)) | {"warning": True}
        for each, line in unread
        if not (_hides(noqa, each.line) or _hides(noqa, line))
    )
    return [*house, *kept, *notes]


def _slip(path: Path, error: StatementError) -> RawViolation:
    """The error of PostgreSQL's parser; for a statement without an end, at the file's last word."""
    message = error.message.removesuffix(" (42601)").partition("\n")[0]
    place = error.place or Place(path)
    if message == _UNFINISHED:
        begin, last = _unfinished(path, sqlfile.read(path, path))
        place = Place(path, *last)
        message += f" (the statement that begins in line {begin} is unfinished)"
    return _violation(place, message)


def _unfinished(path: Path, text: str) -> tuple[int, tuple[int, int]]:
    """The line in which the last statement of a text begins, and the position of its last word."""
    begin = last = 0
    inside = False
    for kind, start, end in sqltext.lexemes(path, text):
        if kind == "end":
            inside = False
        elif kind not in ("space", "block", "meta", "data") and text[start:end].strip():
            begin = begin if inside else start
            inside, last = True, start
    return sqltext.position(text, begin)[0], sqltext.position(text, last)


def _unread_line(linter: Linter, path: Path, statement: FileStatement) -> int | None:
    """The first line of a statement that sqlfluff cannot read; None if it can read all."""
    parsed = linter.parse_string(f"{statement.text};\n", fname=str(path), config=_config(linter, path))
    lines = [statement.line + each.line_no - 1 for each in parsed.violations if each.rule_code() in UNREAD]
    return min(lines, default=None)


def _hides(noqa: IgnoreMask | None, line: int) -> bool:
    return noqa is not None and not noqa.ignore_masked_violations([SQLParseError(line_no=line)])


def _config(linter: Linter, path: Path) -> FluffConfig:
    return linter.config.make_child_from_path(str(path))


def _without(text: str, statements: list[FileStatement]) -> str:
    """The text with blanks in place of some statements, so that the others keep their places."""
    for each in statements:
        end = each.offset + len(each.text)
        end += text.startswith(";", end)
        text = text[: each.offset] + sqltext.blank(text[each.offset : end]) + text[end:]
    return text


def _violation(place: Place, description: str) -> RawViolation:
    return {
        "start_line_no": place.line or 1,
        "start_line_pos": place.column or 1,
        "code": UNREAD[0],
        "name": "",
        "description": description,
        "warning": False,
    }
