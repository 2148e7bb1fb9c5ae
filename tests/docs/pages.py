"""Pages whose examples are tried: DDL, checks, a change of the DDL, and what a report says of the mistake.

A page has, in fences of these languages:

``sql``      the DDL, for a database in which the schema exists; one that begins with ``-- schema/…`` is a migration
``yaml``     files of checks, each from ``table:`` or ``module:``
``diff``     a change of the DDL: to the mistake on the page of a kind, to the mend on the page of a mistake
``console``  lines of the report on the mistake, in order; ``…`` stands for what is left out
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
KINDS = ROOT / "docs" / "reference" / "kinds"
MISTAKES = ROOT / "docs" / "mistakes"
WIDTH = 120
SENTENCE, MEAN = 30, 17
"""Words of a sentence at most, and on average over a page."""

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_GENERATED = re.compile(r"<!-- keys -->.*?<!-- /keys -->", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A page as it is written."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.stem

    def blocks(self, language: str) -> list[str]:
        """The fences in a language."""
        return [block for found, block in _FENCE.findall(self.text) if found == language]

    @property
    def ddl(self) -> tuple[str, ...]:
        return tuple(self.blocks("sql"))

    @property
    def changed(self) -> tuple[str, ...]:
        """The DDL after the change that the page shows."""
        (change,) = self.blocks("diff")
        return changed(self.ddl, change)

    @property
    def meant(self) -> tuple[str, ...]:
        """The DDL without the mistake."""
        return self.changed if self.path.parent == MISTAKES else self.ddl

    @property
    def mistaken(self) -> tuple[str, ...]:
        """The DDL with the mistake."""
        return self.ddl if self.path.parent == MISTAKES else self.changed

    @property
    def shown(self) -> list[str]:
        """The lines of the report."""
        (block,) = self.blocks("console")
        return block.splitlines()

    @property
    def paragraphs(self) -> list[str]:
        """The prose, without headings, fences, markers and what is generated."""
        prose = re.sub(r"<!--.*?-->", "", _GENERATED.sub("", _FENCE.sub("", self.text)))
        prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", prose)
        return [part for part in re.split(r"\n\s*\n|\n(?=- )", prose) if part.strip() and not part.startswith("#")]

    @property
    def words(self) -> int:
        return sum(len(part.split()) for part in self.paragraphs)


def headings(page: Page) -> list[str]:
    """The headings of the sections."""
    return re.findall(r"^## (.*)$", _FENCE.sub("", page.text), re.MULTILINE)


def read(folder: Path) -> list[Page]:
    """All pages of a folder."""
    return [Page(path, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.md"))]


def changed(ddl: Iterable[str], change: str) -> tuple[str, ...]:
    """The DDL after a change; each part of it, parted by ``@@``, has exactly one place."""
    texts = list(ddl)
    for part in re.split(r"^@@.*\n", change, flags=re.MULTILINE):
        old = "".join(f"{line[1:]}\n" for line in part.splitlines() if not line.startswith("+"))
        new = "".join(f"{line[1:]}\n" for line in part.splitlines() if not line.startswith("-"))
        assert sum(text.count(old) for text in texts) == 1, f"not in one place:\n{old}"
        texts = [text.replace(old, new) for text in texts]
    return tuple(texts)


def unseen(shown: Iterable[str], report: Iterable[str]) -> list[str]:
    """The lines that are not in a report, or not in this order."""
    rest = iter(report)
    return [line for line in shown if not any(_matches(line, other) for other in rest)]


def _matches(shown: str, line: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), line) is not None


def faults(page: Page, most: int, least: int = 0) -> list[str]:
    """What is wrong with the words of a page."""
    found = [
        f"{len(line)} characters: {line}" for line in _GENERATED.sub("", page.text).splitlines() if len(line) > WIDTH
    ]
    sentences = [each for part in page.paragraphs for each in re.split(r"(?<=[.:?!])\s+", part.strip())]
    lengths = [len(each.split()) for each in sentences]
    found += [f"{length} words: {each}" for each, length in zip(sentences, lengths, strict=True) if length > SENTENCE]
    if sum(lengths) > MEAN * len(lengths):
        found.append(f"{sum(lengths) / len(lengths):.1f} words a sentence")
    if not least <= page.words <= most:
        found.append(f"{page.words} words")
    return found


def named_kinds(shown: Iterable[str]) -> set[str]:
    """The kinds of the checks that the lines of a report name as red."""
    return {found[1] for line in shown if (found := re.match(r"  (?:BROKEN|UNRELIABLE) +(\w+)", line))}


def table_of(check: str) -> str:
    """The table, or else the module, of a file of checks."""
    found = re.search(r"^(?:table|module): (.+)$", check, re.MULTILINE)
    assert found, f"no table:\n{check}"
    return found[1]


def file_of(check: str) -> str:
    """The path of a file of checks in a project: ``checks/shop/orders.yml``."""
    module, _, table = table_of(check).partition(".")
    return f"checks/{module}/{table or module}.yml"


def migrations(ddl: Iterable[str]) -> Mapping[str, str]:
    """The files of the DDL that is one of migrations."""
    return {text.split("\n", 1)[0].removeprefix("-- "): text for text in ddl if text.startswith("-- schema/")}
