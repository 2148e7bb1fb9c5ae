-- Sickness absence along its milestones, and the log of who was told what, and when.
-- Born closed: nobody but the owner may enter the schema until 003_access says who.
create schema absence;
revoke all on schema absence from public, anon, authenticated, service_role;

create table absence.organisations (
    id uuid not null default gen_random_uuid(),
    name text not null,
    slug text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pk_organisations primary key (id),
    constraint uq_organisations_slug unique (slug)
);

create table absence.users (
    id uuid not null default gen_random_uuid(),
    email text not null,
    name text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pk_users primary key (id),
    constraint uq_users_email unique (email)
);

create table absence.user_roles (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    organisation_id uuid not null,
    role text not null,
    created_at timestamptz not null default now(),
    constraint pk_user_roles primary key (id),
    constraint uq_user_roles_user_org_role unique (user_id, organisation_id, role),
    constraint fk_user_roles_user foreign key (user_id) references absence.users (id) on delete cascade,
    constraint fk_user_roles_organisation
    foreign key (organisation_id) references absence.organisations (id) on delete cascade,
    constraint chk_user_roles_role check (role in ('PLATFORM_ADMIN', 'ORG_ADMIN', 'HR', 'MANAGER', 'EMPLOYEE'))
);

create table absence.role_permissions (
    id uuid not null default gen_random_uuid(),
    role text not null,
    permission text not null,
    constraint pk_role_permissions primary key (id),
    constraint uq_role_permissions_role_permission unique (role, permission),
    constraint chk_role_permissions_role check (
        role in ('PLATFORM_ADMIN', 'ORG_ADMIN', 'HR', 'MANAGER', 'EMPLOYEE')
    ),
    constraint chk_role_permissions_permission check (
        permission in (
            'manage:milestone_actions', 'view:milestone_actions', 'create:communication_log', 'view:communication_log'
        )
    ),
    -- Who is absent neither manages the milestones nor writes the log of it; no row can say otherwise.
    constraint chk_role_permissions_no_employee check (role <> 'EMPLOYEE')
);

create table absence.departments (
    id uuid not null default gen_random_uuid(),
    organisation_id uuid not null,
    name text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pk_departments primary key (id),
    -- What an employee refers to, so that it can only be a department of the same organisation.
    constraint uq_departments_id_org unique (id, organisation_id),
    constraint uq_departments_org_name unique (organisation_id, name),
    constraint fk_departments_organisation
    foreign key (organisation_id) references absence.organisations (id) on delete cascade
);

create table absence.employees (
    id uuid not null default gen_random_uuid(),
    organisation_id uuid not null,
    user_id uuid,
    department_id uuid,
    manager_id uuid,
    name text not null,
    gp_name text,
    gp_address text,
    gp_phone text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pk_employees primary key (id),
    constraint uq_employees_id_org unique (id, organisation_id),
    constraint fk_employees_organisation
    foreign key (organisation_id) references absence.organisations (id) on delete cascade,
    constraint fk_employees_user foreign key (user_id) references absence.users (id) on delete set null,
    constraint fk_employees_department
    foreign key (department_id, organisation_id) references absence.departments (id, organisation_id)
    on delete set null (department_id),
    constraint fk_employees_manager
    foreign key (manager_id, organisation_id) references absence.employees (id, organisation_id)
    on delete set null (manager_id)
);

create table absence.sickness_cases (
    id uuid not null default gen_random_uuid(),
    organisation_id uuid not null,
    employee_id uuid not null,
    reported_by uuid,
    absence_type text,
    absence_start_date date not null,
    absence_end_date date,
    status text not null default 'REPORTED',
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pk_sickness_cases primary key (id),
    -- What actions and log entries refer to, so that they are of the case's organisation.
    constraint uq_sickness_cases_id_org unique (id, organisation_id),
    constraint fk_sickness_cases_organisation
    foreign key (organisation_id) references absence.organisations (id) on delete cascade,
    constraint fk_sickness_cases_employee
    foreign key (employee_id, organisation_id) references absence.employees (id, organisation_id) on delete cascade,
    constraint fk_sickness_cases_reported_by
    foreign key (reported_by) references absence.users (id) on delete set null,
    constraint chk_sickness_cases_dates check (absence_end_date >= absence_start_date),
    constraint chk_sickness_cases_status check (
        status in ('REPORTED', 'TRACKING', 'FIT_NOTE_RECEIVED', 'RTW_SCHEDULED', 'RTW_COMPLETED', 'CLOSED')
    )
);

