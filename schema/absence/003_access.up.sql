-- Who may do what. A tenant is whoever asks as `authenticated` with its organisation in app.current_organisation_id;
-- it has its own rows alone. The platform admin (app.is_platform_admin) has all. anon has nothing.

-- After a SET LOCAL has ended a setting is empty, not null. What is no uuid is nobody's organisation, and no error.
create function absence.current_organisation_id() returns uuid
language sql stable
set search_path = ''
as $$
    select case when asked.id ~* '^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$' then asked.id::uuid end
    from (select nullif(current_setting('app.current_organisation_id', true), '') as id) as asked
$$;

create function absence.is_platform_admin() returns boolean
language sql stable
set search_path = ''
as $$
    select coalesce(lower(nullif(current_setting('app.is_platform_admin', true), '')) in ('true', 'on', '1'), false)
$$;

-- "May this user, here, do that?" Here is the organisation that asks, unless another one is named. It sees no more
-- than whoever calls it: of another organisation's roles the answer is no.
create function absence.has_permission(
    p_user_id uuid, p_permission text, p_organisation_id uuid default absence.current_organisation_id()
) returns boolean
language sql stable
set search_path = ''
as $$
    select exists (
        select
        from absence.user_roles as r
        inner join absence.role_permissions as p on r.role = p.role
        where
            r.user_id = p_user_id and p.permission = p_permission
            and (r.organisation_id = p_organisation_id or r.role = 'PLATFORM_ADMIN')
    )
$$;

comment on function absence.current_organisation_id() is
'The organisation that asks; null if the setting is unset, empty or no uuid.';
comment on function absence.is_platform_admin() is
'Whether the platform admin asks; false unless the setting says true.';
comment on function absence.has_permission(uuid, text, uuid) is
'Whether a user may do something in an organisation, by default the one that asks.';

revoke all on function
absence.current_organisation_id(), absence.is_platform_admin(), absence.has_permission(uuid, text, uuid)
from public, anon, authenticated, service_role;
grant execute on function
absence.current_organisation_id(), absence.is_platform_admin(), absence.has_permission(uuid, text, uuid)
to authenticated, service_role;

grant usage on schema absence to authenticated, service_role;

grant select, insert, update, delete on
absence.organisations, absence.users, absence.user_roles, absence.departments, absence.employees,
absence.sickness_cases, absence.milestone_configs
to authenticated, service_role;

-- Actions are skipped, not deleted, except by the service role; records are written, and that is all.
grant select, insert, update on absence.milestone_actions to authenticated;
grant select, insert, update, delete on absence.milestone_actions to service_role;
grant select, insert on absence.communication_logs to authenticated, service_role;
grant select on absence.audit_log to authenticated;
grant select, insert on absence.audit_log to service_role;

-- Reference data are the project's: seeds and migrations write them.
grant select on absence.role_permissions, absence.milestone_keys to authenticated, service_role;

alter table absence.organisations enable row level security;
alter table absence.organisations force row level security;
alter table absence.users enable row level security;
alter table absence.users force row level security;
alter table absence.user_roles enable row level security;
alter table absence.user_roles force row level security;
alter table absence.role_permissions enable row level security;
alter table absence.role_permissions force row level security;
alter table absence.departments enable row level security;
alter table absence.departments force row level security;
alter table absence.employees enable row level security;
alter table absence.employees force row level security;
alter table absence.sickness_cases enable row level security;
alter table absence.sickness_cases force row level security;
alter table absence.milestone_keys enable row level security;
alter table absence.milestone_keys force row level security;
alter table absence.milestone_configs enable row level security;
alter table absence.milestone_configs force row level security;
alter table absence.milestone_actions enable row level security;
alter table absence.milestone_actions force row level security;
alter table absence.communication_logs enable row level security;
alter table absence.communication_logs force row level security;
alter table absence.audit_log enable row level security;
alter table absence.audit_log force row level security;

