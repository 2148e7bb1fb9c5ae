"""The defaults of functions' parameters: those that Python writes, and those that only the database calculates."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from harness.types.model import Argument
from harness.types.pydantic_fields import default_value
from harness.types.rules import literal_default


def python_default(argument: Argument) -> str | None:
    """Returns what stands for an argument that is left out; None if it has to be given.

    A default that the database calculates is None: its value is not known before.
    """
    return None if not argument.optional else _literal(argument) or "None"


def is_computed(argument: Argument) -> bool:
    """Whether the database calculates the default of an argument."""
    return argument.optional and _literal(argument) is None


def _literal(argument: Argument) -> str | None:
    """The default as Python writes it, if it is a constant."""
    text = argument.default or ""
    if re.fullmatch(r"NULL(::.*)?", text, re.DOTALL):
        return "None"
    found = default_value(replace(argument.field, default=literal_default(text), has_default=True))
    try:
        ast.literal_eval(found or "")
    except (SyntaxError, ValueError):  # no literal of Python, such as Decimal("1.5")
        return None
    return found
