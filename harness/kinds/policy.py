"""policy"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.catalog.parts import TableRule
from harness.kinds.base import Fact, Kind, Subject
from harness.project.keys import boolean, choice, key, name, names, predicate
from harness.project.model import TableName

COMMANDS = ("all", "select", "insert", "update", "delete")


@dataclass(frozen=True)
class PolicyKind(Kind):
    """A policy of row level security, as it stands in the database.

    ```yaml
    - policy: orders_own
      for: select
      to: authenticated
      using: customer_id = (select auth.uid())
    ```

    Only the catalog is asked, so that it comes to *present*: row security is enabled on the table, and the policy is
    there, for this command and these roles, permissive or not, with these predicates (compared as PostgreSQL prints
    them). Who then sees and writes which rows it does not try: that is for `row_security` to say, which is proven on
    rows.
    """

    policy: str = key(name, "the name of the policy")
    for_: str = key(choice(*COMMANDS), "the command that it is for", default="all")
    to: tuple[str, ...] = key(names, "the roles that it is for; `public` is everybody", default=("public",))
    permissive: bool = key(boolean, "false: it restricts what others permit", default=True)
    using: str | None = key(predicate, "the rows that stand and may be seen or written", default=None)
    check: str | None = key(predicate, "the rows as they may be written", default=None)

    @property
    def subject(self) -> str:
        return self.policy

    def declares(self, table: TableName) -> tuple[TableRule, ...]:
        return TableRule("policy", self.policy), TableRule("row security", "")

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = subject.table.policy(self.policy)
        enabled = subject.table.row_security
        yield Fact("row security enabled", f"row security {'enabled' if enabled else 'disabled'}")
        roles = sorted(subject.table.owner if role == "$owner" else role for role in self.to)
        yield Fact(_spelled(self.permissive, self.for_, roles), _spelled(found.permissive, found.command, found.roles))
        using, check = subject.canonical.policy(subject.table, self.for_, self.using, self.check)
        yield Fact(f"using {_shown(using)}", f"using {_shown(found.using)}")
        yield Fact(f"check {_shown(check)}", f"check {_shown(found.check)}")


def _spelled(permissive: bool, command: str, roles: list[str] | tuple[str, ...]) -> str:
    return f"{'permissive' if permissive else 'restrictive'} for {command} to {', '.join(sorted(roles))}"


def _shown(predicate: str | None) -> str:
    return predicate or "nothing"
