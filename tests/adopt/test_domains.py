"""CHECKs of domains: each is declared once, of the column where it shows most."""

from __future__ import annotations

from pathlib import Path

from harness.adopt import check_file
from harness.adopt.coverage import coverage
from harness.adopt.survey import survey
from harness.server.connection import Server
from tests.adopt.conftest import Adopt, checks, pages
from tests.adopt.test_description import proved

SCHEMA = """
create schema t;
create domain t.state as text constraint "one of" check (value in ('open', 'closed'));
create domain t.trimmed as text check (value = btrim(value)) check (value <> '');
create domain t.mail as t.trimmed check (value ~ '^[^ @]+@[^ @]+$');
create domain t.low as integer check (value < 100);
create domain t.lower as t.low check (value < 1000);
create domain t.present as text check (value is not null);
create domain t.currency as char(3) check (value ~ '^[A-Z]{3}$');
create type t.money as (amount numeric, currency t.currency);
create domain t.labels as text[] check (cardinality(value) <= 5);
create table t.people (
    id integer primary key, "order" t.low check ("order" > 10), mail t.mail not null, name t.trimmed, state t.state
);
create table t.sales (
    id integer primary key, state t.state, price t.money, labels t.labels, size t.low, lowest t.lower,
    of t.present not null
);
"""
PEOPLE = """\
table: t.people
columns:
  id: {type: integer}
  order: {type: t.low, check: '"order" > 10'}
  mail: {type: t.mail, not_null: true}
  name: {type: t.trimmed}
  state: {type: t.state}
checks:
  - primary_key: [id]

  - check: name = btrim(name)
    constraint: trimmed_check
  - check: name <> ''
    constraint: trimmed_check1
  - check: mail ~ '^[^ @]+@[^ @]+$'
    constraint: mail_check
  - accepted_values: [open, closed]
    column: state
    constraint: one of
"""
SALES = """\
table: t.sales
known: {t.currency.currency_check: a CHECK of a domain that no check can state of a column}
columns:
  id: {type: integer}
  state: {type: t.state}
  price: {type: t.money}
  labels: {type: t.labels}
  size: {type: t.low}
  lowest: {type: t.lower}
  of: {type: t.present, not_null: true}
checks:
  - primary_key: [id]

  - check: cardinality(labels) <= 5
    constraint: labels_check
  - check: size < 100
    constraint: low_check
  - check: lowest < 1000
    constraint: lower_check
    implied_by: low_check
  - check: of is not null
    constraint: present_check
"""


def test_each_is_declared_once_and_proved(adopt: Adopt, database: tuple[Server, str], tmp_path: Path) -> None:
    found = adopt(SCHEMA)
    texts = pages(found)
    assert texts == {"t.people": PEOPLE, "t.sales": SALES}
    covered = coverage(found.catalog, [check for text in texts.values() for check in checks(text)])
    assert (covered.percent, covered.idle) == (100.0, ())
    assert proved(*database, texts, tmp_path) == []


def test_what_no_check_states_is_undeclared_in_each_table_that_has_the_domain(adopt: Adopt) -> None:
    found = adopt(SCHEMA)
    text = PEOPLE.replace("  - accepted_values: [open, closed]\n    column: state\n    constraint: one of\n", "")
    covered = coverage(found.catalog, [*checks(text), *checks(SALES)])
    undeclared = [(str(table.table), [str(rule) for rule in table.undeclared]) for table in covered.tables]
    assert undeclared == [
        ("t.people", ['domain t.state."one of"']),
        ("t.sales", ['domain t.state."one of"']),
    ]


def test_it_stays_with_the_table_of_which_it_is_declared(adopt: Adopt, database: tuple[Server, str]) -> None:
    adopt(SCHEMA)
    server, name = database
    stated = checks(SALES + "  - check: state in ('open', 'closed')\n    constraint: one of\n")
    with server.connect(name) as connection:
        found = survey(connection, declared=stated).descriptions
    having = [str(table) for table, each in found.items() if "one of" in check_file.document(each)]
    assert having == ["t.sales"]


def test_two_of_one_name_are_two_checks(adopt: Adopt) -> None:
    found = adopt("""
        create schema t;
        create domain t.code as text constraint form check (value ~ '^[A-Z]+$');
        create domain t.number as integer constraint form check (value > 0);
        create table t.items (id integer primary key, code t.code, number t.number);
    """)
    names = [check.name for check in checks(pages(found)["t.items"]) if check.kind == "check"]
    assert names == ["t.items.check.form", "t.items.check.form_number"]
