"""Learns how to fill a table whose rows a trigger refuses: no rule of the catalog says what would please it.

A row is drawn and tried. Where a trigger stands in the way, its function's text is looked through for constants and
tables, and the row is tried again with a column changed, with a row that has to stand before, with a column that leads
to another table. What helps is a lesson: the same as a person would write under ``rows:``. One module for each family
of lessons; :mod:`~harness.inference.teacher` goes through them.
"""

from harness.inference.attempt import Obstacle
from harness.inference.teacher import Teacher

__all__ = ["Obstacle", "Teacher"]
