"""A catalog becomes the check files that a person would have written, and they hold on that very database."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from harness.adopt import check_file
from harness.adopt.coverage import coverage
from harness.catalog import read
from harness.catalog.parts import TableRule
from harness.declarations import read_text
from harness.describe.description import TableDescription
from harness.describe.entries import short_type
from harness.kinds import KINDS
from harness.project.load import load
from harness.project.model import TableName
from harness.proving.prover import Effort, Prover
from harness.server.connection import Server
from tests.adopt.conftest import Adopt, checks, pages
from tests.databases import Scratch

SHOP = """
create schema t;
create type t.mood as enum ('glad', 'sad');
create domain t.positive as integer check (value > 0);
create function t.now_touched() returns trigger language plpgsql as
'begin new."changedAt" := now(); return new; end';
create function t.count() returns trigger language plpgsql as 'begin return null; end';
create table t.customers (
    id bigint generated always as identity primary key,
    email varchar(200) not null unique,
    mood t.mood default 'glad',
    name text
);
comment on table t.customers is 'Who buys: "everybody".';
comment on column t.customers.name is 'On letters. #1';
create table t.orders (
    id bigint primary key,
    customer_id bigint not null references t.customers on delete cascade on update cascade,
    status text not null default 'open' constraint chk_status check (status in ('open', 'paid')),
    kind varchar(20) check (kind in ('a', 'b')),
    size smallint check (size = any (array[1, 2])),
    total numeric(10,2) check (total >= 0),
    net numeric generated always as (total / 1.19) stored,
    count t.positive,
    starts_at timestamptz,
    ends_at timestamptz,
    "changedAt" timestamptz not null default now(),
    during tstzrange,
    note text,
    constraint chk_order check (ends_at > starts_at and (note is null or length(note) > 1)),
    constraint no_overlap exclude using gist (during with &&) where (status = 'open'),
    constraint once unique nulls not distinct (customer_id, total) deferrable initially deferred
);
create unique index one_paid on t.orders (customer_id) where status = 'paid';
create index by_name on t.orders (lower(note) text_pattern_ops desc, total) include (id) where total > 0;
create index by_range on t.orders using gist (during);
create trigger touch before update on t.orders for each row execute function t.now_touched();
create trigger counted after insert or delete on t.orders for each row when (pg_trigger_depth() < 1)
    execute function t.count();
alter table t.orders enable row level security;
create policy own on t.orders for select to public using (note = current_setting('app.user'));
alter table t.orders add constraint late check (total < 1000000) not valid;
"""
CUSTOMERS = """\
table: t.customers
description: 'Who buys: "everybody".'
columns:
  id: {type: bigint, identity: always}
  email: {type: varchar(200), not_null: true, unique: true}
  mood: {type: t.mood, default: "'glad'", accepted_values: [glad, sad]}
  name: {type: text, comment: "On letters. #1"}
checks:
  - primary_key: [id]
"""


PAGES = """\
table: public.pages
columns:
  id: {type: integer}
  slug: {type: text, accepted_values: [x, z], constraint: a}
  mood: {type: public.mood, accepted_values: [glad, sad]}
checks:
  - primary_key: [id]

  - check: slug = any (array['x', 'z'])
    constraint: b
    implied_by: a
  - check: length(slug) > 0
    constraint: long
    implied_by: a
  - check: length(slug) > 0
    constraint: longer
    implied_by: long
  - check: mood = 'glad'
