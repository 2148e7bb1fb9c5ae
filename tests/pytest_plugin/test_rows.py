"""``harness.rows`` in this process."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from harness import pytest_session
from harness.errors import ProjectError
from harness.row_strategies import Row
from harness.values.types import _BY_TYPMOD, _PLAIN

from . import shop

FEW = settings(max_examples=20, database=None, derandomize=True)

EXTENSIONS = ("citext", "hstore", "ltree")
SIZED = {
    "varchar": "varchar(5)",
    "bpchar": "char(4)",
    "numeric": "numeric(8,3)",
    "bit": "bit(5)",
    "varbit": "varbit(5)",
    "char": '"char"',
}
# The embedded server is built without libxml, and not every server has pgvector.
LACKING = ("xml", "vector", "halfvec")
SCALARS = {name: SIZED.get(name, name) for name in (*_PLAIN, *_BY_TYPMOD) if name not in LACKING}
MADE = {
    "any_numeric": "numeric",
    "texts": "text[]",
    "numbers": "integer[]",
    "mood": "kinds.mood",
    "domain": "kinds.level",
    "span": "daterange",
    "numerics": "numrange",
    "spans": "int4multirange",
}
COLUMNS = {**{f"c_{name}": spelling for name, spelling in SCALARS.items()}, **MADE}

KINDS = f"""\
create schema kinds;
{"".join(f"create extension {name};" for name in EXTENSIONS)}
create type kinds.mood as enum ('sad', 'happy');
create domain kinds.level as integer check (value between 1 and 5);
create table kinds.everything (
  id integer generated always as identity primary key,
  "50%s ""off"" and more" text,
  doubled integer generated always as (c_int2::integer * 2) stored,
  {", ".join(f"{name} {spelling} not null" for name, spelling in COLUMNS.items())}
);
"""


@pytest.fixture
def kinds(tmp_path: Path, on_our_server: None) -> Iterator[pytest_session.ProjectSession]:
    """A project with a table that has a column of every type."""
    shop.write(
        tmp_path,
        {
            "project.yml": "name: kinds\nmodules: [kinds]\n",
            "schema/kinds/001_all.up.sql": KINDS,
            "schema/kinds/001_all.down.sql": "drop schema kinds cascade;",
        },
    )
    bench = pytest_session.of(tmp_path)
    yield bench
    bench.close()


def stored(connection: psycopg.Connection[Any], row: Row) -> list[tuple[str, Any, bool]]:
    """Each column with what was read back, and whether PostgreSQL takes it for the value that was given."""
    shown = ", ".join(f"{name}, {name}::text = (%({name})s::{spelling})::text" for name, spelling in COLUMNS.items())
    values = {name: row[name] for name in COLUMNS}
    found = connection.execute(f"select {shown} from kinds.everything".encode(), values).fetchone()
    assert found is not None
    return list(zip(COLUMNS, found[::2], found[1::2], strict=True))


def test_every_type_goes_in_and_comes_back(kinds: pytest_session.ProjectSession) -> None:
    """Under Hypothesis' default settings, whose health checks a wide table must pass."""
    wrong: list[str] = []

    @settings(database=None)
    @given(harness.rows("kinds.everything", project=kinds.root))
    def into_the_table(row: Row) -> None:
        with connection.transaction(force_rollback=True):
            row.insert(connection)
            for name, found, equal in stored(connection, row):
                value = row[name]
                if not equal or (not isinstance(value, str) and (found, type(found)) != (value, type(value))):
                    wrong.append(f"{name}: {value!r} came back as {found!r}")

    with kinds.transaction() as connection:
        into_the_table()
    assert wrong == []


def test_values_have_the_types_of_python(kinds: pytest_session.ProjectSession) -> None:
    found: dict[str, set[type]] = {}

    @FEW
    @given(harness.rows("kinds.everything", project=kinds.root))
    def look(row: Row) -> None:
        for name in COLUMNS:
            found.setdefault(name, set()).add(type(row[name]))

    look()
    expected = {"c_bool": bool, "c_uuid": UUID, "c_numeric": Decimal, "any_numeric": Decimal, "domain": int}
    expected |= {f"c_int{size}": int for size in (2, 4, 8)}
    assert found == {name: {expected.get(name, str)} for name in COLUMNS}


