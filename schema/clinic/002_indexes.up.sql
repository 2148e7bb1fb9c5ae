-- One for every foreign key, and for what the receptionist, the calendar and the auditors look for.
create index idx_patients_phone on clinic.patients (phone);

create index idx_conversations_doctor_id on clinic.conversations (doctor_id);
create index idx_conversations_patient_id on clinic.conversations (patient_id);
create index idx_conversations_platform on clinic.conversations (platform);
create index idx_conversations_platform_conversation_id on clinic.conversations (platform_conversation_id);

create index idx_messages_conversation_id on clinic.messages (conversation_id);
create index idx_messages_created_at on clinic.messages (created_at);
create index idx_messages_platform_message_id on clinic.messages (platform_message_id);

create index idx_appointments_doctor_id on clinic.appointments (doctor_id);
create index idx_appointments_appointment_date on clinic.appointments (appointment_date);
create index idx_appointments_doctor_status_date on clinic.appointments (doctor_id, status, appointment_date);

create index idx_availability_doctor_id on clinic.availability (doctor_id);
create index idx_availability_day_of_week on clinic.availability (day_of_week);
create index idx_availability_doctor_day on clinic.availability (doctor_id, day_of_week);

create index idx_blocked_times_doctor_id on clinic.blocked_times (doctor_id);
create index idx_blocked_times_start_time on clinic.blocked_times (start_time);
create index idx_blocked_times_end_time on clinic.blocked_times (end_time);
create index idx_blocked_times_doctor_time_range on clinic.blocked_times (doctor_id, start_time, end_time);

create index idx_webhook_idempotency_provider on clinic.webhook_idempotency (provider);
create index idx_webhook_idempotency_status on clinic.webhook_idempotency (status);
create index idx_webhook_idempotency_received_at on clinic.webhook_idempotency (received_at);

create index idx_audit_logs_user_id on clinic.audit_logs (user_id);
create index idx_audit_logs_action on clinic.audit_logs (action);
create index idx_audit_logs_resource_type_id on clinic.audit_logs (resource_type, resource_id);
create index idx_audit_logs_created_at on clinic.audit_logs (created_at);
create index idx_audit_logs_correlation_id on clinic.audit_logs (correlation_id);
