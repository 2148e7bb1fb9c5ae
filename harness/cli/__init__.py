"""The command line. A verb is its options and one call; what it returns is the exit code."""

from __future__ import annotations

from harness.cli.entry import main

__all__ = ["main"]
