"""The tutorial is followed to its end, and then everything is taken out that it says to try."""

from __future__ import annotations

import pytest

from tests.guides.reader import Reader, page, slips

TUTORIAL = page("tutorial/index.md")
TABLES, PLACES = "schema/hall/001_tables.up.sql", "schema/hall/002_places.up.sql"
TAKEN_OUT = {
    " check (guest <> '')": (TABLES, "hall.bookings.check.guest"),
    " unique": (TABLES, "hall.slots.unique.starts"),
    " on delete cascade": (TABLES, "hall.bookings.foreign_key.slot_id"),
    "perform from hall.slots where id = new.slot_id for update;": (
        PLACES,
        "hall.bookings.routine.a slot takes three bookings, and no fourth",
    ),
}
"""Parts of the migrations, each with its file and the check that turns red without it."""


@pytest.mark.slow
def test_it_comes_out_as_it_is_written(reader: Reader) -> None:
    reader.follow(TUTORIAL)
    for part, (file, _) in TAKEN_OUT.items():
        reader.replace(file, part, "")
    assert reader.red() == {check for _, check in TAKEN_OUT.values()}


def test_it_is_easy_to_read() -> None:
    assert slips(TUTORIAL) == []
