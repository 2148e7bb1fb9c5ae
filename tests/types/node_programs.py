"""Runs node and the TypeScript compilers of ``tests/types/node``, which have to be there: these tests never skip."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / ".venv" / "node" / "node_modules"
RUNNER = Path(__file__).parent / "node" / "run.mjs"
NODE = Path(sys.executable).parent / "node"
MISSING = "node or its packages are missing: make .venv/node/installed"

OPTIONS = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "noPropertyAccessFromIndexSignature": True,
    "noUnusedLocals": True,
    "verbatimModuleSyntax": True,
    "isolatedModules": True,
    "declaration": True,
    "module": "nodenext",
    "target": "es2022",
    "lib": ["es2022", "dom"],
    "types": [],
    "skipLibCheck": True,
    "outDir": "out",
}


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Writes files into a directory from which node finds the packages."""
    for name, text in {**files, "package.json": '{"type": "module"}'}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if not (directory / "node_modules").exists():
        (directory / "node_modules").symlink_to(PACKAGES)


def compiled(directory: Path, version: int, *, emit: bool = True) -> str:
    """Compiles all TypeScript of a directory with a version of TypeScript, and returns what the compiler says."""
    settings = {"compilerOptions": {**OPTIONS, "noEmit": not emit}, "exclude": ["node_modules", "out"]}
    (directory / "tsconfig.json").write_text(json.dumps(settings))
    compiler = PACKAGES / f"typescript-{version}" / "bin" / "tsc"
    return ran([str(compiler), "--project", str(directory)]).stdout


def judged(directory: Path, cases: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Puts cases to compiled schemas (see ``run.mjs``) in one process, and returns what it prints of each."""
    (directory / "run.mjs").write_text(RUNNER.read_text(encoding="utf-8"), encoding="utf-8")
    given = directory / "cases.json"
    given.write_text(json.dumps(cases), encoding="utf-8")
    done = ran([str(directory / "run.mjs"), str(given)])
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def ran(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs a program of node."""
    assert NODE.exists() and PACKAGES.exists(), MISSING
    return subprocess.run([str(NODE), *arguments], capture_output=True, text=True, check=False, encoding="utf-8")
