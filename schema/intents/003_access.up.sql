-- Who may do what. The service role does everything (it has BYPASSRLS, so privileges are all it needs), a user
-- reads their own rows, anon has nothing.
grant usage on schema intents to authenticated, service_role;
grant all on intents.scheduled_intents, intents.intent_executions to service_role;
grant select on intents.scheduled_intents, intents.intent_executions to authenticated;

alter table intents.scheduled_intents enable row level security;
alter table intents.scheduled_intents force row level security;
alter table intents.intent_executions enable row level security;
alter table intents.intent_executions force row level security;

-- Forced row security holds for the owner too: without these, seeds and foreign key checks see nothing.
create policy scheduled_intents_owner on intents.scheduled_intents
to current_user using (true) with check (true);
create policy intent_executions_owner on intents.intent_executions
to current_user using (true) with check (true);

-- The subselect is evaluated once for a query, not once for a row. No claims, no user, no rows.
create policy scheduled_intents_read_own on intents.scheduled_intents
for select to authenticated using (user_id = (select auth.uid()::text));
create policy intent_executions_read_own on intents.intent_executions
for select to authenticated using (user_id = (select auth.uid()::text));
