"""Text of ``project.yml`` for an adopted schema, with the comments that a newcomer needs.

Decides the name of the project. Not here: reading the file (``project/load.py``), and modules that are added to it
later (``refresh.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.describe import yaml
from harness.project.json_schema import modeline
from harness.project.load import FILE

HEAD = "# The project's one settings file: every path starts here."
MODULES = """\
# One module is one folder under checks/ (the rules that are meant, one file a table) and seeds/ (fixtures, if there
# are any), named after its PostgreSQL schema."""
BASE = """\
# What the platform brings (roles, an auth schema, stand-ins of extensions): run first, in scratch databases only."""
MIGRATIONS = """\
# The schema stays where it is, under its own tool. `harness test` builds scratch databases from it and never applies it
# to a database of yours. After a change: harness adopt --update"""
TARGET = """\
# Where scratch databases are made: `embedded` is the server that comes with the tool, `system` the PostgreSQL that is
# installed here (for extensions that the embedded one lacks). Without this line an application's DATABASE_URL and PG*
# would count. A server of yours is one more target:
#   targets:
#     staging: {dsn: "${STAGING_URL}"}"""
CLASSES = """\
# Data classes that comments may end in ('Where receipts go. [personal]'); `class:` checks then hold columns to them:
#   classes: [public, administrative, personal]"""


@dataclass(frozen=True)
class SchemaSource:
    """The files that a schema is built from: paths as ``project.yml`` is to have them."""

    paths: tuple[str, ...]
    layout: str | None = None
    base: tuple[str, ...] = ()
    search_path: tuple[str, ...] = ()


def render(name: str, modules: Sequence[str], origin: SchemaSource, target: str) -> str:
    """The text of the file."""
    lines = [modeline(Path(FILE), "project"), HEAD, *yaml.entry("name", name), "", *MODULES.split("\n"), "modules:"]
    lines += [f"  {yaml.key_text(module)}: {{}}" for module in modules]
    if origin.base:
        lines += ["", *BASE.split("\n"), *yaml.entry("base", list(origin.base))]
    lines += ["", *MIGRATIONS.split("\n"), "migrations:"]
    lines += yaml.entry("path", origin.paths[0] if len(origin.paths) == 1 else list(origin.paths), 2)
    if origin.layout:
        lines += yaml.entry("layout", origin.layout, 2)
    if origin.search_path:
        lines += ["", *yaml.entry("search_path", list(origin.search_path))]
    lines += ["", *TARGET.split("\n"), *yaml.entry("target", target), "", *CLASSES.split("\n")]
    return "\n".join(lines) + "\n"


def project_name(directory: str) -> str:
    """A name for the project of a directory."""
    return re.sub(r"[^\w-]+", "_", directory).strip("_-") or "adopted"
