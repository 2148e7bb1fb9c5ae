"""Work is shared out whole, evenly, and alike wherever it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.declarations import DeclaredCheck
from harness.errors import Place
from harness.project.model import TableName
from harness.workers import Durations, Shard, chunks


def check(name: str, kind: str = "check", table: str | None = "a") -> DeclaredCheck:
    rule: Any = None
    where = TableName("app", table) if table else None
    return DeclaredCheck(name, kind, "app", where, rule, Place(Path("checks/app/a.yml"), 1, 1))


def some(*tables: str) -> list[DeclaredCheck]:
    return [check(f"{table}.{place}", table=table) for place, table in enumerate(tables)]


runs = st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 10)), max_size=60)


@given(runs, st.integers(1, 7))
def test_all_shards_together_have_each_check_once(run: list[tuple[str, float]], of: int) -> None:
    checks = some(*(table for table, _ in run))
    known = Durations({check.name: seconds for check, (_, seconds) in zip(checks, run, strict=True)})
    parts = [Shard(number, of).part(checks, known) for number in range(1, of + 1)]
    names = [check.name for part in parts for check in part]
    assert sorted(names) == sorted(check.name for check in checks)
    order = [check.name for check in checks]
    assert all([check.name for check in part] == [n for n in order if n in {c.name for c in part}] for part in parts)


@given(runs, st.integers(1, 7), st.booleans())
def test_all_chunks_together_have_each_check_once(run: list[tuple[str, float]], workers: int, in_order: bool) -> None:
    checks = some(*(table for table, _ in run))
    known = Durations({check.name: seconds for check, (_, seconds) in zip(checks, run, strict=True)})
    places = [place for chunk in chunks(checks, known, workers, in_order=in_order) for place in chunk.positions]
    assert sorted(places) == list(range(len(checks)))


def test_the_longest_chunk_comes_first_and_with_fail_fast_the_first_one() -> None:
    checks = some("a", "b", "c", "b")
    known = Durations({"a.0": 1, "b.1": 2, "c.2": 5, "b.3": 2})
    assert [chunk.positions for chunk in chunks(checks, known, 1, in_order=True)] == [(0,), (1,), (3,), (2,)]
    assert next(chunk.positions for chunk in chunks(checks, known, 1)) == (2,)


def test_checks_of_a_table_stay_together_unless_they_take_too_long() -> None:
    quick = some("a", "b", "a", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")
    assert chunks(quick, Durations(), 1)[0].positions == (0, 2)
    slow = Durations({check.name: 1.0 for check in quick} | {"a.0": 30.0, "a.2": 30.0})
    assert {chunk.positions for chunk in chunks(quick, slow, 1)[:2]} == {(0,), (2,)}


def test_shards_take_equally_long() -> None:
    checks = some(*"abcdefgh")
    known = Durations(dict(zip((check.name for check in checks), (8, 1, 1, 1, 1, 1, 1, 2), strict=True)))
    first, second = (Shard(number, 2).part(checks, known) for number in (1, 2))
    assert [sum(known.weights(part)) for part in (first, second)] == [8, 8]
    assert len(first) == 1


def test_a_check_that_was_never_tried_weighs_as_its_kind() -> None:
    checks = [check("a"), check("b", "unique"), check("c"), check("d"), check("e", "query")]
    known = Durations({"a": 1.0, "c": 3.0, "b": 8.0})
    assert known.weights(checks) == [1.0, 8.0, 3.0, 2.0, 4.0]


def test_shards_dealt_by_other_durations_say_so() -> None:
    checks = some(*"aabbccdd")
    one = Durations({check.name: 1.0 for check in checks} | {"a.0": 100.0})
    assert Shard(1, 2).plan(checks, Durations()) == Shard(2, 2).plan(checks, Durations())
    assert Shard(1, 2).plan(checks, Durations()) != Shard(2, 2).plan(checks, one)
    assert Shard(1, 2).plan(checks, one) != Shard(1, 2).plan(checks[1:], one)
