drop table orchestrator.human_review_queue;
drop table orchestrator.orchestrator_runs;
drop schema orchestrator;