def test_a_row_with_its_parents_beside_the_seeds(bench: pytest_session.ProjectSession) -> None:
    """Keys that the seeds have are not drawn again, however small the numbers are to which Hypothesis shrinks."""
    parents: set[int] = set()

    @settings(max_examples=100, database=None, derandomize=True)
    @given(harness.rows("shop.orders"), st.data())
    def insert(row: Row, data: st.DataObject) -> None:
        assert row.table == "shop.orders"
        assert set(row) == {"id", "customer_id", "status", "amount", "note"}
        assert [parent.table for parent in row.parents] == ["shop.customers"]
        assert row.parents[0]["id"] == row["customer_id"]
        with connection.transaction(force_rollback=True):
            assert row.insert(connection) is row
            found = connection.execute("select id, customer_id, status, note from shop.orders").fetchall()
            assert found == [tuple(row[name] for name in ("id", "customer_id", "status", "note"))]
            parents.add(len(row.parents))

    with bench.transaction() as connection:
        insert()
    assert parents == {1}


@pytest.mark.parametrize("key", [1, 2])
def test_a_child_of_a_row_that_stands(bench: pytest_session.ProjectSession, key: int) -> None:
    @FEW
    @given(harness.rows("shop.orders", customer_id=key))
    def insert(row: Row) -> None:
        assert row["customer_id"] == key
        assert row.parents == ()
        with connection.transaction(force_rollback=True):
            row.insert(connection)

    with bench.transaction() as connection:
        insert()


def test_a_child_of_a_new_row(bench: pytest_session.ProjectSession) -> None:
    @FEW
    @given(harness.rows("shop.orders", customer_id=77))
    def insert(row: Row) -> None:
        assert [(parent["id"], parent.table) for parent in row.parents] == [(77, "shop.customers")]
        with connection.transaction(force_rollback=True):
            row.parents[0].insert(connection)
            row.insert(connection, parents=False)

    with bench.transaction() as connection:
        insert()


CIRCLE = """\
create schema clubs;
create table clubs.teams (id integer primary key, lead integer not null);
create table clubs.people (id integer primary key, team integer not null references clubs.teams);
alter table clubs.teams add foreign key (lead) references clubs.people;
create table clubs.badges (id integer primary key, person integer not null references clubs.people);
create function clubs.refuse() returns trigger language plpgsql as $$ begin raise 'not by hand'; end $$;
create table clubs.sealed (id integer primary key);
create trigger refuse before insert on clubs.sealed for each row execute function clubs.refuse();
create table clubs.seals (id integer primary key, sealed integer not null references clubs.sealed);
"""
BYPASS_TRIGGERS = "table: clubs.seals\nchecks:\n  - rows: {}\n    bypass_triggers: true\n"


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("table, parents", [("badges", 2), ("people", 2), ("seals", 1)])
def test_parents_that_no_statement_inserts_by_itself(
    tmp_path: Path, on_our_server: None, table: str, parents: int, autocommit: bool
) -> None:
    """Two tables that refer to each other, and one whose trigger has to be passed by."""
    files = {
        "project.yml": "name: clubs\nmodules: [clubs]\n",
        "schema/clubs/001_all.up.sql": CIRCLE,
        "schema/clubs/001_all.down.sql": "drop schema clubs cascade;",
        "checks/clubs/seals.yml": BYPASS_TRIGGERS,
    }
    shop.write(tmp_path, files)
    bench = pytest_session.of(tmp_path)

    @FEW
    @given(harness.rows(f"clubs.{table}", project=tmp_path))
    def insert(row: Row) -> None:
        assert len(row.parents) == parents
        row.insert(connection)
        if autocommit:
            connection.execute("truncate clubs.teams, clubs.people, clubs.badges, clubs.seals, clubs.sealed")
        connection.rollback()

    with bench.transaction() as other:
        connection = psycopg.connect(other.info.dsn, password=other.info.password, autocommit=autocommit)
    with connection:
        insert()
    bench.close()


COMPLETE = """\
create schema clubs;
create type clubs.size as enum ('s', 'm');
create table clubs.sizes (size clubs.size primary key);
insert into clubs.sizes values ('s'), ('m');
create table clubs.shirts (id integer primary key, size clubs.size not null references clubs.sizes);
"""


