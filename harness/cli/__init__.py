"""The command line: a function for each verb, which returns the exit code if it is not 0.

Enter by :func:`~harness.cli.entry.main`, where errors become messages and exit codes. Only this package prints.
Not here: what a verb does, which is in the packages below.
"""

from __future__ import annotations

from harness.cli.entry import main

__all__ = ["main"]
