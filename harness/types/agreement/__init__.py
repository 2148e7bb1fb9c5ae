"""Proves that types and database say the same: drawn rows are tried on both.

Enter by :func:`~harness.types.agreement.proof.prove`. The server decides what is accepted, and which rule refuses; a
:class:`~harness.types.agreement.judges.Judge` runs what was written, Zod under node or Pydantic in Python.
Not here: the types themselves.
"""
