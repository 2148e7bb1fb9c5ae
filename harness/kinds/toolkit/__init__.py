"""Parts that several kinds of check share.

Enter where a kind needs it: rows with one key (``keys``), changes of a row (``changes``), constraints and
triggers that refuse (``constraints``), two sides of a predicate (``predicates``), what races watch (``invariants``).
What a single kind is made of is in the package of its name, such as ``locked_parts``.
"""
