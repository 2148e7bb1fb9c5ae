drop trigger human_review_queue_no_truncate on orchestrator.human_review_queue;
drop trigger human_review_queue_resolved on orchestrator.human_review_queue;
drop trigger orchestrator_runs_keep_thread on orchestrator.orchestrator_runs;
drop trigger orchestrator_runs_touch on orchestrator.orchestrator_runs;

drop function orchestrator.refuse_truncate();
drop function orchestrator.refuse_new_thread();
drop function orchestrator.resolved_review_stays();
drop function orchestrator.touch_updated_at();