"""


def proved(server: Server, name: str, texts: dict[str, str], tmp_path: Path) -> list[tuple[str, str, str]]:
    """What is not proved of adopted files, on the database that they describe."""
    (tmp_path / "project.yml").write_text("name: adopted\nmodules: [t]\n")
    for number, text in enumerate(texts.values()):
        path = tmp_path / "checks" / "t" / f"{number}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project = load(tmp_path)
    declared = list(
        itertools.chain.from_iterable(
            read_text(path.read_text(encoding="utf-8"), path, "t", KINDS) for path in project.module("t").checks
        )
    )
    with server.connect() as maintenance:
        clones = Scratch(server, maintenance, template=name, force=True)
        with Prover(declared, project, clones, Effort(scenarios=2, seed=0, shrink=False)) as prover:
            outcomes = [prover.prove(check) for check in declared]
        clones.drop_all()
    return [
        (outcome.name, outcome.reason or "", str(outcome.counterexamples))
        for outcome in outcomes
        if not outcome.status.green
    ]


def test_it_reads_as_if_written_by_hand(adopt: Adopt) -> None:
    found = pages(adopt(SHOP))
    assert found["t.customers"] == CUSTOMERS
    assert found["t.orders"] == (Path(__file__).parent / "orders.yml").read_text(encoding="utf-8")


def test_what_is_written_is_proved(adopt: Adopt, database: tuple[Server, str], tmp_path: Path) -> None:
    assert proved(*database, pages(adopt(SHOP)), tmp_path) == []


def test_nothing_is_left_undeclared(adopt: Adopt, database: tuple[Server, str]) -> None:
    found = adopt(SHOP)
    declared = [check for text in pages(found).values() for check in checks(text)]
    covered = coverage(found.catalog, declared)
    assert [table.undeclared for table in covered.tables] == [(), ()]
    assert covered.idle == ()
    one = [check for check in declared if check.subject not in ("no_overlap", "status")]
    missing = {part for table in coverage(found.catalog, one).tables for part in table.undeclared}
    assert missing == {
        TableRule("constraint", "no_overlap"),
        TableRule("constraint", "chk_status"),
        TableRule("not null", "status"),
        TableRule("default", "status"),
    }
    server, name = database
    with server.connect(name) as connection:
        connection.execute("alter table t.orders drop constraint no_overlap; drop index t.by_name")
        later = coverage(read(connection), declared)
    assert [what for _, what in later.idle] == ["no constraint no_overlap", "no index by_name"]


TRIGGERS = """\
create schema t;
create table t.notes (id integer primary key, note text, at timestamptz);
create function t.touch() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;
create function t.other() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger touch before update on t.notes for each row execute function t.touch();
create trigger other before update on t.notes for each row execute function t.other();
create trigger stray before update on t.notes for each row execute function t.other();
"""
OTHER = "  - {trigger: other, on: update, timing: before, function: t.other}\n"
TOUCH = OTHER.replace("other", "touch") + "  - {touched_on_update: at, trigger: touch}\n"


def test_a_trigger_of_which_no_check_says_what_it_does_is_counted_apart(adopt: Adopt) -> None:
    catalog = adopt(TRIGGERS).catalog
    (table,) = coverage(catalog, checks(f"table: t.notes\nchecks:\n{OTHER}{TOUCH}")).tables
    assert table.triggers == ("other",)
    assert TableRule("trigger", "stray") in table.undeclared
    assert not {TableRule("trigger", "other"), TableRule("trigger", "touch")} & {*table.undeclared}


POLICIES = """\
create schema t;
create table t.notes (id integer primary key);
alter table t.notes enable row level security;
create policy mine on t.notes using (true);
"""
MINE = "  - {policy: mine, using: true}\n"
SEEN = "  - {row_security: all see all, as: public, sees: true, forced: false, policy: mine}\n"


@pytest.mark.parametrize(("more", "as_text"), [("", ("mine",)), (SEEN, ())])
def test_a_policy_that_is_only_compared_as_text_is_counted_apart(
    adopt: Adopt, more: str, as_text: tuple[str, ...]
) -> None:
    catalog = adopt(POLICIES).catalog
    (table,) = coverage(catalog, checks(f"table: t.notes\nchecks:\n{MINE}{more}")).tables
    assert table.policies == as_text


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("character varying(20)", "varchar(20)"),
        ("character varying[]", "varchar[]"),
        ("timestamp(3) without time zone", "timestamp(3)"),
        ("timestamp with time zone", "timestamptz"),
        ("time without time zone[]", "time[]"),
        ("character(3)", "char(3)"),
        ('"char"', '"char"'),
        ("interval day to second(3)", "interval day to second(3)"),
        ("t.character varying", "t.character varying"),
    ],
)
def test_types_as_people_write_them(long: str, short: str) -> None:
    assert short_type(long) == short


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("begin new.at := now(); return new; end", True),
        ("begin -- moves\n  NEW.at = CURRENT_TIMESTAMP; RETURN NEW; END;", True),
        ('declare _new record; begin _new := new; _new."at" = now(); return _new; end;', True),
        ("begin new.at = timezone('utc', now()); return new; end", True),
        ("begin new.at = timezone('utc'::text, now()); return new; end", True),
        ("begin new.at = (now() at time zone 'utc'); return new; end", True),
        ("declare _new record; begin _new := new; _new.at = now(); return new; end;", False),
        ("declare _new record; begin _new := old; _new.at = now(); return _new; end;", False),
        ("begin new.at = timezone('cet', now()); return new; end", False),
        # What old is on insert, nobody knows.
        ("begin if row(new.*) is distinct from row(old.*) then new.at = now(); end if; return new; end", False),
        ("begin new.at := now(); new.n := 1; return new; end", False),
        ("begin if new.n > 0 then new.at := now(); end if; return new; end", False),
        ("begin new.at := now() - interval '1 day'; return new; end", False),
        ("begin new.at := old.at; return new; end", False),
    ],
)
def test_a_trigger_that_only_keeps_the_time_is_no_opaque_one(adopt: Adopt, function: str, said: bool) -> None:
    quoted = function.replace("'", "''")
    found = pages(
        adopt(
            "create schema t; create table t.a (id int primary key, n int, at timestamptz);"
            f"create function t.f() returns trigger language plpgsql as '{quoted}';"
            "create trigger moved before insert or update on t.a for each row execute function t.f()"
        )
    )["t.a"]
    assert ("touched_on_update: {on_insert: true, trigger: moved}" in found) is said
    assert ("- trigger: moved" in found) is not said


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("begin if row(new.*) is distinct from row(old.*) then new.at = now(); end if; return new; end", True),
        ("begin if new is distinct from old then new.at = now(); return new; else return old; end if; end", True),
        ("begin if new is distinct from old then new.at = now(); end if; return new; end", True),
        ("begin if (old.* is distinct from new.*) then new.at = now(); end if; return new; end", True),
        ("begin if new.n is distinct from old.n then new.at = now(); end if; return new; end", False),
        ("begin if new is distinct from old then new.at = now(); return new; else return null; end if; end", False),
        ("begin if new is distinct from new then new.at = now(); end if; return new; end", False),
    ],
)
def test_a_trigger_that_keeps_the_time_of_rows_that_differ_is_no_opaque_one(
    adopt: Adopt, function: str, said: bool
) -> None:
    found = pages(
        adopt(
            "create schema t; create table t.a (id int primary key, n int, at timestamptz);"
            f"create function t.f() returns trigger language plpgsql as '{function}';"
            "create trigger moved before update on t.a for each row execute function t.f()"
        )
    )["t.a"]
    assert ("touched_on_update: {trigger: moved}" in found) is said
    assert ("- trigger: moved" in found) is not said


def test_of_a_partition_only_its_own_rules_are_described(adopt: Adopt) -> None:
    found = adopt(
        "create schema t; create table t.p (id int primary key, n int check (n > 0)) partition by range (id);"
        "create table t.p1 partition of t.p for values from (0) to (10);"
        "alter table t.p1 add constraint few check (n < 5), alter n set not null; create unique index on t.p1 (n);"
        "create unique index on t.p (n, id); create table t.p2 partition of t.p for values from (10) to (20);"
        "alter table t.p2 add constraint bounds check (id >= 10)"
    )
    assert [str(table) for table in found.descriptions] == ["t.p", "t.p1"]
    whole, part = found.descriptions.values()
    assert whole.known == {"bounds": "implied by the bounds of the partition t.p2"}
    assert (part.columns, part.known) == ({}, {})
    assert [entry for _, entry in part.checks] == [
        {"not_null": "n"},
        {"unique": ["n"], "constraint": "p1_n_idx"},
        {"check": "n < 5", "constraint": "few"},
    ]
    assert found.partitions == (TableName("t", "p1"), TableName("t", "p2"))


def test_privileges_are_those_that_a_role_has_in_the_end(
    adopt: Adopt, database: tuple[Server, str], tmp_path: Path
) -> None:
    server, _ = database
    with server.connect() as maintenance:
        for role in ("adopt_reader", "adopt_writer", "adopt_stranger"):
            if maintenance.execute("select from pg_roles where rolname = %s", [role]).fetchone() is None:
                maintenance.execute(f"create role {role}".encode())
    found = adopt(
        "create schema t; grant usage on schema t to adopt_reader, adopt_writer;"
        "create table t.a (id int primary key, n int); create table t.b (id int primary key);"
        "grant select on t.a to public; grant all on t.a to adopt_writer; grant update (n) on t.a to adopt_reader;"
        "grant insert on t.b to adopt_stranger"
    )
    texts = pages(found)
    assert "  - privileges:\n      adopt_reader:" in texts["t.a"] or "adopt_reader: [select," in texts["t.a"]
    assert found.descriptions[TableName("t", "b")].undeclarable == [
        "privileges: adopt_stranger may not use the schema t"
    ]
    assert proved(*database, texts, tmp_path) == []


EIGHTEEN = """
create extension btree_gist;
create schema t;
create table t.docs (tenant int not null, id int not null, primary key (tenant, id));
create table t.links (id int primary key, tenant int, doc int, foreign key (tenant, doc) references t.docs match full);
create table t.rates (product int not null, valid daterange not null, primary key (product, valid without overlaps));
create table t.offers (
    id int primary key, product int, during daterange check (lower(during) >= '2000-01-01'),
    unique (product, during without overlaps),
    foreign key (product, period during) references t.rates (product, period valid)
);
create table t.prices (
    id int primary key, net numeric(6,2) not null constraint prices_net check (net > 0) not enforced,
    gross numeric(6,2) generated always as (net * 1.2) virtual
);
create table t.lines (id int primary key, price int not null constraint of_price references t.prices not enforced);
create table t.users (id int primary key, mail text);
alter table t.users add constraint users_mail not null mail not valid;
create table t.assets (id int primary key, code text not null no inherit);
create table t.vehicles (plate text) inherits (t.assets);
"""


def test_what_postgresql_18_brings_is_adopted(adopt: Adopt, database: tuple[Server, str], tmp_path: Path) -> None:
    found = adopt(EIGHTEEN)
    texts = pages(found)
    assert "    references: t.docs\n    match: full\n" in texts["t.links"]
    assert "- primary_key: [product, valid]\n    without_overlaps: true\n" in texts["t.rates"]
    assert "- unique: [product, during]\n    without_overlaps: true\n" in texts["t.offers"]
    assert "    references: t.rates\n    period: true\n" in texts["t.offers"]
    assert "- check: net > 0\n    constraint: prices_net\n    enforced: false\n" in texts["t.prices"]
    assert "    constraint: of_price\n    enforced: false\n" in texts["t.lines"]
    assert "mail: {type: text, not_null: {validated: false}}" in texts["t.users"]
    assert "code: {type: text, not_null: {only: true}}" in texts["t.assets"]
    assert not any(each.undeclarable or each.known for each in found.descriptions.values())
    assert proved(*database, texts, tmp_path) == []


def test_unique_expressions_are_keys(adopt: Adopt, database: tuple[Server, str], tmp_path: Path) -> None:
    texts = pages(
        adopt(
            'create schema t; create table t.a (id int primary key, org int not null, "eMail" varchar(50), nick text);'
            'create unique index mail on t.a (org desc, lower("eMail")) where nick is null;'
            "create unique index on t.a (coalesce(nick, ''), id);"
            "create table t.b (n int); create unique index one on t.b ((true));"
            'create table t.c (word text); create unique index sorted on t.c (lower(word) collate "C");'
        )
    )
    checks = texts["t.a"].partition("checks:\n")[2]
    assert '- unique: [org, lower("eMail"::text)]\n    where: nick is null\n    constraint: mail\n' in checks
    assert "- unique: [\"coalesce(nick, ''::text)\", id]\n    implied_by: a_pkey" in checks
    assert "- index: one\n" in texts["t.b"]
    assert "- index: sorted\n" in texts["t.c"]
    assert proved(*database, texts, tmp_path) == []


def test_what_a_check_implies_hangs_on_no_column_of_its_own(adopt: Adopt) -> None:
    """No candidate ends with the row's own number, so that none keeps ``named`` as a draft: one that does is there."""
    found = pages(
        adopt(
            "create schema t; create table t.a (id int primary key, draft boolean not null, release text not null,"
            "sent date, n int not null, m int not null,"
            "constraint named check (not draft or release ~ ('^.*,draft_' || id || '$')),"
            "constraint unsent check (not draft or sent is null),"
            "constraint few check (n > 3 and m > 0), constraint one check (n > 1))"
        )
    )["t.a"]
    assert "sent is null\n    constraint: unsent\n    implied_by" not in found
    assert "n: {type: integer, not_null: true, check: n > 1, constraint: one, implied_by: few}" in found


