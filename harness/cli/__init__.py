"""The command line: a function for each verb, which returns the exit code if it is not 0.

Enter by :func:`main`, which refuses Windows before anything is imported that fails there; on other systems
:func:`~harness.cli.entry.main` makes messages and exit codes of errors. Only this package prints.
Not here: what a verb does, which is in the packages below.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]

_COULD_NOT_RUN = 2  # that of common.py, which is not imported yet
_WINDOWS = (
    "harness does not run on Windows itself: install and run it in WSL, the Windows Subsystem for Linux "
    "(https://learn.microsoft.com/windows/wsl/install)"
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits; on Windows only says where it runs."""
    if sys.platform == "win32":
        print(_WINDOWS, file=sys.stderr)
        sys.exit(_COULD_NOT_RUN)
    from harness.cli import entry

    entry.main(arguments)
