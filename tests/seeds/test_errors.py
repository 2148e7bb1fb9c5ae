"""A seed that cannot be loaded: its line, and the reason in one message."""

from __future__ import annotations

import pytest

from .conftest import Loader

TABLE = (
    "create table app.things (id int primary key, name varchar(5), enabled boolean not null default true, data jsonb)"
)


@pytest.fixture
def things(loader: Loader) -> Loader:
    loader.execute(TABLE)
    return loader


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("1,a,maybe", 'column "enabled": invalid input syntax for type boolean: "maybe"'),
        ("one,a,t", 'column "id": invalid input syntax for type integer: "one"'),
        ("99999999999,a,t", 'column "id": value "99999999999" is out of range for type integer'),
        ("1,too long,t", 'column "name": value too long for type character varying(5)'),
        ('"",a,t', 'column "id": invalid input syntax for type integer: ""'),
    ],
)
def test_a_bad_cell_of_csv(things: Loader, cells: str, message: str) -> None:
    things.put("things.csv", f'id,name,enabled\n7,"a\nb",f\n{cells}\n9,c,no\n')
    assert things.refused() == f"seeds/app/things.csv:4: {message}"
    assert things.rows("select count(*) from app.things") == [(0,)]


def test_a_bad_cell_of_json(things: Loader) -> None:
    things.put("things.csv", 'id,data\n1,"{x}"\n')
    assert things.refused() == (
        'seeds/app/things.csv:2: column "data": invalid input syntax for type json\nDETAIL: Token "x" is invalid.'
    )


def test_a_bad_cell_of_yaml(things: Loader) -> None:
    things.put("things.yml", "- id: 1\n  name: a\n- id: 2\n\n  enabled: maybe\n")
    assert things.refused() == (
        'seeds/app/things.yml:5: column "enabled": invalid input syntax for type boolean: "maybe"'
    )


def test_a_list_for_a_plain_column(things: Loader) -> None:
    things.put("things.yml", "- id: 1\n  name: [a]\n")
    assert things.refused() == (
        'seeds/app/things.yml:2:9: column "name" is character varying(5), which cannot be a list'
    )


def test_a_domain_refuses(loader: Loader) -> None:
    loader.execute("create domain app.small as int check (value < 10); create table app.t (id app.small primary key)")
    loader.put("t.csv", "id\n1\n10\n")
    assert loader.refused() == (
        'seeds/app/t.csv:3: column "id": value for domain app.small violates check constraint "small_check"'
    )


HINT = '\nhint: a cell that contains a comma is written in quotes: "a, b"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,name\n1,a\n2,b,c\n", ":3: 3 cells, but the header names 2" + HINT),
        ("id,name\n1,a\n2\n", ":3: 1 cell, but the header names 2" + HINT),
        ("id,name\n1,a\n\n", ":3: an empty line"),
        ('id,name\n1,"a\n', ":2: a quote is opened here and never closed"),
        ("id,,name\n", ":1: column 2 has no name"),
        ("id,name,id\n", ':1: column "id" is named twice'),
        (
            "id,nmae\n",
            ":1: app.things has no column \"nmae\"; did you mean 'name'?\nhint: its columns: id, name, enabled, data",
        ),
        ("", ": the file is empty\nhint: its first line names the columns"),
        ("\n\n", ": the file is empty\nhint: its first line names the columns"),
        ("id,name\n1,a\n1,b\n", ":3: the same id as in line 2"),
    ],
)
def test_what_a_csv_file_may_not_be(things: Loader, text: str, message: str) -> None:
    things.put("things.csv", text)
    assert things.refused() == f"seeds/app/things.csv{message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1:1: the file is empty"),
        ("id: 1\n", ":1:1: expected a list of rows, found a mapping"),
        ("- 1\n", ":1:3: expected a row (column: value), found '1'"),
        ("- {}\n", ":1:3: a row without columns"),
        ("- id: 1\n---\n- id: 2\n", ":3:1: a second document; a seed file is one list of rows"),
        ("- id: 1\n  id: 2\n", ":2:3: key 'id' is given twice, first in line 1"),
        (
            "- id: 1\n- idd: 2\n",
            ":2:3: app.things has no column \"idd\"; did you mean 'id'?\nhint: its columns: id, name, enabled, data",
        ),
        ("- id: 1\n- id: 1\n", ":2: the same id as in line 1"),
    ],
)
def test_what_a_yaml_file_may_not_be(things: Loader, text: str, message: str) -> None:
    things.put("things.yml", text)
    assert things.refused() == f"seeds/app/things.yml{message}"