def test_rewrite_rules_are_known(adopt: Adopt) -> None:
    """No check can say what becomes of a command."""
    found = adopt(
        "create schema t; create table t.a (id int primary key, gone boolean);"
        "create rule stays as on delete to t.a do instead update t.a set gone = true where id = old.id"
    )
    assert found.descriptions[TableName("t", "a")].known == {"stays": "a rule: what becomes of delete"}
    text = pages(found)["t.a"]
    assert 'known: {stays: "a rule: what becomes of delete"}\n' in text
    assert coverage(found.catalog, checks(text)).tables[0].undeclared == ()


names = st.text(st.characters(exclude_categories=["Cs", "Cc"], codec="utf-8"), min_size=1, max_size=12).filter(
    lambda name: len(name.encode()) <= 60 and name not in ("tableoid", "xmin", "xmax", "cmin", "cmax", "ctid")
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=names, columns=st.lists(names, min_size=2, max_size=3, unique=True), value=names)
def test_any_name_comes_back(database: tuple[Server, str], table: str, columns: list[str], value: str) -> None:
    server, name = database
    with server.connect(name) as connection, connection.transaction(force_rollback=True):
        quoted = [sql.Identifier(column) for column in columns]
        connection.execute(
            sql.SQL(
                "create table {table} ({a} integer primary key, {b} text not null default {value}"
                " check ({b} in ({value}, 'other')), unique ({b}, {a}))"
            ).format(table=sql.Identifier("public", table), a=quoted[0], b=quoted[1], value=sql.Literal(value))
        )
        connection.execute(sql.SQL("create index on {} ({}, {})").format(sql.Identifier(table), *quoted[:2]))
        from harness.adopt.survey import survey

        found = survey(connection)
        text = check_file.document(found.descriptions[TableName("public", table)])
        declared = list(read_text(text, Path("x.yml"), "public", KINDS))
        covered = coverage(found.catalog, declared)
    assert covered.tables[0].undeclared == ()
    assert covered.idle == ()
    values = [check.rule.accepted_values for check in declared if check.kind == "accepted_values"]
    assert values in ([(value, "other")], [("other",)]), text


