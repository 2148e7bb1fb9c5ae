"""Packages of Pydantic models, written into a directory and imported."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.types.model import DatabaseTypes, ModuleTypes
from harness.types.pydantic_models import render

_numbers = itertools.count()


def written(directory: Path, types: DatabaseTypes, case: str = "snake") -> Path:
    """Writes the package of some types and returns its directory."""
    package = directory / f"sample_{next(_numbers)}"
    package.mkdir()
    for name, text in render(types, case).items():
        (package / name).write_text(text, encoding="utf-8")
    return package


@contextmanager
def imported(package: Path, module: str) -> Iterator[ModuleType]:
    """Gives a module of a package that was written."""
    sys.path.insert(0, str(package.parent))
    try:
        yield import_module(f"{package.name}.{module}")
    finally:
        sys.path.remove(str(package.parent))
        for name in [each for each in sys.modules if each.split(".")[0] == package.name]:
            del sys.modules[name]


def of_tables(*tables: Any, **more: Any) -> DatabaseTypes:
    """The types of one module, ``app``, with these tables."""
    return DatabaseTypes((ModuleTypes("app", tables, **more),))


def messages(model: type[BaseModel], data: Any) -> list[tuple[tuple[Any, ...], str]]:
    """The place and the message of each error; data is JSON if it is a text, else what Python has."""
    try:
        if isinstance(data, str):
            model.model_validate_json(data)
        else:
            model.model_validate(data)
    except ValidationError as error:
        return [(each["loc"], each["msg"]) for each in error.errors()]
    return []
