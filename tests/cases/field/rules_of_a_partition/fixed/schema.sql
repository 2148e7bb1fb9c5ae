create schema app;
create table app.tariffs (weight integer primary key);
create table app.parcels (
    id integer not null, zone text not null, weight integer, label text, primary key (id, zone)
) partition by list (zone);
create table app.parcels_air partition of app.parcels for values in ('air');
create table app.parcels_sea partition of app.parcels for values in ('sea', 'lake');
create table app.parcels_rail partition of app.parcels for values in ('rail') partition by hash (id);
create table app.parcels_rail_0 partition of app.parcels_rail for values with (modulus 2, remainder 0);
create table app.parcels_rail_1 partition of app.parcels_rail for values with (modulus 2, remainder 1);
alter table app.parcels_air alter label set not null;
alter table app.parcels_air add constraint parcels_air_light check (weight <= 30);
alter table app.parcels_sea add unique (label);
alter table app.parcels_rail add foreign key (weight) references app.tariffs;
