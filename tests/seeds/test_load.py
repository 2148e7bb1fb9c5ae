"""Loading seeds: what arrives, in which order, and that a second time changes nothing."""

from __future__ import annotations

import io
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.server.connection import Server

from .conftest import Loader


def test_csv_as_copy_reads_it(loader: Loader) -> None:
    loader.execute("create table app.t (id int primary key, a text, b boolean, c numeric, d text[], e jsonb)")
    loader.put(
        "t.csv",
        'id,c,a,b,d,e\n1,1.10,"ä, ""x""\n2",yes,"{1,2}","{""k"": 1}"\n'
        '2,,"",f,,\n3,NaN, y ,,{},null\n4,,a"b,c"d,,,\n5,, ,,,\n',
    )
    assert loader.load() == {"t.csv": (5, 5)}
    assert loader.rows("select id, a, b, c::text, d, e::text from app.t order by id") == [
        (1, 'ä, "x"\n2', True, "1.10", ["1", "2"], '{"k": 1}'),
        (2, "", False, None, None, None),
        (3, " y ", None, "NaN", [], "null"),
        (4, "ab,cd", None, None, None, None),
        (5, " ", None, None, None, None),
    ]


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.none() | st.text('ab ",\\N\t.é\n🐘' + string.digits, max_size=6),
            st.text('ab ",\\.\n', min_size=0, max_size=4),
        ),
        max_size=5,
    )
)
def test_csv_means_what_copy_means(server: Server, shared: Loader, rows: list[tuple[str | None, str]]) -> None:
    """Our reading of a file and PostgreSQL's COPY of the same bytes give the same rows."""
    text = io.StringIO()
    text.write("id,a,b\n")
    for index, (a, b) in enumerate(rows):
        quoted = (b.replace('"', '""'), "" if a is None else '"' + a.replace('"', '""') + '"')
        text.write(f'{index},{quoted[1]},"{quoted[0]}"\n')
    shared.execute("truncate app.t, app.copied")
    shared.put("t.csv", text.getvalue())
    shared.load()
    with shared.connection.cursor().copy("copy app.copied from stdin (format csv, header)") as copy:
        copy.write(text.getvalue())
    query = "select id, a, b from app.{} order by id"
    assert shared.rows(query.format("t")) == shared.rows(query.format("copied"))


@pytest.fixture
def shared(loader: Loader) -> Loader:
    loader.execute("create table app.t (id int primary key, a text, b text); create table app.copied (like app.t)")
    return loader


def test_yaml_is_read_as_it_is_written(loader: Loader) -> None:
    loader.execute(
        "create table app.t (id text primary key, a text, n numeric, b boolean, t time, j jsonb, l text[],"
        " d int default 7)"
    )
    loader.put(
        "t.yml",
        """\
- {id: 007, a: no, n: 1.10, b: no, t: 12:30}
- id: x
  a: 'null'
  b: null
  d: ~
  j: {a: 1.10, b: [true, no, null, 'true'], ü: {}}
  l: [no, 'null', null, 'a "b" \\ c, d']
- id: y
  a:
  j: [1, x]
  l: []
""",
    )
    assert loader.load() == {"t.yml": (3, 3)}
    assert loader.rows("select id, a, n::text, b, t::text, j::text, l, d from app.t order by id") == [
        ("007", "no", "1.10", False, "12:30:00", None, None, 7),
        (
            "x",
            "null",
            None,
            None,
            None,
            '{"a": 1.10, "b": [true, "no", null, "true"], "ü": {}}',
            ["no", "null", None, 'a "b" \\ c, d'],
            None,
        ),
        ("y", None, None, None, None, '[1, "x"]', [], 7),
    ]


def test_a_second_time_changes_nothing(loader: Loader) -> None:
    loader.execute(
        """
        create table app.log (line int generated always as identity, what text);
        create function app.note() returns trigger language plpgsql as
            $$ begin insert into app.log (what) values (tg_op); return new; end $$;
        create table app.t (id int primary key, a json, b numeric);
        create trigger note before insert or update on app.t for each row execute function app.note();
        """
    )
    loader.put("t.csv", 'id,a,b\n1,"{""x"": 1}",1.0\n2,,\n')
    assert loader.load() == {"t.csv": (2, 2)}
    before = loader.rows("select *, ctid, xmin::text from app.t")
    assert loader.load() == {"t.csv": (2, 0)}
    assert loader.rows("select *, ctid, xmin::text from app.t") == before
    assert loader.rows("select what from app.log") == [("INSERT",), ("INSERT",)]
    loader.put("t.csv", 'id,a,b\n1,"{""x"": 2}",1.0\n2,,\n3,,3\n')
    assert loader.load() == {"t.csv": (3, 2)}
    assert loader.rows("select what from app.log order by line") == [("INSERT",)] * 3 + [("UPDATE",)]
    assert loader.rows("select id, a::text from app.t order by id") == [(1, '{"x": 2}'), (2, None), (3, None)]


