-- What no constraint can say. A trigger that refuses does so under the name of its rule, as a constraint would.

create function clinic.touch_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- The moment of the write, not of the transaction; and never what a client sends.
    new.updated_at := clock_timestamp();
    return new;
end
$$;

-- Refuses every change of an entry, and TRUNCATE, but for one: that the cascade takes a user who is gone out of it.
-- A trigger's depth alone does not tell a cascade, other triggers have it too; that the user is gone does, but a
-- statement by hand could rename the user to look so. With the owner's rights, so that a user hidden from the writer is
-- not taken for one who is gone.
create function clinic.refuse_audit_change() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    unlinked clinic.audit_logs;
begin
    if tg_op = 'UPDATE' then
        unlinked := old;
        unlinked.user_id := null;
        -- To the byte: JSON that is equal may still have been rewritten.
        if
            old.user_id is not null
            and new *= unlinked
            and pg_trigger_depth() > 1
            and not exists (select from auth.users as u where u.id = old.user_id)
        then
            return new;
        end if;
    end if;
    raise exception '% of %.% is refused', tg_op, tg_table_schema, tg_table_name
    using
        errcode = 'P0001', constraint = 'audit_logs_append_only', schema = tg_table_schema, table = tg_table_name,
        hint = 'No role may do this, nor may the owner.';
end
$$;

revoke all on function clinic.touch_updated_at(), clinic.refuse_audit_change()
from public, anon, authenticated, service_role;

create trigger patients_touch_updated_at
before insert or update on clinic.patients
for each row execute function clinic.touch_updated_at();

create trigger conversations_touch_updated_at
before insert or update on clinic.conversations
for each row execute function clinic.touch_updated_at();

create trigger appointments_touch_updated_at
before insert or update on clinic.appointments
for each row execute function clinic.touch_updated_at();

create trigger availability_touch_updated_at
before insert or update on clinic.availability
for each row execute function clinic.touch_updated_at();

create trigger audit_logs_append_only
before update or delete on clinic.audit_logs
for each row execute function clinic.refuse_audit_change();

create trigger audit_logs_no_truncate
before truncate on clinic.audit_logs
for each statement execute function clinic.refuse_audit_change();

-- Also in a session that replays changes of another server, where ordinary triggers do not fire.
alter table clinic.audit_logs enable always trigger audit_logs_append_only;
alter table clinic.audit_logs enable always trigger audit_logs_no_truncate;