def test_a_table_without_columns() -> None:
    assert check_file.document(TableDescription(TableName("t", "empty"), None)) == "table: t.empty\ncolumns: {}\n"


def test_rules_that_say_the_same(database: tuple[Server, str]) -> None:
    """The first by name refuses, and a column has one list of values: what else says so is a predicate."""
    from harness.adopt.survey import survey

    server, name = database
    with server.connect(name) as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "create type mood as enum ('glad', 'sad');"
            "create table public.pages (id integer primary key, slug text, mood mood check (mood in ('glad')),"
            " constraint b check (slug in ('x', 'z')), constraint a check (slug in ('x', 'z')),"
            " constraint longer check (length(slug) > 0), constraint long check (length(slug) > 0) not valid)"
        )
        found = survey(connection)
    text = check_file.document(found.descriptions[TableName("public", "pages")])
    assert text == PAGES
    names = [check.name for check in read_text(text, Path("x.yml"), "public", KINDS)]
    assert len({*names}) == len(names)


def test_a_check_that_heirs_have_stays_beside_its_column(adopt: Adopt) -> None:
    found = adopt("""
        create schema t;
        create table t.files (
            code text not null constraint files_code_key unique check (length(code) > 1),
            size integer constraint some_size check (size > 0) no inherit
        );
        create table t.letters (note text) inherits (t.files);
    """)
    declared = {check.label: check.rule for check in checks(pages(found)["t.files"])}
    assert declared["unique code"].only
    assert not declared["check code"].only
    assert declared["check some_size"].only
