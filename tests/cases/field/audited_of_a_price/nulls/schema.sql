create schema stock;
create table stock.items (
  sku text primary key, title text not null, cost numeric(10, 2), margin numeric(4, 2) not null default 0.20,
  price numeric(12, 2), seen_at timestamptz
);
create table stock.price_history (sku text not null, before numeric(12, 2), after numeric(12, 2), at timestamptz not null default now());
create function stock.reprice() returns trigger language plpgsql as $$
begin
  if new.cost is not null then
    new.price := round(new.cost * (1 + new.margin), 2);
  end if;
  return new;
end $$;
create trigger items_reprice before insert or update on stock.items for each row execute function stock.reprice();
create function stock.keep_price() returns trigger language plpgsql as $$
begin
  if new.price <> old.price then
    insert into stock.price_history (sku, before, after) values (new.sku, old.price, new.price);
  end if;
  return null;
end $$;
create trigger items_history after update on stock.items for each row execute function stock.keep_price();
