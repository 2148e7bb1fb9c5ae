"""Chooses races worth running of those that nobody requires: running one takes as long as hundreds of probes.

Each is tried by probes first: its sessions alone, one after the other, and both while no trigger looks at them.
Not here: running them (``racing.py``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
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
    unseen = _replies(session, group.setup, map(_unseen, optional))
    breaking = {place for place, reply in enumerate(unseen) if _breaks(optional[place], reply)}
    # Others are for want of better ones: those on the rows that are there are enough.
    tried = [(place, race) for place, race in enumerate(optional) if place in breaking or not race.ahead]
    alone = _replies(session, group.setup, (probe for _, race in tried for probe in _alone(race)))
    able = [
        each
        for each, (a, b) in zip(tried, _chunks(alone, 2), strict=False)
        if a.refusal is None and a.rows and b.refusal is None and b.rows
    ]
    after = _replies(session, group.setup, (probe for _, race in able for probe in _serial(race)))
    found = [
        (BREAKS if place in breaking else REFUSED if any(reply.refusal for reply in replies) else HARMLESS, race)
        for (place, race), replies in zip(able, _chunks(after, 2), strict=False)
    ]
    likely = BREAKS if any(reply.refusal is None for reply in unseen) else REFUSED
    return [*required, *_varied(found)], bool(required) or any(rank <= likely for rank, _ in found)


def _replies(session: Session, setup: tuple[SqlStatement, ...], probes: Iterable[Probe]) -> list[Reply]:
    asked = tuple(probes)
    answer = session.replies(Scenario(setup, asked)) if asked else []
    return [] if isinstance(answer, ServerError) else answer


def _chunks(replies: Sequence[Reply], size: int) -> Iterator[Sequence[Reply]]:
    return (replies[place : place + size] for place in range(0, len(replies), size))


def _unseen(race: Race) -> Probe:
    """A probe with both sessions while no trigger looks at them, as if neither saw the other."""
    then = Postcondition(race.invariant.sql, "", "then there is")
    return replace(_after((*race.ahead, DISABLE_TRIGGERS, *race.a), race.b), then=then)


def _breaks(race: Race, unseen: Reply) -> bool:
    return unseen.refusal is None and unseen.then is not None and not race.invariant.allows(NOTHING, unseen.then)


def _alone(race: Race) -> Iterator[Probe]:
    yield _after(race.ahead, race.a)
    yield _after(race.ahead, race.b)


def _serial(race: Race) -> Iterator[Probe]:
    """Probes with each session after the other."""
    yield _after((*race.ahead, *race.a), race.b)
    yield _after((*race.ahead, *race.b), race.a)


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
