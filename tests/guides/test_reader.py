"""A page that is wrong is found to be."""

from __future__ import annotations

import pytest

from tests.guides.reader import Reader, shows, slips

PRINTED = "PostgreSQL 18.6, 3 checks\n\n  proved  a  0.3 s\n  proved  b  0.4 s\n"


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        (PRINTED, True),
        ("PostgreSQL 17.2, 3 checks\n\n  proved  a  9.9 s\n…\n", True),
        ("…\n  proved  b …\n", True),
        ("PostgreSQL 18.6, 3 checks\n", False),
        ("…\n  broken  b  0.4 s\n", False),
        ("…\n  proved  a  0.3 s\n", False),
        ("", False),
    ],
)
def test_what_is_shown_is_compared(shown: str, same: bool) -> None:
    assert shows(shown, PRINTED) is same


@pytest.mark.parametrize("page", ["```diff\n--- a.sql\n-three\n+four\n```\n", "```console\n$ echo two\none\n```\n"])
def test_a_page_that_is_wrong_is_found(reader: Reader, page: str) -> None:
    reader.follow("```sql\n-- a.sql\none\ntwo\n```\n```console\n$ cat a.sql\n-- a.sql\none\ntwo\n```\n")
    with pytest.raises(AssertionError):
        reader.follow(page)


def test_what_is_hard_to_read_is_found() -> None:
    assert slips("Short.\n\n" + "word\n" * 30 + "\n" + "x" * 119) == []
    assert len(slips("word\n" * 31 + "\n" + "x" * 120)) == 2
