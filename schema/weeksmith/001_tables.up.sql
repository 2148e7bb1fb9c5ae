-- A planner of twelve weeks: a vision, a cycle with a goal of each type, a plan for every week, and what is in it.
-- Born closed: nobody but the owner may enter the schema until 005_access says who.
create schema weeksmith;
revoke all on schema weeksmith from public, anon, authenticated, service_role;

create type weeksmith.goal_type as enum ('personal', 'professional');
create type weeksmith.plan_mode as enum ('time_block', 'priority_queue');
create type weeksmith.plan_item_status as enum ('planned', 'in_progress', 'completed', 'skipped');
create type weeksmith.actor_type as enum ('user', 'system', 'ai');
create type weeksmith.chat_role as enum ('user', 'ai', 'system');

create table weeksmith.vision (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    daily text not null default '',
    weekly text not null default '',
    year text not null default '',
    life text not null default '',
    tags text[] not null default '{}',
    updated_at timestamptz not null default now(),
    constraint vision_pkey primary key (id),
    constraint vision_unique_user unique (user_id)
);

create table weeksmith.cycle (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    start_date date not null,
    end_date date not null,
    current_week smallint not null default 1,
    created_at timestamptz not null default now(),
    constraint cycle_pkey primary key (id),
    -- What everything below refers to, so that it can only be the same user's. Likewise in the other tables.
    constraint cycle_unique_id_user unique (id, user_id),
    constraint cycle_date_range check (end_date > start_date),
    constraint cycle_current_week_range check (current_week between 1 and 12)
);

create table weeksmith.goal (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    cycle_id uuid not null,
    type weeksmith.goal_type not null,
    description text not null,
    start_week smallint not null,
    end_week smallint not null,
    created_at timestamptz not null default now(),
    constraint goal_pkey primary key (id),
    constraint goal_unique_id_user unique (id, user_id),
    -- 1 + 1: at most one personal and one professional goal.
    constraint goal_unique_one_per_type unique (cycle_id, type),
    constraint goal_cycle_fkey
    foreign key (cycle_id, user_id) references weeksmith.cycle (id, user_id)
    on delete cascade on update no action,
    constraint goal_description_not_blank check (description ~ '\S'),
    constraint goal_start_week_range check (start_week between 1 and 12),
    constraint goal_end_week_range check (end_week between start_week and 12)
);

create table weeksmith.weekly_plan (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    cycle_id uuid not null,
    week_no smallint not null,
    mode weeksmith.plan_mode not null,
    locked_after_week smallint not null default 6,
    created_at timestamptz not null default now(),
    constraint weekly_plan_pkey primary key (id),
    constraint weekly_plan_unique_id_user unique (id, user_id),
    -- The index behind this key is the one that finds the plans of a cycle: hence its name.
    constraint idx_weekly_plan_cycle_week unique (cycle_id, week_no),
    constraint weekly_plan_cycle_fkey
    foreign key (cycle_id, user_id) references weeksmith.cycle (id, user_id)
    on delete cascade on update no action,
    constraint weekly_plan_week_no_range check (week_no between 1 and 12),
    constraint weekly_plan_locked_after_week_range check (locked_after_week between 1 and 12)
);

-- NaN is greater than every other numeric, so that "not negative" alone would let it pass.
create table weeksmith.task (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    title text not null,
    unit text not null default 'count',
    default_qty numeric(10, 2) not null default 0,
    tags text[],
    created_at timestamptz not null default now(),
    constraint task_pkey primary key (id),
    constraint task_unique_id_user unique (id, user_id),
    constraint task_title_not_blank check (title ~ '\S'),
    constraint task_default_qty_not_negative check (default_qty >= 0 and default_qty <> 'NaN')
);

create table weeksmith.plan_item (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    plan_id uuid not null,
    goal_id uuid,
    task_id uuid,
    unit text not null,
    qty numeric(10, 2) not null,
    completed_qty numeric(10, 2) not null default 0,
    status weeksmith.plan_item_status not null default 'planned',
    notes text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint plan_item_pkey primary key (id),
    constraint plan_item_plan_fkey
    foreign key (plan_id, user_id) references weeksmith.weekly_plan (id, user_id)
    on delete cascade on update no action,
    -- Only the link goes: without its column list SET NULL would take the user as well.
    constraint plan_item_goal_fkey
    foreign key (goal_id, user_id) references weeksmith.goal (id, user_id)
    on delete set null (goal_id) on update no action,
    constraint plan_item_task_fkey
    foreign key (task_id, user_id) references weeksmith.task (id, user_id)
    on delete set null (task_id) on update no action,
    constraint plan_item_qty_not_negative check (qty >= 0 and qty <> 'NaN'),
    constraint plan_item_completed_qty_not_negative check (completed_qty >= 0 and completed_qty <> 'NaN')
);

