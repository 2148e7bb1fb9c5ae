"""Finds hints with which a table can be filled whose rows a trigger refuses, though they keep all rules.

A row is drawn and tried. Where a trigger refuses it, constants and tables are searched in the text of its function, and
the row is tried again with a column changed, with a row inserted before, with a column that refers to another table.
Enter by :class:`~harness.inference.finder.HintFinder`; ``columns``, ``parents`` and ``required_rows`` have the searches
for hints by their subject. Not here: drawing rows (``generation``).
"""

from harness.inference.attempt import Blocker
from harness.inference.finder import HintFinder

__all__ = ["Blocker", "HintFinder"]
