"""Applies and rolls back the project's own migrations, and keeps the ledger of a database.

Enter by :class:`~harness.migrations.migrate.Migrator`; :mod:`~harness.migrations.plan` decides what it does.
Not here: the files (``project.migrations``), and migrations that another tool owns (``foreign``).
"""