create table absence.milestone_keys (
    milestone_key text not null,
    day_offset integer not null,
    action_type text not null,
    recipients text[] not null,
    is_automatic boolean not null default false,
    label text,
    description text,
    constraint pk_milestone_keys primary key (milestone_key),
    constraint chk_milestone_keys_day_offset check (day_offset >= 0),
    constraint chk_milestone_keys_action_type check (
        action_type in ('NOTIFICATION', 'PROMPT', 'TRANSITION', 'ESCALATION', 'REVIEW')
    ),
    constraint chk_milestone_keys_recipients check (
        recipients <@ array['employee', 'manager', 'hr'] and cardinality(recipients) > 0
    )
);

create table absence.milestone_configs (
    id uuid not null default gen_random_uuid(),
    organisation_id uuid,
    milestone_key text not null,
    label text,
    day_offset integer,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pk_milestone_configs primary key (id),
    constraint fk_milestone_configs_organisation
    foreign key (organisation_id) references absence.organisations (id) on delete cascade,
    constraint fk_milestone_configs_key
    foreign key (milestone_key) references absence.milestone_keys (milestone_key),
    constraint chk_milestone_configs_day_offset check (day_offset >= 0)
);

create table absence.milestone_actions (
    id uuid not null default gen_random_uuid(),
    organisation_id uuid not null,
    sickness_case_id uuid not null,
    milestone_key text not null,
    action_type text not null,
    status text not null default 'PENDING',
    due_date date not null,
    completed_by uuid,
    completed_at timestamptz,
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint pk_milestone_actions primary key (id),
    constraint uq_milestone_actions_case_key unique (sickness_case_id, milestone_key),
    constraint fk_milestone_actions_organisation
    foreign key (organisation_id) references absence.organisations (id) on delete cascade,
    constraint fk_milestone_actions_case
    foreign key (sickness_case_id, organisation_id) references absence.sickness_cases (id, organisation_id)
    on delete cascade,
    constraint fk_milestone_actions_key
    foreign key (milestone_key) references absence.milestone_keys (milestone_key),
    constraint fk_milestone_actions_completed_by
    foreign key (completed_by) references absence.users (id) on delete set null,
    constraint chk_milestone_actions_action_type check (
        action_type in ('NOTIFICATION', 'PROMPT', 'TRANSITION', 'ESCALATION', 'REVIEW')
    ),
    constraint chk_milestone_actions_status check (status in ('PENDING', 'COMPLETED', 'SKIPPED', 'OVERDUE')),
    constraint chk_milestone_actions_completed check ((completed_at is not null) = (status = 'COMPLETED')),
    -- Done by the system, or by a user who is gone: then it is null though the action is closed.
    constraint chk_milestone_actions_completed_by check (completed_by is null or status in ('COMPLETED', 'SKIPPED')),
    constraint chk_milestone_actions_skip_notes check (status <> 'SKIPPED' or coalesce(notes, '') ~ '\S')
);

create table absence.communication_logs (
    id uuid not null default gen_random_uuid(),
    organisation_id uuid not null,
    sickness_case_id uuid not null,
    author_id uuid not null,
    contact_date date not null,
    contact_type text not null,
    notes text not null,
    created_at timestamptz not null default now(),
    constraint pk_communication_logs primary key (id),
    -- NO ACTION, all three: what was said cannot be deleted from under the record that it was said.
    constraint fk_communication_logs_organisation
    foreign key (organisation_id) references absence.organisations (id),
    constraint fk_communication_logs_case
    foreign key (sickness_case_id, organisation_id) references absence.sickness_cases (id, organisation_id),
    constraint fk_communication_logs_author foreign key (author_id) references absence.users (id),
    constraint chk_communication_logs_contact_type check (
        contact_type in ('PHONE_CALL', 'EMAIL', 'IN_PERSON', 'VIDEO_CALL', 'LETTER', 'OTHER')
    ),
    constraint chk_communication_logs_notes_length check (char_length(notes) between 1 and 5000)
);

