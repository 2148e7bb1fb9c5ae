"""Follows a page of ``docs/``: writes its files, makes its changes, runs its commands, compares what it shows.

- A block that begins with a comment of a path alone (``-- schema/shop/001_x.up.sql``, ``# project.yml``) is that file.
- A ``diff`` block begins with ``--- path``; the lines that it takes out or keeps stand there in one place.
- In a ``console`` block lines after ``$`` are commands, and those below each are all that it prints. A line ``…``
  stands for any lines, and at the end of a line for its rest.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Run, timeless

DOCS = ROOT / "docs"
WORDS, WIDTH = 30, 120
"""Words that a sentence has at most, and characters of a line."""
_BLOCK = re.compile(r"^```([a-z]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r"(?:--|#) (\S+\.\w+)\n")


def page(path: str) -> str:
    return (DOCS / path).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """The sections of a page by their headings, each behind what stands above the first."""
    above, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {part.splitlines()[0]: above + part for part in parts}


def shows(shown: str, printed: str) -> bool:
    """Whether lines of a page are those that a command has printed, but for what ``…`` stands for."""
    lines = [re.escape(line) for line in without_versions(shown).strip().splitlines()]
    patterns = [".*(?:\n.*)*" if line == "…" else re.sub(" …$", " .*", line) for line in lines]
    return re.fullmatch("\n".join(patterns), without_versions(printed).strip()) is not None


def without_versions(text: str) -> str:
    text = re.sub(r"PostgreSQL \d+\.\d+", "PostgreSQL N", timeless(text))
    return "\n".join(line.rstrip() for line in text.splitlines())


def commands(block: str) -> Iterator[tuple[str, str]]:
    """The commands of a console, each with what is shown below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def slips(text: str) -> list[str]:
    """Lines that are too wide, and sentences outside of code and tables that are too long."""
    wide = [line for line in text.splitlines() if len(line) >= WIDTH and not line.startswith("|")]
    prose = re.sub(r"^(?:\||#).*$", "", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), flags=re.M)
    sentences = re.split(r"(?<=[.:;?!])\s+|\n\n|\n- ", re.sub(r"^    .*$", "", prose, flags=re.MULTILINE))
    return wide + [sentence for sentence in sentences if len(sentence.split()) > WORDS]


@dataclass
class Reader:
    """Works in a directory, with the command line of this checkout."""

    place: Path
    harness: Run
    environment: dict[str, str]
    monkeypatch: pytest.MonkeyPatch
    _replaced: tuple[str, str] = "", ""

    def follow(self, text: str) -> None:
        for language, block in _BLOCK.findall(text):
            if language == "console":
                self._type(block)
            elif language == "diff":
                self._change(block)
            elif path := _PATH.match(block):
                self.write(path[1], block)

    def write(self, path: str, text: str) -> None:
        file = self.place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.place / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} has this {text.count(old)} times:\n{old}"
        self.write(path, text.replace(old, new))
        self._replaced = path, text

    def undo(self) -> None:
        """Takes the last replacement back."""
        self.write(*self._replaced)

    def red(self) -> set[str]:
        """The checks that are not green now."""
        self.harness("test", "--seed", "1", "--report", "json")
        report = json.loads((self.place / ".harness/reports/report.json").read_text(encoding="utf-8"))
        return {check["name"] for check in report["checks"] if check["status"] not in ("proved", "present")}

    def _change(self, block: str) -> None:
        head, *lines = block.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
        self.replace(head.removeprefix("--- ").strip(), old, new)

    def _type(self, block: str) -> None:
        for command, shown in commands(block):
            printed = self._run(command)
            assert shows(shown, printed), f"$ {command}\n{printed}"

    def _run(self, command: str) -> str:
        program, *arguments = shlex.split(command)
        if program == "cd":
            self.place /= arguments[0]
            self.monkeypatch.chdir(self.place)
            return ""
        # What psql prints goes past Python: there a process of its own is needed.
        if program == "harness" and arguments[0] not in ("replay", "psql"):
            _, out, err = self.harness(*arguments)
            return out + err
        ran = subprocess.run(
            ["bash", "-c", command],
            cwd=self.place,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.stdout + ran.stderr
