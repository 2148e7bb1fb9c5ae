-- Proactive triggers of an assistant, and what came of each time one fired.
-- Born closed: nobody but the owner may enter the schema until 003_access says who.
create schema intents;
revoke all on schema intents from public, anon, authenticated, service_role;

create table intents.scheduled_intents (
    id uuid not null default gen_random_uuid(),
    user_id text not null,
    intent_name text not null,
    description text,
    trigger_type text not null,
    trigger_schedule jsonb,
    trigger_condition jsonb,
    action_type text not null default 'notify',
    action_context text not null,
    action_priority text not null default 'normal',
    next_check timestamptz,
    last_checked timestamptz,
    last_executed timestamptz,
    execution_count integer not null default 0,
    last_execution_status text,
    last_execution_error text,
    last_message_id text,
    enabled boolean not null default true,
    expires_at timestamptz,
    max_executions integer,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by text,
    metadata jsonb default '{}',
    constraint pk_scheduled_intents primary key (id),
    -- What an execution refers to, so that it can only be the same user's.
    constraint uq_scheduled_intents_id_user unique (id, user_id),
    constraint chk_user_id_length check (char_length(user_id) <= 64),
    constraint chk_intent_name_length check (char_length(intent_name) <= 256),
    constraint chk_trigger_type check (
        trigger_type in ('cron', 'interval', 'once', 'price', 'silence', 'event', 'calendar', 'news')
    ),
    constraint chk_action_type check (
        action_type in ('notify', 'check_in', 'briefing', 'analysis', 'reminder')
    ),
    constraint chk_action_priority check (action_priority in ('low', 'normal', 'high', 'critical')),
    constraint chk_execution_count_positive check (execution_count >= 0),
    constraint chk_last_execution_status check (
        last_execution_status in ('success', 'failed', 'gate_blocked', 'condition_not_met')
    ),
    constraint chk_max_executions_positive check (max_executions > 0),
    -- The run that would be one too many cannot be counted, nor is the limit set below what has been. Null is no limit.
    constraint chk_execution_count_within_max check (execution_count <= max_executions)
);

create table intents.intent_executions (
    id uuid not null default gen_random_uuid(),
    intent_id uuid not null,
    user_id text not null,
    executed_at timestamptz not null default now(),
    trigger_type text not null,
    trigger_data jsonb,
    status text not null,
    gate_result jsonb,
    message_id text,
    message_preview text,
    evaluation_ms integer,
    generation_ms integer,
    delivery_ms integer,
    error_message text,
    constraint pk_intent_executions primary key (id),
    -- An intent takes its history with it. An intent that has a history cannot be handed to another user:
    -- following it (ON UPDATE CASCADE) would show one user's messages to the other.
    constraint fk_intent_executions_intent
    foreign key (intent_id, user_id) references intents.scheduled_intents (id, user_id)
    on delete cascade on update no action,
    constraint chk_execution_trigger_type check (
        trigger_type in ('cron', 'interval', 'once', 'price', 'silence', 'event', 'calendar', 'news')
    ),
    constraint chk_execution_status check (
        status in ('success', 'failed', 'gate_blocked', 'condition_not_met')
    ),
    constraint chk_evaluation_ms_positive check (evaluation_ms >= 0),
    constraint chk_generation_ms_positive check (generation_ms >= 0),
    constraint chk_delivery_ms_positive check (delivery_ms >= 0)
);

revoke all on intents.scheduled_intents, intents.intent_executions from public, anon, authenticated, service_role;

create function intents.touch_updated_at() returns trigger
language plpgsql
set search_path = ''
as $$
begin
    -- The moment of the write, not of the transaction; and never what a client sends.
    new.updated_at := clock_timestamp();
    return new;
end
$$;

revoke all on function intents.touch_updated_at() from public;

create trigger trg_scheduled_intents_touch
before insert or update on intents.scheduled_intents
for each row execute function intents.touch_updated_at();

