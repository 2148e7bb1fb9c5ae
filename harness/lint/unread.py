"""What is said of a file with a statement that sqlfluff cannot read.

sqlfluff reads nothing of a file from such a statement on. PostgreSQL's parser knows whether it is a slip, and where;
or where the next statement begins, so that the others are judged.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import Place, ProjectError, StatementError
from harness.lint.rules.base import GROUP
from harness.project import sqlfile

if TYPE_CHECKING:
    from sqlfluff.core import Linter

UNREAD = ("PRS", "LXR")
"""The codes of what sqlfluff cannot read."""
_NOTE = "sqlfluff cannot read this statement, and PostgreSQL can: its layout is not checked"

Found = dict[str, Any]
"""A violation as sqlfluff gives it to others."""


def again(linter: Linter, path: Path, found: list[Found]) -> list[Found]:
    """The violations of a file in place of those ``found``, of which some say that sqlfluff cannot read it.

    Of a slip there is one, at its place; else there is a warning for each statement that sqlfluff cannot read, and
    all that is to be said of the others. House rules do without sqlfluff's grammar: theirs are kept. Where
    PostgreSQL's parser does not get that far, what was found stays as it is.
    """
    read = [each for each in found if each["code"] not in UNREAD]
    try:
        text = sqlfile.read(path, path)
        statements = sqlfile.statements(path, text, guarded=False)
    except StatementError as error:
        slip = error.message.removesuffix(" (42601)").partition("\n")[0]
        return [*read, _violation(error.place or Place(path), slip, warning=False)]
    except ProjectError:
        return found
    unread = [each for each in statements if _is_unread(linter, path, each.text)]
    if not unread:
        return found
    lines = {line for each in unread for line in range(each.line, each.line + each.text.count("\n") + 1)}
    house = [each for each in read if each["code"].lower().startswith(GROUP)]
    rest = linter.lint_string(_without(text, unread), fname=str(path), config=_config(linter, path))
    others = (each.to_dict() for each in rest.get_violations())
    kept = (each for each in others if each["start_line_no"] not in lines and each not in house)
    notes = (_violation(Place(path, each.line, each.column), _NOTE, warning=True) for each in unread)
    return sorted([*house, *kept, *notes], key=lambda each: (each["start_line_no"], each["start_line_pos"]))


def _is_unread(linter: Linter, path: Path, statement: str) -> bool:
    parsed = linter.parse_string(f"{statement};\n", fname=str(path), config=_config(linter, path))
    return any(each.rule_code() in UNREAD for each in parsed.violations)


def _config(linter: Linter, path: Path) -> Any:
    return linter.config.make_child_from_path(str(path))


def _without(text: str, statements: list[sqlfile.Statement]) -> str:
    """A text with blanks in place of some statements, so that what follows keeps its place."""
    for each in statements:
        end = each.offset + len(each.text)
        end += text.startswith(";", end)
        text = text[: each.offset] + sqlfile.blank(text[each.offset : end]) + text[end:]
    return text


def _violation(place: Place, description: str, *, warning: bool) -> Found:
    return {
        "start_line_no": place.line or 1,
        "start_line_pos": place.column or 1,
        "code": UNREAD[0],
        "name": "",
        "description": description,
        "warning": warning,
    }
