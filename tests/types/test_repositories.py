"""Repositories of a schema with every sort of key, column and function, tried on the server."""

from __future__ import annotations

import datetime as dt
import itertools
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from psycopg.types.range import Range

from harness.catalog import read as read_catalog
from harness.declarations import DeclaredCheck
from harness.errors import Place
from harness.kinds.immutable import ImmutableKind
from harness.kinds.toolkit.constraints import RefusedBy
from harness.project.model import TableName
from harness.server.connection import Connection, Server
from harness.types import queries, reading
from harness.types.repositories import package
from harness.types.repositories import reading as repositories
from harness.types.repositories.model import status
from tests.types.from_server import built
from tests.types.python_package import imported

SCHEMA = Path(__file__).with_name("repositories_schema.sql").read_text(encoding="utf-8")
_numbers = itertools.count()


def written(
    connection: Connection, directory: Path, role: str | None = None, checks: Sequence[DeclaredCheck] = ()
) -> Path:
    """Writes the package of a database and returns its directory."""
    around = queries.read(connection, ["app"], role)
    catalog = read_catalog(connection)
    characters = queries.ServerCharacters(connection)
    types = reading.read(catalog, around, reading.Declared(), ["app"], characters)
    found = repositories.read(types, catalog, around, checks)
    texts = package.render(types, found, role, "snake")
    own = directory / f"repositories_{next(_numbers)}"
    own.mkdir()
    for name, text in texts.items():
        (own / name).write_text(text, encoding="utf-8")
    return own


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Connection]:
    with built(server, SCHEMA) as connection:
        yield connection


