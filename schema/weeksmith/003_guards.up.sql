-- What no constraint can say. A trigger that refuses does so under the name of its rule, as a constraint would.

create function weeksmith.touch_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- The moment of the write, not of the transaction; and never what a client sends.
    new.updated_at := clock_timestamp();
    return new;
end
$$;

create function weeksmith.refuse_audit_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception '% of %.% is refused', tg_op, tg_table_schema, tg_table_name
    using
        errcode = 'P0001', constraint = 'audit_log_append_only', schema = tg_table_schema, table = tg_table_name,
        hint = 'No role may do this, nor may the owner.';
end
$$;

-- An item goes into a plan that its writer can see. With the writer's rights, so that row security answers; and before
-- the insert, so that whether the plan is locked, or there at all, is told to nobody else.
create function weeksmith.require_plan() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if tg_op = 'UPDATE' then
        -- A link that is set null by a cascade must not ask for a plan that is being deleted.
        if new.plan_id is not distinct from old.plan_id then
            return new;
        end if;
    end if;
    -- A plan that is not given at all is for NOT NULL to refuse.
    if new.plan_id is not null and not exists (select from weeksmith.weekly_plan as p where p.id = new.plan_id) then
        raise exception 'there is no plan %', new.plan_id
        using errcode = 'P0002', constraint = 'plan_item_plan_seen', schema = tg_table_schema, table = tg_table_name;
    end if;
    return new;
end
$$;

-- Whether a plan or a cycle is gone is told by its id, so it keeps that: one statement could otherwise rename the plan
-- and empty it under its old name. After the write, so that a foreign key speaks first.
create function weeksmith.refuse_new_id() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception 'a % keeps its id', tg_table_name
    using errcode = 'P0001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name;
end
$$;

-- The quota of a locked week: which items it has, and how much of each. After the write, so that an upsert that ends
-- in no change passes, and so that all that one statement does is judged by where it ends.
-- With the owner's rights: a plan hidden from the writer is not one that is gone, and in a cascade it is the owner who
-- writes.
create function weeksmith.refuse_locked_quota() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    touched uuid[];
    plan record;
begin
    if tg_op = 'TRUNCATE' then
        raise exception 'no week is emptied by TRUNCATE'
        using
            errcode = 'P0001', constraint = 'plan_item_quota_lock', schema = tg_table_schema, table = tg_table_name,
            hint = 'DELETE asks of every week whether it is locked.';
    elsif tg_op = 'INSERT' then
        touched := array[new.plan_id];
    elsif tg_op = 'DELETE' then
        touched := array[old.plan_id];
    elsif new.plan_id <> old.plan_id then
        touched := array[old.plan_id, new.plan_id];
    elsif new.qty <> old.qty then
        touched := array[new.plan_id];
    else
        return null;
    end if;

    -- FOR SHARE waits for a session that is just locking the week, and then reads what that has written; the condition
    -- therefore stands below, not in WHERE. Always in the same order, so that two moves do not wait for each other.
    -- A plan that is not found has been deleted, and takes its items with it: a plan may only go if it is open or if
    -- its cycle goes.
    for plan in
        select
            p.week_no,
            p.locked_after_week
        from weeksmith.weekly_plan as p
        where p.id = any(touched)
        order by p.id
        for share
    loop
        if plan.week_no > plan.locked_after_week then
            raise exception 'the quota of week % is locked', plan.week_no
            using
                errcode = 'P0001', constraint = 'plan_item_quota_lock', schema = tg_table_schema, table = tg_table_name,
                hint = 'weeksmith.unlock_plan opens a week, for a reason that is kept.';
        end if;
    end loop;
    return null;
end
$$;

-- What the audit may hold of a plan: ids and where the lock stands, nothing of what the user plans.
create function weeksmith.audit_state(plan weeksmith.weekly_plan) returns jsonb
language sql immutable
set search_path = ''
as $$
    select jsonb_build_object(
        'id', plan.id, 'user_id', plan.user_id, 'cycle_id', plan.cycle_id, 'locked_after_week', plan.locked_after_week
    )
$$;

-- The lock itself: without this, opening, moving or recreating a locked week would be ways around it.
create function weeksmith.refuse_locked_plan() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if old.week_no <= old.locked_after_week then
        return null;
    end if;
    if tg_op = 'DELETE' then
        -- It goes with its cycle, and only then: where the cycle is still there nobody deletes it.
        if not exists (select from weeksmith.cycle as c where c.id = old.cycle_id) then
            return null;
        end if;
    elsif new.week_no = old.week_no and new.cycle_id = old.cycle_id then
        if new.locked_after_week = old.locked_after_week then
            return null;
        end if;
        -- A locked week opens together with the entry that says why, written in the same transaction. So no role and no
        -- setting can open one in silence.
        if exists (
            select from weeksmith.audit_log as a
            where
                a.subject_user_id = old.user_id
                and a.action = 'plan.unlock.override'
                and a.created_at = now()
                and a.before_state = weeksmith.audit_state(old)
                and a.after_state = weeksmith.audit_state(new)
        ) then
            return null;
        end if;
    end if;
    raise exception 'week % is locked', old.week_no
    using
        errcode = 'P0001', constraint = 'weekly_plan_lock', schema = tg_table_schema, table = tg_table_name,
        hint = 'weeksmith.unlock_plan opens a week, for a reason that is kept.';
end
$$;

revoke all on function
weeksmith.touch_updated_at(), weeksmith.refuse_audit_change(), weeksmith.require_plan(),
weeksmith.refuse_new_id(), weeksmith.refuse_locked_quota(), weeksmith.audit_state(weeksmith.weekly_plan),
weeksmith.refuse_locked_plan()
from public, anon, authenticated, service_role;

create trigger vision_touch_updated_at
before insert or update on weeksmith.vision
for each row execute function weeksmith.touch_updated_at();

create trigger plan_item_touch_updated_at
before insert or update on weeksmith.plan_item
for each row execute function weeksmith.touch_updated_at();

create trigger plan_item_plan_seen
before insert or update on weeksmith.plan_item
for each row execute function weeksmith.require_plan();

create trigger plan_item_quota_lock
after insert or update or delete on weeksmith.plan_item
for each row execute function weeksmith.refuse_locked_quota();

-- TRUNCATE of anything above arrives here as well: it has to CASCADE.
create trigger plan_item_no_truncate
before truncate on weeksmith.plan_item
for each statement execute function weeksmith.refuse_locked_quota();

create trigger cycle_keep_id
after update on weeksmith.cycle
for each row when (new.id <> old.id) execute function weeksmith.refuse_new_id();

create trigger weekly_plan_keep_id
after update on weeksmith.weekly_plan
for each row when (new.id <> old.id) execute function weeksmith.refuse_new_id();

create trigger weekly_plan_lock
after update or delete on weeksmith.weekly_plan
for each row execute function weeksmith.refuse_locked_plan();

create trigger audit_log_append_only
before update or delete on weeksmith.audit_log
for each row execute function weeksmith.refuse_audit_change();

create trigger audit_log_no_truncate
before truncate on weeksmith.audit_log
for each statement execute function weeksmith.refuse_audit_change();

-- Also in a session that replays changes of another server, where ordinary triggers do not fire.
alter table weeksmith.audit_log enable always trigger audit_log_append_only;
alter table weeksmith.audit_log enable always trigger audit_log_no_truncate;
