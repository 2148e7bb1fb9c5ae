"""The project's own migrations, applied and rolled back, and the ledger that remembers them in the database.

Enter by :mod:`~harness.migrations.migrate`; :mod:`~harness.migrations.plan` decides what it does.
Not here: the files (``project.migrations``), and migrations that another tool owns (``foreign``).
"""
