"""Packs ``types/`` as an npm package and as a Python package, and installs both elsewhere, without any network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.types.node_programs import MISSING, NODE, PACKAGES, ROOT

TYPES = ROOT / "types"
NAME = "constraint-harness-systems"
LEFT_HERE = shutil.ignore_patterns("node_modules", "dist", "__pycache__")
"""What is in the directory of the sources, and is none of them."""


def ran(command: Sequence[str | Path], directory: Path, **environment: str) -> str:
    """What a program says that ends well; it finds node, and what npm asks of nobody else."""
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PATH": path, "npm_config_offline": "true", "npm_config_audit": "false", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copied(directory: Path) -> Path:
    """A copy of the sources, with remains of a build before, which no package may have."""
    shutil.copytree(TYPES, directory, ignore=LEFT_HERE)
    for name in ("dist/zod/gone.js", "dist/gone.whl"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("", encoding="utf-8")
    return directory


def npm_package(sources: Path) -> Path:
    """Packs the sources as ``npm publish`` would, built by TypeScript 7."""
    assert NODE.exists() and PACKAGES.exists(), MISSING
    programs = sources / "node_modules" / ".bin"
    programs.mkdir(parents=True)
    (programs / "tsc").symlink_to(PACKAGES / "typescript-7" / "bin" / "tsc")
    (programs.parent / "zod").symlink_to(PACKAGES / "zod")
    ran([NODE.with_name("npm"), "pack"], sources)
    (found,) = sources.glob("*.tgz")
    return found


def npm_consumer(directory: Path, *packages: Path) -> Path:
    """Makes a program's directory and installs packages in it: archives, or directories of packages."""
    directory.mkdir()
    (directory / "package.json").write_text('{"type": "module", "private": true}', encoding="utf-8")
    ran([NODE.with_name("npm"), "install", "--install-links", "--no-package-lock", *packages], directory)
    return directory


def lent(consumer: Path, *names: str) -> None:
    """Gives a program packages that the tests have installed already."""
    for name in names:
        link = consumer / "node_modules" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(PACKAGES / name)


def compiled(directory: Path, version: int, files: Mapping[str, str], **options: object) -> str:
    """Compiles the files of a program, and no others, to ``out``; returns what the compiler says."""
    for name, text in files.items():
        (directory / name).write_text(text, encoding="utf-8")
    strict = {"strict": True, "exactOptionalPropertyTypes": True, "noUncheckedIndexedAccess": True, "types": []}
    modules = {"module": "nodenext", "target": "es2022", "lib": ["es2022", "dom"], "rootDir": ".", "outDir": "out"}
    settings = {"compilerOptions": {**strict, **modules, **options}, "files": list(files)}
    (directory / "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    compiler = PACKAGES / f"typescript-{version}" / "bin" / "tsc"
    command = [str(NODE), str(compiler), "--project", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, check=False, encoding="utf-8").stdout


def wheel(sources: Path) -> Path:
    """Builds an sdist of the sources, and a wheel of that."""
    ran([sys.executable, "-m", "build", "--no-isolation", "--outdir", "built", "."], sources)
    (found,) = (sources / "built").glob("*.whl")
    return found


def python_consumer(directory: Path, package: Path) -> Path:
    """Makes a virtual environment with a wheel in it, and returns its Python. All else it has of this one."""
    ran([sys.executable, "-m", "venv", "--without-pip", "environment"], directory)
    python = directory / "environment" / "bin" / "python"
    ran(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", package],
        directory,
    )
    packages = Path(ran([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], directory).strip())
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return python


def examples(language: str) -> list[str]:
    """The programs in ``types/README.md`` that are in a language."""
    text = (TYPES / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
