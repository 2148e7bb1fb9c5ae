create schema desk;
create table desk.queues (id integer primary key, name text not null);
create table desk.tickets (
  id integer primary key, queue_id integer not null constraint tickets_queue references desk.queues (id),
  subject text, state text not null default 'open', closed_at timestamptz, changed_at timestamptz not null default now(),
  constraint tickets_state check (state in ('open', 'waiting', 'closed')),
  constraint tickets_closed check ((state = 'closed') = (closed_at is not null))
);
create function desk.stamp() returns trigger language plpgsql as $$
begin
  if (old.id, old.subject, old.state, old.closed_at, old.queue_id) is distinct from (new.id, new.subject, new.state, new.closed_at, new.queue_id) then
    new.changed_at := now();
  else
    new.changed_at := old.changed_at;
  end if;
  return new;
end $$;
create trigger tickets_stamp before update on desk.tickets for each row execute function desk.stamp();
