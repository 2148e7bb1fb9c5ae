"""Writes outcomes for people and programs: terminal, JUnit, JSON, psql scripts, and the journal of a run.

A report takes outcomes and asks no server anything. What users read about a check is in :mod:`~harness.reports.words`.
Not here: how an outcome is found (``proving``), and the order in which outcomes come (``cli``).
"""
