-- The scheduler: which intents are enabled and due?
create index idx_intents_pending on intents.scheduled_intents (next_check)
where enabled = true and next_check is not null;

-- A user's intents: all, those that are on, those of one type; and the newest of all.
create index idx_intents_user_id on intents.scheduled_intents (user_id);
create index idx_intents_user_enabled on intents.scheduled_intents (user_id, enabled) where enabled = true;
create index idx_intents_type on intents.scheduled_intents (user_id, trigger_type);
create index idx_intents_created on intents.scheduled_intents (created_at desc);

-- The history, newest first: of an intent (which also serves its foreign key), of a user, of a status.
create index idx_executions_intent on intents.intent_executions (intent_id, executed_at desc);
create index idx_executions_user on intents.intent_executions (user_id, executed_at desc);
create index idx_executions_status on intents.intent_executions (status, executed_at desc);
