drop trigger audit_logs_no_truncate on clinic.audit_logs;
drop trigger audit_logs_append_only on clinic.audit_logs;
drop trigger availability_touch_updated_at on clinic.availability;
drop trigger appointments_touch_updated_at on clinic.appointments;
drop trigger conversations_touch_updated_at on clinic.conversations;
drop trigger patients_touch_updated_at on clinic.patients;

drop function clinic.refuse_audit_change();
drop function clinic.touch_updated_at();
