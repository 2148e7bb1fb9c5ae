-- One for every foreign key, so that a delete above does not read the whole table below, and one for whose a row is.
-- Of these the keys themselves bring two: vision_unique_user and idx_weekly_plan_cycle_week.
create index idx_cycle_user on weeksmith.cycle (user_id);

create index idx_goal_user on weeksmith.goal (user_id);
create index idx_goal_cycle on weeksmith.goal (cycle_id);

create index idx_weekly_plan_user on weeksmith.weekly_plan (user_id);

create index idx_task_user on weeksmith.task (user_id);

create index idx_plan_item_user on weeksmith.plan_item (user_id);
create index idx_plan_item_plan on weeksmith.plan_item (plan_id);
create index idx_plan_item_goal on weeksmith.plan_item (goal_id);
create index idx_plan_item_task on weeksmith.plan_item (task_id);

create index idx_audit_log_actor on weeksmith.audit_log (actor_user_id);
create index idx_audit_log_subject on weeksmith.audit_log (subject_user_id);

create index idx_chat_session_user on weeksmith.chat_session (user_id);
create index idx_chat_session_cycle on weeksmith.chat_session (cycle_id);

create index idx_chat_message_session on weeksmith.chat_message (session_id);
