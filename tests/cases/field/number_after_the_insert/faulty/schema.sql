create schema shop;
create table shop.customers (id integer primary key, invoices integer not null);
create table shop.invoices (id integer primary key, customer integer not null references shop.customers, number integer);
create function shop.number() returns trigger language plpgsql as $$
begin
  update shop.customers set invoices = invoices + 1 where id = new.customer;
  update shop.invoices set number = (select invoices from shop.customers where id = new.customer) where id = new.id;
  return null;
end $$;
create trigger invoices_number after insert on shop.invoices for each row execute function shop.number();
