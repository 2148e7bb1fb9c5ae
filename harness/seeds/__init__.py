"""Seed files, loaded into tables: missing rows are inserted, differing ones updated, all others left alone.

Enter by :mod:`~harness.seeds.loading`; :mod:`~harness.seeds.tolerant` loads all that the schema accepts, for proofs.
Not here: generated rows (``generation``, ``bulk``).
"""
