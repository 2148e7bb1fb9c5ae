"""Implementation of rule Harness_HS07."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlfluff.core.helpers.string import split_comma_separated_string
from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint.rules.base import HouseRule, RuleFinding
from harness.lint.rules.commented import commented

# As the check `class` reads it.
_MARK = re.compile(r"\[([^\]\[]+)\]\s*$")


class Rule_Harness_HS07(HouseRule, BaseRule):  # noqa: N801
    """The comment of a table or column ends in its data class.

    How sensitive a column is decides who may see it, what may be logged of it, and when it has to be deleted. Said in
    the database, behind everything else a comment says, it can be listed and checked. The classes are those of
    ``classes`` in ``project.yml``, written alike. What has no comment at all is left to ``Harness_HS06``. The last
    ``comment on`` counts, and the finding stands at it.

    **Anti-pattern**

    .. code-block:: sql

        comment on column shop.customers.email is 'Where receipts go.';
        comment on column shop.customers.phone is 'Where the courier calls. [privat]';

    **Best practice**

    .. code-block:: sql

        comment on column shop.customers.email is 'Where receipts go. [personal]';
        comment on column shop.customers.phone is 'Where the courier calls. [personal]';

    """

    name = "harness.data_class"
    groups = ("all", "harness")
    config_keywords = ["ignore_names", "classes"]  # noqa: RUF012
    classes: str

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Tables and columns whose comment, as the last migration leaves it, ends in no known class."""
        known = split_comma_separated_string(str(self.classes or ""))
        wanted = f"one of {', '.join(f'[{each}]' for each in known)}" if known else "a word such as [personal]"
        for item in commented(context):
            if not item.comment:
                continue
            mark = _MARK.search(item.comment)
            if mark and (mark[1] in known or not known):
                continue
            found = f"[{mark[1]}], which is no data class" if mark else "no data class"
            text = f"The comment of {item.kind} {item} ends in {found}; wanted: {wanted}."
            yield RuleFinding(item.anchor, str(item), text)
