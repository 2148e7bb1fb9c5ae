-- The one way to open a locked week: with a ticket that says why, and an entry that shows the lock before and after.
create function weeksmith.unlock_plan(plan_id uuid, reason text, new_locked_after_week integer default 12)
returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
    before_plan weeksmith.weekly_plan;
    after_plan weeksmith.weekly_plan;
    entry_id uuid;
begin
    select p.* into before_plan from weeksmith.weekly_plan as p where p.id = plan_id for update;
    if not found then
        raise exception 'there is no plan %', plan_id
        using errcode = 'P0002', constraint = 'unlock_plan_exists', schema = 'weeksmith', table = 'weekly_plan';
    end if;
    -- What a reason looks like, the audit log's own CHECK says.
    if reason is null then
        raise exception 'a week is unlocked for a reason'
        using errcode = '22023', constraint = 'unlock_plan_reason', schema = 'weeksmith', table = 'weekly_plan';
    end if;
    if before_plan.week_no <= before_plan.locked_after_week then
        raise exception 'week % is not locked', before_plan.week_no
        using errcode = '55000', constraint = 'unlock_plan_locked', schema = 'weeksmith', table = 'weekly_plan';
    end if;
    if new_locked_after_week is null or new_locked_after_week < before_plan.week_no then
        raise exception 'locked after week %, week % stays locked', new_locked_after_week, before_plan.week_no
        using errcode = '22023', constraint = 'unlock_plan_opens', schema = 'weeksmith', table = 'weekly_plan';
    end if;

    after_plan := before_plan;
    after_plan.locked_after_week := new_locked_after_week;
    -- First the entry: the trigger on the plan looks for it.
    insert into weeksmith.audit_log (
        actor_user_id, actor_type, subject_user_id, action, before_state, after_state, rationale
    )
    values (
        auth.uid(),
        case when auth.uid() is null then 'system' else 'user' end::weeksmith.actor_type,
        before_plan.user_id, 'plan.unlock.override', weeksmith.audit_state(before_plan),
        weeksmith.audit_state(after_plan), reason
    )
    returning id into entry_id;
    update weeksmith.weekly_plan as p set locked_after_week = new_locked_after_week where p.id = plan_id;
    return entry_id;
end
$$;

comment on function weeksmith.unlock_plan(uuid, text, integer) is
'Opens a locked week for a reason such as ticket 4711; returns the id of the audit entry. For the service role.';

revoke all on function weeksmith.unlock_plan(uuid, text, integer) from public, anon, authenticated, service_role;
grant execute on function weeksmith.unlock_plan(uuid, text, integer) to service_role;
