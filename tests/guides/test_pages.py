"""Pages with one project each: it comes out as it is written."""

from __future__ import annotations

import pytest

from tests.guides.reader import Reader, page, slips

PAGES = ["../README.md", "how-to/triggers.md", "how-to/roles.md"]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_it_comes_out_as_it_is_written(reader: Reader, name: str) -> None:
    reader.follow(page(name))


@pytest.mark.parametrize("name", PAGES)
def test_it_is_easy_to_read(name: str) -> None:
    assert slips(page(name)) == []
