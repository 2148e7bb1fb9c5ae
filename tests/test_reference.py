"""Pages of the reference that the code writes: the command line, ``project.yml``, and ``llms.txt``.

``python -m tests.test_reference`` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click
import pytest

from harness.cli.entry import harness
from harness.kinds import KINDS
from harness.project.json_schema import project_schema

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ANEW = "write it anew: python -m tests.test_reference"
SITE = "https://github.com/constraint-harness/constraint-harness/blob/main"


def commands(group: click.Group, before: str = "harness") -> Iterator[tuple[str, click.Command]]:
    """Yields all commands with their whole names, those of groups behind them."""
    for name in sorted(group.commands):
        command = group.commands[name]
        yield f"{before} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")


def command_line() -> str:
    """The page of all commands."""
    parts = [
        "# Command line\n",
        "Each command has `--help`. Exit codes are those of [this page](exit-codes.md).\n",
        *(part for name, command in commands(harness) for part in _command(name, command)),
    ]
    return "\n".join(parts)


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    usage = command.get_usage(context).removeprefix("Usage: ")
    yield f"## {name}\n"
    yield f"    {' '.join(usage.split())}\n"
    paragraphs = re.split(r"\n\s*\n", cleandoc(command.help or "").replace("\b", ""))
    for each in paragraphs:
        yield f"{each if each.startswith('  ') else ' '.join(each.split())}\n"
    found = (parameter.get_help_record(context) for parameter in command.get_params(context))
    options = [record for record in found if record is not None and "--help" not in record[0]]
    if options:
        yield "| option | meaning |\n|---|---|"
        yield "\n".join(f"| `{_cell(names)}` | {_cell(about)} |" for names, about in options) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def project_file() -> str:
    """The page of all keys of ``project.yml``."""
    rows = list(_keys(project_schema(), ""))
    lines = "\n".join(f"| `{key}` | {_cell(about)} |" for key, about in rows)
    return (
        "# project.yml\n\n"
        "The keys of `project.yml`. A point stands for a mapping, `NAME` for a name of your own, `[]` for the entries "
        "of a list.\nEditors know them by the JSON Schema in `.harness/schemas/project.json`, which "
        "`harness schema project` prints.\n\n"
        f"| key | meaning |\n|---|---|\n{lines}\n"
    )


def _keys(schema: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    """Yields the keys of a schema, those of mappings below it as well, with what is said of them."""
    for name, own in schema.get("properties", {}).items():
        key = f"{before}{name}"
        yield key, own.get("description", "")
        yield from _below(own, key)
    for option in schema.get("anyOf", ()):
        yield from _keys(option, before)
        yield from _below(option, before.rstrip("."))


def _below(schema: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    others = schema.get("additionalProperties")
    if isinstance(others, Mapping):
        yield from _keys(others, f"{key}.NAME.")
    if isinstance(schema.get("items"), Mapping):
        yield from _keys(schema["items"], f"{key}[].")
    if "properties" in schema:
        yield from _keys(schema, f"{key}.")
    for option in schema.get("anyOf", ()):
        yield from _below(option, key)


def index_for_machines() -> str:
    """``llms.txt``: what this is, and each page with its title (llmstxt.org)."""
    pages = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
    lines = [f"- [{_title(path)}]({SITE}/{path.relative_to(ROOT).as_posix()})" for path in pages]
    about = "Proves the integrity rules of a PostgreSQL schema on generated rows, against a real PostgreSQL."
    return "\n".join(["# Harness", "", f"> {about}", "", "## Pages", "", *lines, ""])


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").replace("`", "")


WRITTEN = {
    DOCS / "reference" / "cli.md": command_line,
    DOCS / "reference" / "project.md": project_file,
    ROOT / "llms.txt": index_for_machines,
}


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_the_page_is_that_of_the_code(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == WRITTEN[path](), ANEW


def test_every_key_and_option_is_told() -> None:
    keys = {key for key, _ in _keys(project_schema(), "")}
    assert {"name", "modules", "types[].repository", "targets.NAME.dsn", "profiles.NAME.scenarios"} <= keys
    assert all(about for _, about in _keys(project_schema(), "")), "a key without a description"
    names = {name for name, _ in commands(harness)}
    assert {"harness test", "harness server start", "harness types"} <= names


def test_every_kind_and_exit_code_has_a_page() -> None:
    manual = (DOCS / "reference" / "checks.md").read_text(encoding="utf-8")
    assert [name for name in KINDS if f"`{name}`" not in manual and f"## {name}" not in manual] == []
    codes = (DOCS / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \|", codes, re.MULTILINE) == ["0", "1", "2", "130"]


if __name__ == "__main__":
    for page, write in WRITTEN.items():
        page.write_text(write(), encoding="utf-8")
