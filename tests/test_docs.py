"""The pages of ``docs/`` say what is so: links lead somewhere, checks and names in them are those of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from harness.declarations import DeclaredCheck, read
from harness.kinds import KINDS, manual
from harness.project.load import load
from harness.project.model import Project
from tests.cases import cases

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SCHEMA = DOCS / "schema"
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"```.*?```", re.DOTALL)
HARD = ("audited", "exclude", "immutable", "locked", "transition")
"""The kinds whose rules a page has to explain, each of them: no reader sees them in the columns."""


@dataclass(frozen=True)
class Link:
    """``text`` leads from ``page`` to ``target``."""

    page: Path
    text: str
    target: str

    @property
    def path(self) -> Path:
        return (self.page.parent / self.target.partition("#")[0]).resolve()

    @property
    def code(self) -> str | None:
        """What stands between backticks, if that is all."""
        return self.text.strip("`") if re.fullmatch(r"`[^`]+`", self.text) else None


@cache
def project() -> Project:
    return load(ROOT)


@cache
def checks() -> tuple[DeclaredCheck, ...]:
    return read(project(), KINDS)


def links(page: Path, text: str) -> Iterator[Link]:
    for found in LINK.finditer(FENCE.sub("", text)):
        if not re.match(r"\w+:", found["target"]):
            yield Link(page, found["text"], found["target"])


def meant(link: Link) -> list[DeclaredCheck]:
    """The checks that a link to a file of checks names, as reports do; ``*`` stands for any words."""
    file = link.path.relative_to(ROOT) if link.path.is_relative_to(ROOT) else link.path
    return [check for check in checks() if check.place.path == file and fnmatchcase(check.label, link.code or "")]


def is_check_file(path: Path) -> bool:
    return path.suffix == ".yml" and path.is_relative_to(ROOT / project().paths.checks)


def faults(page: Path, text: str) -> list[str]:
    """What is wrong with the links of a page."""
    found = []
    for link in links(page, text):
        if not link.path.exists():
            found.append(f"{link.target} is not there")
        elif is_check_file(link.path) and not meant(link):
            found.append(f"{link.text} is no check of {link.target}")
        elif link.path.suffix == ".sql" and link.code and not link.path.name.startswith(f"{link.code}."):
            found.append(f"{link.text} leads to {link.path.name}")
    return found


def strangers(text: str, known: str) -> list[str]:
    """The names in code, outside of links, that occur nowhere in ``known``; only those with an underscore."""
    spans = re.findall(r"`([^`]+)`", LINK.sub("", FENCE.sub("", text)))
    names = {name for span in spans for name in re.findall(r"[a-z]\w*_\w*\w", span)}
    return sorted(name for name in names if not re.search(rf"\b{name}\b", known))


def unexplained(module: str, text: str) -> list[str]:
    """The hard rules of a module that its page does not name."""
    named = {check.name for link in links(SCHEMA / f"{module}.md", text) for check in meant(link)}
    return [
        check.name for check in checks() if check.module == module and check.kind in HARD and check.name not in named
    ]


def unmentioned(module: str, text: str) -> list[Path]:
    """The migration files that the page of their module does not link to."""
    linked = {link.path for link in links(SCHEMA / f"{module}.md", text)}
    files = [path for migration in project().module(module).migrations for path in (migration.up, migration.down)]
    return [path for path in files if path is not None and path.resolve() not in linked]


def sources(modules: list[str]) -> str:
    """All that the files of these modules say, and the project's settings."""
    folders = [ROOT / folder / module for module in modules for folder in ("schema", "seeds", "checks")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return "\n".join(path.read_text(encoding="utf-8") for path in [*sorted(files), ROOT / "project.yml"])


PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
MODULES = [module.name for module in project().modules]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    assert faults(page, page.read_text(encoding="utf-8")) == []


def test_every_module_has_its_page() -> None:
    assert sorted(path.stem for path in SCHEMA.glob("*.md")) == sorted(["README", *MODULES])
    overview = {link.path for link in links(SCHEMA / "README.md", (SCHEMA / "README.md").read_text(encoding="utf-8"))}
    assert {SCHEMA / f"{module}.md" for module in MODULES} <= overview


@pytest.mark.parametrize("module", MODULES)
def test_the_page_of_a_module(module: str) -> None:
    text = (SCHEMA / f"{module}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# `{module}`\n")
    assert {"Row level security", "Rolling back"} <= set(re.findall(r"^## (.*)$", text, re.MULTILINE))
    assert unmentioned(module, text) == []
    assert unexplained(module, text) == []
    known = sources([each.name for each in project().with_dependencies([module])])
    assert strangers(text, known) == []


def test_names_in_the_overview() -> None:
    assert strangers((SCHEMA / "README.md").read_text(encoding="utf-8"), sources(MODULES)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("](../../checks/weeksmith/goal.yml)", "](../../checks/weeksmith/gaol.yml)", "checks/weeksmith/gaol.yml"),
        ("`unique goal_unique_one_per_type`", "`unique goal_one_per_type`", "`unique goal_one_per_type` is no check"),
        ("`foreign_key plan_item_*`", "`foreign_key item_*`", "`foreign_key item_*` is no check"),
        ("[`locked a closed week stays closed`]", "[the lock]", "the lock is no check"),
        ("[`004_functions`]", "[`004_unlock`]", "`004_unlock` leads to 004_functions.down.sql"),
    ],
)
def test_a_link_that_is_wrong_is_found(old: str, new: str, fault: str) -> None:
    page = SCHEMA / "weeksmith.md"
    text = page.read_text(encoding="utf-8")
    assert old in text
    found = faults(page, text.replace(old, new, 1))
    assert len(found) == 1
    assert fault in found[0]


