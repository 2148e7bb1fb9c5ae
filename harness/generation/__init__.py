"""Rows drawn by Hypothesis, each with all the rows that it refers to, as the INSERTs of a scenario.

Enter by :class:`~harness.generation.draft.Draft`.
Not here: the values themselves (``values``, ``solver``), and rows by the thousand (``bulk``).
"""
