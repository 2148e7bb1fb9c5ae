-- What code calls. All of it runs as whoever asks, and sees and changes what row security lets them: of a case or an
-- action that is not theirs there is nothing to list, nothing to complete, and no error.

create view absence.milestone_action_list with (security_invoker = true) as
select
    a.id,
    a.organisation_id,
    a.sickness_case_id,
    a.milestone_key,
    e.name as employee_name,
    a.action_type,
    a.status,
    a.due_date,
    a.completed_by,
    a.completed_at,
    a.notes,
    -- The organisation's own word, else the default, else the reference's; there is always the key.
    coalesce(own.label, general.label, k.label, a.milestone_key) as label
from absence.milestone_actions as a
inner join absence.sickness_cases as c on a.sickness_case_id = c.id
inner join absence.employees as e on c.employee_id = e.id
inner join absence.milestone_keys as k on a.milestone_key = k.milestone_key
-- At most one row each, by the two unique indexes: an override doubles nothing.
left join absence.milestone_configs as own
    on a.organisation_id = own.organisation_id and a.milestone_key = own.milestone_key
left join absence.milestone_configs as general
    on a.milestone_key = general.milestone_key and general.organisation_id is null;

create view absence.milestone_action_counts with (security_invoker = true) as
select
    a.organisation_id,
    a.status,
    count(*) as actions
from absence.milestone_actions as a
group by a.organisation_id, a.status;

create view absence.communication_log_list with (security_invoker = true) as
select
    l.id,
    l.organisation_id,
    l.sickness_case_id,
    l.author_id,
    u.name as author_name,
    u.email as author_email,
    l.contact_date,
    l.contact_type,
    l.notes,
    l.created_at
from absence.communication_logs as l
inner join absence.users as u on l.author_id = u.id;

-- One statement: a second call, or a second session at the same time, finds nothing missing.
create function absence.create_milestone_actions(p_case_id uuid) returns setof absence.milestone_actions
language sql
set search_path = ''
as $$
    insert into absence.milestone_actions (organisation_id, sickness_case_id, milestone_key, action_type, due_date)
    select
        c.organisation_id,
        c.id,
        k.milestone_key,
        k.action_type,
        c.absence_start_date + coalesce(own.day_offset, general.day_offset, k.day_offset)
    from absence.sickness_cases as c
    cross join absence.milestone_keys as k
    left join absence.milestone_configs as own
        on c.organisation_id = own.organisation_id and k.milestone_key = own.milestone_key
    left join absence.milestone_configs as general
        on k.milestone_key = general.milestone_key and general.organisation_id is null
    where c.id = p_case_id and coalesce(own.is_active, general.is_active, true)
    on conflict (sickness_case_id, milestone_key) do nothing
    returning *
$$;

create function absence.complete_automatic_milestone_actions(p_case_id uuid, p_as_of date default current_date)
returns setof absence.milestone_actions
language sql
set search_path = ''
as $$
    update absence.milestone_actions as a
    set status = 'COMPLETED', completed_at = now(), completed_by = null
    from absence.milestone_keys as k
    where
        a.sickness_case_id = p_case_id and a.milestone_key = k.milestone_key and k.is_automatic
        and a.status in ('PENDING', 'OVERDUE') and a.due_date <= p_as_of
    returning a.*
$$;

-- Completing what is completed would put another name and time in the place of the first: it is refused like any
-- other move out of a final status. The row is locked before its status is looked at.
create function absence.close_milestone_action(
    p_action_id uuid, p_status text, p_closed_by uuid, p_notes text
) returns setof absence.milestone_actions
language plpgsql
set search_path = ''
as $$
declare
    found_status text;
begin
    select a.status into found_status from absence.milestone_actions as a where a.id = p_action_id for update;
    if found_status = p_status then
        raise exception 'a milestone action does not move from % to %', found_status, p_status
        using errcode = 'AB001', constraint = 'milestone_actions_transition', schema = 'absence',
        table = 'milestone_actions';
    end if;
    return query
    update absence.milestone_actions as a
    set
        status = p_status,
        completed_at = case when p_status = 'COMPLETED' then now() end,
        completed_by = p_closed_by,
        notes = coalesce(p_notes, a.notes)
    where a.id = p_action_id
    returning a.*;
end
$$;

create function absence.complete_milestone_action(
    p_action_id uuid, p_completed_by uuid default null, p_notes text default null
) returns setof absence.milestone_actions
language sql
set search_path = ''
as $$
    select * from absence.close_milestone_action(p_action_id, 'COMPLETED', p_completed_by, p_notes)
$$;

create function absence.skip_milestone_action(
    p_action_id uuid, p_notes text, p_skipped_by uuid default null
) returns setof absence.milestone_actions
language sql
set search_path = ''
as $$
    select * from absence.close_milestone_action(p_action_id, 'SKIPPED', p_skipped_by, p_notes)
$$;

create function absence.case_milestone_actions(p_case_id uuid) returns setof absence.milestone_action_list
language sql stable
set search_path = ''
as $$
    select * from absence.milestone_action_list as a
    where a.sickness_case_id = p_case_id
    order by a.due_date, a.milestone_key
$$;

create function absence.overdue_milestone_actions(p_as_of date default current_date)
returns setof absence.milestone_action_list
language sql stable
set search_path = ''
as $$
    select * from absence.milestone_action_list as a
    where a.status = 'OVERDUE' or (a.status = 'PENDING' and a.due_date < p_as_of)
    order by a.due_date, a.sickness_case_id, a.milestone_key
$$;

create function absence.mark_overdue_milestone_actions(p_as_of date default current_date)
returns setof absence.milestone_actions
language sql
set search_path = ''
as $$
    update absence.milestone_actions as a
    set status = 'OVERDUE'
    where a.status = 'PENDING' and a.due_date < p_as_of
    returning a.*
