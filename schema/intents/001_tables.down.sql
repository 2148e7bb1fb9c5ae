drop table intents.intent_executions;
drop table intents.scheduled_intents;
drop function intents.touch_updated_at();
drop schema intents;
