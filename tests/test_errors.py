"""What an error says fits on a screen, whatever it quotes, and keeps its place and its way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import LONGEST, HarnessError, Place, did_you_mean, shortened

LONG = "x" * 200_000


@pytest.mark.parametrize(
    "error",
    [
        HarnessError(f"begins {LONG} ends"),
        HarnessError("begins", excerpt=LONG, hint=f"{LONG} ends"),
        HarnessError(f"begins {LONG}", excerpt=LONG, hint=f"{LONG} ends", place=Place(Path("a.yml"), 3, 4)),
        HarnessError("begins and ends", place=Place(Path(LONG), 3, 4)),
    ],
)
def test_a_message_is_bounded_and_keeps_its_ends(error: HarnessError) -> None:
    said = str(error)
    assert len(said) <= LONGEST
    assert "begins" in said
    assert said.endswith("ends")
    assert ":3:4: " in said or error.place is None


def test_what_is_short_stays_as_it_is() -> None:
    error = HarnessError("wrong", place=Place(Path("a.yml"), 3, 4), excerpt="    a\n    ^", hint="do this")
    assert str(error) == "a.yml:3:4: wrong\n    a\n    ^\nhint: do this"
    assert shortened("abc", 3) == "abc"
    assert shortened("a" * 500 + "b" * 500, 50).startswith("aa")
    assert len(shortened("a" * 1000, 50)) <= 50


def test_a_long_name_is_compared_in_no_time() -> None:
    assert did_you_mean(LONG, ["intents", "y" * 200_000]) == ""