create table weeksmith.audit_log (
    id uuid not null default gen_random_uuid(),
    actor_user_id uuid,
    actor_type weeksmith.actor_type not null,
    subject_user_id uuid not null,
    action text not null,
    before_state jsonb,
    after_state jsonb,
    rationale text,
    correlation_id uuid,
    source_ip inet,
    user_agent text,
    created_at timestamptz not null default now(),
    constraint audit_log_pkey primary key (id),
    constraint audit_before_json_object check (jsonb_typeof(before_state) = 'object'),
    constraint audit_after_json_object check (jsonb_typeof(after_state) = 'object'),
    -- Ids, where the lock stands, and the names of changed fields ("changed"): nothing that the user wrote or plans.
    constraint audit_states_ids_and_fields check (not (
        jsonb_build_array(before_state, after_state) @? '
            $[*] ? (@.type() == "object").keyvalue() ? (!(
                @.key == "changed" && @.value.type() == "array"
                && !exists(@.value[*] ? (!(@.type() == "string" && @ like_regex "^[a-z_]{1,63}$")))
                || @.key == "locked_after_week" && @.value.type() == "number"
                || @.key like_regex "^([a-z_]{1,60}_)?id$" && @.value.type() == "string"
                && @.value like_regex "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
            ))
        '
    )),
    -- Words would tell of the user's life sooner or later. They stand in the ticket, and go with it.
    constraint audit_rationale_ticket check (rationale ~ '^ticket [0-9]{1,9}$')
);

create table weeksmith.chat_session (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    cycle_id uuid,
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    summary_md text,
    constraint chat_session_pkey primary key (id),
    constraint chat_session_cycle_fkey
    foreign key (cycle_id, user_id) references weeksmith.cycle (id, user_id)
    on delete set null (cycle_id) on update no action,
    constraint chat_session_time_range check (ended_at >= started_at)
);

create table weeksmith.chat_message (
    id uuid not null default gen_random_uuid(),
    session_id uuid not null,
    role weeksmith.chat_role not null,
    content text not null,
    proposal_json jsonb,
    created_at timestamptz not null default now(),
    constraint chat_message_pkey primary key (id),
    constraint chat_message_session_fkey
    foreign key (session_id) references weeksmith.chat_session (id)
    on delete cascade on update no action,
    constraint chat_message_proposal_object check (jsonb_typeof(proposal_json) = 'object')
);

revoke all on
weeksmith.vision, weeksmith.cycle, weeksmith.goal, weeksmith.weekly_plan, weeksmith.task, weeksmith.plan_item,
weeksmith.audit_log, weeksmith.chat_session, weeksmith.chat_message
from public, anon, authenticated, service_role;

comment on table weeksmith.vision is
'Where a user wants to be: one row a user. Kept until the user deletes it. [personal]';
comment on column weeksmith.vision.id is 'Names the vision. [administrative]';
comment on column weeksmith.vision.user_id is
'Whose it is; as everywhere here, the id of the claims. [administrative]';
comment on column weeksmith.vision.daily is 'What a good day looks like. [personal]';
comment on column weeksmith.vision.weekly is 'What a good week looks like. [personal]';
comment on column weeksmith.vision.year is 'Where the user wants to be in a year. [personal]';
comment on column weeksmith.vision.life is 'What it is all for. [personal]';
comment on column weeksmith.vision.tags is 'Words the user sorts it by. [personal]';
comment on column weeksmith.vision.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table weeksmith.cycle is
'Twelve weeks that a user plans as if they were a year. Kept until the user deletes it. [personal]';
comment on column weeksmith.cycle.id is 'Names the cycle. [administrative]';
comment on column weeksmith.cycle.user_id is 'Whose it is. [administrative]';
comment on column weeksmith.cycle.start_date is 'Its first day. [personal]';
comment on column weeksmith.cycle.end_date is 'Its last day. [personal]';
comment on column weeksmith.cycle.current_week is 'The week the user is in, 1 to 12. [personal]';
comment on column weeksmith.cycle.created_at is 'When it was made. [administrative]';

comment on table weeksmith.goal is
'What a cycle is for: at most one personal and one professional goal. Kept as long as the cycle is. [personal]';
comment on column weeksmith.goal.id is 'Names the goal. [administrative]';
comment on column weeksmith.goal.user_id is 'Whose it is: the user of the cycle. [administrative]';
comment on column weeksmith.goal.cycle_id is 'The cycle it is a goal of, and goes with. [administrative]';
comment on column weeksmith.goal.type is 'Personal or professional. [personal]';
comment on column weeksmith.goal.description is 'What is to be reached, in the words of the user. [personal]';
comment on column weeksmith.goal.start_week is 'The first week of work on it, 1 to 12. [personal]';
comment on column weeksmith.goal.end_week is 'The last week of work on it, not before the first. [personal]';
comment on column weeksmith.goal.created_at is 'When it was made. [administrative]';

comment on table weeksmith.weekly_plan is
'One week of a cycle; its quota is fixed where week_no > locked_after_week. Kept as long as the cycle is. [personal]';
comment on column weeksmith.weekly_plan.id is 'Names the plan. [administrative]';
comment on column weeksmith.weekly_plan.user_id is 'Whose it is: the user of the cycle. [administrative]';
comment on column weeksmith.weekly_plan.cycle_id is
'The cycle it is part of, and goes with. [administrative]';
comment on column weeksmith.weekly_plan.week_no is 'Which week of the cycle, 1 to 12. [personal]';
comment on column weeksmith.weekly_plan.mode is 'Blocks of time, or a queue by priority. [personal]';
comment on column weeksmith.weekly_plan.locked_after_week is
'Weeks after this one are locked: lower it to lock this week, 1 to 12. [administrative]';
comment on column weeksmith.weekly_plan.created_at is 'When it was made. [administrative]';

