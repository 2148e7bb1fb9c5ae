create schema shop;

create table shop.customers (
    id integer primary key,
    name text not null
);

create table shop.lines (
    id integer primary key,
    customer_id integer not null references shop.customers,
    quantity integer not null,
    price numeric(10, 2) not null,
    status text not null default 'open',
    constraint chk_quantity check (quantity > 0 and quantity <= 1000),
    constraint chk_price check (price >= 0),
    constraint chk_status check (status in ('open', 'paid', 'sent', 'back'))
);

create index lines_customer on shop.lines (customer_id);
