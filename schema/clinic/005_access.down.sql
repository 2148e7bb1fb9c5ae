drop policy audit_logs_read_admin on clinic.audit_logs;
drop policy audit_logs_read_own on clinic.audit_logs;
drop policy messages_own on clinic.messages;
drop policy patients_linked on clinic.patients;
drop policy conversations_own on clinic.conversations;
drop policy blocked_times_own on clinic.blocked_times;
drop policy availability_own on clinic.availability;
drop policy appointments_own on clinic.appointments;

drop policy audit_logs_owner on clinic.audit_logs;
drop policy webhook_idempotency_owner on clinic.webhook_idempotency;
drop policy blocked_times_owner on clinic.blocked_times;
drop policy availability_owner on clinic.availability;
drop policy appointments_owner on clinic.appointments;
drop policy messages_owner on clinic.messages;
drop policy conversations_owner on clinic.conversations;
drop policy patients_owner on clinic.patients;

alter table clinic.audit_logs no force row level security;
alter table clinic.audit_logs disable row level security;
alter table clinic.webhook_idempotency no force row level security;
alter table clinic.webhook_idempotency disable row level security;
alter table clinic.blocked_times no force row level security;
alter table clinic.blocked_times disable row level security;
alter table clinic.availability no force row level security;
alter table clinic.availability disable row level security;
alter table clinic.appointments no force row level security;
alter table clinic.appointments disable row level security;
alter table clinic.messages no force row level security;
alter table clinic.messages disable row level security;
alter table clinic.conversations no force row level security;
alter table clinic.conversations disable row level security;
alter table clinic.patients no force row level security;
alter table clinic.patients disable row level security;

revoke all on
clinic.patients, clinic.conversations, clinic.messages, clinic.appointments, clinic.availability, clinic.blocked_times,
clinic.webhook_idempotency, clinic.audit_logs
from authenticated, service_role;
revoke usage on schema clinic from authenticated, service_role;