comment on table weeksmith.task is
'Something a user does again and again, to be put into plans. Kept until the user deletes it. [personal]';
comment on column weeksmith.task.id is 'Names the task. [administrative]';
comment on column weeksmith.task.user_id is 'Whose it is. [administrative]';
comment on column weeksmith.task.title is 'What is to be done. [personal]';
comment on column weeksmith.task.unit is 'What is counted: times, minutes, pages. [personal]';
comment on column weeksmith.task.default_qty is 'How many of the unit a new item starts with. [personal]';
comment on column weeksmith.task.tags is 'Words the user sorts it by; null if never sorted. [personal]';
comment on column weeksmith.task.created_at is 'When it was made. [administrative]';

comment on table weeksmith.plan_item is
'What a user means to do in a week, and how far it has come. Kept as long as the plan is. [personal]';
comment on column weeksmith.plan_item.id is 'Names the item. [administrative]';
comment on column weeksmith.plan_item.user_id is 'Whose it is: the user of the plan. [administrative]';
comment on column weeksmith.plan_item.plan_id is 'The plan it is part of, and goes with. [administrative]';
comment on column weeksmith.plan_item.goal_id is
'The goal it serves; null if none, or if that is gone. [administrative]';
comment on column weeksmith.plan_item.task_id is
'The task it repeats; null if none, or if that is gone. [administrative]';
comment on column weeksmith.plan_item.unit is 'What is counted: times, minutes, pages. [personal]';
comment on column weeksmith.plan_item.qty is
'How many of the unit: the quota, fixed when the week is locked. [personal]';
comment on column weeksmith.plan_item.completed_qty is
'How many of them are done; may be more than planned. [personal]';
comment on column weeksmith.plan_item.status is 'How far it has come. [personal]';
comment on column weeksmith.plan_item.notes is 'What the user remarks on it. [personal]';
comment on column weeksmith.plan_item.created_at is 'When it was made. [administrative]';
comment on column weeksmith.plan_item.updated_at is
'When the row was last written, kept by a trigger. [administrative]';

comment on table weeksmith.audit_log is
'What was done to a user''s rows that needs an explanation; never changed. Kept for 2 years. [administrative]';
comment on column weeksmith.audit_log.id is 'Names the entry. [administrative]';
comment on column weeksmith.audit_log.actor_user_id is
'The user who did it; null if it was no user. [administrative]';
comment on column weeksmith.audit_log.actor_type is 'A user, the system or the assistant. [administrative]';
comment on column weeksmith.audit_log.subject_user_id is
'Whose rows it was done to: who may read this. [administrative]';
comment on column weeksmith.audit_log.action is
'What was done, such as plan.unlock.override. [administrative]';
comment on column weeksmith.audit_log.before_state is
'Ids, the lock and names of fields, as they were; null if there was none. [administrative]';
comment on column weeksmith.audit_log.after_state is
'Ids, the lock and names of fields, as they became; null if there is none. [administrative]';
comment on column weeksmith.audit_log.rationale is
'The ticket that says why, such as ticket 4711; never a word about the user. [administrative]';
comment on column weeksmith.audit_log.correlation_id is 'The request it was part of. [administrative]';
comment on column weeksmith.audit_log.source_ip is 'Where the request came from. [platform]';
comment on column weeksmith.audit_log.user_agent is 'What program sent the request. [platform]';
comment on column weeksmith.audit_log.created_at is 'When it was done. [administrative]';

comment on table weeksmith.chat_session is
'A conversation of a user with the assistant about their planning. Kept until the user deletes it. [personal]';
comment on column weeksmith.chat_session.id is 'Names the session. [administrative]';
comment on column weeksmith.chat_session.user_id is 'Whose it is. [administrative]';
comment on column weeksmith.chat_session.cycle_id is
'The cycle it is about; null if about none, or if that is gone. [administrative]';
comment on column weeksmith.chat_session.started_at is 'When it began. [administrative]';
comment on column weeksmith.chat_session.ended_at is 'When it ended; null while it goes on. [administrative]';
comment on column weeksmith.chat_session.summary_md is 'What was said, in Markdown. [personal]';

comment on table weeksmith.chat_message is
'What was said in a session. Kept as long as the session is. [personal]';
comment on column weeksmith.chat_message.id is 'Names the message. [administrative]';
comment on column weeksmith.chat_message.session_id is
'The session it was said in, and goes with; its user is the message''s. [administrative]';
comment on column weeksmith.chat_message.role is 'Who said it. [administrative]';
comment on column weeksmith.chat_message.content is 'What was said. [personal]';
comment on column weeksmith.chat_message.proposal_json is
'A change that the assistant proposes, for the user to accept. [personal]';
comment on column weeksmith.chat_message.created_at is 'When it was said. [administrative]';
