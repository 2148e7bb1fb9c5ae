"""A project read from its files, without a server: every value keeps its place, so that errors can name it.

:func:`harness.project.load.load` reads a project; :mod:`.keys` declares the YAML keys of a kind of check, :mod:`.sql`
reads SQL in them, :mod:`.sqlfile` whole files of SQL, :mod:`.layouts` the migrations of other tools. Check files
themselves are read by :mod:`harness.declarations`, seed files by :mod:`harness.seeds`.
"""

from harness.project.folders import relative
from harness.project.model import (
    BuildStep,
    ForeignMigrations,
    Migration,
    Module,
    NewRow,
    Paths,
    Profile,
    Project,
    Seed,
    SqlPart,
    SqlScript,
    TableName,
    Target,
    Timeouts,
    Tuple,
    Values,
)
from harness.project.psql import PsqlFiles

__all__ = [
    "BuildStep",
    "ForeignMigrations",
    "Migration",
    "Module",
    "NewRow",
    "Paths",
    "Profile",
    "Project",
    "PsqlFiles",
    "Seed",
    "SqlPart",
    "SqlScript",
    "TableName",
    "Target",
    "Timeouts",
    "Tuple",
    "Values",
    "relative",
]
