-- Who may do what. The service role writes (it has BYPASSRLS, so privileges are all it needs), whoever is signed in
-- reads, anon has nothing.
grant usage on schema orchestrator to authenticated, service_role;
grant select, insert, update, delete on orchestrator.orchestrator_runs, orchestrator.human_review_queue
to service_role;
grant select on orchestrator.orchestrator_runs, orchestrator.human_review_queue to authenticated;

alter table orchestrator.orchestrator_runs enable row level security;
alter table orchestrator.orchestrator_runs force row level security;
alter table orchestrator.human_review_queue enable row level security;
alter table orchestrator.human_review_queue force row level security;

-- Forced row security holds for the owner too: without these, seeds, triggers and foreign key checks see nothing.
create policy orchestrator_runs_owner on orchestrator.orchestrator_runs
to current_user using (true) with check (true);
create policy human_review_queue_owner on orchestrator.human_review_queue
to current_user using (true) with check (true);

-- Runs belong to nobody: the role alone decides, not who asks in it.
create policy orchestrator_runs_read on orchestrator.orchestrator_runs
for select to authenticated using (true);
create policy human_review_queue_read on orchestrator.human_review_queue
for select to authenticated using (true);
