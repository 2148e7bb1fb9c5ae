"""Proves checks on a scratch database: tries scenarios, decides who refused, shrinks failures, and words them.

Enter by :class:`~harness.proving.prover.Prover`, which turns a check into an outcome; ``attribution`` has the table
by which a reply is judged. Not here: the scenarios themselves (``kinds``), how they travel (``probes``), how a run is
shared among processes (``workers``), and how outcomes are printed (``reports``).
"""