def test_a_child_of_reference_data_that_is_complete(tmp_path: Path, on_our_server: None) -> None:
    files = {
        "project.yml": "name: clubs\nmodules: [clubs]\n",
        "schema/clubs/001_all.up.sql": COMPLETE,
        "schema/clubs/001_all.down.sql": "drop schema clubs cascade;",
    }
    shop.write(tmp_path, files)
    bench = pytest_session.of(tmp_path)
    sizes = set()

    @FEW
    @given(harness.rows("clubs.shirts", project=tmp_path))
    def insert(row: Row) -> None:
        assert row.parents == ()
        sizes.add(row["size"])
        with connection.transaction(force_rollback=True):
            row.insert(connection)

    with bench.transaction() as connection:
        insert()
    bench.close()
    assert sizes == {"s", "m"}


FIXED: list[tuple[str, Any, Any]] = [
    ("c_bool", True, True),
    ("c_int4", 7, 7),
    ("c_numeric", Decimal("1.5"), Decimal("1.5")),
    ("c_uuid", UUID(int=5), UUID(int=5)),
    ("c_jsonb", {"a": [1, None]}, '{"a": [1, null]}'),
    ("c_jsonb", '{"a": 1}', '{"a": 1}'),
    ("c_bytea", b"\x00a", "\\x0061"),
    ("texts", ['a"b', "c,d"], '{"a\\"b","c,d"}'),
    ("mood", "sad", "sad"),
]


@pytest.mark.parametrize(("column", "value", "expected"), FIXED)
def test_fixed_values(kinds: pytest_session.ProjectSession, column: str, value: Any, expected: Any) -> None:
    @settings(max_examples=3, database=None, derandomize=True)
    @given(harness.rows("kinds.everything", {column: value}, project=kinds.root))
    def insert(row: Row) -> None:
        assert row[column] == expected
        with connection.transaction(force_rollback=True):
            row.insert(connection)

    with kinds.transaction() as connection:
        insert()


@pytest.mark.parametrize(
    ("table", "fixed", "message"),
    [
        (
            "shop.order",
            {},
            'no rows of shop."order" can be drawn: no table shop."order"; did you mean \'shop.orders\'?',
        ),
        (
            "shop.orders",
            {"statsu": "open"},
            "no rows of shop.orders can be drawn: no column in shop.orders: statsu; did you mean 'status'?",
        ),
    ],
)
def test_names_that_are_not_there(
    bench: pytest_session.ProjectSession, table: str, fixed: dict[str, Any], message: str
) -> None:
    strategy = harness.rows(table, **fixed)
    with pytest.raises(ProjectError) as refused:
        given(strategy)(lambda row: None)()
    assert str(refused.value) == message


def test_a_name_without_a_schema() -> None:
    with pytest.raises(ProjectError, match=r"^'orders' is not the name of a table\nhint: a table is written schema"):
        harness.rows("orders")


def test_a_generated_column_is_not_fixed(kinds: pytest_session.ProjectSession) -> None:
    with pytest.raises(ProjectError, match=r"^column doubled is generated: it cannot be given a value$"):
        harness.rows("kinds.everything", doubled=4, project=kinds.root).validate()


def test_a_column_of_no_known_type(tmp_path: Path, on_our_server: None) -> None:
    schema = {"up": "create schema odd; create table odd.t (a xml not null);", "down": "drop schema odd cascade;"}
    files = {f"schema/odd/001_t.{way}.sql": text for way, text in schema.items()}
    shop.write(tmp_path, {"project.yml": "name: odd\nmodules: [odd]\n", **files})
    with pytest.raises(
        ProjectError, match=r"^no rows of odd\.t can be drawn: no values of a found that keep its type xml"
    ):
        harness.rows("odd.t", project=tmp_path).validate()
    pytest_session.of(tmp_path).close()


def test_a_property_that_fails_shrinks_and_replays(bench: pytest_session.ProjectSession) -> None:
    """The same smallest row each time; a strategy that is not the same on each replay would end in ``Flaky``."""

    def fail() -> str:
        @settings(database=None, derandomize=True)
        @given(harness.rows("shop.orders"))
        def small(row: Row) -> None:
            if row["status"] != "open":
                raise AssertionError(str(dict(row)))

        with pytest.raises(AssertionError) as failed:
            small()
        return str(failed.value)

    first = fail()
    assert first == fail()
    assert "'status': 'paid', 'amount': Decimal('1'), 'note': None" in first


def test_nothing_is_read_before_the_first_draw(tmp_path: Path) -> None:
    harness.rows("no.where", project=tmp_path)
