-- What no constraint can say: times that nobody forges, the moves of a status, records that stay, and who did what.
-- A refusal carries a name: that of its trigger, as if it were a constraint.

create function absence.touch_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- The moment of the write, not of the transaction; and never what a client sends.
    new.updated_at := clock_timestamp();
    return new;
end
$$;

create trigger organisations_touch
before insert or update on absence.organisations
for each row execute function absence.touch_updated_at();
create trigger users_touch
before insert or update on absence.users
for each row execute function absence.touch_updated_at();
create trigger departments_touch
before insert or update on absence.departments
for each row execute function absence.touch_updated_at();
create trigger employees_touch
before insert or update on absence.employees
for each row execute function absence.touch_updated_at();
create trigger sickness_cases_touch
before insert or update on absence.sickness_cases
for each row execute function absence.touch_updated_at();
create trigger milestone_configs_touch
before insert or update on absence.milestone_configs
for each row execute function absence.touch_updated_at();
create trigger milestone_actions_touch
before insert or update on absence.milestone_actions
for each row execute function absence.touch_updated_at();

-- The moves of an action. It looks at the row alone, so it gives the same answer in every session and every cascade:
-- of two sessions that close one action the second waits for the row, and then sees the first one's status as OLD.
create function absence.milestone_action_transition() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if new.status <> old.status and (old.status, new.status) not in (
        ('PENDING', 'OVERDUE'),
        ('PENDING', 'COMPLETED'),
        ('PENDING', 'SKIPPED'),
        ('OVERDUE', 'COMPLETED'),
        ('OVERDUE', 'SKIPPED')
    ) then
        raise exception 'a milestone action does not move from % to %', old.status, new.status
        using errcode = 'AB001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name,
        hint = 'PENDING moves to OVERDUE; PENDING and OVERDUE move to COMPLETED or SKIPPED; these are final';
    end if;
    return new;
end
$$;

create trigger milestone_actions_transition
before update on absence.milestone_actions
for each row execute function absence.milestone_action_transition();

create function absence.milestone_action_begin() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if new.status <> 'PENDING' then
        raise exception 'a milestone action begins PENDING, not %', new.status
        using errcode = 'AB001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name;
    end if;
    return null;
end
$$;

-- AFTER: an INSERT … ON CONFLICT DO UPDATE that ends in an update is a move, and no beginning.
create trigger milestone_actions_begin
after insert on absence.milestone_actions
for each row execute function absence.milestone_action_begin();

-- ALWAYS: also where session_replication_role would silence a trigger.
create function absence.refuse_change() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception '% of %.% is refused: what it holds stays', lower(tg_op), tg_table_schema, tg_table_name
    using errcode = 'P0001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name;
end
$$;

create trigger communication_logs_append_only
before update or delete on absence.communication_logs
for each row execute function absence.refuse_change();
create trigger communication_logs_no_truncate
before truncate on absence.communication_logs
for each statement execute function absence.refuse_change();
create trigger audit_log_no_truncate
before truncate on absence.audit_log
for each statement execute function absence.refuse_change();
-- TRUNCATE fires no row trigger: actions would be gone without a record of it.
create trigger milestone_actions_no_truncate
before truncate on absence.milestone_actions
for each statement execute function absence.refuse_change();

-- The one change that passes: a deleted user leaves their records without a name. Whether the user is really gone is
-- what tells it from the same change by hand, at any trigger depth. SECURITY DEFINER: users look the same whoever asks.
create function absence.audit_log_append_only() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    anonymous absence.audit_log := old;
begin
    anonymous.actor_id := null;
    if tg_op = 'UPDATE' and old.actor_id is not null and new is not distinct from anonymous
        and not exists (select from absence.users as u where u.id = old.actor_id)
    then
        return new;
    end if;
    raise exception '% of %.% is refused: what it holds stays', lower(tg_op), tg_table_schema, tg_table_name
    using errcode = 'P0001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name;
end
$$;

-- That a user is gone is told by their id, so they keep it: one statement could otherwise rename the user and take the
-- name out of their records. After the write, so that a foreign key speaks first.
create function absence.refuse_new_id() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    raise exception 'a user keeps their id'
    using errcode = 'P0001', constraint = tg_name, schema = tg_table_schema, table = tg_table_name;
end
$$;

create trigger users_keep_id
after update on absence.users
for each row when (new.id <> old.id) execute function absence.refuse_new_id();

create trigger audit_log_append_only
before update or delete on absence.audit_log
for each row execute function absence.audit_log_append_only();

alter table absence.communication_logs enable always trigger communication_logs_append_only;
alter table absence.communication_logs enable always trigger communication_logs_no_truncate;
alter table absence.users enable always trigger users_keep_id;
alter table absence.audit_log enable always trigger audit_log_append_only;
alter table absence.audit_log enable always trigger audit_log_no_truncate;
alter table absence.milestone_actions enable always trigger milestone_actions_no_truncate;

-- One record for each change, with the names of what changed and never a value. SECURITY DEFINER: those who change an
-- action cannot write the record of it themselves.
create function absence.audit_change() returns trigger
language plpgsql security definer
set search_path = ''
as $$
declare
    entity constant text := tg_argv[0];
    subject constant jsonb := coalesce(to_jsonb(new), to_jsonb(old));
    changed jsonb;
    done text := case tg_op when 'INSERT' then 'CREATED' when 'DELETE' then 'DELETED' else 'UPDATED' end;
    metadata jsonb := jsonb_build_object('sickness_case_id', subject -> 'sickness_case_id');
    actor uuid;
begin
    if tg_op = 'UPDATE' then
        select jsonb_agg(field.key order by field.key) into changed
        from jsonb_each(to_jsonb(new)) as field
        where field.key <> 'updated_at' and field.value is distinct from to_jsonb(old) -> field.key;
        if changed is null then
            return null;
        end if;
        metadata := metadata || jsonb_build_object('changed', changed);
        if changed ? 'status' then
            done := subject ->> 'status';
        end if;
    end if;

    -- Who asks; where the request does not say, whom the row itself names. The lock lets nobody delete the user
    -- between here and the foreign key.
    select u.id into actor
    from absence.users as u
    where u.id in (
        auth.uid(),
        (subject ->> 'author_id')::uuid,
        case when changed ? 'completed_by' then (subject ->> 'completed_by')::uuid end
    )
    order by u.id is not distinct from auth.uid() desc
    limit 1
    for key share;

    insert into absence.audit_log (actor_id, organisation_id, action, entity, entity_id, metadata)
    values (actor, (subject ->> 'organisation_id')::uuid, done, entity, (subject ->> 'id')::uuid, metadata);
    return null;
end
$$;

create trigger milestone_actions_audit
after insert or update or delete on absence.milestone_actions
for each row execute function absence.audit_change('MILESTONE_ACTION');
create trigger communication_logs_audit
after insert on absence.communication_logs
for each row execute function absence.audit_change('COMMUNICATION_LOG');

revoke all on function
absence.touch_updated_at(), absence.milestone_action_transition(), absence.milestone_action_begin(),
absence.refuse_change(), absence.refuse_new_id(), absence.audit_log_append_only(), absence.audit_change()
from public, anon, authenticated, service_role;
