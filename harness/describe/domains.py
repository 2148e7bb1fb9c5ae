"""The columns that show the CHECKs of domains.

Decides in which column of a table the CHECK of a domain is declared: every other column of the domain has the same one,
as its type says, and it shows most where no other rule has a say in the values.
Not here: the entries (``description.py``), and which of several tables declares it (``adopt/survey.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from harness.catalog import Column, Table, TableRule
from harness.catalog.parts import domain_rule
from harness.project import sql


class DomainHome(NamedTuple):
    """A column that has the CHECK of a domain, the CHECK's place among those of the column, and its name.

    ``rivals`` counts the other rules about the column's values.
    """

    rivals: int
    column: Column
    place: int
    name: str

    @property
    def predicate(self) -> str:
        return sql.replace_value(self.column.domain_checks[self.place], self.column.name)

    @property
    def earlier(self) -> Iterable[tuple[str, str]]:
        """The CHECKs that PostgreSQL tries before: their names and predicates."""
        for place in range(self.place):
            yield self.column.domain_check_names[place].name, self._replace(place=place).predicate


def domain_homes(table: Table) -> Mapping[TableRule, DomainHome]:
    """The CHECKs of the domains of a table's columns, each with the column where it shows most."""
    found: dict[TableRule, DomainHome] = {}
    taken = {each.name for each in table.constraints}
    for column in table.columns:
        checks = sum(column.name in sql.columns(each.expression) for each in table.checks)
        own = checks + (column.name in table.foreign_columns) + bool(column.generated) + len(column.domain_checks)
        for place, named in enumerate(column.domain_check_names):
            rule, home = domain_rule(named), DomainHome(own, column, place, named.name)
            # A constraint of the table that has the name would be taken for it.
            if named.name not in taken and (rule not in found or own < found[rule].rivals):
                found[rule] = home
    return found
