"""The house rules, one module each; the docstring of a rule is its page."""
