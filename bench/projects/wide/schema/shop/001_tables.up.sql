create schema shop;

create table shop.customers (
    id integer primary key,
    name text not null
);

create table shop.orders (
    id bigint primary key,
    customer_id integer not null references shop.customers,
    number text not null,
    status text not null,
    channel text,
    currency char(3) not null,
    net numeric(12, 2) not null,
    tax numeric(12, 2) not null,
    discount numeric(5, 2),
    weight double precision,
    parcels smallint,
    gift boolean not null default false,
    note text,
    email varchar(200),
    phone varchar(40),
    street varchar(120),
    city varchar(80),
    country char(2),
    tags text[],
    details jsonb,
    token uuid,
    placed_at timestamptz not null,
    shipped_on date,
    updated_at timestamptz,
    constraint orders_number_key unique (number),
    constraint chk_status check (status in ('new', 'paid', 'packed', 'shipped', 'returned')),
    constraint chk_net check (net >= 0 and net <= 1000000),
    constraint chk_discount check (discount between 0 and 100),
    constraint chk_parcels check (parcels > 0)
);

create index orders_customer on shop.orders (customer_id);
create index orders_placed on shop.orders (placed_at desc);
