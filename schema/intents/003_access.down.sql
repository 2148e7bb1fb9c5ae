drop policy intent_executions_read_own on intents.intent_executions;
drop policy scheduled_intents_read_own on intents.scheduled_intents;
drop policy intent_executions_owner on intents.intent_executions;
drop policy scheduled_intents_owner on intents.scheduled_intents;

alter table intents.intent_executions no force row level security;
alter table intents.intent_executions disable row level security;
alter table intents.scheduled_intents no force row level security;
alter table intents.scheduled_intents disable row level security;

revoke all on intents.scheduled_intents, intents.intent_executions from authenticated, service_role;
revoke usage on schema intents from authenticated, service_role;
