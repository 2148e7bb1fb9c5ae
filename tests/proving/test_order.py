"""What comes of a check does not hang on which others were proved before it in the same sessions."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from harness.declarations import DeclaredCheck
from harness.outcome import Outcome, Status
from harness.pytest_session import Options, ProjectSession
from harness.server.connection import Server

ROOT = Path(__file__).parents[2]
ORDERS = 10
SCHEMA = """\
create schema t;
create table t.marks (id integer primary key, body text);
create function t.mark() returns trigger language plpgsql as $$
begin {sets}; return new; end $$;
create trigger mark before insert on t.marks for each row execute function t.mark('app.mark');
create table t.unmarked (id integer primary key, body text constraint worded check (body <> ''));
create function t.unmarked() returns trigger language plpgsql as $$
begin
    if current_setting('app.mark', true) is not null then raise 'marked'; end if;
    return new;
end $$;
create trigger unmarked before insert on t.unmarked for each row execute function t.unmarked();
"""
CHECKS = {
    "marks": """\
table: t.marks
known: {mark: it sets something}
checks:
  - primary_key: [id]
""",
    "unmarked": """\
table: t.unmarked
known: {unmarked: it sees what is set}
checks:
  - primary_key: [id]
  - check: body <> ''
    constraint: worded
""",
}


@pytest.mark.parametrize(
    "sets",
    [
        "perform set_config('app.mark', 'x', true)",
        "set local app.mark = 'x'",
        "perform set_config(concat('app.', 'mark'), 'x', true)",
        "execute format('set local %s = 1', tg_argv[0])",
    ],
    ids=["by its name", "by SET", "by a name that is worked out", "by a text"],
)
def test_a_setting_of_the_schema_is_not_left_to_another_check(sets: str, server: Server, tmp_path: Path) -> None:
    _in_every_order(SCHEMA.format(sets=sets), CHECKS, server, tmp_path)


def test_neither_is_one_of_a_statement_that_a_check_is_made_of(server: Server, tmp_path: Path) -> None:
    call = "  - routine: marks\n    call: select set_config('app.mark', 'x', true)\n"
    checks = CHECKS | {"marks": CHECKS["marks"] + call}
    _in_every_order(SCHEMA.format(sets="perform 1"), checks, server, tmp_path)


def _in_every_order(schema: str, checks: dict[str, str], server: Server, tmp_path: Path) -> None:
    files = {"schema.sql": schema} | {f"checks/t/{name}.yml": text for name, text in checks.items()}
    files["project.yml"] = "name: t\nmodules: {t: {}}\nmigrations: {path: schema.sql, layout: files}\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with closing(_bench(tmp_path, server)) as bench:
        alone = {each.name: _came(each) for check in bench.checks for each in _proved(tmp_path, server, [check])}
        assert {status for status, _, _ in alone.values()} == {Status.PROVED}, alone
        # Each behind each other, in one session after the other.
        for pair in itertools.permutations(bench.checks, 2):
            for each in map(bench.prove, pair):
                assert _came(each) == alone[each.name]


@pytest.fixture
def systems(server: Server, cluster_base: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ProjectSession]:
    """This repository's own project on the server of the tests, which makes its roles there.

    In databases of its own each time: what many runs leave in one of them makes it slow.
    """
    monkeypatch.setenv("HARNESS_DATA", str(cluster_base))
    return lambda: ProjectSession(ROOT, Options(target="embedded", seed=1))


@pytest.mark.nightly
def test_the_systems_in_any_order(systems: Callable[[], ProjectSession]) -> None:
    first: dict[str, tuple[Any, ...]] = {}
    for number in range(ORDERS + 1):
        with closing(systems()) as bench:
            checks = list(bench.checks)
            if number:
                random.Random(number).shuffle(checks)
            found = {check.name: _came(bench.prove(check)) for check in checks}
        first = first or found
        assert found == first, f"order {number}"


@pytest.mark.nightly
def test_the_systems_one_by_one(systems: Callable[[], ProjectSession]) -> None:
    """Those that ask as somebody, and some of the others, each in a session that proved nothing before."""
    from harness.proving.prover import Prover

    with closing(systems()) as bench:
        every = [check for check in bench.checks if check.rule.roles() or check.rule.settings()]
        some = random.Random(0).sample(bench.checks, 100)
        for check in dict.fromkeys([*every, *some]):
            with Prover(bench.checks, bench.project, bench._workspace, bench.effort) as prover:
                assert _came(prover.prove(check)) == _came(bench.prove(check)), check.name


def _bench(project: Path, server: Server) -> ProjectSession:
    return ProjectSession(project, Options(target=make_conninfo(**server.conninfo), seed=1))


def _proved(project: Path, server: Server, checks: Sequence[DeclaredCheck]) -> list[Outcome]:
    with closing(_bench(project, server)) as bench:
        named = {check.name for check in checks}
        return [bench.prove(check) for check in bench.checks if check.name in named]


def _came(outcome: Outcome) -> tuple[Any, ...]:
    return outcome.status, outcome.reason, [(each.expected, each.actual) for each in outcome.counterexamples]
