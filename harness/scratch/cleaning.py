"""Removes what the tool keeps on a server: left over databases, templates, and their roles.

Says of each what was dropped or kept, and why. Not here: whether it is in use (``global_objects/registry.py``), and
whether a role may go (``global_objects/roles.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg

from harness.global_objects import locks, registry
from harness.project.model import Project
from harness.scratch.templates import root_hash
from harness.server.connection import Connection, Server


def clean(server: Server, project: Project | None) -> list[str]:
    """Removes what the tool keeps, of one project or of all; returns sentences on what was removed and kept."""
    said: list[str] = []
    with server.connect() as connection, registry.translated(connection), locks.building(connection):
        said.extend(f"dropped scratch database {name}" for name in registry.drop_leftovers(connection))
        said.extend(f"kept scratch database {name}: it is in use" for name in registry.scratch_databases(connection))
        for template in registry.templates(connection):
            if project is None or template.root == root_hash(project.root):
                said.extend(_drop_template(connection, template))
    return said


def _drop_template(connection: Connection, template: registry.Template) -> Iterator[str]:
    """Drops a template and the roles that only it recorded; yields what was dropped and kept."""
    what = f"template {template.name} of project {template.project}"
    try:
        yield f"dropped {what}" if registry.drop_template(connection, template) else f"kept {what}: a run uses it"
    except psycopg.errors.InsufficientPrivilege:
        yield f"kept {what}: it belongs to another user"
    finally:  # an interrupt may have come when it was gone, and with it the record
        dropped, kept = registry.drop_roles(connection, template.roles)
    yield from (f"dropped role {role}" for role in dropped)
    yield from (f"kept role {role}: {why}" for role, why in kept)
