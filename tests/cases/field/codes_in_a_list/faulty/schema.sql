create schema app;
create domain app.codes as text[] constraint codes_form check (array_to_string(value, ' ') ~ '[A-Z]{3}[0-9]$');
create table app.parcels (id integer primary key, stops app.codes not null);
