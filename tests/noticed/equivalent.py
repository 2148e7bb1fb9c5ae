"""Mutants that no check can be asked to notice, and those that none notices yet. By module and name, with why."""

from __future__ import annotations

GUARD = "weeksmith.plan_item weeksmith.require_plan"
STAYS = "orchestrator.human_review_queue orchestrator.resolved_review_stays"
LOG = "clinic.audit_logs clinic.refuse_audit_change"
RECORD = "absence.audit_log absence.audit_log_append_only"

EQUIVALENT: dict[str, dict[str, str]] = {
    # Whatever is written, the database holds the same with these.
    "absence": {
        f"{RECORD}: line 5: without tg_op = 'UPDATE'": "on DELETE there is no new row: none is like an entry",
        f"{RECORD}: line 5: without old.actor_id is not null": "lets pass an update that changes nothing",
        f"{RECORD}: line 5: without new is not distinct from anonymous": (
            "an entry whose actor is gone is met once: when the foreign key takes the actor out of it, and nothing else"
        ),
    },
    "clinic": {
        f"{LOG}: line 4: true for tg_op = 'UPDATE'": "on DELETE there is no new row: none is like an entry",
        f"{LOG}: line 9: without old.user_id is not null": "lets pass an update that changes nothing",
        f"{LOG}: line 10: without new *= unlinked": (
            "an entry whose user is gone is met once: when the foreign key takes the user out of it, and nothing else"
        ),
    },
    "orchestrator": {
        f"{STAYS}: line 2: without tg_op = 'UPDATE'": "on DELETE there is no new row: none is like a review",
        f"{STAYS}: line 5: without tg_op = 'DELETE'": "on UPDATE the run is there: the foreign key says so",
    },
    "weeksmith": {
        "weeksmith.plan_item weeksmith.refuse_locked_quota: line 19: without return null;": (
            "nothing was touched: there is no plan to look at"
        ),
        f"{GUARD}: line 2: true for tg_op = 'UPDATE'": "on INSERT there is no old plan: the new one is another",
        f"{GUARD}: line 9: without new.plan_id is not null": "an item without a plan is refused either way",
    },
}

_RENAMED = "only a statement that renames the user and writes to their entries at once can show it"
_RACE = "only two sessions at once can show it"
NOT_YET: dict[str, dict[str, str]] = {
    "absence": {
        "absence.communication_logs absence.audit_change: line 33: without for key share": _RACE,
        "absence.milestone_actions absence.close_milestone_action: line 4: without for update": _RACE,
    },
    "clinic": {
        f"{LOG}: line 11: without pg_trigger_depth() > 1": _RENAMED,
        f"{LOG}: line 11: ( ) > 1 and with >=": _RENAMED,
        f"{LOG}: line 11: ) > 1 and not by -1": _RENAMED,
    },
    "weeksmith": {
        "weeksmith.plan_item weeksmith.unlock_plan: line 6: without for update": _RACE,
    },
}
