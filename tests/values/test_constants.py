"""Constants and patterns in the texts of functions, in several languages."""

from __future__ import annotations

import re

import pytest

from harness.values.constants import constants_of_bodies
from harness.values.patterns import matching

BODIES = {
    "SQL": ("select $1 ~ '^[a-z]{3}$'", "[a-z]{3}"),
    "Python, raw": (
        'import re\nreturn bool(re.match(r"^[a-z0-9][a-z0-9\\.\\-]*\\Z", args[0]))',
        r"[a-z0-9][a-z0-9.-]*",
    ),
    "Python, over lines": ('re.search("""(?x)^\n  ([0-9]+:)?  \n  [a-z]+  \n$""", args[0])', "([0-9]+:)?[a-z]+"),
    "JavaScript": ("return /^[a-z]+\\/x$/.test(value);", "[a-z]+/x"),
    "Perl": ("return $_[0] =~ /^(19|20)\\d{2}$/;", r"(19|20)\d{2}"),
}


@pytest.mark.parametrize("language", BODIES)
def test_patterns_are_found(language: str) -> None:
    body, pattern = BODIES[language]
    found = [text for each in constants_of_bodies([body]).patterns for text in matching(each)]
    assert found and any(re.fullmatch(pattern, text) for text in found)


def test_constants_are_found_between_both_quotes() -> None:
    found = constants_of_bodies(["if (kind === \"new\" || kind === 'old') { return size > 7; }"])
    assert {"new", "old", "7"} <= {*found.literals}