create table absence.audit_log (
    id uuid not null default gen_random_uuid(),
    actor_id uuid,
    -- No foreign keys here but the actor's: the record outlives the organisation and what it is about.
    organisation_id uuid,
    action text not null,
    entity text not null,
    entity_id uuid not null,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    constraint pk_audit_log primary key (id),
    constraint fk_audit_log_actor foreign key (actor_id) references absence.users (id) on delete set null,
    constraint chk_audit_log_action check (
        action in ('CREATED', 'UPDATED', 'OVERDUE', 'COMPLETED', 'SKIPPED', 'DELETED')
    ),
    constraint chk_audit_log_entity check (
        entity in ('MILESTONE_ACTION', 'COMMUNICATION_LOG', 'MILESTONE_CONFIG', 'SICKNESS_CASE', 'EMPLOYEE')
    ),
    -- Ids ("…_id") and the names of changed fields ("changed"): no value that somebody wrote gets in here.
    constraint chk_audit_log_metadata check (
        jsonb_typeof(metadata) = 'object'
        and not jsonb_path_exists(metadata, '
            $.keyvalue() ? (!(
                @.key == "changed" && @.value.type() == "array"
                && !exists(@.value[*] ? (!(@.type() == "string" && @ like_regex "^[a-z_]{1,63}$")))
                || @.key like_regex "^[a-z_]{1,60}_id$" && @.value.type() == "string"
                && @.value like_regex "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
            ))
        ')
    )
);

revoke all on
absence.organisations, absence.users, absence.user_roles, absence.role_permissions, absence.departments,
absence.employees, absence.sickness_cases, absence.milestone_keys, absence.milestone_configs,
absence.milestone_actions, absence.communication_logs, absence.audit_log
from public, anon, authenticated, service_role;

-- One row of an organisation for each key, and one default for each.
create unique index uq_milestone_configs_org_key on absence.milestone_configs (organisation_id, milestone_key)
where organisation_id is not null;
create unique index uq_milestone_configs_default on absence.milestone_configs (milestone_key)
where organisation_id is null;

-- The compliance page counts an organisation's actions by status; the case page lists; the nightly job marks
-- those that are due.
create index idx_milestone_actions_org_status on absence.milestone_actions (organisation_id, status);
create index idx_milestone_actions_case on absence.milestone_actions (sickness_case_id);
create index idx_milestone_actions_due_status on absence.milestone_actions (due_date, status);
create index idx_communication_logs_case_date on absence.communication_logs (sickness_case_id, created_at);
create index idx_communication_logs_org on absence.communication_logs (organisation_id);
create index idx_audit_log_organisation on absence.audit_log (organisation_id, created_at);
create index idx_audit_log_entity on absence.audit_log (entity, entity_id);

-- Every foreign key that no index above begins with: deleting a parent looks for its children.
create index idx_user_roles_organisation on absence.user_roles (organisation_id);
create index idx_employees_organisation on absence.employees (organisation_id);
create index idx_employees_user on absence.employees (user_id);
create index idx_employees_department on absence.employees (department_id);
create index idx_employees_manager on absence.employees (manager_id);
create index idx_sickness_cases_organisation on absence.sickness_cases (organisation_id);
create index idx_sickness_cases_employee on absence.sickness_cases (employee_id);
create index idx_sickness_cases_reported_by on absence.sickness_cases (reported_by);
create index idx_milestone_actions_key on absence.milestone_actions (milestone_key);
create index idx_milestone_actions_completed_by on absence.milestone_actions (completed_by);
create index idx_communication_logs_author on absence.communication_logs (author_id);
create index idx_audit_log_actor on absence.audit_log (actor_id);

comment on table absence.organisations is
'Employers: each sees its own rows alone. Kept while it uses the system. [administrative]';
comment on column absence.organisations.id is
'Names the organisation. [administrative]';
comment on column absence.organisations.name is
'What it is called. [administrative]';
comment on column absence.organisations.slug is
'Its name in addresses. [administrative]';
comment on column absence.organisations.created_at is
'When it was made. [administrative]';
comment on column absence.organisations.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table absence.users is
'Who signs in, of any organisation; the id is the claim "sub". Kept while they do, or a log names them. [personal]';
comment on column absence.users.id is
'Names the user. [administrative]';
comment on column absence.users.email is
'Address to sign in with. [personal]';
comment on column absence.users.name is
'What the user is called. [personal]';
comment on column absence.users.created_at is
'When it was made. [administrative]';
comment on column absence.users.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table absence.user_roles is
'What a user is in an organisation. Kept as long as both are. [administrative]';
comment on column absence.user_roles.id is
'Names the row. [administrative]';
comment on column absence.user_roles.user_id is
'Who has the role. [administrative]';
comment on column absence.user_roles.organisation_id is
'Where; a PLATFORM_ADMIN is one everywhere. [administrative]';
comment on column absence.user_roles.role is
'The role. [administrative]';
comment on column absence.user_roles.created_at is
'When it was given. [administrative]';

comment on table absence.role_permissions is
'What each role may do: reference data. Kept as long as the role is. [public]';
comment on column absence.role_permissions.id is
'Names the row. [public]';
comment on column absence.role_permissions.role is
'The role. [public]';
comment on column absence.role_permissions.permission is
'What it may do, as verb:thing. [public]';

comment on table absence.departments is
'Parts of an organisation. Kept as long as the organisation is. [administrative]';
comment on column absence.departments.id is
'Names the department. [administrative]';
comment on column absence.departments.organisation_id is
'Whose department it is. [administrative]';
comment on column absence.departments.name is
'What it is called. [administrative]';
comment on column absence.departments.created_at is
'When it was made. [administrative]';
comment on column absence.departments.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table absence.employees is
'Who works there, and their doctor; encrypted at rest and in transit. Kept for 6 years after they leave. [PHI]';
comment on column absence.employees.id is
'Names the employee. [administrative]';
comment on column absence.employees.organisation_id is
'Who employs them. [administrative]';
comment on column absence.employees.user_id is
'With which user they sign in; null for those who do not. [administrative]';
comment on column absence.employees.department_id is
'Their department, of the same organisation. [administrative]';
comment on column absence.employees.manager_id is
'The employee of the same organisation whom they report to. [administrative]';
comment on column absence.employees.name is
'What they are called. [personal]';
comment on column absence.employees.gp_name is
'Their general practitioner; encrypted at rest and in transit. [PHI]';
comment on column absence.employees.gp_address is
'Where the general practitioner is; encrypted at rest and in transit. [PHI]';
comment on column absence.employees.gp_phone is
'How to call the general practitioner; encrypted at rest and in transit. [PHI]';
comment on column absence.employees.created_at is
'When it was made. [administrative]';
comment on column absence.employees.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table absence.sickness_cases is
'One absence of one employee; encrypted at rest and in transit. Kept for 6 years after it is closed. [PHI]';
comment on column absence.sickness_cases.id is
'Names the case. [administrative]';
comment on column absence.sickness_cases.organisation_id is
'The employer: always that of the employee. [administrative]';
comment on column absence.sickness_cases.employee_id is
'Who is absent. [personal]';
comment on column absence.sickness_cases.reported_by is
'The user who reported it; null if nobody did, or they are gone. [administrative]';
comment on column absence.sickness_cases.absence_type is
'What kind of absence it is, if that was said. [personal]';
comment on column absence.sickness_cases.absence_start_date is
'The first day of absence, from which milestones count. [personal]';
comment on column absence.sickness_cases.absence_end_date is
'The last day of absence; null while it lasts. [personal]';
comment on column absence.sickness_cases.status is
'How far it is. [administrative]';
comment on column absence.sickness_cases.notes is
'What was said about it; encrypted at rest and in transit. [PHI]';
comment on column absence.sickness_cases.created_at is
'When it was made. [administrative]';
comment on column absence.sickness_cases.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table absence.milestone_keys is
'The milestones of any absence: reference data. Kept as long as the law asks for it. [public]';
comment on column absence.milestone_keys.milestone_key is
'Names the milestone. [public]';
comment on column absence.milestone_keys.day_offset is
'Days after the first day of absence on which it is due. [public]';
comment on column absence.milestone_keys.action_type is
'What is done then. [public]';
comment on column absence.milestone_keys.recipients is
'Who is told or asked. [public]';
comment on column absence.milestone_keys.is_automatic is
'Whether the system completes it by itself. [public]';
comment on column absence.milestone_keys.label is
'What people call it. [public]';
comment on column absence.milestone_keys.description is
'What it is about. [public]';

comment on table absence.milestone_configs is
'What an organisation, or by default everybody, has changed. Kept as long as the organisation is. [administrative]';
comment on column absence.milestone_configs.id is
'Names the row. [administrative]';
comment on column absence.milestone_configs.organisation_id is
'Whose setting it is; null is the default of all. [administrative]';
comment on column absence.milestone_configs.milestone_key is
'The milestone. [administrative]';
comment on column absence.milestone_configs.label is
'What it is called here; null leaves it as it is. [administrative]';
comment on column absence.milestone_configs.day_offset is
'Days after the first day of absence on which it is due here; null leaves it as it is. [administrative]';
comment on column absence.milestone_configs.is_active is
'Whether new cases get an action for it. [administrative]';
comment on column absence.milestone_configs.created_at is
'When it was made. [administrative]';
comment on column absence.milestone_configs.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table absence.milestone_actions is
'What has to be done in a case at a milestone, and whether it was. Kept as long as the case is. [personal]';
comment on column absence.milestone_actions.id is
'Names the action. [administrative]';
comment on column absence.milestone_actions.organisation_id is
'The employer: always that of the case. [administrative]';
comment on column absence.milestone_actions.sickness_case_id is
'The case. [administrative]';
comment on column absence.milestone_actions.milestone_key is
'The milestone; a case has one action for each. [administrative]';
comment on column absence.milestone_actions.action_type is
'What is to be done. [administrative]';
comment on column absence.milestone_actions.status is
'PENDING at first; COMPLETED and SKIPPED are final. [administrative]';
comment on column absence.milestone_actions.due_date is
'The day by which it is to be done. [administrative]';
comment on column absence.milestone_actions.completed_by is
'The user who completed or skipped it; null for the system, or a user who is gone. [administrative]';
comment on column absence.milestone_actions.completed_at is
'When it was completed. [administrative]';
comment on column absence.milestone_actions.notes is
'What there is to say about it; a skip says why. [personal]';
comment on column absence.milestone_actions.created_at is
'When it was made. [administrative]';
comment on column absence.milestone_actions.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table absence.communication_logs is
'Every contact with an absent employee; append-only; encrypted at rest and in transit. Kept for 6 years. [PHI]';
comment on column absence.communication_logs.id is
'Names the entry. [administrative]';
comment on column absence.communication_logs.organisation_id is
'The employer: always that of the case. [administrative]';
comment on column absence.communication_logs.sickness_case_id is
'The case. [administrative]';
comment on column absence.communication_logs.author_id is
'The user who wrote the entry. [administrative]';
comment on column absence.communication_logs.contact_date is
'The day of the contact. [personal]';
comment on column absence.communication_logs.contact_type is
'How they were in contact. [administrative]';
comment on column absence.communication_logs.notes is
'What was said, in 1 to 5000 characters; encrypted at rest and in transit. [PHI]';
comment on column absence.communication_logs.created_at is
'When the entry was written. [administrative]';

comment on table absence.audit_log is
'Changes of actions and new log entries, without what they say; append-only. Kept for 6 years. [administrative]';
comment on column absence.audit_log.id is
'Names the record. [administrative]';
comment on column absence.audit_log.actor_id is
'The user who did it; null for the system, or a user who is gone. [administrative]';
comment on column absence.audit_log.organisation_id is
'The organisation it happened in, also when that is gone. [administrative]';
comment on column absence.audit_log.action is
'What was done; a change of status is named after the new one. [administrative]';
comment on column absence.audit_log.entity is
'What kind of thing it was done to. [administrative]';
comment on column absence.audit_log.entity_id is
'The id of that thing, also when it is gone. [administrative]';
comment on column absence.audit_log.metadata is
'Ids, and the names of the fields that changed; never their values. [administrative]';
comment on column absence.audit_log.created_at is
'When it was done. [administrative]';
