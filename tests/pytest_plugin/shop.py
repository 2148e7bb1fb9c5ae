"""A small project that the tests write, break, and run pytest in."""

from __future__ import annotations

import textwrap
from pathlib import Path

PROJECT = """\
name: shop
modules: [shop]
profiles:
  dev: {scenarios: 3, seed: 0}
  ci: {scenarios: 3, seed: 1}
"""

SCHEMA = """\
create schema shop;
create table shop.customers (
  id    integer primary key,
  email text not null unique
);
create table shop.orders (
  id          uuid primary key default gen_random_uuid(),
  customer_id integer not null references shop.customers on delete cascade,
  status      text not null constraint chk_status check (status in ('open', 'paid')),
  amount      numeric(10,2) not null constraint chk_amount check (amount > 0),
  note        text
);
"""

CUSTOMERS = """\
table: shop.customers
checks:
  - primary_key: [id]
  - not_null: email
  - unique: [email]
    constraint: customers_email_key
"""

ORDERS = """\
table: shop.orders
tags: [sales]
columns:
  id:          {type: uuid, default: gen_random_uuid()}
  customer_id: {type: integer, not_null: true}
  status:      {type: text, not_null: true, accepted_values: [open, paid], constraint: chk_status}
  amount:      {type: "numeric(10,2)", not_null: true}
  note:        {type: text}
checks:
  - primary_key: [id]
  - check: amount > 0
    constraint: chk_amount
    tags: [money::first, skip]
  - foreign_key: [customer_id]
    references: shop.customers
    on_delete: cascade
"""

SEEDS = "id,email\n1,ada@example.org\n2,bob@example.org\n"


def write(root: Path, files: dict[str, str]) -> None:
    """Files by their path below ``root``, with their common indentation taken away."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")


def build(root: Path) -> None:
    """The project, all of whose checks are proved."""
    write(
        root,
        {
            "project.yml": PROJECT,
            "schema/shop/001_tables.up.sql": SCHEMA,
            "schema/shop/001_tables.down.sql": "drop schema shop cascade;\n",
            "seeds/shop/customers.csv": SEEDS,
            "checks/shop/customers.yml": CUSTOMERS,
            "checks/shop/orders.yml": ORDERS,
        },
    )


def change(file: Path, before: str, after: str) -> None:
    """Replaces a piece of a file that occurs in it once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")
