"""policy"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.catalog.model import Policy
from harness.kinds.base import Fact, Kind, Subject, Table, TableRule
from harness.kinds.row_access.recursion import recursions
from harness.project.keys import boolean, choice, key, name, names, predicate

COMMANDS = ("all", "select", "insert", "update", "delete")


@dataclass(frozen=True)
class PolicyKind(Kind):
    """A policy of row level security, as the catalog has it.

    ```yaml
    - policy: orders_own
      for: select
      to: authenticated
      using: customer_id = (select auth.uid())
    ```

    Looked up in the catalog, so that the check is *present*: row security is enabled on the table, and the policy is
    there, for this command and these roles, permissive or not, with these predicates (compared as PostgreSQL prints
    them). If policies ask each other, so that PostgreSQL refuses every query (42P17), it says which ones. The rows that
    a role then sees and writes are not tried: the kind `row_security` proves them.
    """

    policy: str = key(name, "the name of the policy")
    for_: str = key(choice(*COMMANDS), "the command that it is for", default="all")
    to: tuple[str, ...] = key(names, "the roles that it is for; `public` is everybody", default=("public",))
    permissive: bool = key(boolean, "false: it restricts what others permit", default=True)
    using: str | None = key(predicate, "the rows that stand and may be seen or written", default=None)
    check: str | None = key(predicate, "the rows as they may be written", default=None)

    def declares(self, table: Table) -> tuple[TableRule, ...]:
        return TableRule("policy", self.policy), TableRule("row security", "")

    def facts(self, subject: Subject) -> Iterator[Fact]:
        found = subject.table.policy(self.policy)
        yield Fact("row security enabled", f"row security {'enabled' if subject.table.row_security else 'disabled'}")
        roles = tuple(subject.table.owner if role == "$owner" else role for role in self.to)
        declared = replace(found, permissive=self.permissive, command=self.for_, roles=roles)
        yield Fact(_spelled(declared), _spelled(found))
        using, check = subject.canonical.policy(subject.table, self.for_, self.using, self.check)
        yield Fact(f"using {using or 'nothing'}", f"using {found.using or 'nothing'}")
        yield Fact(f"check {check or 'nothing'}", f"check {found.check or 'nothing'}")
        yield from recursions(subject)


def _spelled(policy: Policy) -> str:
    kind = "permissive" if policy.permissive else "restrictive"
    return f"{kind} for {policy.command} to {', '.join(sorted(policy.roles))}"
