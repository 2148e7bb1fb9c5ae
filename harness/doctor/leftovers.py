"""Lists what runs have left on a server that is not the tool's own, and removes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from harness.doctor.diagnosis import Diagnosis, ok, warning
from harness.global_objects import Role, registry, roles
from harness.server import Connection, Server


def leftovers(server: Server, connection: Connection) -> Iterator[Diagnosis]:
    """Yields what runs have left on a server that is not our own."""
    if server.own:
        return
    advice = "harness clean removes it"
    for template in registry.templates(connection):
        what = f"the server keeps template {template.name} of project {template.project}"
        yield ok(what, advice)
    recorded = registry.recorded(connection)
    oids = {role.oid for role in recorded}
    for role in sorted(roles.read(connection).values(), key=lambda each: each.name):
        if role.oid in oids:
            yield _role(role, roles.why_kept(connection, role, recorded, registry.is_ours))
    for name in registry.leftovers(connection):
        what = f"the server keeps scratch database {name} of a run that was killed"
        yield warning(what, advice)


def _role(role: Role, why: str | None) -> Diagnosis:
    what = f"the server keeps role {role.name}, made for scratch databases"
    if why is None:
        return ok(what, "harness clean removes it")
    return warning(f"{what}, and harness clean leaves it alone: {why}", f"if nobody needs it: drop role {role.name}")
