"""Prints the lower bound of every dependency in pyproject.toml, as pip's constraints."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in (*project["dependencies"], *project["optional-dependencies"]["dask"]):
    name, bound = re.fullmatch(r"([\w.-]+)(?:\[.*\])?>=([\w.]+)(?:,.*)?", requirement).groups()
    print(f"{name}=={bound}")
