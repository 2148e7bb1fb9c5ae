"""The pages of ``docs/reference/kinds`` and ``docs/mistakes``: their examples run, and their reports are real."""
