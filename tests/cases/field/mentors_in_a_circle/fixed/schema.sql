create schema app;
create table app.mentors (id integer primary key, mentor integer references app.mentors);
create function app.no_circle() returns trigger language plpgsql as $$
begin
  if exists (
    with recursive up (id) as (
      select new.mentor union select m.mentor from app.mentors as m join up on m.id = up.id
    )
    select from up where id = new.id
  ) then
    raise exception 'a circle' using errcode = 'MC001';
  end if;
  return null;
end $$;
create trigger mentors_no_circle after insert or update on app.mentors for each row execute function app.no_circle();
