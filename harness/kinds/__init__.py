"""The kinds of check, by the key that an entry begins with. A new kind is a module and a line here."""

from __future__ import annotations

from harness.kinds.accepted_values import AcceptedValues
from harness.kinds.audited import Audited
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.kinds.check import Check
from harness.kinds.class_ import Class
from harness.kinds.columns import Columns
from harness.kinds.comment import Comment
from harness.kinds.declared import Declared
from harness.kinds.default import Default
from harness.kinds.exclude import Exclude
from harness.kinds.foreign_key import ForeignKey
from harness.kinds.generated import Generated
from harness.kinds.immutable import Immutable
from harness.kinds.index import Index
from harness.kinds.locked import Locked
from harness.kinds.not_null import NotNull
from harness.kinds.policy import Policy
from harness.kinds.primary_key import PrimaryKey
from harness.kinds.privileges import Privileges
from harness.kinds.query import Query
from harness.kinds.referenced_by import ReferencedBy
from harness.kinds.rollback import Rollback
from harness.kinds.routine import Routine
from harness.kinds.row_security import RowSecurity
from harness.kinds.rows import Rows
from harness.kinds.touched_on_update import TouchedOnUpdate
from harness.kinds.transition import Transition
from harness.kinds.trigger import Trigger
from harness.kinds.unique import Unique

KINDS: dict[str, type[Kind]] = {
    "accepted_values": AcceptedValues,
    "audited": Audited,
    "check": Check,
    "class": Class,
    "columns": Columns,
    "comment": Comment,
    "declared": Declared,
    "default": Default,
    "exclude": Exclude,
    "foreign_key": ForeignKey,
    "generated": Generated,
    "immutable": Immutable,
    "index": Index,
    "locked": Locked,
    "not_null": NotNull,
    "policy": Policy,
    "primary_key": PrimaryKey,
    "privileges": Privileges,
    "query": Query,
    "referenced_by": ReferencedBy,
    "rollback": Rollback,
    "routine": Routine,
    "row_security": RowSecurity,
    "rows": Rows,
    "touched_on_update": TouchedOnUpdate,
    "transition": Transition,
    "trigger": Trigger,
    "unique": Unique,
}

__all__ = ["KINDS", "Fact", "Kind", "Subject", "Unreliable"]
