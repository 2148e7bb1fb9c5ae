"""Proves that types and database say the same: drawn rows are tried on both.

Enter by :class:`~harness.types.agreement.proof.Proof`. The server decides what is accepted, and which rule refuses; a
:class:`~harness.types.agreement.judges.Judge` runs what was written, Zod under node or Pydantic here.
Not here: the types themselves.
"""
