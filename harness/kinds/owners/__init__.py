"""Whose rows are whose: rows of several owners, who asks, and what may not change hands."""
