"""Chooses races worth running of those that nobody requires: running one takes as long as hundreds of probes.

Each is tried by probes first: its sessions alone, one after the other, and both while no trigger looks at them.
Not here: running them (``racing.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.generation.statements import DISABLE_TRIGGERS
from harness.probes import (
    AcceptedOrRefused,
    Execute,
    Postcondition,
    Probe,
    Reply,
    Scenario,
    ServerError,
    Session,
    SqlStatement,
)
from harness.races import NOTHING, Race, Races

OPTIONAL = 6
"""Races run for one set of rows, besides those that have to be."""

BREAKS, REFUSED, HARMLESS = 0, 1, 2
"""Ranks of races: both together break the invariant, one is refused after the other, neither is."""


def worth_running(session: Session, group: Races) -> tuple[list[Race], bool]:
    """Returns the required races and the best of the others, and whether one of them is likely to show something."""
    required = [race for race in group.races if race.required]
    optional = [race for race in group.races if not race.required]
    if len(optional) <= OPTIONAL:
        return [*required, *optional], True
    alone = _replies(session, group.setup, [probe for race in optional for probe in _alone(race)])
    able = [
        (race, unseen.then)
        for race, (a, b, unseen) in zip(optional, _chunks(alone, 3), strict=False)
        if a.refusal is None and a.rows and b.refusal is None and b.rows
    ]
    after = _replies(session, group.setup, [probe for race, _ in able for probe in _serial(race)])
    ranked = zip(able, _chunks(after, 2), strict=False)
    found = [(_rank(race, unseen, refusals), race) for (race, unseen), refusals in ranked]
    return [*required, *_varied(found)], bool(required) or any(rank < HARMLESS for rank, _ in found)


def _replies(session: Session, setup: tuple[SqlStatement, ...], probes: Sequence[Probe]) -> list[Reply]:
    answer = session.replies(Scenario(setup, tuple(probes))) if probes else []
    return [] if isinstance(answer, ServerError) else answer


def _chunks(replies: Sequence[Reply], size: int) -> Iterator[Sequence[Reply]]:
    return (replies[place : place + size] for place in range(0, len(replies), size))


def _alone(race: Race) -> Iterator[Probe]:
    """Probes with each session alone, and with both while no trigger looks at them."""
    yield _after(race.ahead, race.a)
    yield _after(race.ahead, race.b)
    then = Postcondition(race.invariant.sql, "", "then there is")
    yield replace(_after((*race.ahead, DISABLE_TRIGGERS, *race.a), race.b), then=then)


def _serial(race: Race) -> Iterator[Probe]:
    """Probes with each session after the other."""
    yield _after((*race.ahead, *race.a), race.b)
    yield _after((*race.ahead, *race.b), race.a)


def _rank(race: Race, unseen: str | None, after: Sequence[Reply]) -> int:
    """Ranks a race by its probes, the lower, the better.

    Both break the invariant where no trigger looks at them, as if neither saw the other: that may happen in a race.
    """
    if unseen is not None and not race.invariant.allows(NOTHING, unseen):
        return BREAKS
    return REFUSED if any(reply.refusal is not None for reply in after) else HARMLESS


def _after(ahead: Sequence[SqlStatement], statement: Sequence[SqlStatement]) -> Probe:
    *before, last = [*ahead, *statement]
    text = "; ".join(each.sql for each in before) or None
    return Probe(last if text is None else Execute(last.sql), AcceptedOrRefused(), "serial", before=text)


def _varied(found: Sequence[tuple[int, Race]]) -> list[Race]:
    """Takes the best races, of every aspect in turn."""
    turns: dict[tuple[int, str], int] = {}
    places: list[tuple[int, int, int, Race]] = []
    for number, (rank, race) in enumerate(found):
        turn = turns[rank, race.aspect] = turns.get((rank, race.aspect), -1) + 1
        places.append((rank, turn, number, race))
    best = sorted(places, key=lambda place: place[:3])
    # Two writes may undo one another though none is refused: some of those are run as well.
    harmless = sum(rank == HARMLESS for rank, *_ in best)
    refused = len(best) - harmless
    kept = min(refused, max(OPTIONAL - math.ceil(OPTIONAL / 3), OPTIONAL - harmless))
    return [race for *_, race in [*best[:kept], *best[refused:][: OPTIONAL - kept]]]
