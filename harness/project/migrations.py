"""Migration files: ``NNN_name.up.sql`` and ``NNN_name.down.sql``, numbered from 001 without a gap.

Refuses gaps, half a pair and a number taken twice. Decides which migration is a draft. Leading comments may hold ``--
harness: transaction:false``: the file then runs outside a transaction, as ``create index concurrently`` needs it;
dbmate's ``-- migrate:up transaction:false`` means the same.
Not here: whether a file was edited since it was applied (``migrations/migration_set.py``).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from harness.errors import MigrationError, Place, ProjectError, did_you_mean
from harness.project import folders
from harness.project.folders import relative
from harness.project.model import Migration
from harness.project.sqlfile import read, tokens
from harness.project.sqltext import error_at, line_comments, next_word

_NAME = re.compile(r"(\d{3,})_(\w[\w-]*)\.(up|down)\.sql")
_IGNORED = re.compile(r"\..*|.*\.md|.*~")
_DIRECTIVE = re.compile(r"--[ \t]*harness[ \t]*:(.*)")
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
    that is followed by a migration with statements. Errors name files relative to ``root``.
    """
    if not folders.is_folder(root, directory):
        return ()
    found: list[Migration] = []
    for (version, name), pair in sorted(_pairs(root, directory).items()):
        _refuse_wrong_number(root, version, found, pair.get("up") or pair["down"])
        _refuse_half_a_pair(root, directory, pair)
        shown = relative(pair["up"], root)
        text, down = read(pair["up"], shown), read(pair["down"], relative(pair["down"], root))
        has_up, has_down = _has_statement(text), _has_statement(down)
        draft = not (has_up or has_down)
        if not draft:
            if found and found[-1].draft:
                refuse_draft(root, found[-1])
            _refuse_empty(root, pair["up"], text)
        in_transaction = transactional(shown, text)
        transactional(relative(pair["down"], root), down)
        found.append(
            Migration(
                module=module,
                version=version,
                name=name,
                up=pair["up"],
                down=pair["down"],
                hash=_hash(text),
                transactional=in_transaction,
                tokens=_hash_of_tokens(shown, text, in_transaction=in_transaction),
                draft=draft,
                lacks_down=has_up and not has_down,
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
    """Whether the file runs in one transaction with its ledger row; ``shown`` is its name in messages.

    Raises :class:`ProjectError` for an unknown directive, and for one behind the first statement.
    """
    header_end = next_word(text, 0)
    answer = True
    # Only a file in which a directive may come too late is read to its end.
    end = len(text) if _DIRECTIVE.search(text, header_end) else header_end
    for offset, comment in line_comments(text, end):
        if _DBMATE.fullmatch(comment) and offset < header_end:
            answer = False
        elif match := _DIRECTIVE.fullmatch(comment):
            directive = re.sub(r"\s", "", match[1])
            if offset >= header_end:
                message = "this header line stands behind the first statement, where it has no effect"
                raise error_at(ProjectError, shown, text, offset, message, hint="move it to the top of the file")
            if directive not in _DIRECTIVES:
                message = f"unknown directive {directive!r}{did_you_mean(directive, _DIRECTIVES)}"
                raise error_at(ProjectError, shown, text, offset, message, hint="known: -- harness: transaction:false")
            answer = directive == "transaction:true"
    return answer


def _hash_of_tokens(shown: Path, text: str, *, in_transaction: bool) -> str:
    try:
        read = tokens(shown, text)
    except MigrationError:
        return ""  # refused, with its place, when it is applied
    # No token holds a NUL. The directive is a comment, but not one that changes nothing.
    return _hash("\0".join([str(in_transaction), *read]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _pairs(root: Path, directory: Path) -> _Files:
    files: _Files = {}
    for path in folders.entries(root, directory):
        if _IGNORED.fullmatch(path.name):
            continue
        match = _NAME.fullmatch(path.name)
        if match is None or not folders.is_file(root, path):
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


def _has_statement(text: str) -> bool:
    return next_word(text, 0) < len(text)


def _refuse_empty(root: Path, path: Path, text: str) -> None:
    if not _has_statement(text):
        raise ProjectError(
            "the file is empty" if not text.strip() else "the file has comments but no statement",
            place=Place(relative(path, root)),
            hint="write its statements; one that does nothing on purpose says: select;",
        )


def refuse_draft(root: Path, migration: Migration) -> None:
    """Raises :class:`ProjectError` for a migration whose up file or down file has no statement."""
    path = migration.up if migration.draft else migration.down if migration.lacks_down else None
    if path is not None:
        _refuse_empty(root, path, read(path, relative(path, root)))
