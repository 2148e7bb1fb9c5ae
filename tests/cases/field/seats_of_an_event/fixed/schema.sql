create schema app;
create table app.events (id integer primary key, seats integer not null);
create table app.tickets (id integer primary key, event_id integer not null references app.events);