def test_not_utf8(things: Loader) -> None:
    things.put("things.csv", "id,name\n1,für\n".encode("latin-1"))
    assert things.refused() == "seeds/app/things.csv:2:4: not UTF-8: byte 0xfc\nhint: save the file as UTF-8"


def test_an_unknown_table(things: Loader) -> None:
    things.put("thing.csv", "id\n1\n")
    assert things.refused() == (
        "seeds/app/thing.csv: no table app.thing; did you mean 'app.things'?\n"
        "hint: a seed file is named after its table; has the schema been applied? harness status"
    )


def test_a_generated_column(loader: Loader) -> None:
    loader.execute("create table app.t (id int primary key, twice int generated always as (id * 2) stored)")
    loader.put("t.csv", "id,twice\n1,2\n")
    assert loader.refused() == 'seeds/app/t.csv:1: column "twice" is generated by the database\nhint: leave it out'


RULES = """
create table app.parent (id int primary key);
create table app.t (
    id int primary key,
    parent int constraint fk_parent references app.parent,
    code text constraint uq_code unique,
    n int not null constraint chk_n check (n > 0)
);
create function app.no_7() returns trigger language plpgsql as $$ begin
    if new.n = 7 then raise 'not seven' using errcode = 'P0001', constraint = 'never_7', hint = 'take eight'; end if;
    return new; end $$;
create trigger no_7 before insert or update on app.t for each row execute function app.no_7();
"""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "3,,c,0",
            'new row for relation "t" violates check constraint "chk_n"',
        ),
        (
            "3,,a,1",
            'duplicate key value violates unique constraint "uq_code"\nDETAIL: Key (code)=(a) already exists.',
        ),
        (
            "3,9,c,1",
            'insert or update on table "t" violates foreign key constraint "fk_parent"\n'
            'DETAIL: Key (parent)=(9) is not present in table "parent".',
        ),
        (
            "3,,c,",
            'null value in column "n" of relation "t" violates not-null constraint',
        ),
        ("3,,c,7", 'not seven (constraint "never_7")\nhint: take eight'),
    ],
)
@pytest.mark.parametrize("update", [False, True])
def test_a_refused_row(loader: Loader, row: str, message: str, update: bool) -> None:
    loader.execute(RULES)
    if update:
        loader.execute("insert into app.t values (3, null, 'old', 1)")
    loader.put("parent.csv", "id\n1\n")
    loader.put("t.csv", f"id,parent,code,n\n1,,a,1\n2,1,b,2\n{row}\n4,,d,4\n")
    assert loader.refused() == f"seeds/app/t.csv:4: {message}"
    assert loader.rows("select count(*) from app.parent") == [(0,)]


def test_the_offender_among_rows_that_point_at_each_other(loader: Loader) -> None:
    loader.execute(
        "create table app.t (id int primary key, boss int constraint fk_boss references app.t,"
        " n int constraint chk_n check (n > 0))"
    )
    loader.put("t.csv", "id,boss,n\n1,3,1\n2,1,1\n3,4,1\n")
    assert loader.refused().startswith("seeds/app/t.csv:4: insert or update on table")
    loader.put("t.csv", "id,boss,n\n1,3,1\n2,1,0\n3,1,1\n")
    assert loader.refused().startswith('seeds/app/t.csv:3: new row for relation "t" violates check')


@pytest.mark.parametrize("deferred", ["", "deferrable initially deferred"])
def test_the_offender_in_a_circle(loader: Loader, deferred: str) -> None:
    loader.execute(
        f"""
        create table app.a (id int primary key, b int not null);
        create table app.b (id int primary key, a int not null constraint fk_a references app.a {deferred});
        alter table app.a add constraint fk_b foreign key (b) references app.b {deferred};
        """
    )
    loader.put("a.csv", "id,b\n1,1\n2,2\n")
    loader.put("b.yml", "- {id: 1, a: 1}\n- {id: 2, a: 3}\n")
    assert loader.refused() == (
        'seeds/app/b.yml:2: insert or update on table "b" violates foreign key constraint "fk_a"\n'
        'DETAIL: Key (a)=(3) is not present in table "a".'
    )
    assert loader.rows("select count(*) from app.a") == [(0,)]


def test_no_privilege(loader: Loader) -> None:
    loader.execute(
        TABLE
        + "; create role poor_seeder; grant usage on schema app to poor_seeder;"
        + "grant select on app.things to poor_seeder"
    )
    try:
        loader.put("things.csv", "id\n1\n")
        loader.execute("set role poor_seeder")
        assert loader.refused().endswith(": permission denied for table things")
    finally:
        loader.execute("reset role; drop owned by poor_seeder; drop role poor_seeder")
