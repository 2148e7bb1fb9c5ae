-- What no constraint can say: a time that nobody forges, and a decision that stays. A refusal carries the name of its
-- trigger, as if that were a constraint.

create function orchestrator.touch_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- The moment of the write, not of the transaction; and never what a client sends.
    new.updated_at := clock_timestamp();
    return new;
end
$$;

create trigger orchestrator_runs_touch
before insert or update on orchestrator.orchestrator_runs
for each row execute function orchestrator.touch_updated_at();

-- A resolved review does not change, and is not deleted to be asked for again; it goes with its run, and only then:
-- whether the run is really gone tells the cascade from a hand, at any trigger depth. An UPDATE that changes nothing
-- is no change. Of two sessions that resolve one review the second waits for the row, and then finds it resolved.
-- SECURITY DEFINER: the run looks the same whoever asks.
create function orchestrator.resolved_review_stays() returns trigger
language plpgsql security definer
set search_path = ''
as $$
begin
    if tg_op = 'UPDATE' and new is not distinct from old then
        return new;
    end if;
    if tg_op = 'DELETE' and not exists (
        select from orchestrator.orchestrator_runs as r where r.thread_id = old.thread_id
    ) then
        return old;
    end if;
    raise exception 'review % is %: it does not change any more', old.id, old.status
    using errcode = 'P0001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name;
end
$$;

create trigger human_review_queue_resolved
before update or delete on orchestrator.human_review_queue
for each row when (old.status <> 'pending') execute function orchestrator.resolved_review_stays();

-- Whether a run is gone is told by its thread, so it keeps that: one statement could otherwise rename the run and
-- delete its reviews. After the write, so that a key speaks first.
create function orchestrator.refuse_new_thread() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception 'a run keeps its thread'
    using errcode = 'P0001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name;
end
$$;

create trigger orchestrator_runs_keep_thread
after update on orchestrator.orchestrator_runs
for each row when (new.thread_id <> old.thread_id) execute function orchestrator.refuse_new_thread();

-- TRUNCATE fires no row trigger, and looks at no row: it would take the resolved ones as well.
create function orchestrator.refuse_truncate() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception 'truncate of %.% is refused: resolved reviews stay', tg_table_schema, tg_table_name
    using errcode = 'P0001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name;
end
$$;

create trigger human_review_queue_no_truncate
before truncate on orchestrator.human_review_queue
for each statement execute function orchestrator.refuse_truncate();

-- ALWAYS: also where session_replication_role would silence a trigger.
alter table orchestrator.human_review_queue enable always trigger human_review_queue_resolved;
alter table orchestrator.human_review_queue enable always trigger human_review_queue_no_truncate;
alter table orchestrator.orchestrator_runs enable always trigger orchestrator_runs_keep_thread;

revoke all on function
orchestrator.touch_updated_at(), orchestrator.resolved_review_stays(), orchestrator.refuse_truncate(),
orchestrator.refuse_new_thread()
from public, anon, authenticated, service_role;
