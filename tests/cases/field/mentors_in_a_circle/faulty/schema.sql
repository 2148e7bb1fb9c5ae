create schema app;
create table app.mentors (id integer primary key, mentor integer references app.mentors);
create function app.no_circle() returns trigger language plpgsql as $$
begin
  if new.mentor = new.id or exists (select from app.mentors where id = new.mentor and mentor = new.id) then
    raise exception 'a circle' using errcode = 'MC001';
  end if;
  return null;
end $$;
create trigger mentors_no_circle after insert or update on app.mentors for each row execute function app.no_circle();
