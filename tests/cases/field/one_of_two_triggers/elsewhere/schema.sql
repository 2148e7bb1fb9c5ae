create schema app;
create table app.log (tab text not null, why text not null);
create function app.note() returns trigger language plpgsql as $$
begin
    insert into app.log (tab) values (tg_table_name);
    return null;
end $$;
create table app.doors (id integer primary key);
create trigger doors_gone after delete on app.doors for each row execute function app.note();
create table app.halls (id integer primary key);
create trigger halls_gone after delete on app.halls for each row execute function app.note();
create table app.seats (id integer primary key, hall integer references app.halls on delete cascade);
