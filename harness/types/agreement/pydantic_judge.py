"""Puts cases to Pydantic models: as JSON, and as psycopg returns rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.types.agreement.cases import TriedRecord
from harness.types.agreement.verdict import Judgement
from harness.types.javascript_names import in_case
from harness.types.pydantic_models import model_name, module_name


class PydanticJudge:
    """Judges by the models of a package that can be imported. A row is put to both of its models."""

    def __init__(self, package: str, case: str) -> None:
        self._package, self._case = package, case

    def judge(self, cases: Sequence[TriedRecord]) -> list[Judgement]:
        """Returns one judgement for each case; a row that one of its two models takes otherwise is told as such."""
        return [self._judged(each) for each in cases]

    def _judged(self, case: TriedRecord) -> Judgement:
        module = import_module(f"{self._package}.{module_name(case.table.schema)}")
        model: type[BaseModel] = getattr(module, model_name(case.table, case.shape))
        document = {in_case(name, self._case): sent.exact for name, sent in case.values.items()}
        found = _validated(lambda: model.model_validate_json(json.dumps(document)))
        if case.shape != "Row":
            return found
        record: type[BaseModel] = getattr(module, model_name(case.table, "Record"))
        other = _validated(lambda: record.model_validate({name: sent.python for name, sent in case.values.items()}))
        if found.accepted != other.accepted:
            words = "as JSON it is accepted, as a record not" if found.accepted else "as a record it is accepted"
            return Judgement(accepted=False, messages=(words, *found.messages, *other.messages))
        return found


def _validated(validate: Any) -> Judgement:
    try:
        validate()
    except ValidationError as error:
        return Judgement(accepted=False, messages=tuple(each["msg"] for each in error.errors()))
    except Exception as error:  # a rule that fails is a fault of the models, as one that differs
        return Judgement(accepted=False, messages=(f"{type(error).__name__}: {error}",))
    return Judgement(accepted=True)
