"""Seeds for proofs: what the schema refuses is left out and told, and all else is loaded."""

from __future__ import annotations

from unittest.mock import patch

import psycopg
import pytest

from harness.errors import SeedError
from harness.seeds import upsert

from .conftest import Loader

TREE = """
create table app.parent (id int primary key, n int constraint chk_parent check (n > 0));
create table app.child (id int primary key, parent int not null constraint fk_parent references app.parent);
create table app.grandchild (id int primary key, child int constraint fk_child references app.child);
"""


def test_nothing_is_refused(loader: Loader) -> None:
    loader.execute(TREE)
    loader.put("parent.csv", "id,n\n1,1\n2,2\n")
    assert loader.left_out() == []
    assert loader.rows("select id from app.parent order by id") == [(1,), (2,)]


def test_rows_are_left_out_alone_by_rule(loader: Loader) -> None:
    loader.execute(
        """
        create table app.t (id int primary key, code text constraint uq_code unique,
            n int not null constraint chk_n check (n > 0));
        create function app.no_7() returns trigger language plpgsql as $$ begin
            if new.n = 7 then raise 'not seven, %', new.code; end if; return new; end $$;
        create trigger no_7 before insert or update on app.t for each row execute function app.no_7();
        """
    )
    loader.put("t.csv", "id,code,n\n1,a,1\n2,b,0\n3,a,3\n4,d,-1\n5,e,\n6,f,7\n7,g,1\n")
    assert loader.left_out() == [
        ("t.csv", (3, 5), 2, "chk_n 23514"),
        ("t.csv", (4,), 1, "uq_code 23505"),
        ("t.csv", (6,), 1, "n 23502"),
        ("t.csv", (7,), 1, "not seven, f P0001"),
    ]
    assert loader.rows("select id from app.t order by id") == [(1,), (7,)]


def test_a_row_that_is_there_and_would_change(loader: Loader) -> None:
    loader.execute(TREE + "insert into app.parent values (1, 1), (2, 2)")
    loader.put("parent.csv", "id,n\n1,5\n2,0\n")
    assert loader.left_out() == [("parent.csv", (3,), 1, "chk_parent 23514")]
    assert loader.rows("select id, n from app.parent order by id") == [(1, 5), (2, 2)]


def test_what_hangs_on_them_follows(loader: Loader) -> None:
    loader.execute(TREE)
    loader.put("parent.csv", "id,n\n1,1\n2,0\n")
    loader.put("child.csv", "id,parent\n1,1\n2,2\n3,2\n4,9\n")
    loader.put("grandchild.csv", "id,child\n1,1\n2,3\n3,\n")
    assert loader.left_out() == [
        ("child.csv", (3, 4), 2, "+fk_parent 23503"),
        ("child.csv", (5,), 1, "fk_parent 23503"),
        ("grandchild.csv", (3,), 1, "+fk_child 23503"),
        ("parent.csv", (3,), 1, "chk_parent 23514"),
    ]
    assert loader.rows("select id from app.child") == [(1,)]
    assert loader.rows("select id from app.grandchild order by id") == [(1,), (3,)]


def test_rows_of_one_table_that_refer_to_later_ones(loader: Loader) -> None:
    loader.execute(
        "create table app.t (id int primary key, boss int constraint fk_boss references app.t,"
        " n int constraint chk_n check (n > 0))"
    )
    loader.put("t.csv", "id,boss,n\n1,3,1\n2,6,1\n3,5,1\n4,4,0\n5,,1\n6,4,1\n7,8,1\n8,7,1\n")
    assert loader.left_out() == [
        ("t.csv", (3, 7), 2, "+fk_boss 23503"),
        ("t.csv", (5,), 1, "chk_n 23514"),
    ]
    assert loader.rows("select id from app.t order by id") == [(1,), (3,), (5,), (7,), (8,)]


@pytest.mark.parametrize("deferred", ["", "deferrable initially deferred"])
def test_tables_in_a_circle(loader: Loader, deferred: str) -> None:
    loader.execute(
        f"""
        create table app.a (id int primary key, b int not null);
        create table app.b (id int primary key, a int not null constraint fk_a references app.a {deferred});
        alter table app.a add constraint fk_b foreign key (b) references app.b {deferred};
        """
    )
    loader.put("a.csv", "id,b\n1,1\n2,2\n3,1\n4,2\n")
    loader.put("b.yml", "- {id: 1, a: 1}\n- {id: 2, a: 7}\n")
    assert loader.left_out() == [
        ("a.csv", (3, 5), 2, "+fk_b 23503"),
        ("b.yml", (2,), 1, "fk_a 23503"),
    ]
    assert loader.rows("select id from app.a order by id") == [(1,), (3,)]


