"""Values of one column: strategies for each type, and candidates that its rules make worth trying.

Enter by :mod:`~harness.values.types` (type to Hypothesis strategy) and :mod:`~harness.values.candidates`.
Not here: values that several columns need together (``solver``).
"""
