"""Moments worth trying: those that rules mention, their neighbours, and days near today."""

from __future__ import annotations

import contextlib
import datetime

from harness.catalog.model import Column
from harness.values.constants import RuleConstants

MOMENTS = ("date", "timestamp", "timestamptz")


def around(name: str, constant: str) -> list[str]:
    """A moment that a rule mentions, with those just before and after it; none if the text is no moment."""
    try:
        moment = datetime.datetime.fromisoformat(constant)
        if moment.tzinfo is not None and name == "timestamptz":
            moment = moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return []
    unit = datetime.timedelta(days=1) if name == "date" else datetime.timedelta(microseconds=1)
    zone = "+00" if name == "timestamptz" else ""
    moment, found = moment.replace(tzinfo=None), list[datetime.datetime]()
    for step in (0, -1, 1):
        with contextlib.suppress(OverflowError):  # the last day that Python knows is 9999-12-31
            found.append(moment + step * unit)
    return [each.date().isoformat() if name == "date" else f"{each.isoformat(' ')}{zone}" for each in found]


def near_today(column: Column, constants: RuleConstants) -> list[str]:
    """Moments before and after today, if a rule compares with the clock."""
    if not constants.now or column.base_name not in MOMENTS:
        return []
    today = datetime.datetime.combine(datetime.datetime.now(datetime.UTC).date(), datetime.time(12))
    moments = [today + datetime.timedelta(days=days) for days in (-1, 1, -7, 7, -30, 30, -400, 400)]
    zone = "+00" if column.base_name == "timestamptz" else ""
    if column.base_name == "date":
        return [each.date().isoformat() for each in moments]
    return [f"{each.isoformat(' ')}{zone}" for each in moments]
