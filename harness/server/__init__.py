"""PostgreSQL servers: finds, starts, keeps up and connects to them, and sends SQL files to them.

Enter by :mod:`~harness.server.targets`, which finds the :class:`~harness.server.connection.Server`
that a flag or a setting names.
Not here: what is done in a database, and roles, which belong to a whole server (``global_objects``).
"""

from harness.server.binaries import Binaries, server_account
from harness.server.connection import NEWEST, Connection, Server, parse_dsn, redacted, value, version_text
from harness.server.targets import BUILT_IN, open_server, resolve

__all__ = [
    "BUILT_IN",
    "NEWEST",
    "Binaries",
    "Connection",
    "Server",
    "open_server",
    "parse_dsn",
    "redacted",
    "resolve",
    "server_account",
    "value",
    "version_text",
]
