"""A project of a few tables in which there is something of all that types say."""

from __future__ import annotations

from tests.cli.conftest import Cli

OUTPUTS = """\
types:
  - {language: typescript, path: types/typescript}
  - {language: zod, path: types/zod}
  - {language: pydantic, path: types/python}
type_names:
  app.orders: Order
  app.open_orders: OpenOrder
"""
ROLE = "types_clerk"
SCHEMA = """\
create schema app;

create function app.jsonb_matches_schema(schema json, instance jsonb) returns boolean
language sql immutable strict as $$ select jsonb_typeof(instance) = schema ->> 'type' $$;

create type app.mood as enum ('good', 'so so', 'bad');
create type app.pair as (one integer, other text);
create domain app.code as text constraint code_form check (value ~ '^[A-Z]{2,}$');

create table app.customers (
    id uuid not null default gen_random_uuid(),
    name varchar(20) not null,
    constraint customers_pkey primary key (id)
);

create table app.orders (
    id bigint generated always as identity,
    customer_id uuid not null,
    status text not null default 'open',
    closed_at timestamptz,
    closing_note text,
    price numeric(5,2) not null,
    quantity integer not null default 1,
    total numeric generated always as (price * quantity) stored,
    tags text[] not null default '{}',
    code app.code,
    mood app.mood not null default 'good',
    details jsonb not null default '{}',
    created_by uuid not null,
    updated_at timestamptz not null,
    constraint orders_pkey primary key (id),
    constraint orders_customer foreign key (customer_id) references app.customers (id),
    constraint orders_status check (status in ('open', 'closed')),
    constraint orders_closed check ((status = 'closed') = (closed_at is not null)),
    constraint orders_closing_note check (status <> 'closed' or btrim(closing_note) <> ''),
    constraint orders_note_length check (char_length(closing_note) <= 5),
    constraint orders_price check (price > 0),
    constraint orders_quantity check (quantity between 1 and 100),
    constraint orders_tags check (tags <@ array['new', 'old']),
    constraint orders_details check (app.jsonb_matches_schema('{"type": "object"}', details))
);
comment on column app.orders.closing_note is 'Why it was closed.';

create function app.touch() returns trigger language plpgsql as $$
begin
    new.updated_at := clock_timestamp();
    if tg_op = 'UPDATE' and new.created_by is distinct from old.created_by then
        raise exception 'created_by never changes';
    end if;
    return new;
end
$$;
create trigger orders_touch before insert or update on app.orders for each row execute function app.touch();

create view app.open_orders as select id, customer_id, price from app.orders where status = 'open';

create function app.close_order(p_order bigint, p_note text) returns app.orders language sql as $$
    update app.orders set status = 'closed', closed_at = now(), closing_note = p_note where id = p_order returning *
$$;
create function app.prices(p_from numeric default 0) returns table (id bigint, price numeric) language sql as $$
    select id, price from app.orders where price >= p_from
$$;
"""
DOWN = "drop schema app cascade;\n"
CHECKS = {
    "customers": """\
table: app.customers
columns:
  id: {type: uuid, not_null: true, default: gen_random_uuid()}
  name: {type: varchar(20), not_null: true, class: personal}
""",
    "orders": """\
table: app.orders
columns:
  details: {type: jsonb, shape: {type: object}}
  updated_at:
    type: timestamptz
    touched_on_update: {on_insert: true, by: clock_timestamp}
checks:
  - immutable: [created_by]
    refused_by: {trigger: orders_touch}
  - routine: an order is closed
    given:
      app.orders: {id: $order, status: open}
    call: select app.close_order($order, 'done')
    argument:
      p_note: {column: app.orders.closing_note, where: status = 'closed'}
""",
}


def small_project(cli: Cli, outputs: str = OUTPUTS) -> Cli:
    """Has the project of a fixture be the one with the tables above."""
    for path in sorted(cli.root.rglob("*.*")):
        if path.is_file():
            path.unlink()
    cli.write("project.yml", f"name: {cli.name}\nmodules: [app]\nclasses: [personal]\n{outputs}")
    cli.write("schema/app/001_orders.up.sql", SCHEMA)
    cli.write("schema/app/001_orders.down.sql", DOWN)
    for table, text in CHECKS.items():
        cli.write(f"checks/app/{table}.yml", text)
    return cli
