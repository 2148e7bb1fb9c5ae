create schema rent;
create table rent.bookings (
  id integer primary key, desk integer not null, on_days daterange not null, fee integer not null,
  constraint bookings_apart exclude using gist (int4range(desk, desk, '[]') with &&, on_days with &&),
  constraint bookings_fee check (fee >= 0) no inherit
);
create table rent.blocked (reason text not null) inherits (rent.bookings);
create table rent.repairs (firm text) inherits (rent.blocked);