def test_rows_that_no_file_names_are_left_alone(loader: Loader) -> None:
    loader.execute(
        "create table app.t (id int primary key, a text, b text);"
        "insert into app.t values (1, 'x', 'mine'), (9, null, null)"
    )
    loader.put("t.csv", "id,a\n1,y\n")
    loader.load()
    assert loader.rows("select * from app.t order by id") == [(1, "y", "mine"), (9, None, None)]


def test_parents_come_first(loader: Loader) -> None:
    loader.execute(
        """
        create table app.z (id int primary key);
        create table app.m (id int primary key, z int not null references app.z);
        create table app.a (id int primary key, m int not null references app.m, z int references app.z);
        """
    )
    loader.put("a.csv", "id,m,z\n1,1,1\n")
    loader.put("m.csv", "id,z\n1,1\n")
    loader.put("z.csv", "id\n1\n")
    assert loader.load() == {"a.csv": (1, 1), "m.csv": (1, 1), "z.csv": (1, 1)}


def test_a_table_that_points_at_itself(loader: Loader) -> None:
    loader.execute("create table app.t (id int primary key, boss int not null references app.t)")
    loader.put("t.csv", "id,boss\n1,3\n2,1\n3,2\n")
    assert loader.load() == {"t.csv": (3, 3)}
    assert loader.load() == {"t.csv": (3, 0)}


def test_tables_in_a_circle(loader: Loader) -> None:
    loader.execute(
        """
        create table app.a (id int primary key, b int not null);
        create table app.b (id int primary key, c int not null);
        create table app.c (id int primary key, a int not null references app.a);
        create table app.d (id int primary key, a int not null references app.a);
        alter table app.a add foreign key (b) references app.b;
        alter table app.b add foreign key (c) references app.c;
        """
    )
    loader.put("a.yml", "- {id: 1, b: 2}")
    loader.put("b.yml", "- {id: 2, c: 3}")
    loader.put("c.yml", "- {id: 3, a: 1}")
    loader.put("d.csv", "id,a\n1,1\n")
    assert set(loader.load().values()) == {(1, 1)}
    assert set(loader.load().values()) == {(1, 0)}


def test_deferred_rules_are_checked_at_the_end(loader: Loader) -> None:
    loader.execute(
        """
        create table app.a (id int primary key, b int not null);
        create table app.b (id int primary key, a int not null references app.a deferrable initially deferred);
        create function app.has_b() returns trigger language plpgsql as $$ begin
            if not exists (select from app.b where a = new.id) then raise 'no b' using errcode = 'P0001'; end if;
            return null; end $$;
        create constraint trigger has_b after insert on app.a deferrable initially deferred
            for each row execute function app.has_b();
        """
    )
    loader.put("a.csv", "id,b\n1,1\n")
    loader.put("b.csv", "id,a\n1,1\n")
    assert loader.load() == {"a.csv": (1, 1), "b.csv": (1, 1)}


def test_forced_row_security(loader: Loader, database: tuple[Server, str]) -> None:
    loader.execute(
        """
        create role seed_owner;
        create table app.t (id int primary key, a text);
        alter table app.t owner to seed_owner; grant usage on schema app to seed_owner;
        alter table app.t enable row level security; alter table app.t force row level security;
        create policy owner on app.t to seed_owner using (true) with check (true);
        """
    )
    try:
        loader.put("t.csv", "id,a\n1,x\n")
        loader.execute("set role seed_owner")
        assert loader.load() == {"t.csv": (1, 1)}
        loader.put("t.csv", "id,a\n1,y\n2,z\n")
        assert loader.load() == {"t.csv": (2, 2)}
        assert loader.rows("select * from app.t order by id") == [(1, "y"), (2, "z")]
    finally:
        loader.execute("reset role; drop owned by seed_owner; drop role seed_owner")


def test_identities_and_sequences_move_on(loader: Loader) -> None:
    loader.execute(
        """
        create table app.always (id int generated always as identity primary key, a text);
        create table app.serial (id bigserial primary key, a text);
        create table app."Odd ""t" (id int generated by default as identity (start 100) primary key, a text);
        """
    )
    loader.put("always.csv", "id,a\n1,x\n7,y\n")
    loader.put("serial.csv", "id,a\n3,x\n")
    loader.put('Odd "t.csv', "id,a\n3,x\n")
    loader.load()
    loader.load()
    names = ("app.always", "app.serial", 'app."Odd ""t"')
    found = [loader.rows(f"insert into {name} (a) values ('z') returning id")[0][0] for name in names]
    assert found == [8, 4, 100]
    loader.put("always.csv", "id,a\n1,x\n7,changed\n")
    assert loader.load()["always.csv"] == (2, 1)


