"""Objects that a whole server shares, roles above all: what SQL does to them, and what the tool has made of them.

Enter by :class:`~harness.global_objects.outside.Confined`, which goes with every file of a scratch database, and by
:mod:`~harness.global_objects.registry`, the record of all that the tool keeps on a server.
Not here: the server's process and its connections (``server``).
"""
