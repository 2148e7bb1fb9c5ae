create schema app;
create domain app.code as text constraint code_form check (value ~ '^[A-Z]{3}[0-9]$');
create domain app.codes as app.code[] constraint codes_given check (array_position(value, null) is null);
create table app.parcels (id integer primary key, stops app.codes not null);
