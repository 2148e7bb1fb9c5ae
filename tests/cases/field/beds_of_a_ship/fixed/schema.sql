create schema app;
create table app.ships (id integer primary key, beds integer not null check (beds between 0 and 500));
create table app.crew (id integer primary key, ship integer not null references app.ships);
create function app.has_bed() returns trigger language plpgsql as $$
begin
  perform from app.ships where id = new.ship for update;
  if (select count(*) from app.crew where ship = new.ship) > (select beds from app.ships where id = new.ship) then
    raise exception 'no bed' using errcode = 'SB001';
  end if;
  return null;
end $$;
create trigger crew_has_bed after insert or update on app.crew for each row execute function app.has_bed();
create function app.keeps_beds() returns trigger language plpgsql as $$
begin
  if new.beds < (select count(*) from app.crew where ship = new.id) then
    raise exception 'still in use' using errcode = 'SB002';
  end if;
  return null;
end $$;
create trigger ships_keep_beds after update on app.ships for each row execute function app.keeps_beds();
