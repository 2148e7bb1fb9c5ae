create schema app;
create table app.wards (id integer primary key);
create table app.nurses (
  id integer primary key, ward integer not null references app.wards,
  role text not null check (role in ('charge', 'nurse'))
);
create function app.joins() returns trigger language plpgsql as $$
begin
  perform from app.wards where id in (new.ward) order by id for update;
  if exists (select from app.nurses where ward = new.ward)
  and not exists (select from app.nurses where ward = new.ward and role = 'charge') then
    raise exception 'nobody in charge' using errcode = 'WN001';
  end if;
  return null;
end $$;
create trigger nurses_joins after insert or update on app.nurses for each row execute function app.joins();
create function app.leaves() returns trigger language plpgsql as $$
begin
  perform from app.wards where id in (old.ward) order by id for update;
  if exists (select from app.nurses where ward = old.ward)
  and not exists (select from app.nurses where ward = old.ward and role = 'charge') then
    raise exception 'nobody in charge' using errcode = 'WN001';
  end if;
  return null;
end $$;
create trigger nurses_leaves after update or delete on app.nurses for each row execute function app.leaves();