def test_without_a_key_only_once(loader: Loader) -> None:
    loader.execute("create table app.t (a int, b text, c timestamptz default now())")
    loader.put("t.csv", "a,b\n1,x\n1,x\n2,\n")
    assert loader.load() == {"t.csv": (3, 3)}
    assert loader.load() == {"t.csv": (3, 0)}
    assert loader.rows("select count(*) from app.t") == [(3,)]
    loader.execute("insert into app.t values (3)")
    assert loader.refused() == (
        "seeds/app/t.csv: app.t holds other rows already, and no key of it is among these columns\n"
        "hint: give every row its primary key, or empty the table first"
    )


def test_another_unique_key_serves_where_the_primary_key_is_left_to_the_default(loader: Loader) -> None:
    loader.execute(
        "create table app.t (id uuid default gen_random_uuid() primary key, email text not null unique, n int)"
    )
    loader.put("t.csv", "email,n\na,1\nb,2\n")
    assert loader.load() == {"t.csv": (2, 2)}
    assert loader.load() == {"t.csv": (2, 0)}


def test_no_rows(loader: Loader) -> None:
    loader.execute("create table app.t (id int primary key); create table app.u (id int primary key)")
    loader.put("t.csv", "id\n")
    loader.put("u.yml", "[]\n")
    assert loader.load() == {"t.csv": (0, 0), "u.yml": (0, 0)}


def test_all_or_nothing(loader: Loader) -> None:
    loader.execute("create table app.a (id int primary key); create table app.b (id int primary key)")
    loader.put("a.csv", "id\n1\n")
    loader.put("b.csv", "id\nx\n")
    loader.refused()
    assert loader.rows("select count(*) from app.a") == [(0,)]
    assert loader.rows("select count(*) from pg_locks where locktype = 'advisory'") == [(0,)]


WEEKS = """
create table app.weeks (id int primary key, open boolean not null, note text);
create table app.items (id int primary key, week_id int not null references app.weeks, n int);
create function app.only_open() returns trigger language plpgsql as $$
begin
    if not (select open from app.weeks where id = new.week_id) then raise exception 'closed'; end if;
    return new;
end $$;
create trigger only_open before insert or update on app.items for each row execute function app.only_open();
create function app.stay_closed() returns trigger language plpgsql as $$
begin
    if not old.open then raise exception 'closed for good'; end if;
    return new;
end $$;
create trigger stay_closed before update on app.weeks for each row execute function app.stay_closed();
"""


def test_what_comes_afterwards_changes_rows_when_all_are_in(loader: Loader) -> None:
    loader.execute(WEEKS)
    loader.put("weeks.csv", "id,open,note\n1,true,a\n2,true,b\n")
    loader.put("items.yml", "- {id: 1, week_id: 1, n: 5}\n- {id: 2, week_id: 2, n: 6}\n")
    loader.put("afterwards/weeks.yml", "- {id: 2, open: false}\n")
    assert loader.load() == {"weeks.csv": (2, 2), "items.yml": (2, 2), "afterwards/weeks.yml": (1, 1)}
    assert loader.rows("select id, open from app.weeks order by id") == [(1, True), (2, False)]


def test_a_second_load_goes_no_step_back(loader: Loader) -> None:
    loader.execute(WEEKS)
    loader.put("weeks.csv", "id,open,note\n1,true,a\n2,true,b\n")
    loader.put("afterwards/weeks.yml", "- {id: 2, open: false}\n")
    loader.load()
    assert loader.load() == {"weeks.csv": (2, 0), "afterwards/weeks.yml": (1, 0)}
    loader.put("weeks.csv", "id,open,note\n1,true,other\n2,true,b\n")
    assert loader.load() == {"weeks.csv": (2, 1), "afterwards/weeks.yml": (1, 0)}
    assert loader.rows("select note, open from app.weeks order by id") == [("other", True), ("b", False)]


def test_what_comes_afterwards_needs_a_row_and_its_key(loader: Loader) -> None:
    loader.execute(WEEKS)
    loader.put("weeks.csv", "id,open\n1,true\n")
    loader.put("afterwards/weeks.yml", "- {id: 1, open: false}\n- {id: 3, open: false}\n")
    assert loader.refused() == (
        "seeds/app/afterwards/weeks.yml:2: app.weeks has no such row to be changed afterwards\n"
        "hint: another seed file brings it, with the same id"
    )
    loader.put("afterwards/weeks.yml", "- {open: false}\n")
    assert loader.refused() == (
        "seeds/app/afterwards/weeks.yml: no key of app.weeks is among these columns\n"
        "hint: a row that is changed afterwards is told by its primary key"
    )
    assert loader.rows("select * from app.weeks") == []


def test_a_change_afterwards_that_is_refused_has_its_line(loader: Loader) -> None:
    loader.execute(WEEKS)
    loader.execute("alter table app.weeks add constraint short check (length(note) < 4)")
    loader.put("weeks.csv", "id,open,note\n1,true,a\n2,true,b\n")
    loader.put("afterwards/weeks.yml", "- {id: 1, note: ab}\n- {id: 2, note: abcd}\n")
    assert loader.refused().startswith("seeds/app/afterwards/weeks.yml:2: ")
