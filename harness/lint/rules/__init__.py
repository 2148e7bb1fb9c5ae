"""The house rules by subject; the docstring of a rule is its page."""
