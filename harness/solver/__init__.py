"""Values that keep the rules of a table: each rule is a constraint, each combination that keeps them a solution.

Enter by :class:`~harness.solver.pools.Pools`: it has the solutions for the columns that rules tie together.
Not here: rows, which take one solution each and need parents (``generation``), and the ``oracle`` that is asked.
"""
