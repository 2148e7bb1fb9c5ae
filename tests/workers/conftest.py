"""The small project of the command line's tests."""

from __future__ import annotations

from tests.cli.conftest import cli, environment

__all__ = ["cli", "environment"]
