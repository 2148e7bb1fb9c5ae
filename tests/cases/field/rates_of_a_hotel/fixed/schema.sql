create schema app;
create table app.hotels (id integer primary key);
create table app.rates (id integer primary key, hotel integer references app.hotels, kind text not null, unique (hotel, kind));
create unique index rates_default on app.rates (kind) where hotel is null;
create table app.rooms (
  id integer primary key, hotel integer not null references app.hotels, kind text not null, own boolean not null
);
