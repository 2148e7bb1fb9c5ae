"""The text that ``harness explain`` prints of a rule: a house rule's own page, or a summary of sqlfluff's docstring."""

from __future__ import annotations

import inspect
import re

from sqlfluff.core.rules import BaseRule

from harness.lint import names, pages
from harness.lint.rules.base import GROUP

LIST = "lint"
"""The word that lists the house rules."""
_UNREAD = """\
PRS: a statement that cannot be read.

Where PostgreSQL cannot read it either, it is a slip, shown at its place. Where PostgreSQL can, harness lint warns:
sqlfluff does not check the layout of this statement. House rules and other statements are judged all the same. An
editor shows it red; -- noqa: PRS at the end of the line that the warning names takes both away.
"""
_MORE = "https://docs.sqlfluff.com/en/stable/perma/rule/{}.html"


def explained(word: str) -> str | None:
    """The text about a rule, a group of rules (``harness``, ``layout``) or ``PRS``; None if that is none of them."""
    if word.upper() == "PRS":
        return _UNREAD
    rules = names.rules()
    name = GROUP if word.lower() == LIST else names.spelled(word, rules)
    if name is None:
        return None
    codes = sorted(rules[name])
    if len(codes) > 1:
        return _list(codes)
    return pages.pages().get(f"{codes[0]}.md") or _of_sqlfluff(names.classes()[codes[0]])


def known() -> set[str]:
    """All words that :func:`explained` has a text for."""
    return {LIST, "PRS", *names.rules()}


def _list(codes: list[str]) -> str:
    """A line for each rule: code, name and first sentence."""
    rules = [names.classes()[code] for code in codes]
    widths = [max(len(each) for each in column) for column in ([r.code for r in rules], [r.name for r in rules])]
    lines = [f"{r.code.ljust(widths[0])}  {r.name.ljust(widths[1])}  {pages.title(r)}\n" for r in rules]
    return "".join(lines)


def _of_sqlfluff(rule: type[BaseRule]) -> str:
    """The docstring before its examples, the settings, and a link."""
    text = re.sub(r"``(.*?)``", r"\1", inspect.cleandoc(str(rule.__doc__)))
    prose = re.split(r"^(?:\*\*|\.\. )", text, maxsplit=1, flags=re.MULTILINE)[0].strip()
    prose = re.sub(r"\n{3,}", "\n\n", prose)
    settings = f"Settings, in [sqlfluff:rules:{rule.name}]: {', '.join(rule.config_keywords)}"
    lines = [f"{rule.code} {rule.name}: {prose}", *([settings] if rule.config_keywords else [])]
    return "\n\n".join([*lines, f"A rule of sqlfluff. More: {_MORE.format(rule.code)}\n"])
