"""Migrations that another tool owns: built in scratch databases as that tool would, read from dumps, never applied.

Enter by :mod:`~harness.foreign.builder`. What the server lacks (extensions, roles) is found before anything is built.
Not here: our own migrations (``migrations``), which are applied to targets too.
"""
