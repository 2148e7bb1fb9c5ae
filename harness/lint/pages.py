"""The pages of ``docs/lint``, made from the docstrings of the rules, and the text for ``explain``.

``python -m harness.lint.pages`` writes them, and removes those of rules that are gone.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

from sqlfluff.core.plugin.host import get_plugin_manager
from sqlfluff.core.rules import BaseRule

from harness.lint import names, plugin
from harness.lint.rules.base import GROUP

DIRECTORY = Path("docs", "lint")

_INDEX = """\
# House rules

This project's requirements on every table, view and function, as rules of sqlfluff: an editor underlines a fault, and
`harness lint` and `sqlfluff lint schema` report it.

| code | name | rule |
|---|---|---|
{rows}

## Switching them on

sqlfluff finds the rules once the package is installed. They are silent until the `.sqlfluff` of a project names them:
by their group, `harness`, by name or by code.

```ini
[sqlfluff]
rules = all, harness
exclude_rules = Harness_HS05

[sqlfluff:rules:harness.data_class]
classes = public, administrative, personal
```

`harness explain HS01` prints the page of a rule, `harness explain lint` lists them, `harness explain LT05` summarizes a
rule of sqlfluff's own.

`harness lint` shows a fault of a `.sqlfluff` at its line: an unknown name is a warning, or an error (exit code 2) if it
would make the verdict worthless, as under `rules`.

`rules = all` alone, and no `rules` at all, mean sqlfluff's own. An editor must run the sqlfluff of the environment that
has the package.

## Making exceptions

Write `-- noqa: Harness_HS01` at the end of the line, as for any rule of sqlfluff; also in a migration that has been
applied, where a comment does not count as an edit. Write the reason before it: `-- old app -- noqa: Harness_HS01`.
`harness lint` warns of a comment that names no rule. Name exceptions for a whole project in `.sqlfluff`.

```ini
[sqlfluff:rules:harness.text]
ignore_names = legacy, shop.orders.currency
```

## The judged statements

- Tables, columns and constraints are judged wherever they are written: in `create table`, also with `like`, `inherits`
  and `partition of`, and as a query whose columns are casts; in `alter table`, if it adds a column or changes a type;
  and as attributes of composite types. A property that `like` copies is judged in the table that it comes from; so is
  a comment, unless `like` does not copy it. Down files (`*.down.sql`) are never judged.
- Row level security, primary keys and comments are judged as the last migration of the directory leaves them. All
  `*.up.sql` files of the directory are read for that. The fault is shown where the table or column is created; the
  fault of a comment at the last comment. A table or column that is dropped later is not judged.
- A statement that PostgreSQL can read and sqlfluff cannot is judged, too. `harness lint` warns that its layout is not
  checked. If PostgreSQL cannot read it either, the syntax error is shown at its place. `sqlfluff lint` itself, and so
  an editor, cannot parse the rest of such a file: `-- noqa: PRS` at the end of the line hides that error there and the
  warning here. It hides no syntax error from `harness lint`.
- Text from standard input belongs to a directory only with `--stdin-filename`, as editors give it. Without a name its
  tables' row level security, keys and comments are not judged.
- A DO block is a string to sqlfluff. A table created there is not judged. Its statements on other tables count, unless
  the block runs them with `execute`.
- Temporary tables and views are not judged.
"""


LIST = "lint"
"""The word that lists the house rules."""
_UNREAD = """\
PRS: a statement that cannot be read.

