drop policy audit_log_read_subject on weeksmith.audit_log;
drop policy chat_message_own on weeksmith.chat_message;
drop policy chat_session_own on weeksmith.chat_session;
drop policy plan_item_own on weeksmith.plan_item;
drop policy task_own on weeksmith.task;
drop policy weekly_plan_own on weeksmith.weekly_plan;
drop policy goal_own on weeksmith.goal;
drop policy cycle_own on weeksmith.cycle;
drop policy vision_own on weeksmith.vision;

drop policy chat_message_owner on weeksmith.chat_message;
drop policy chat_session_owner on weeksmith.chat_session;
drop policy audit_log_owner on weeksmith.audit_log;
drop policy plan_item_owner on weeksmith.plan_item;
drop policy task_owner on weeksmith.task;
drop policy weekly_plan_owner on weeksmith.weekly_plan;
drop policy goal_owner on weeksmith.goal;
drop policy cycle_owner on weeksmith.cycle;
drop policy vision_owner on weeksmith.vision;

alter table weeksmith.chat_message no force row level security;
alter table weeksmith.chat_message disable row level security;
alter table weeksmith.chat_session no force row level security;
alter table weeksmith.chat_session disable row level security;
alter table weeksmith.audit_log no force row level security;
alter table weeksmith.audit_log disable row level security;
alter table weeksmith.plan_item no force row level security;
alter table weeksmith.plan_item disable row level security;
alter table weeksmith.task no force row level security;
alter table weeksmith.task disable row level security;
alter table weeksmith.weekly_plan no force row level security;
alter table weeksmith.weekly_plan disable row level security;
alter table weeksmith.goal no force row level security;
alter table weeksmith.goal disable row level security;
alter table weeksmith.cycle no force row level security;
alter table weeksmith.cycle disable row level security;
alter table weeksmith.vision no force row level security;
alter table weeksmith.vision disable row level security;

revoke all on
weeksmith.vision, weeksmith.cycle, weeksmith.goal, weeksmith.weekly_plan, weeksmith.task, weeksmith.plan_item,
weeksmith.audit_log, weeksmith.chat_session, weeksmith.chat_message
from authenticated, service_role;
revoke usage on schema weeksmith from authenticated, service_role;
