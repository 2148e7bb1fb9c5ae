"""PostgreSQL servers: finds, starts, keeps up and connects to them, and sends SQL files to them.

Enter by :mod:`~harness.server.targets`, which finds the :class:`~harness.server.connection.Server`
that a flag or a setting names.
Not here: what is done in a database, and roles, which belong to a whole server (``global_objects``).
"""
