create schema app;
create table app.boats (id uuid primary key, pier uuid not null);
create function app.three() returns trigger language plpgsql as $$
begin
  if (select count(*) from app.boats where pier = new.pier and id <> new.id) >= 3 then
    raise exception 'full' using errcode = 'PB001';
  end if;
  return new;
end $$;
create trigger boats_three before insert on app.boats for each row execute function app.three();