comment on table intents.scheduled_intents is
'What the assistant should do unasked, and when. Kept until the user deletes it. [personal]';
comment on column intents.scheduled_intents.id is
'Names the intent. [administrative]';
comment on column intents.scheduled_intents.user_id is
'Whose intent it is: the id of the user as text. [administrative]';
comment on column intents.scheduled_intents.intent_name is
'What the user calls it. [personal]';
comment on column intents.scheduled_intents.description is
'What it is for, in the words of the user. [personal]';
comment on column intents.scheduled_intents.trigger_type is
'What sets it off: time (cron, interval, once), or something that happens. [administrative]';
comment on column intents.scheduled_intents.trigger_schedule is
'When to look: cron expression, interval or moment, with time zone. [personal]';
comment on column intents.scheduled_intents.trigger_condition is
'What has to hold when it is looked at, such as a price that is crossed. [personal]';
comment on column intents.scheduled_intents.action_type is
'What the assistant does then. [administrative]';
comment on column intents.scheduled_intents.action_context is
'What the assistant has to know to do it. [personal]';
comment on column intents.scheduled_intents.action_priority is
'How urgent the message is; critical ones pass quiet hours. [administrative]';
comment on column intents.scheduled_intents.next_check is
'When it is due to be looked at; null if nothing is planned. [administrative]';
comment on column intents.scheduled_intents.last_checked is
'When it was last looked at. [administrative]';
comment on column intents.scheduled_intents.last_executed is
'When it last fired. [administrative]';
comment on column intents.scheduled_intents.execution_count is
'How often it has fired. [administrative]';
comment on column intents.scheduled_intents.last_execution_status is
'What came of the last execution; null before the first. [administrative]';
comment on column intents.scheduled_intents.last_execution_error is
'What went wrong in the last execution, if it failed. [platform]';
comment on column intents.scheduled_intents.last_message_id is
'The message the last execution sent. [platform]';
comment on column intents.scheduled_intents.enabled is
'Whether it is looked at at all. [administrative]';
comment on column intents.scheduled_intents.expires_at is
'After this moment it is not looked at any more; null for never. [administrative]';
comment on column intents.scheduled_intents.max_executions is
'After so many executions it is not looked at any more; null for no limit. [administrative]';
comment on column intents.scheduled_intents.created_at is
'When it was made. [administrative]';
comment on column intents.scheduled_intents.updated_at is
'When the row was last written, kept by a trigger. [administrative]';
comment on column intents.scheduled_intents.created_by is
'Who made it: the user, the assistant, or a person on the team. [administrative]';
comment on column intents.scheduled_intents.metadata is
'Whatever the clients keep with it. [personal]';

comment on table intents.intent_executions is
'Every time an intent fired or was held back, and what came of it. Kept as long as the intent is. [personal]';
comment on column intents.intent_executions.id is
'Names the execution. [administrative]';
comment on column intents.intent_executions.intent_id is
'The intent that fired. [administrative]';
comment on column intents.intent_executions.user_id is
'Whose it is: always the user of the intent. [administrative]';
comment on column intents.intent_executions.executed_at is
'When it fired. [administrative]';
comment on column intents.intent_executions.trigger_type is
'What set it off, as the intent said at the time. [administrative]';
comment on column intents.intent_executions.trigger_data is
'What was seen when it fired, such as the price. [personal]';
comment on column intents.intent_executions.status is
'What came of it. [administrative]';
comment on column intents.intent_executions.gate_result is
'Why the gate let it pass or held it back: quiet hours, too many messages. [administrative]';
comment on column intents.intent_executions.message_id is
'The message it sent. [platform]';
comment on column intents.intent_executions.message_preview is
'How that message begins. [personal]';
comment on column intents.intent_executions.evaluation_ms is
'Milliseconds to look at the condition. [platform]';
comment on column intents.intent_executions.generation_ms is
'Milliseconds to write the message. [platform]';
comment on column intents.intent_executions.delivery_ms is
'Milliseconds to deliver it. [platform]';
comment on column intents.intent_executions.error_message is
'What went wrong, if it failed. [platform]';
