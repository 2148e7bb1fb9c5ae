create schema app;
create function app.plain(name text) returns text language sql immutable as $$
  select lower(regexp_replace(normalize(btrim(name), nfd), '[\u0300-\u036f]', '', 'g'))
$$;
create table app.guests (id integer primary key, name text not null);
create unique index guests_name on app.guests (lower(normalize(name, nfkc)));
