drop policy human_review_queue_read on orchestrator.human_review_queue;
drop policy orchestrator_runs_read on orchestrator.orchestrator_runs;
drop policy human_review_queue_owner on orchestrator.human_review_queue;
drop policy orchestrator_runs_owner on orchestrator.orchestrator_runs;

alter table orchestrator.human_review_queue no force row level security;
alter table orchestrator.human_review_queue disable row level security;
alter table orchestrator.orchestrator_runs no force row level security;
alter table orchestrator.orchestrator_runs disable row level security;

revoke all on orchestrator.orchestrator_runs, orchestrator.human_review_queue from authenticated, service_role;
revoke usage on schema orchestrator from authenticated, service_role;
