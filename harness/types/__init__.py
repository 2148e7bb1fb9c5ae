"""Types in other languages that say what the database says: TypeScript, Zod and Pydantic, from catalog and checks.

Enter by :func:`~harness.types.reading.read`, which makes :class:`~harness.types.model.DatabaseTypes`; each renderer
turns them into files. Not here: what the rules are (``catalog``, ``declarations``), and rows (``generation``).
"""