def test_a_deferred_rule_is_asked_at_once(loader: Loader) -> None:
    loader.execute("create table app.t (id int primary key, n int constraint uq_n unique initially deferred)")
    loader.put("t.csv", "id,n\n1,1\n2,2\n3,1\n")
    assert loader.left_out() == [("t.csv", (4,), 1, "uq_n 23505")]
    assert loader.rows("select id from app.t order by id") == [(1,), (2,)]


def test_a_deferred_trigger_costs_the_file_it_speaks_of(loader: Loader) -> None:
    loader.execute(
        TREE
        + """
        create function app.with_child() returns trigger language plpgsql as $$ begin
            if not exists (select from app.child where parent = new.id) then
                raise 'no child' using constraint = 'made_up', schema = 'app', table = 'parent'; end if;
            return null; end $$;
        create constraint trigger with_child after insert on app.parent deferrable initially deferred
            for each row execute function app.with_child();
        create table app.other (id int primary key);
        """
    )
    loader.put("parent.csv", "id,n\n1,1\n2,2\n")
    loader.put("child.csv", "id,parent\n1,1\n")
    loader.put("other.csv", "id\n1\n")
    left = loader.left_out()
    assert ("parent.csv", (), 2, "made_up P0001") in left
    assert loader.rows("select id from app.other") == [(1,)]
    assert loader.rows("select id from app.parent") == []


def test_a_domain_refuses(loader: Loader) -> None:
    loader.execute("create domain app.small as int check (value < 10); create table app.t (id app.small primary key)")
    loader.put("t.csv", "id\n1\n10\n11\n2\n")
    assert loader.left_out() == [("t.csv", (3, 4), 2, "small_check 23514")]
    assert loader.rows("select id::int from app.t order by id") == [(1,), (2,)]


def test_afterwards(loader: Loader) -> None:
    loader.execute(TREE)
    loader.put("parent.csv", "id,n\n1,1\n2,0\n3,3\n")
    loader.put("afterwards/parent.csv", "id,n\n1,-1\n2,2\n3,4\n")
    assert loader.left_out() == [
        ("afterwards/parent.csv", (2,), 1, "chk_parent 23514"),
        ("parent.csv", (3,), 1, "chk_parent 23514"),
    ]
    assert loader.rows("select id, n from app.parent order by id") == [(1, 1), (3, 4)]


def test_a_table_without_a_key(loader: Loader) -> None:
    loader.execute("create table app.t (n int constraint chk_n check (n > 0))")
    loader.put("t.csv", "n\n1\n1\n0\n2\n")
    with pytest.raises(SeedError, match="holds other rows already"):  # by the second load, as ever
        loader.left_out()
    assert loader.rows("select n from app.t order by n") == [(1,), (1,), (2,)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,m\n1,1\n", 'has no column "m"'),
        ("id,n\n1,0\n2,x\n", "invalid input syntax for type integer"),
        ("id,n\n1,0\n1,1\n", "the same id as in line 2"),
    ],
)
def test_a_file_that_is_wrong_by_itself_is_an_error(loader: Loader, text: str, said: str) -> None:
    loader.execute(TREE)
    loader.put("parent.csv", text)
    with pytest.raises(SeedError, match=said):
        loader.left_out()


def test_an_unreadable_cell_beside_one_that_a_domain_refuses_is_an_error(loader: Loader) -> None:
    loader.execute("create domain app.small as int check (value < 10); create table app.t (id app.small primary key)")
    loader.put("t.csv", "id\n10\nx\n")
    with pytest.raises(SeedError, match="invalid input syntax"):
        loader.left_out()


def test_what_is_no_rule_leaves_nothing_out(loader: Loader) -> None:
    loader.execute(TREE)
    loader.put("parent.csv", "id,n\n1,1\n2,0\n")
    full = psycopg.errors.DiskFull("no space left")
    with patch.object(upsert, "insert", side_effect=full), pytest.raises(SeedError):
        loader.left_out()
    assert loader.rows("select id from app.parent") == []
