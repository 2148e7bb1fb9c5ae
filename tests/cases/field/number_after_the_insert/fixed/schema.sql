create schema shop;
create table shop.customers (id integer primary key, invoices integer not null);
create table shop.invoices (id integer primary key, customer integer not null references shop.customers, number integer);
create function shop.number() returns trigger language plpgsql as $$
begin
  update shop.customers set invoices = invoices + 1 where id = new.customer returning invoices into new.number;
  return new;
end $$;
create trigger invoices_number before insert on shop.invoices for each row execute function shop.number();
