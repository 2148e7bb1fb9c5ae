"""Atlas: ``<timestamp>_name.sql`` beside ``atlas.sum``.

A file that begins with ``-- atlas:checkpoint`` replaces all before it, and an empty database begins with the newest
of these. ``-- atlas:txmode none`` opts out of the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from harness.layouts.layout import Layout, owned_by, sql_files
from harness.project import BuildStep, PsqlFiles, SqlScript
from harness.project.sqltext import next_word

SUM = "atlas.sum"
_CHECKPOINT = re.compile(r"^--[ \t]*atlas:checkpoint\b", re.MULTILINE)
_NO_TRANSACTION = re.compile(r"^--[ \t]*atlas:txmode[ \t]+none\b", re.MULTILINE)


def fits(directory: Path) -> bool:
    """Whether the directory is Atlas's own: it can keep its sums beside the files of other tools, too."""
    return (directory / SUM).is_file() and not any(path.name.endswith(".up.sql") for path in sql_files(directory))


def read(files: PsqlFiles, directory: Path) -> Iterator[BuildStep]:
    texts = {path: files.text(path) for path in sql_files(directory)}
    headers = {path: text[: next_word(text, 0)] for path, text in texts.items()}
    checkpoints = [number for number, header in enumerate(headers.values()) if _CHECKPOINT.search(header)]
    for path in list(texts)[max(checkpoints, default=0) :]:
        yield BuildStep(
            path.stem,
            files.shown(path),
            SqlScript(files.parts(path, texts[path]), _NO_TRANSACTION.search(headers[path]) is None),
        )


LAYOUT = Layout(
    name="atlas",
    sign=SUM,
    fits=fits,
    owner=owned_by("Atlas", "atlas migrate apply --dir file://{path}"),
    read=read,
)
