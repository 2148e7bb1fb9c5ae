create schema app;
create table app.fairs (year integer primary key);
create table app.guests (
    id uuid primary key default gen_random_uuid(),
    fair integer not null constraint guests_fair references app.fairs on delete cascade
);
create table app.halls (
    id uuid primary key default gen_random_uuid(),
    fair integer not null constraint halls_fair references app.fairs on delete cascade
);
create table app.stands (
    hall uuid not null constraint stands_hall references app.halls on delete cascade,
    no integer not null,
    guest uuid constraint stands_guest references app.guests on delete set null,
    primary key (hall, no)
);
-- Writes down which hall a stand is in whenever it is given to somebody, or becomes free.
create table app.moves (hall uuid not null, fair integer not null);
create function app.note_move() returns trigger language plpgsql as $$
begin
    insert into app.moves values (new.hall, (select h.fair from app.halls as h where h.id = new.hall));
    return null;
end $$;
create trigger stands_move after update of guest on app.stands for each row execute function app.note_move();
