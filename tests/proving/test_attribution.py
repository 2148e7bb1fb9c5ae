"""Which refusals mask a probe: those of other declared rules, told apart as closely as the catalog allows."""

from __future__ import annotations

from dataclasses import replace

from harness.catalog import Table
from harness.catalog.model import Trigger
from harness.probes import Accepted, Execute, Probe, Refused, ServerError
from harness.probes.reply import Reply
from harness.project.model import TableName
from harness.proving.attribution import Verdict, judge

ITEMS, LOG = TableName("shop", "items"), TableName("shop", "log")
GUARD = Trigger("items_guard", "shop.guard", "BEFORE", "ROW", ("UPDATE",), "O", "")
TABLE = Table(ITEMS, "r", "owner", None, False, False, triggers=(GUARD,))
PROBE = Probe(Execute("select"), Accepted(), "free", "a change")


def raised(function: str) -> Reply:
    return Reply(ServerError("P0001", context=f"PL/pgSQL function {function}() line 1 at RAISE"))


def test_another_trigger_with_the_same_sqlstate_masks_nothing() -> None:
    declared = Refused(("P0001",), triggers=("items_guard",)).in_catalog(TABLE)
    assert declared is not None
    assert judge(PROBE, raised("shop.guard"), [declared]) is Verdict.MASKED
    assert judge(PROBE, raised("shop.lock"), [declared]) is Verdict.WRONG


def test_a_trigger_that_is_not_there_refuses_nothing() -> None:
    assert Refused(("P0001",), triggers=("items_lock",)).in_catalog(TABLE) is None
    assert Refused(("P0001",), triggers=("items_guard",)).in_catalog(None) is None


def test_what_a_trigger_writes_elsewhere_has_to_keep_the_rules_there() -> None:
    rule = Refused(("23514",), LOG, constraint="log_check")
    reply = Reply(ServerError("23514", "shop", "log", constraint="log_check"))
    assert judge(PROBE, reply, [rule]) is Verdict.MASKED
    assert judge(replace(PROBE, not_masked_by=(LOG,)), reply, [rule]) is Verdict.WRONG
