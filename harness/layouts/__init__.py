"""The layouts of other tools' migrations: one module for each, and the registry.

:func:`detect` recognizes the layout of a path, :func:`read` gives its steps. Nothing is run here:
:mod:`harness.foreign` does that in scratch databases.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import Place, ProjectError, one_of
from harness.layouts import (
    atlas,
    dbmate,
    directories,
    flyway,
    golang_migrate,
    goose,
    plain,
    releases,
    sqitch,
    sqlx,
    supabase,
)
from harness.layouts.layout import Layout, Owner
from harness.project import BuildStep, ForeignMigrations, PsqlFiles, SqlPart, SqlScript

__all__ = ["LAYOUTS", "Layout", "PsqlFiles", "detect", "named", "plain", "read"]

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        sqitch.LAYOUT,
        atlas.LAYOUT,
        dbmate.LAYOUT,
        goose.LAYOUT,
        flyway.LAYOUT,
        directories.LAYOUT,
        golang_migrate.LAYOUT,
        releases.LAYOUT,
        supabase.LAYOUT,
        sqlx.LAYOUT,
        plain.LAYOUT,
    )
}
"""The layouts in the order in which they are tried: first those with a file or a line of their own."""


def detect(path: Path, *, shown: Path | None = None) -> Layout:
    """The layout of a directory, or of a single file; ``shown`` is its name in messages.

    Raises :class:`ProjectError` for a directory that has none of the layouts.
    """
    place = Place(shown or path)
    if path.is_file():
        return plain.LAYOUT
    if not path.is_dir():
        raise ProjectError("there is no such file or directory", place=place)
    for layout in LAYOUTS.values():
        if layout.fits(path):
            return layout
    looked = "; ".join(f"{layout.sign} ({layout.name})" for layout in LAYOUTS.values())
    raise ProjectError(
        "no migrations that are understood lie in this directory",
        place=place,
        hint=f"looked for {looked}; of other SQL files say which and in which order: "
        "migrations: {path: [tables.sql, functions.sql]}",
    )


def named(name: str) -> Layout:
    """The layout of that name; raises :class:`ProjectError` with the nearest."""
    return one_of(LAYOUTS, "layout", name)


def read(files: PsqlFiles, paths: Sequence[Path], layout: Layout | None = None) -> ForeignMigrations:
    """The migrations of a directory, or the files in this order; without ``layout`` it is detected.

    Raises :class:`ProjectError` and :class:`~harness.errors.MigrationError` for faults that the files alone show.
    """
    try:
        return _read(files, paths, layout)
    except OSError as error:
        raise ProjectError(
            f"cannot be read: {error.strerror}", place=Place(files.shown(Path(error.filename or paths[0])))
        ) from None


def _read(files: PsqlFiles, paths: Sequence[Path], layout: Layout | None) -> ForeignMigrations:
    first = paths[0]
    shown = files.shown(first)
    chosen = layout or (plain.LAYOUT if len(paths) > 1 else detect(first, shown=shown))
    if chosen is plain.LAYOUT and not (len(paths) == 1 and first.is_dir()):
        steps = tuple(files.scripts(paths))
    elif len(paths) > 1 or not first.is_dir():
        raise ProjectError(
            f"the layout {chosen.name} is a directory's, and this is none",
            place=Place(shown),
            hint="name one directory, or leave layout out",
        )
    else:
        steps = tuple(chosen.read(files, first))
    owner = chosen.owner(first)
    if not steps:
        raise ProjectError(f"no migration of {owner.tool} ({chosen.sign}) lies here", place=Place(shown))
    return ForeignMigrations(
        chosen.name, owner.tool, owner.command.format(path=shown), shown, steps, _ledger(owner, steps)
    )


def _ledger(owner: Owner, steps: Sequence[BuildStep]) -> BuildStep | None:
    """The step that creates the tool's own table, if its migrations use the table and do not create it."""
    if owner.ledger is None:
        return None
    name = re.escape(owner.ledger.table)
    texts = [step.up.text for step in steps]
    created = re.compile(rf'create\s+table\s+(?:if\s+not\s+exists\s+)?(?:"?\w+"?\.)?"?{name}\b', re.IGNORECASE)
    if not any(re.search(rf"\b{name}\b", text) for text in texts) or any(map(created.search, texts)):
        return None
    path = Path(f"the ledger of {owner.tool}")
    return BuildStep(owner.ledger.table, path, SqlScript((SqlPart(path, owner.ledger.ddl),)))