-- Forced row security holds for the owner too: without these, seeds, definer functions and triggers see nothing.
create policy organisations_owner on absence.organisations
to current_user using (true) with check (true);
create policy users_owner on absence.users
to current_user using (true) with check (true);
create policy user_roles_owner on absence.user_roles
to current_user using (true) with check (true);
create policy role_permissions_owner on absence.role_permissions
to current_user using (true) with check (true);
create policy departments_owner on absence.departments
to current_user using (true) with check (true);
create policy employees_owner on absence.employees
to current_user using (true) with check (true);
create policy sickness_cases_owner on absence.sickness_cases
to current_user using (true) with check (true);
create policy milestone_keys_owner on absence.milestone_keys
to current_user using (true) with check (true);
create policy milestone_configs_owner on absence.milestone_configs
to current_user using (true) with check (true);
create policy milestone_actions_owner on absence.milestone_actions
to current_user using (true) with check (true);
create policy communication_logs_owner on absence.communication_logs
to current_user using (true) with check (true);
create policy audit_log_owner on absence.audit_log
to current_user using (true) with check (true);

create policy role_permissions_read on absence.role_permissions
for select to authenticated using (true);
create policy milestone_keys_read on absence.milestone_keys
for select to authenticated using (true);

-- The tenant. The subselect is evaluated once for a query, not once for a row. Nothing is set, nobody's rows.
create policy organisations_tenant_read on absence.organisations
for select to authenticated using (id = (select absence.current_organisation_id()));
create policy organisations_tenant_update on absence.organisations
for update to authenticated
using (id = (select absence.current_organisation_id()))
with check (id = (select absence.current_organisation_id()));
create policy departments_tenant on absence.departments
to authenticated
using (organisation_id = (select absence.current_organisation_id()))
with check (organisation_id = (select absence.current_organisation_id()));
create policy employees_tenant on absence.employees
to authenticated
using (organisation_id = (select absence.current_organisation_id()))
with check (organisation_id = (select absence.current_organisation_id()));
create policy sickness_cases_tenant on absence.sickness_cases
to authenticated
using (organisation_id = (select absence.current_organisation_id()))
with check (organisation_id = (select absence.current_organisation_id()));
create policy milestone_actions_tenant on absence.milestone_actions
to authenticated
using (organisation_id = (select absence.current_organisation_id()))
with check (organisation_id = (select absence.current_organisation_id()));
create policy communication_logs_tenant on absence.communication_logs
to authenticated
using (organisation_id = (select absence.current_organisation_id()))
with check (organisation_id = (select absence.current_organisation_id()));
create policy audit_log_tenant_read on absence.audit_log
for select to authenticated using (organisation_id = (select absence.current_organisation_id()));

-- Who is what in an organisation a tenant reads and does not decide: else everybody would give themselves any role.
create policy user_roles_tenant_read on absence.user_roles
for select to authenticated using (organisation_id = (select absence.current_organisation_id()));
-- A user belongs to no organisation. A tenant sees those with a role in it, and those whose entries stand in its log.
create policy users_tenant_read on absence.users
for select to authenticated
using (
    exists (
        select from absence.user_roles as r
        where r.user_id = users.id and r.organisation_id = (select absence.current_organisation_id())
    )
    or exists (
        select from absence.communication_logs as l
        where l.author_id = users.id and l.organisation_id = (select absence.current_organisation_id())
    )
);

create policy milestone_configs_tenant on absence.milestone_configs
to authenticated
using (organisation_id = (select absence.current_organisation_id()))
with check (organisation_id = (select absence.current_organisation_id()));
create policy milestone_configs_tenant_defaults on absence.milestone_configs
for select to authenticated
using (organisation_id is null and (select absence.current_organisation_id()) is not null);

-- The platform admin: all rows that the privileges above let one touch.
create policy organisations_platform_admin on absence.organisations
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy users_platform_admin on absence.users
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy user_roles_platform_admin on absence.user_roles
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy departments_platform_admin on absence.departments
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy employees_platform_admin on absence.employees
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy sickness_cases_platform_admin on absence.sickness_cases
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy milestone_configs_platform_admin on absence.milestone_configs
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy milestone_actions_platform_admin on absence.milestone_actions
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy communication_logs_platform_admin on absence.communication_logs
to authenticated using ((select absence.is_platform_admin())) with check ((select absence.is_platform_admin()));
create policy audit_log_platform_admin_read on absence.audit_log
for select to authenticated using ((select absence.is_platform_admin()));
