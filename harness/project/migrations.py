"""Migration files: ``NNN_name.up.sql`` and ``NNN_name.down.sql``, numbered from 001 without a gap.

Leading comments may hold ``-- harness: transaction:false``: the file then runs outside a transaction, as
``create index concurrently`` needs it. dbmate's ``-- migrate:up transaction:false`` means the same.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from harness.errors import MigrationError, Place, ProjectError, StatementError, did_you_mean
from harness.project import tree
from harness.project.model import Migration
from harness.project.sqlfile import excerpt, line_comments, position, read, skip, tokens
from harness.project.tree import relative as relative

_NAME = re.compile(r"(\d{3,})_(\w[\w-]*)\.(up|down)\.sql")
_IGNORED = re.compile(r"\..*|.*\.md|.*~")
_OURS = re.compile(r"--[ \t]*harness[ \t]*:(.*)")
_DBMATE = re.compile(r"--[ \t]*migrate:(?:up|down)[ \t]+transaction:false[ \t]*")
_DIRECTIVES = ("transaction:false", "transaction:true")

_UP = """\
-- {title}: what this migration does, and why.
"""
_DOWN = """\
-- Undoes {up}: leaves nothing of it behind.
"""

_Files = dict[tuple[int, str], dict[str, Path]]


def discover(root: Path, module: str, directory: Path) -> tuple[Migration, ...]:
    """The migrations of a module by number, drafts at the end; none if the directory is not there.

    Raises :class:`ProjectError` for a name that does not fit, a number taken twice, a gap, half a pair, a file that
    is not UTF-8 or whose header is not understood, an up file without a statement whose down file has some, and a draft
    below a file that is none. Errors name files relative to ``root``.
    """
    if not tree.is_folder(root, directory):
        return ()
    found: list[Migration] = []
    for (version, name), pair in sorted(_pairs(root, directory).items()):
        _refuse_wrong_number(root, version, found, pair.get("up") or pair["down"])
        _refuse_half_a_pair(root, directory, pair)
        shown = relative(pair["up"], root)
        text, down = read(pair["up"], shown), read(pair["down"], relative(pair["down"], root))
        says, undoes = _says_something(text), _says_something(down)
        draft = not (says or undoes)
        if not draft:
            _refuse_draft_below(root, found)
            _refuse_nothing(root, pair["up"], text)
        in_one = transactional(shown, text)
        transactional(relative(pair["down"], root), down)
        found.append(
            Migration(
                module=module,
                version=version,
                name=name,
                up=pair["up"],
                down=pair["down"],
                hash=_hash(text),
                transactional=in_one,
                tokens=_hash_of_tokens(shown, text, in_one),
                draft=draft,
                lacks_down=says and not undoes,
            )
        )
    return tuple(found)


def new(directory: Path, name: str) -> tuple[Path, Path]:
    """Writes the next pair of files, each with a comment to replace, and returns their paths (up, down).

    Raises :class:`ProjectError` for a name that cannot be part of a file name.
    """
    slug = re.sub(r"[\s-]+", "_", name.strip()).lower()
    if not re.fullmatch(r"\w+", slug):
        raise ProjectError(f"{name!r} cannot name a migration", hint="use letters, digits and underscores: add_status")
    directory.mkdir(parents=True, exist_ok=True)
    numbers = [int(match[1]) for path in directory.iterdir() if (match := _NAME.fullmatch(path.name))]
    stem = f"{max(numbers, default=0) + 1:03d}_{slug}"
    up, down = (directory / f"{stem}.{direction}.sql" for direction in ("up", "down"))
    for path, template in ((up, _UP), (down, _DOWN)):
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(template.format(title=slug.replace("_", " "), up=up.name))
    return up, down


def transactional(shown: Path, text: str) -> bool:
    """Whether the file runs in one transaction with its ledger row; ``shown`` is how errors name it.

    Raises :class:`ProjectError` for an unknown directive, and for one behind the first statement.
    """
    header_end = skip(text, 0)
    answer = True
    # Only a suspicious file is read to its end.
    end = len(text) if _OURS.search(text, header_end) else header_end
    for offset, comment in line_comments(text, end):
        if _DBMATE.fullmatch(comment) and offset < header_end:
            answer = False
        elif match := _OURS.fullmatch(comment):
            directive = re.sub(r"\s", "", match[1])
            _refuse_header(shown, text, offset, directive, in_header=offset < header_end)
            answer = directive == "transaction:true"
    return answer


def _refuse_header(shown: Path, text: str, offset: int, directive: str, *, in_header: bool) -> None:
    line, column = position(text, offset)
    if not in_header:
        message = "this header line stands behind the first statement, where it has no effect"
        hint = "move it to the top of the file"
    elif directive not in _DIRECTIVES:
        message = f"unknown directive {directive!r}{did_you_mean(directive, _DIRECTIVES)}"
        hint = "known: -- harness: transaction:false"
    else:
        return
    raise ProjectError(message, place=Place(shown, line, column), excerpt=excerpt(text, line, column), hint=hint)


def _hash_of_tokens(shown: Path, text: str, in_one_transaction: bool) -> str:
    try:
        read = tokens(shown, text)
    except (MigrationError, StatementError):
        return ""  # told with its place when it is to be applied
    # No token holds a NUL. The directive is a comment, but not one that changes nothing.
    return _hash("\0".join([str(in_one_transaction), *read]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _pairs(root: Path, directory: Path) -> _Files:
    files: _Files = {}
    for path in tree.entries(root, directory):
        if _IGNORED.fullmatch(path.name):
            continue
        match = _NAME.fullmatch(path.name)
        if match is None or not tree.is_file(root, path):
            raise ProjectError(
                "not the name of a migration; expected NNN_name.up.sql or NNN_name.down.sql",
                place=Place(relative(path, root)),
                hint="rename it, for example 001_tables.up.sql, or move it out of this directory",
            )
        pair = files.setdefault((int(match[1]), match[2]), {})
        if match[3] in pair:  # 001_x and 0001_x
            raise _same_number(root, int(match[1]), pair[match[3]], path)
        pair[match[3]] = path
    return files


def _same_number(root: Path, version: int, first: Path, second: Path) -> ProjectError:
    return ProjectError(
        f"number {version:03d} is taken by {relative(first, root)}",
        place=Place(relative(second, root)),
        hint="give the one that is not applied anywhere yet the next free number",
    )


def _refuse_wrong_number(root: Path, version: int, found: list[Migration], path: Path) -> None:
    previous = found[-1].version if found else 0
    if version == previous and found:
        raise _same_number(root, version, found[-1].up, path)
    if version == 0:
        raise ProjectError("numbers begin with 001", place=Place(relative(path, root)), hint="rename it")
    if version != previous + 1:
        missing = f"{previous + 1:03d}" if version <= previous + 2 else f"{previous + 1:03d} to {version - 1:03d}"
        raise ProjectError(
            f"a gap before number {version:03d}: {missing} is missing",
            place=Place(relative(path, root)),
            hint=f"bring the missing file back, or rename this one to {previous + 1:03d}_…",
        )


def _refuse_half_a_pair(root: Path, directory: Path, pair: dict[str, Path]) -> None:
    for here, other, why in (("up", "down", "nothing could undo it"), ("down", "up", "it has nothing to undo")):
        if other not in pair:
            path = pair[here]
            wanted = path.with_name(path.name.replace(f".{here}.sql", f".{other}.sql"))
            raise ProjectError(
                f"{wanted.name} is missing: {why}",
                place=Place(relative(path, root)),
                hint=f"write {relative(wanted, root)}",
            )


def _says_something(text: str) -> bool:
    return skip(text, 0) < len(text)


def _refuse_nothing(root: Path, path: Path, text: str) -> None:
    if not _says_something(text):
        raise ProjectError(
            "the file is empty" if not text.strip() else "the file has comments but no statement",
            place=Place(relative(path, root)),
            hint="write its statements; one that does nothing on purpose says: select;",
        )


def refuse_draft(root: Path, migration: Migration) -> None:
    """Raises :class:`ProjectError` for a draft, of which there is nothing to apply, or where nothing would undo it."""
    path = migration.up if migration.draft else migration.down if migration.lacks_down else None
    if path is not None:
        _refuse_nothing(root, path, read(path, relative(path, root)))


def _refuse_draft_below(root: Path, found: list[Migration]) -> None:
    if found and found[-1].draft:
        refuse_draft(root, found[-1])
