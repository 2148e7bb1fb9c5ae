"""What the core loads by name."""

from __future__ import annotations

import pytest

from harness import plugins
from harness.errors import HarnessError
from harness.project.settings import LAYOUTS


def test_every_layout_can_be_named_in_project_yml() -> None:
    assert sorted(plugins.load("layouts").LAYOUTS) == sorted(LAYOUTS)


@pytest.mark.parametrize(
    ("name", "parts"), [("bulk", ("BulkContext", "fill_all", "grow", "load", "sizes")), ("dask", ())]
)
def test_what_the_core_calls_is_there(name: str, parts: tuple[str, ...]) -> None:
    found = plugins.load(name)
    assert [callable(getattr(found, part)) for part in parts] == [True] * len(parts)


def test_a_part_that_is_not_installed() -> None:
    with pytest.raises(HarnessError, match="no part called 'typescript' is installed"):
        plugins.load("typescript")
