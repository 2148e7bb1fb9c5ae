"""The kinds of check, by the key that an entry begins with.

A new kind is a module and a line here; its docstring is its page in ``harness explain``. ``base`` has the base class
and the subject that a check is about, ``toolkit`` what several kinds share, and a package such as ``locked_parts`` what
one large kind is made of. Nothing here talks to the server about probes: kinds only draw them, ``proving`` runs them.
"""

from __future__ import annotations

from harness.kinds.accepted_values import AcceptedValuesKind
from harness.kinds.audited import AuditedKind
from harness.kinds.base import Fact, Kind, Subject, Unreliable
from harness.kinds.check import CheckKind
from harness.kinds.class_ import ClassKind
from harness.kinds.columns import ColumnsKind
from harness.kinds.comment import CommentKind
from harness.kinds.declared import DeclaredKind
from harness.kinds.default import DefaultKind
from harness.kinds.exclude import ExcludeKind
from harness.kinds.foreign_key import ForeignKeyKind
from harness.kinds.generated import GeneratedKind
from harness.kinds.immutable import ImmutableKind
from harness.kinds.index import IndexKind
from harness.kinds.locked import LockedKind
from harness.kinds.not_null import NotNullKind
from harness.kinds.policy import PolicyKind
from harness.kinds.primary_key import PrimaryKeyKind
from harness.kinds.privileges import PrivilegesKind
from harness.kinds.query import QueryKind
from harness.kinds.referenced_by import ReferencedByKind
from harness.kinds.rollback import RollbackKind
from harness.kinds.routine import RoutineKind
from harness.kinds.row_security import RowSecurityKind
from harness.kinds.rows import RowsKind
from harness.kinds.touched_on_update import TouchedOnUpdateKind
from harness.kinds.transition import TransitionKind
from harness.kinds.trigger import TriggerKind
from harness.kinds.unique import UniqueKind

KINDS: dict[str, type[Kind]] = {
    "accepted_values": AcceptedValuesKind,
    "audited": AuditedKind,
    "check": CheckKind,
    "class": ClassKind,
    "columns": ColumnsKind,
    "comment": CommentKind,
    "declared": DeclaredKind,
    "default": DefaultKind,
    "exclude": ExcludeKind,
    "foreign_key": ForeignKeyKind,
    "generated": GeneratedKind,
    "immutable": ImmutableKind,
    "index": IndexKind,
    "locked": LockedKind,
    "not_null": NotNullKind,
    "policy": PolicyKind,
    "primary_key": PrimaryKeyKind,
    "privileges": PrivilegesKind,
    "query": QueryKind,
    "referenced_by": ReferencedByKind,
    "rollback": RollbackKind,
    "routine": RoutineKind,
    "row_security": RowSecurityKind,
    "rows": RowsKind,
    "touched_on_update": TouchedOnUpdateKind,
    "transition": TransitionKind,
    "trigger": TriggerKind,
    "unique": UniqueKind,
}

__all__ = ["KINDS", "Fact", "Kind", "Subject", "Unreliable"]
