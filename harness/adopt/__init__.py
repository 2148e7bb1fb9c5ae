"""Turns a schema into check files as a person would write them, and keeps them up to date with it.

Enter by :func:`~harness.adopt.adoption.adopt` for a new project and :func:`~harness.adopt.adoption.update` for one that
is there: both return texts, which are written at once. ``coverage`` compares checks and catalog.
Not here: how a table is described (``describe``), and how row hints are found (``inference``).
"""
