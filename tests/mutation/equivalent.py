"""Mutants that no check can be asked to notice, and those that none notices yet. By module and name, with why."""

from __future__ import annotations

GUARD = "weeksmith.plan_item weeksmith.require_plan"
STAYS = "orchestrator.human_review_queue orchestrator.resolved_review_stays"
LOG = "clinic.audit_logs clinic.refuse_audit_change"
RECORD = "absence.audit_log absence.audit_log_append_only"
AUTOMATIC = "absence.milestone_actions absence.complete_automatic_milestone_actions"

_STARTS = "what starts after week 12 ends before it starts or after week 12: goal_end_week_range says so, and first"

EQUIVALENT: dict[str, dict[str, str]] = {
    # Whatever is written, the database holds the same with these.
    "absence": {
        f"{RECORD}: line 5: without tg_op = 'UPDATE'": "on DELETE there is no new row: none is like an entry",
        "absence.milestone_actions chk_milestone_actions_completed_by: with 'never'": (
            "no action is in such a status: another CHECK says so"
        ),
        "absence.role_permissions chk_role_permissions_role: without 'EMPLOYEE'::text": (
            "EMPLOYEE has no permission: chk_role_permissions_no_employee says so, and first"
        ),
        f"{AUTOMATIC}: line 6: with 'never'": "no action is in such a status: a CHECK says so",
        f"{AUTOMATIC}: line 2: without set completed_by = null": "what is open names nobody yet: a CHECK says so",
    },
    "clinic": {
        f"{LOG}: line 4: true for tg_op = 'UPDATE'": "on DELETE there is no new row: none is like an entry",
    },
    "intents": {},
    "orchestrator": {
        f"{STAYS}: line 2: without tg_op = 'UPDATE'": "on DELETE there is no new row: none is like a review",
    },
    "weeksmith": {
        "weeksmith.goal goal_start_week_range: without (start_week <= 12)": _STARTS,
        "weeksmith.goal goal_start_week_range: start_week <= 12 ) ) by +1": _STARTS,
        "weeksmith.plan_item weeksmith.refuse_locked_quota: line 19: without return null;": (
            "nothing was touched: there is no plan to look at"
        ),
        f"{GUARD}: line 2: true for tg_op = 'UPDATE'": "on INSERT there is no old plan: the new one is another",
    },
}
