create schema tours;
create table tours.tours (id integer primary key, seats integer not null check (seats > 0));
create table tours.bookings (
  id integer primary key,
  tour integer not null references tours.tours deferrable initially deferred
);
create function tours.has_room() returns trigger language plpgsql as $$
begin
  if (select count(*) > t.seats from tours.bookings as b join tours.tours as t on t.id = b.tour
      where t.id = (select tour from tours.bookings where id = new.id) group by t.seats) then
    raise exception 'full' using errcode = 'TB001';
  end if;
  return null;
end $$;
create constraint trigger bookings_room after insert on tours.bookings
  deferrable initially deferred for each row execute function tours.has_room();
