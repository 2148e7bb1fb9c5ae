-- Who may do what. A user does everything with their own rows, the service role everything but changing the audit log
-- (it has BYPASSRLS, so privileges are all it needs), anon has nothing. TRUNCATE is given to nobody.
grant usage on schema weeksmith to authenticated, service_role;
grant select, insert, update, delete on
weeksmith.vision, weeksmith.cycle, weeksmith.goal, weeksmith.weekly_plan, weeksmith.task, weeksmith.plan_item,
weeksmith.chat_session, weeksmith.chat_message
to authenticated, service_role;
grant select on weeksmith.audit_log to authenticated;
grant select, insert on weeksmith.audit_log to service_role;

alter table weeksmith.vision enable row level security;
alter table weeksmith.vision force row level security;
alter table weeksmith.cycle enable row level security;
alter table weeksmith.cycle force row level security;
alter table weeksmith.goal enable row level security;
alter table weeksmith.goal force row level security;
alter table weeksmith.weekly_plan enable row level security;
alter table weeksmith.weekly_plan force row level security;
alter table weeksmith.task enable row level security;
alter table weeksmith.task force row level security;
alter table weeksmith.plan_item enable row level security;
alter table weeksmith.plan_item force row level security;
alter table weeksmith.audit_log enable row level security;
alter table weeksmith.audit_log force row level security;
alter table weeksmith.chat_session enable row level security;
alter table weeksmith.chat_session force row level security;
alter table weeksmith.chat_message enable row level security;
alter table weeksmith.chat_message force row level security;

-- Forced row security holds for the owner too: without these, seeds, functions and triggers see nothing.
create policy vision_owner on weeksmith.vision
to current_user using (true) with check (true);
create policy cycle_owner on weeksmith.cycle
to current_user using (true) with check (true);
create policy goal_owner on weeksmith.goal
to current_user using (true) with check (true);
create policy weekly_plan_owner on weeksmith.weekly_plan
to current_user using (true) with check (true);
create policy task_owner on weeksmith.task
to current_user using (true) with check (true);
create policy plan_item_owner on weeksmith.plan_item
to current_user using (true) with check (true);
create policy audit_log_owner on weeksmith.audit_log
to current_user using (true) with check (true);
create policy chat_session_owner on weeksmith.chat_session
to current_user using (true) with check (true);
create policy chat_message_owner on weeksmith.chat_message
to current_user using (true) with check (true);

-- The subselect is evaluated once for a query, not once for a row. No claims, no user, no rows.
create policy vision_own on weeksmith.vision
to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy cycle_own on weeksmith.cycle
to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy goal_own on weeksmith.goal
to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy weekly_plan_own on weeksmith.weekly_plan
to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy task_own on weeksmith.task
to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy plan_item_own on weeksmith.plan_item
to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy chat_session_own on weeksmith.chat_session
to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy chat_message_own on weeksmith.chat_message
to authenticated
using (
    exists (
        select from weeksmith.chat_session as s
        where s.id = chat_message.session_id and s.user_id = (select auth.uid())
    )
)
with check (
    exists (
        select from weeksmith.chat_session as s
        where s.id = chat_message.session_id and s.user_id = (select auth.uid())
    )
);
create policy audit_log_read_subject on weeksmith.audit_log
for select to authenticated using (subject_user_id = (select auth.uid()));
