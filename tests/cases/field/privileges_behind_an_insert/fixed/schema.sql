create schema desk;
create schema hidden;
do $$ begin create role case_agent; exception when duplicate_object then null; end $$;
grant usage on schema desk to case_agent;
create function hidden.code() returns text language sql volatile as $$ select md5(random()::text) $$;
create function desk.is_plain(body text) returns boolean language sql immutable as $$ select body !~ '<' $$;
revoke execute on function hidden.code, desk.is_plain from public;
create table desk.queues (id integer primary key);
create table desk.journal (ticket integer, at timestamptz not null default now());
create table desk.tickets (
  id integer primary key, queue_id integer not null constraint tickets_queue references desk.queues (id),
  code text not null default hidden.code(), body text not null,
  constraint tickets_plain check (desk.is_plain(body))
);
create function desk.log() returns trigger language plpgsql as $$
begin
  insert into desk.journal (ticket) values (new.id);
  return null;
end $$;
create trigger tickets_log after insert on desk.tickets for each row execute function desk.log();
alter table desk.tickets enable row level security;
create policy tickets_seen on desk.tickets for select to case_agent using (true);
grant select, insert on desk.tickets to case_agent;
grant execute on function hidden.code to case_agent;
grant execute on function desk.is_plain to case_agent;
grant insert on desk.journal to case_agent;
