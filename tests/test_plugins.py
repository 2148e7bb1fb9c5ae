"""What the core loads by name."""

from __future__ import annotations

from inspect import signature

import pytest

from harness import plugins
from harness.errors import HarnessError
from harness.project.settings import LAYOUTS


def test_every_layout_can_be_named_in_project_yml() -> None:
    assert sorted(plugins.load("layouts").LAYOUTS) == sorted(LAYOUTS)


def test_what_the_core_calls_is_there() -> None:
    bulk = plugins.load("bulk")
    parts = ("BulkContext", "fill_all", "grow", "load", "sizes")
    assert [part for part in parts if not callable(getattr(bulk, part, None))] == []
    assert list(signature(plugins.load("dask")).parameters) == ["address", "work"]


def test_a_part_that_is_not_installed() -> None:
    with pytest.raises(HarnessError, match="no part called 'typescript' is installed"):
        plugins.load("typescript")
