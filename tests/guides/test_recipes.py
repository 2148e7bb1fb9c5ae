"""Each recipe is proved as it stands, and what is taken out of it turns red what the page says, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.guides.reader import DOCS, Reader, page, sections, slips

FOLDER = DOCS / "how-to" / "recipes"
PAGES = {path.stem: page(f"how-to/recipes/{path.name}") for path in FOLDER.glob("*.md")}


def recipes() -> Iterator[tuple[str, str]]:
    """Each project of a page, with its name: the whole page is one, or each of its sections."""
    for name, text in PAGES.items():
        parts = sections(text)
        if "schema.sql" in text.partition("\n## ")[0]:
            yield name, text
        else:
            yield from ((f"{name}: {heading}", part) for heading, part in parts.items())


RECIPES = dict(recipes())


def taken_out(text: str) -> Iterator[tuple[str, str, set[str]]]:
    """What a page changes in the schema, into what, and the checks that turn red."""
    for line in text.partition("| take out |")[2].splitlines()[2:]:
        if not line.startswith("|"):
            break
        change, checks = line.strip("| ").split(" | ")
        old, new = [*re.findall("`([^`]+)`", change), ""][:2]
        yield old, new, set(re.findall("`([^`]+)`", checks))


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe(reader: Reader, name: str) -> None:
    reader.follow(RECIPES[name])
    changes = [*taken_out(RECIPES[name])]
    assert changes
    for old, new, checks in changes:
        reader.replace("schema.sql", old, new)
        assert (old, reader.red()) == (old, checks)
        reader.undo()


@pytest.mark.parametrize("name", PAGES)
def test_it_is_easy_to_read(name: str) -> None:
    assert slips(PAGES[name]) == []
