"""Rows that a table takes: drawn by Hypothesis, with their parents, and the values that break one rule."""

from harness.generation.draft import Draft
from harness.generation.oracle import Answer, Oracle
from harness.generation.pools import Pools
from harness.generation.rules import Rule, Unfillable
from harness.generation.types import Unsupported

__all__ = ["Answer", "Draft", "Oracle", "Pools", "Rule", "Unfillable", "Unsupported"]
