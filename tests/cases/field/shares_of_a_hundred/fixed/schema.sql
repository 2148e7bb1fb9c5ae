create schema lab;
create table lab.projects (id integer primary key, title text);
create table lab.people (id integer primary key, name text not null);
create table lab.shares (
  project_id integer references lab.projects on delete cascade,
  person_id integer references lab.people,
  role text not null constraint shares_role check (role in ('lead', 'member')),
  percent smallint not null constraint shares_percent check (percent between 1 and 100),
  primary key (project_id, person_id)
);
create function lab.whole() returns trigger language plpgsql as $$
begin
  if exists (select from lab.shares where project_id in (old.project_id, new.project_id)
             group by project_id having sum(percent) <> 100) then
    raise exception 'not a hundred' using errcode = 'check_violation', constraint = 'shares_whole';
  end if;
  return null;
end $$;
create constraint trigger shares_whole after insert or update or delete on lab.shares
  deferrable initially deferred for each row execute function lab.whole();
