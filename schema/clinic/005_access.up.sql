-- Who may do what. A doctor keeps their own calendar and reads their own conversations; the service role writes the
-- rest (it has BYPASSRLS, so privileges are all it needs), but deletes no webhook and changes no entry of the audit.
-- Anon has nothing, TRUNCATE is given to nobody.
grant usage on schema clinic to authenticated, service_role;
grant select, insert, update, delete on clinic.appointments, clinic.availability, clinic.blocked_times
to authenticated, service_role;
grant select, insert, update, delete on clinic.patients, clinic.conversations, clinic.messages to service_role;
grant select on clinic.patients, clinic.conversations, clinic.messages to authenticated;
grant select, insert, update on clinic.webhook_idempotency to service_role;
grant select, insert on clinic.audit_logs to service_role;
grant select on clinic.audit_logs to authenticated;

alter table clinic.patients enable row level security;
alter table clinic.patients force row level security;
alter table clinic.conversations enable row level security;
alter table clinic.conversations force row level security;
alter table clinic.messages enable row level security;
alter table clinic.messages force row level security;
alter table clinic.appointments enable row level security;
alter table clinic.appointments force row level security;
alter table clinic.availability enable row level security;
alter table clinic.availability force row level security;
alter table clinic.blocked_times enable row level security;
alter table clinic.blocked_times force row level security;
alter table clinic.webhook_idempotency enable row level security;
alter table clinic.webhook_idempotency force row level security;
alter table clinic.audit_logs enable row level security;
alter table clinic.audit_logs force row level security;

-- Forced row security holds for the owner too: without these, seeds, functions and triggers see nothing.
create policy patients_owner on clinic.patients
to current_user using (true) with check (true);
create policy conversations_owner on clinic.conversations
to current_user using (true) with check (true);
create policy messages_owner on clinic.messages
to current_user using (true) with check (true);
create policy appointments_owner on clinic.appointments
to current_user using (true) with check (true);
create policy availability_owner on clinic.availability
to current_user using (true) with check (true);
create policy blocked_times_owner on clinic.blocked_times
to current_user using (true) with check (true);
create policy webhook_idempotency_owner on clinic.webhook_idempotency
to current_user using (true) with check (true);
create policy audit_logs_owner on clinic.audit_logs
to current_user using (true) with check (true);

-- The subselect is evaluated once for a query, not once for a row. No claims, no user, no rows.
create policy appointments_own on clinic.appointments
to authenticated using (doctor_id = (select auth.uid())) with check (doctor_id = (select auth.uid()));
create policy availability_own on clinic.availability
to authenticated using (doctor_id = (select auth.uid())) with check (doctor_id = (select auth.uid()));
create policy blocked_times_own on clinic.blocked_times
to authenticated using (doctor_id = (select auth.uid())) with check (doctor_id = (select auth.uid()));
create policy conversations_own on clinic.conversations
for select to authenticated using (doctor_id = (select auth.uid()));
create policy patients_linked on clinic.patients
for select to authenticated
using (
    exists (
        select from clinic.conversations as c
        where c.patient_id = patients.id and c.doctor_id = (select auth.uid())
    )
);
create policy messages_own on clinic.messages
for select to authenticated
using (
    exists (
        select from clinic.conversations as c
        where c.id = messages.conversation_id and c.doctor_id = (select auth.uid())
    )
);
create policy audit_logs_read_own on clinic.audit_logs
for select to authenticated using (user_id = (select auth.uid()));
create policy audit_logs_read_admin on clinic.audit_logs
for select to authenticated using ((select auth.jwt() ->> 'role') = 'admin');
