"""The base of all house rules: decides when they apply, and how their findings are worded.

A rule applies only where the settings ask for it by name, and never to down files.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlfluff.core.helpers.string import split_comma_separated_string
from sqlfluff.core.parser import BaseSegment
from sqlfluff.core.rules import LintResult, RuleContext
from sqlfluff.core.rules.crawlers import BaseCrawler, RootOnlyCrawler

GROUP = "harness"
_NAMELESS = ("stdin", "<string input>")


@dataclass(frozen=True)
class RuleFinding:
    """A fault. ``subject`` is the name of the faulty object (``shop.orders.note``), ``anchor`` its word in the file."""

    anchor: BaseSegment
    subject: str
    text: str


def file_of(context: RuleContext) -> Path | None:
    """The file that is linted; None for text without a name.

    An editor sends the text through standard input, and the name as ``--stdin-filename``. sqlfluff looks up settings
    by it, but calls the file ``stdin`` to its rules.
    """
    if context.path is not None and str(context.path) not in _NAMELESS:
        return context.path
    import click

    command = click.get_current_context(silent=True)
    given = command.params.get("stdin_filename") if command else None
    return Path(given) if given else None


class HouseRule:
    """The first base of every house rule, before ``BaseRule``; it is no ``BaseRule`` itself, since those need a code.

    A rule applies only where ``rules`` of the settings names it, or the group ``harness``. ``all`` does not count, nor
    does a missing ``rules``, which means all rules to sqlfluff: having this package installed is not asking for its
    rules. Down files are never judged. Each finding ends with the command that prints the rule's page: an editor would
    lead to a page of sqlfluff's that does not exist.
    """

    code: str
    name: str
    ignore_names: str
    groups: tuple[str, ...] = ("all", GROUP)
    config_keywords: list[str] = ["ignore_names"]  # noqa: RUF012 - as BaseRule declares it
    # PostgreSQL's grammar reads the file, so a rule does not depend on what sqlfluff can read.
    crawl_behaviour: BaseCrawler = RootOnlyCrawler(works_on_unparsable=True)

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """The faults of the file whose root segment is ``context.segment``."""
        raise NotImplementedError

    def _eval(self, context: RuleContext) -> list[LintResult]:
        file = file_of(context)
        if not self._is_asked_for(context) or (file is not None and file.name.endswith(".down.sql")):
            return []
        return [
            LintResult(anchor=found.anchor, description=f"{found.text} Why: harness explain {self.code}.")
            for found in self.findings(context)
            if not self._ignores(found.subject)
        ]

    def _is_asked_for(self, context: RuleContext) -> bool:
        references = [str(each) for each in context.config.get("rule_allowlist") or ()]
        ours = [each for each in references if each.lower().startswith(GROUP)]  # a plain * asks for nothing either
        return any(fnmatch.fnmatchcase(own, each) for own in (self.code, self.name, GROUP) for each in ours)

    def _ignores(self, subject: str) -> bool:
        return any(
            fnmatch.fnmatchcase(subject, pattern) or fnmatch.fnmatchcase(subject, f"{pattern}.*")
            for pattern in split_comma_separated_string(str(self.ignore_names or ""))
        )