@pytest.fixture(scope="module")
def written_package(database: Connection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(database, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def module(written_package: Path) -> Iterator[ModuleType]:
    with imported(written_package, "app_repository") as found:
        yield found


@pytest.fixture
def app(database: Connection, module: ModuleType) -> Iterator[Any]:
    with database.transaction(force_rollback=True):
        yield module.AppRepositories(database)


def person(app: Any, **more: Any) -> Any:
    return _models(app).PeopleInsert(**{"email": "Ada@example.org"} | more)


def _models(app: Any) -> Any:
    return sys.modules[type(app).__module__.replace("app_repository", "app")]


def _refusals(app: Any) -> Any:
    return sys.modules[type(app).__module__.replace("app_repository", "refusals")]


def test_what_is_left_out_has_its_default(app: Any) -> None:
    one = app.people.create(person(app))
    assert (one.mood, one.tags, one.price, one.twice, one.born) == ("fine", [], Decimal("9.99"), one.id * 2, None)
    assert one.class_ == "100% \"sure\" \\ 'yes'" and one.share == 0.5
    second = app.people.create(person(app, id=1000, email="b@c", price=Decimal("1.005"), class_="x"))
    assert (second.id, second.twice, second.price, second.class_) == (1000, 2000, Decimal("1.01"), "x")


def test_values_of_every_sort_come_back(app: Any) -> None:
    size = _models(app).SizeRow
    one = app.people.create(
        person(
            app,
            tags=["a", None, 'x"\\y'],
            moods=["bad"],
            document={"a": [1, None, "é"]},
            payload=b"\x00\xff",
            born=dt.date(2000, 2, 29),
            hours="[2026-01-01 08:00:00,2026-01-01 09:00:00)",
            size=size(width=1, height=None),
            rest="1 day 02:00:00",
            share=float("inf"),
            Order=7,
            changes="none",
        )
    )
    found = app.people.find(one.id)
    assert found == one
    assert (one.tags, one.payload, one.document) == (["a", None, 'x"\\y'], b"\x00\xff", {"a": [1, None, "é"]})
    assert one.hours == Range(dt.datetime(2026, 1, 1, 8), dt.datetime(2026, 1, 1, 9), "[)")
    assert (one.size, one.rest, one.Order) == ("(1,)", dt.timedelta(days=1, hours=2), 7)


def test_many_in_one_statement(app: Any) -> None:
    rows = [person(app, email=f"{name}@x", mood=mood) for name, mood in (("a", "fine"), ("b", "bad"))]
    first, second = app.people.create_many(rows)
    assert (first.email, second.mood) == ("a@x", "bad")
    assert app.people.create_many([]) == []


def test_an_update_changes_what_is_given(app: Any) -> None:
    update = _models(app).PeopleUpdate
    one = app.people.create(person(app, born=dt.date(2000, 1, 1), document={"a": 1}))
    changed = app.people.update(one.id, update(born=None, class_="y"))
    assert (changed.born, changed.class_, changed.document, changed.email) == (None, "y", {"a": 1}, one.email)
    assert app.people.update(one.id, update()) == changed
    assert app.people.update(-1, update(born=None)) is None


def test_a_column_may_be_called_as_a_parameter_is(app: Any) -> None:
    models = _models(app)
    app.changes.create(models.ChangesInsert(changes=1, note="a"))
    assert app.changes.update(1, models.ChangesUpdate(note="b")).note == "b"
    assert app.changes.find(1).note == "b"


def test_rows_are_found_by_keys_and_indexes(app: Any) -> None:
    one = app.people.create(person(app, born=dt.date(2001, 1, 1), Order=2))
    two = app.people.create(person(app, email="b@x", born=dt.date(2001, 1, 1), Order=1))
    assert app.people.find_people_email("ADA@EXAMPLE.ORG") == one
    assert app.people.find_by_born(dt.date(2001, 1, 1)) == [two, one]
    assert app.people.find_by_born(dt.date(2001, 1, 1), limit=1) == [two]
    assert app.people.find_all(2) == [one, two] and app.people.find_all(limit=0) == []
    assert app.people.find_by_born_and_Order(dt.date(2001, 1, 1), 2) == [one]
    assert app.people.find_people_one_bad(dt.date(2001, 1, 1)) is None
    bad = app.people.create(person(app, email="c@x", mood="bad", born=dt.date(2001, 1, 1)))
    assert app.people.find_people_one_bad(dt.date(2001, 1, 1)) == bad


def test_moments_order_rows_and_nobody_asks_for_one(app: Any) -> None:
    models = _models(app)
    at = [dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2)]
    app.visits.create_many(
        [models.VisitsInsert(id=1, place="a", at=at[0]), models.VisitsInsert(id=2, place="a", at=at[1])]
    )
    assert [each.id for each in app.visits.find_by_place("a")] == [2, 1]
    assert [each.id for each in app.visits.find_all_by_at(1)] == [2]
    assert not {"find_by_at", "find_by_place_and_at"} & {*dir(app.visits)}


def test_an_upsert_changes_the_row_that_has_the_key(app: Any) -> None:
    one = app.people.create(person(app, born=dt.date(2000, 1, 1), price=Decimal("2.00")))
    same = app.people.upsert_on_people_email(person(app, email="ada@EXAMPLE.org", tags=["new"]))
    assert (same.id, same.email, same.tags, same.price, same.born) == (
        one.id,
        "Ada@example.org",
        ["new"],
        Decimal("2.00"),
        dt.date(2000, 1, 1),
    )
    assert app.people.upsert_on_id(person(app, id=one.id, email="z@x")).email == "z@x"
    with pytest.raises(ValueError, match="id has to be given: by it a row is found that is there already"):
        app.people.upsert_on_id(person(app))
    assert app.people.upsert_on_id(person(app, id=55, email="new@x")).id == 55


def test_a_delete_says_whether_there_was_a_row(app: Any) -> None:
    one = app.people.create(person(app))
    assert app.people.delete(one.id) is True
    assert app.people.delete(one.id) is False


def test_a_table_without_a_key_has_no_verbs_of_one_row(app: Any) -> None:
    own = {name for name in vars(type(app.marks)) if not name.startswith("_")}
    assert own == {"find_all", "create", "create_many"}
    assert app.marks.create(_models(app).MarksInsert(mark="x")).mark == "x"


def test_columns_may_be_called_as_anything_in_the_statements_is(app: Any) -> None:
    """As their aliases and placeholders are; with blanks, hyphens, and quotes."""
    insert, update = _models(app).NamedInsert, _models(app).NamedUpdate
    columns = ("stored", "sent", "given", "found", "value", "row", "limit")
    names = [*columns, *(each for each in insert.model_fields if each not in (*columns, "t"))]
    one, two = app.named.create_many([insert(t=number, **dict.fromkeys(names, "a")) for number in (1, 2)])
    assert all(getattr(one, each) == "a" for each in names) and len(names) == 11
    assert app.named.create(insert(t=3, sent="b")).sent == "b"
    for each in names:
        assert getattr(app.named.update(2, update(**{each: "c"})), each) == "c"
    assert app.named.upsert_on_t(insert(t=1, value="d")).value == "d"
    found = app.named.find(1)
    assert (found.value, found.sent) == ("d", "a") and app.named.named_one(1) == found
    assert app.named.named_one(-1) is None and app.named.find_all(1) == [found] and two.t == 2


def test_a_table_may_be_called_as_an_attribute_is(app: Any) -> None:
    assert app.connection2.create(_models(app).ConnectionInsert(id=1, email="a")).id == 1
    assert app.connection is app.people.connection


def test_views_belong_to_the_table_they_begin_with(app: Any) -> None:
    one = app.people.create(person(app, born=dt.date(1980, 1, 1)))
    assert [(each.id, each.email) for each in app.people.adults()] == [(one.id, one.email)]


def test_functions_return_what_they_are_declared_to(app: Any) -> None:
    one = app.people.create(person(app))
    assert app.people.one(one.id) == one and app.people.one(-1) is None
    assert [(each.low, each.high) for each in app.pairs(2)] == [(1, 2), (2, 3)]
    assert app.numbers([3, 4]) == [3, 4]
    assert app.add(1, 2) == 3
    assert app.add_2("a", moment=dt.datetime(2001, 5, 5, tzinfo=dt.UTC)) == "ab2001"
    assert app.add_2("a", "c", None).startswith("ac20")
    assert app.nothing() is None
    assert app.shape(["bad", "fine"], "(1,5)") == _models(app).SizeRecord(width=2, height=5)
    assert app.twice(21, None).found == 42


def test_refusals_are_classes_of_their_rules(app: Any) -> None:
    refusals, models = _refusals(app), _models(app)
    one = app.people.create(person(app, hours="[2026-01-01,2026-01-02)"))

    def refused(call: Any) -> Any:
        with pytest.raises(Exception) as error, app.connection.transaction():
            call()
        return error.value

    unique = refused(lambda: app.people.create(person(app, email="ADA@example.org")))
    assert type(unique) is refusals.PeopleEmail and isinstance(unique.__cause__, psycopg.errors.UniqueViolation)
    assert (unique.table, unique.constraint, unique.column, unique.sqlstate, unique.status) == (
        "app.people",
        "people_email",
        None,
        "23505",
        409,
    )
    overlap = refused(lambda: app.people.create(person(app, email="b@x", hours="[2026-01-01,2026-01-03)")))
    assert type(overlap) is refusals.PeopleHours and overlap.status == 409
    # What the models would refuse by themselves, past them.
    unsaid = models.PeopleInsert.model_construct({"email"}, email="nobody")
    domain = refused(lambda: app.people.create(unsaid))
    assert type(domain) is refusals.EmailHasAt and domain.table == "app.email"
    cheap = models.PeopleInsert.model_construct({"email", "price"}, email="c@x", price=Decimal(-1))
    assert type(refused(lambda: app.people.create(cheap))) is refusals.PeoplePrice
    missing = models.PeopleInsert.model_construct({"born"}, born=None)
    nothing = refused(lambda: app.people.create(missing))
    assert (type(nothing).__name__, nothing.column, nothing.status) == ("NotNullRefusal", "email", 422)
    # Deferred until the end of the transaction: around COMMIT stands what methods do by themselves.
    app.notes.create(models.NotesInsert(person_id=-1, number=1, text="x"))

    def settle() -> None:
        with refusals_of(app):
            app.connection.execute("set constraints all immediate")

    assert type(refused(settle)) is refusals.NotesPersonIdFkey
    assert app.people.find(one.id) == one


def test_what_a_trigger_raises_is_its_class_by_name_or_by_function(database: Connection, tmp_path: Path) -> None:
    """A check says `refused_by` of one that names itself, and of one that does not."""
    table = TableName("app", "notes")
    said = [
        DeclaredCheck(kind, "immutable", "app", table, rule, Place(Path("notes.yml")))
        for kind, rule in {
            "by trigger": ImmutableKind(("text",), RefusedBy(trigger=("notes_refuse",))),
            "by name": ImmutableKind(("number",), RefusedBy(sqlstate="P0002", constraint="notes_gone")),
        }.items()
    ]
    with (
        imported(written(database, tmp_path, checks=said), "app_repository") as module,
        database.transaction() as undone,
    ):
        app = module.AppRepositories(database)
        refusals, models = _refusals(app), _models(app)
        with pytest.raises(refusals.NotesRefuse, match="not this") as by_function, database.transaction():
            app.notes.create(models.NotesInsert(person_id=1, number=1, text="no"))
        assert (by_function.value.constraint, by_function.value.table, by_function.value.status) == (
            "notes_refuse",
            "app.notes",
            409,
        )
        with pytest.raises(refusals.NotesGone) as by_name, database.transaction(), refusals_of(app):
            database.execute("do $$ begin raise 'gone' using errcode = 'P0002', constraint = 'notes_gone'; end $$")
        assert (by_name.value.sqlstate, by_name.value.status) == ("P0002", 404)
        raise psycopg.Rollback(undone)


def refusals_of(app: Any) -> Any:
    return sys.modules[type(app).__module__.replace("app_repository", "_repository")].as_refusals()


def test_another_error_passes_through(app: Any) -> None:
    models = _models(app)
    with pytest.raises(psycopg.errors.RaiseException, match="not this"), app.connection.transaction():
        app.notes.create(models.NotesInsert(person_id=1, number=1, text="no"))
    with pytest.raises(psycopg.errors.InvalidTextRepresentation), app.connection.transaction():
        app.numbers("no list")


@pytest.mark.parametrize(
    ("sqlstate", "found"),
    [
        *(("23505", 409), ("23503", 409), ("23P01", 409), ("P0001", 409), ("AB001", 409), ("55000", 409)),
        *(("23514", 422), ("23502", 422), ("22023", 422), ("42501", 403), ("P0002", 404)),
    ],
)
def test_a_refusal_has_a_status_of_http(sqlstate: str, found: int) -> None:
    assert status(sqlstate) == found


LIMITED = """
create schema app;
create table app.items (id integer primary key, name text not null, secret text not null default 's', log text);
create table app.closed (id integer primary key);
create table app.written (id integer primary key, text text not null);
create function app.hidden() returns integer language sql as 'select 1';
revoke execute on function app.hidden() from public;
do $$
begin
    if to_regrole('repositories_reader') is null then
        create role repositories_reader;
    end if;
end
$$;
grant usage on schema app to repositories_reader;
grant select (id, name), insert (id, name), update (name) on app.items to repositories_reader;
grant insert on app.written to repositories_reader;
create index items_hidden on app.items (name) where secret = 's';
create table app.numbered (
    id integer generated by default as identity primary key, name text not null unique, note text
);
grant select, insert, update on app.numbered to repositories_reader;
"""


def test_a_role_has_the_verbs_of_its_privileges(server: Server, tmp_path: Path) -> None:
    with built(server, LIMITED) as connection:
        own = written(connection, tmp_path, "repositories_reader")
        with imported(own, "app_repository") as module, imported(own, "app") as models:
            assert not hasattr(module, "ClosedRepository") and not hasattr(module.AppRepositories, "hidden")
            assert not {"delete", "find_items_hidden"} & {*dir(module.ItemsRepository)}
            assert {name for name in vars(module.WrittenRepository) if not name.startswith("_")} == {
                "create",
                "create_many",
            }
            connection.execute("set role repositories_reader")
            app = module.AppRepositories(connection)
            one = app.items.create(models.ItemsInsert(id=1, name="a"))
            assert (one.id, one.name) == (1, "a") and not hasattr(one, "secret")
            assert app.items.update(1, models.ItemsUpdate(name="b")).name == "b"
            assert app.items.upsert_on_id(models.ItemsInsert(id=1, name="c")).name == "c"
            assert app.written.create(models.WrittenInsert(id=1, text="x")) is None
            numbered = app.numbered.create(models.NumberedInsert(name="x"))
            assert app.numbered.find(numbered.id) == numbered and not hasattr(app.numbered, "upsert_on_id")
            assert app.numbered.upsert_on_name(models.NumberedInsert(name="x")) == numbered
            with pytest.raises(ValueError, match="id is numbered by the database: the role has no USAGE"):
                app.numbered.create(models.NumberedInsert(id=7, name="y"))
            connection.execute("reset role")
            connection.execute("revoke insert on app.written from repositories_reader")
            connection.execute("set role repositories_reader")
            with pytest.raises(Exception, match="permission denied") as refused:
                app.written.create(models.WrittenInsert(id=2, text="x"))
            assert type(refused.value).__name__ == "PrivilegeRefusal"
