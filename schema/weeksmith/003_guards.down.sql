drop trigger audit_log_no_truncate on weeksmith.audit_log;
drop trigger audit_log_append_only on weeksmith.audit_log;
drop trigger weekly_plan_lock on weeksmith.weekly_plan;
drop trigger weekly_plan_keep_id on weeksmith.weekly_plan;
drop trigger cycle_keep_id on weeksmith.cycle;
drop trigger plan_item_no_truncate on weeksmith.plan_item;
drop trigger plan_item_quota_lock on weeksmith.plan_item;
drop trigger plan_item_plan_seen on weeksmith.plan_item;
drop trigger plan_item_touch_updated_at on weeksmith.plan_item;
drop trigger vision_touch_updated_at on weeksmith.vision;

drop function weeksmith.refuse_locked_plan();
drop function weeksmith.audit_state(weeksmith.weekly_plan);
drop function weeksmith.refuse_locked_quota();
drop function weeksmith.refuse_new_id();
drop function weeksmith.require_plan();
drop function weeksmith.refuse_audit_change();
drop function weeksmith.touch_updated_at();
