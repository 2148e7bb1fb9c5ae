"""Objects that a whole server shares, roles above all: the statements that change them, and those that the tool made.

Enter by :class:`~harness.global_objects.guards.ScratchGuard`, which watches every file of a scratch database, and by
:mod:`~harness.global_objects.registry`, the record of all that the tool keeps on a server.
Not here: the server's process and its connections (``server``).
"""

from harness.global_objects.effects import fits_in_transaction
from harness.global_objects.guards import Guard, ScratchGuard, require_roles
from harness.global_objects.roles import Role

__all__ = ["Guard", "Role", "ScratchGuard", "fits_in_transaction", "require_roles"]
