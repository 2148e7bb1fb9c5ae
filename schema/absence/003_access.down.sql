drop policy audit_log_platform_admin_read on absence.audit_log;
drop policy communication_logs_platform_admin on absence.communication_logs;
drop policy milestone_actions_platform_admin on absence.milestone_actions;
drop policy milestone_configs_platform_admin on absence.milestone_configs;
drop policy sickness_cases_platform_admin on absence.sickness_cases;
drop policy employees_platform_admin on absence.employees;
drop policy departments_platform_admin on absence.departments;
drop policy user_roles_platform_admin on absence.user_roles;
drop policy users_platform_admin on absence.users;
drop policy organisations_platform_admin on absence.organisations;
drop policy milestone_configs_tenant_defaults on absence.milestone_configs;
drop policy milestone_configs_tenant on absence.milestone_configs;
drop policy users_tenant_read on absence.users;
drop policy user_roles_tenant_read on absence.user_roles;
drop policy audit_log_tenant_read on absence.audit_log;
drop policy communication_logs_tenant on absence.communication_logs;
drop policy milestone_actions_tenant on absence.milestone_actions;
drop policy sickness_cases_tenant on absence.sickness_cases;
drop policy employees_tenant on absence.employees;
drop policy departments_tenant on absence.departments;
drop policy organisations_tenant_update on absence.organisations;
drop policy organisations_tenant_read on absence.organisations;
drop policy milestone_keys_read on absence.milestone_keys;
drop policy role_permissions_read on absence.role_permissions;
drop policy audit_log_owner on absence.audit_log;
drop policy communication_logs_owner on absence.communication_logs;
drop policy milestone_actions_owner on absence.milestone_actions;
drop policy milestone_configs_owner on absence.milestone_configs;
drop policy milestone_keys_owner on absence.milestone_keys;
drop policy sickness_cases_owner on absence.sickness_cases;
drop policy employees_owner on absence.employees;
drop policy departments_owner on absence.departments;
drop policy role_permissions_owner on absence.role_permissions;
drop policy user_roles_owner on absence.user_roles;
drop policy users_owner on absence.users;
drop policy organisations_owner on absence.organisations;

alter table absence.audit_log no force row level security;
alter table absence.audit_log disable row level security;
alter table absence.communication_logs no force row level security;
alter table absence.communication_logs disable row level security;
alter table absence.milestone_actions no force row level security;
alter table absence.milestone_actions disable row level security;
alter table absence.milestone_configs no force row level security;
alter table absence.milestone_configs disable row level security;
alter table absence.milestone_keys no force row level security;
alter table absence.milestone_keys disable row level security;
alter table absence.sickness_cases no force row level security;
alter table absence.sickness_cases disable row level security;
alter table absence.employees no force row level security;
alter table absence.employees disable row level security;
alter table absence.departments no force row level security;
alter table absence.departments disable row level security;
alter table absence.role_permissions no force row level security;
alter table absence.role_permissions disable row level security;
alter table absence.user_roles no force row level security;
alter table absence.user_roles disable row level security;
alter table absence.users no force row level security;
alter table absence.users disable row level security;
alter table absence.organisations no force row level security;
alter table absence.organisations disable row level security;

revoke all on
absence.organisations, absence.users, absence.user_roles, absence.role_permissions, absence.departments,
absence.employees, absence.sickness_cases, absence.milestone_keys, absence.milestone_configs,
absence.milestone_actions, absence.communication_logs, absence.audit_log
from authenticated, service_role;
revoke usage on schema absence from authenticated, service_role;

drop function absence.has_permission(uuid, text, uuid);
drop function absence.is_platform_admin();
drop function absence.current_organisation_id();