Where PostgreSQL cannot read it either, it is a slip, shown at its place. Where PostgreSQL can, harness lint warns:
sqlfluff does not check the layout of this statement. House rules and other statements are judged all the same. An
editor shows it red; -- noqa: PRS at the end of the line that the warning names takes both away.
"""
_MORE = "https://docs.sqlfluff.com/en/stable/perma/rule/{}.html"


def pages() -> dict[str, str]:
    """The text of each page by the name of its file."""
    get_plugin_manager()  # sqlfluff warns of rules that are imported before it has loaded all plugins
    rules = plugin.get_rules()
    rows = [f"| [{rule.code}]({rule.code}.md) | `{rule.name}` | {title(rule)} |" for rule in rules]
    return {"README.md": _INDEX.format(rows="\n".join(rows))} | {f"{rule.code}.md": _page(rule) for rule in rules}


def write(directory: Path) -> None:
    """Writes all pages, and removes those of rules that are gone."""
    directory.mkdir(parents=True, exist_ok=True)
    current = pages()
    for path in directory.glob("*.md"):
        if path.name not in current:
            path.unlink()
    for name, text in current.items():
        (directory / name).write_text(text, encoding="utf-8")


def title(rule: type[BaseRule]) -> str:
    """The first sentence on a rule."""
    return _docstring(rule).partition("\n")[0].replace("``", "`")


def _page(rule: type[BaseRule]) -> str:
    """The docstring in Markdown, with the name and the settings of the rule before the examples."""
    text = _docstring(rule).replace("``", "`").partition("\n")[2]
    text = re.sub(r"^\.\. code-block:: (\w+)\n\n((?:(?: {4}.*)?\n)+)", _fenced, text + "\n", flags=re.MULTILINE)
    text = re.sub(r"^\*\*([^*:]+)\*\*$", r"## \1", text, flags=re.MULTILINE)
    why, heading, examples = text.partition("## Anti-pattern")
    text = f"# {rule.code}: {title(rule)}\n{why}{_settings(rule)}{heading}{examples}"
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def _docstring(rule: type[BaseRule]) -> str:
    """The docstring as it is in the source: sqlfluff adds name, groups and settings to it."""
    text = re.sub(r"^ *\*\*(?:Name|Groups)\*\*:.*\n", "", f"{rule.__doc__}\n", flags=re.MULTILINE)
    text = re.sub(r"^ *\*\*Configuration\*\*\n(?: *(?:\* .*)?\n)*", "\n", text, flags=re.MULTILINE)
    return inspect.cleandoc(text)


def _settings(rule: type[BaseRule]) -> str:
    known = plugin.get_configs_info()
    lines = [f"`{each}`: {known[each]['definition']}".replace("``", "`") for each in rule.config_keywords]
    shown = [textwrap.fill(line, 120, initial_indent="- ", subsequent_indent="  ") for line in lines]
    return "\n".join([f"## Settings\n\nIn `[sqlfluff:rules:{rule.name}]`:\n", *shown, "\n"])


def _fenced(match: re.Match[str]) -> str:
    return f"```{match[1]}\n{textwrap.dedent(match[2]).strip()}\n```\n\n"


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
        return _listed(codes)
    return pages().get(f"{codes[0]}.md") or _of_sqlfluff(names.classes()[codes[0]])


def known() -> set[str]:
    """All words that :func:`explained` has a text for."""
    return {LIST, "PRS", *names.rules()}


def _listed(codes: list[str]) -> str:
    """A line for each rule: code, name and first sentence."""
    rules = [names.classes()[code] for code in codes]
    widths = [max(len(each) for each in column) for column in ([r.code for r in rules], [r.name for r in rules])]
    lines = [f"{r.code.ljust(widths[0])}  {r.name.ljust(widths[1])}  {title(r)}\n" for r in rules]
    return "".join(lines)


def _of_sqlfluff(rule: type[BaseRule]) -> str:
    """The docstring before its examples, the settings, and a link."""
    text = re.sub(r"``(.*?)``", r"\1", inspect.cleandoc(str(rule.__doc__)))
    prose = re.split(r"^(?:\*\*|\.\. )", text, maxsplit=1, flags=re.MULTILINE)[0].strip()
    prose = re.sub(r"\n{3,}", "\n\n", prose)
    settings = f"Settings, in [sqlfluff:rules:{rule.name}]: {', '.join(rule.config_keywords)}"
    lines = [f"{rule.code} {rule.name}: {prose}", *([settings] if rule.config_keywords else [])]
    return "\n\n".join([*lines, f"A rule of sqlfluff. More: {_MORE.format(rule.code)}\n"])


if __name__ == "__main__":
    write(DIRECTORY)
