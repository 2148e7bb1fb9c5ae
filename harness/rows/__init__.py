"""Rows that a table takes: drawn by Hypothesis, with their parents, and the values that break one rule."""

from harness.rows.draft import Draft
from harness.rows.oracle import Answer, Oracle
from harness.rows.pools import Pools, Rule, Unfillable
from harness.rows.types import Unsupported

__all__ = ["Answer", "Draft", "Oracle", "Pools", "Rule", "Unfillable", "Unsupported"]
