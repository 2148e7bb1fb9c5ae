create schema app;
create table app.cars (
  id integer primary key,
  plate text not null,
  constraint cars_plate_length check (char_length(plate) between 2 and 12)
);
create unique index cars_plate on app.cars (lower(regexp_replace(plate, '[ -]', '', 'g')));