$$;

create function absence.case_communication_log(p_case_id uuid) returns setof absence.communication_log_list
language sql stable
set search_path = ''
as $$
    select * from absence.communication_log_list as l
    where l.sickness_case_id = p_case_id
    order by l.contact_date desc, l.created_at desc, l.id
$$;

create function absence.case_communication_log_count(p_case_id uuid) returns bigint
language sql stable
set search_path = ''
as $$
    select count(*) from absence.communication_logs as l where l.sickness_case_id = p_case_id
$$;

revoke all on absence.milestone_action_list, absence.milestone_action_counts, absence.communication_log_list
from public, anon, authenticated, service_role;
grant select on absence.milestone_action_list, absence.milestone_action_counts, absence.communication_log_list
to authenticated, service_role;

revoke all on function
absence.create_milestone_actions(uuid),
absence.complete_automatic_milestone_actions(uuid, date),
absence.close_milestone_action(uuid, text, uuid, text),
absence.complete_milestone_action(uuid, uuid, text),
absence.skip_milestone_action(uuid, text, uuid),
absence.case_milestone_actions(uuid),
absence.overdue_milestone_actions(date),
absence.mark_overdue_milestone_actions(date),
absence.case_communication_log(uuid),
absence.case_communication_log_count(uuid)
from public, anon, authenticated, service_role;
grant execute on function
absence.create_milestone_actions(uuid),
absence.complete_automatic_milestone_actions(uuid, date),
absence.close_milestone_action(uuid, text, uuid, text),
absence.complete_milestone_action(uuid, uuid, text),
absence.skip_milestone_action(uuid, text, uuid),
absence.case_milestone_actions(uuid),
absence.overdue_milestone_actions(date),
absence.mark_overdue_milestone_actions(date),
absence.case_communication_log(uuid),
absence.case_communication_log_count(uuid)
to authenticated, service_role;

comment on function absence.create_milestone_actions(uuid) is
'Creates the actions that a case lacks, one for each active milestone; returns those.';
comment on function absence.complete_automatic_milestone_actions(uuid, date) is
'Completes, in the name of nobody, the open actions of a case that the system does itself and that are due.';
comment on function absence.close_milestone_action(uuid, text, uuid, text) is
'What complete and skip have in common.';
comment on function absence.complete_milestone_action(uuid, uuid, text) is
'Completes an open action; by the system if no user is given. AB001 if it is closed already.';
comment on function absence.skip_milestone_action(uuid, text, uuid) is
'Skips an open action; the notes say why. AB001 if it is closed already.';
comment on function absence.case_milestone_actions(uuid) is
'The actions of a case by due date, each with its label and the name of the employee.';
comment on function absence.overdue_milestone_actions(date) is
'The actions that are OVERDUE, or PENDING and due before a day.';
comment on function absence.mark_overdue_milestone_actions(date) is
'Marks OVERDUE what is PENDING and due before a day; returns those.';
comment on function absence.case_communication_log(uuid) is
'The log of a case with its authors, newest contact first.';
comment on function absence.case_communication_log_count(uuid) is
'How many entries the log of a case has.';

comment on view absence.milestone_action_list is
'Actions with their label and the name of the employee. [personal]';
comment on column absence.milestone_action_list.id is
'Names the action. [administrative]';
comment on column absence.milestone_action_list.organisation_id is
'The employer. [administrative]';
comment on column absence.milestone_action_list.sickness_case_id is
'The case. [administrative]';
comment on column absence.milestone_action_list.milestone_key is
'The milestone. [administrative]';
comment on column absence.milestone_action_list.employee_name is
'Who is absent. [personal]';
comment on column absence.milestone_action_list.action_type is
'What is to be done. [administrative]';
comment on column absence.milestone_action_list.status is
'PENDING, OVERDUE, COMPLETED or SKIPPED. [administrative]';
comment on column absence.milestone_action_list.due_date is
'The day by which it is to be done. [administrative]';
comment on column absence.milestone_action_list.completed_by is
'The user who completed or skipped it. [administrative]';
comment on column absence.milestone_action_list.completed_at is
'When it was completed. [administrative]';
comment on column absence.milestone_action_list.notes is
'What there is to say about it. [personal]';
comment on column absence.milestone_action_list.label is
'What the organisation calls the milestone. [administrative]';

comment on view absence.milestone_action_counts is
'How many actions an organisation has in each status. [administrative]';
comment on column absence.milestone_action_counts.organisation_id is
'The organisation. [administrative]';
comment on column absence.milestone_action_counts.status is
'The status. [administrative]';
comment on column absence.milestone_action_counts.actions is
'How many actions are in it. [administrative]';

comment on view absence.communication_log_list is
'Log entries with the names of their authors; encrypted at rest and in transit. [PHI]';
comment on column absence.communication_log_list.id is
'Names the entry. [administrative]';
comment on column absence.communication_log_list.organisation_id is
'The employer. [administrative]';
comment on column absence.communication_log_list.sickness_case_id is
'The case. [administrative]';
comment on column absence.communication_log_list.author_id is
'The user who wrote the entry. [administrative]';
comment on column absence.communication_log_list.author_name is
'What that user is called. [personal]';
comment on column absence.communication_log_list.author_email is
'The address of that user. [personal]';
comment on column absence.communication_log_list.contact_date is
'The day of the contact. [personal]';
comment on column absence.communication_log_list.contact_type is
'How they were in contact. [administrative]';
comment on column absence.communication_log_list.notes is
'What was said; encrypted at rest and in transit. [PHI]';
comment on column absence.communication_log_list.created_at is
'When the entry was written. [administrative]';
