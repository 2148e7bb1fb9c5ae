"""Objects that a whole server shares, roles above all: the statements that change them, and those that the tool made.

Enter by :class:`~harness.global_objects.guards.ScratchGuard`, which watches every file of a scratch database, and by
:mod:`~harness.global_objects.registry`, the record of all that the tool keeps on a server.
Not here: the server's process and its connections (``server``).
"""
