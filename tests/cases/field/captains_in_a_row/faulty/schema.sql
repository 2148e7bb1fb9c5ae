create schema app;
create table app.sailors (id uuid primary key, ship uuid not null, captain boolean not null);
create unique index sailors_captain on app.sailors (ship) where captain;
create function app.promote(one uuid) returns void language sql as $$
  update app.sailors set captain = id = one where ship = (select ship from app.sailors where id = one);
$$;
