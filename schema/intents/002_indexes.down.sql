drop index intents.idx_executions_status;
drop index intents.idx_executions_user;
drop index intents.idx_executions_intent;
drop index intents.idx_intents_created;
drop index intents.idx_intents_type;
drop index intents.idx_intents_user_enabled;
drop index intents.idx_intents_user_id;
drop index intents.idx_intents_pending;
