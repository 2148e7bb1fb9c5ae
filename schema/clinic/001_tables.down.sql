drop table clinic.audit_logs;
drop table clinic.webhook_idempotency;
drop table clinic.blocked_times;
drop table clinic.availability;
drop table clinic.appointments;
drop table clinic.messages;
drop table clinic.conversations;
drop table clinic.patients;

-- Only the extension that was made here. No CASCADE: what others have built on it is theirs to remove first.
do $$
begin
    if exists (
        select from pg_extension as e
        where e.extname = 'btree_gist' and obj_description(e.oid, 'pg_extension') like '%Made by the module clinic.%'
    ) then
        drop extension btree_gist;
    end if;
end
$$;

drop schema clinic;