def test_what_a_page_leaves_out_is_found() -> None:
    text = (SCHEMA / "weeksmith.md").read_text(encoding="utf-8")
    without = "\n".join(line for line in text.splitlines() if "003_guards" not in line)
    assert [path.name for path in unmentioned("weeksmith", without)] == ["003_guards.up.sql", "003_guards.down.sql"]
    without = "\n".join(line for line in text.splitlines() if "weekly_plan_keep_id" not in line)
    assert unexplained("weeksmith", without) == [
        "weeksmith.cycle.immutable.cycle_keep_id",
        "weeksmith.weekly_plan.immutable.weekly_plan_keep_id",
    ]


def test_a_name_that_is_nowhere_is_found() -> None:
    text = "`plan_item_lock` looks at `weekly_plan`; [`not_this_one`](x.md), and\n```\nnor_this\n```\n"
    assert strangers(text, sources(["weeksmith"])) == ["plan_item_lock"]


def planted(page: Path, text: str) -> list[str]:
    """Cases that a page links to and that are none, or in which no check turns red."""
    kept = {(case.kind, case.file, case.name): case for case in cases()}
    found = []
    for link in links(page, text):
        if link.path.parent.parent == ROOT / "tests" / "cases":
            case = kept.get((link.path.parent.name, link.path.stem, link.text))
            if case is None or not (case.broken or case.unreliable):
                found.append(f"{link.text} of {link.target}")
    return found


@pytest.mark.slow
def test_every_mistake_is_planted_and_caught() -> None:
    page = DOCS / "mistakes.md"
    text = page.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert [row for row in rows if "../tests/cases/" not in row] == []
    assert planted(page, text) == []
    assert planted(page, "[resolved](../tests/cases/locked/rows.yml), [x](../tests/cases/locked/rows.yml)") == [
        "resolved of ../tests/cases/locked/rows.yml",
        "x of ../tests/cases/locked/rows.yml",
    ]


def test_the_reference_is_what_the_tool_explains() -> None:
    written = (DOCS / "reference" / "checks.md").read_text(encoding="utf-8")
    assert written == manual.reference(KINDS), "write it anew: harness explain > docs/reference/checks.md"
    assert [name for name in KINDS if f"\n## {name}\n" not in written] == []
