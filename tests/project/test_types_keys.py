"""The keys of ``project.yml`` that say which types are written, and what their rows are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.errors import Place, ProjectError
from harness.project.json_schema import project_schema
from harness.project.load import load
from harness.project.model import DRIVERS, Project, RowName, TableName, TypesOutput

from .sample import write
from .test_json_schema import value

HEAD = "name: demo\nmodules: [shop]\n"


def project(root: Path, text: str) -> Project:
    return load(write(root, {"project.yml": f"{HEAD}{text}\n"}))


def read(root: Path, text: str) -> list[TypesOutput]:
    return list(project(root, f"types: {text}").types)


def test_the_usual(tmp_path: Path) -> None:
    found = read(tmp_path, "[{language: typescript, path: a}, {language: zod, path: b}, {language: pydantic, path: c}]")
    assert found == [
        TypesOutput("typescript", "a", "node-postgres"),
        TypesOutput("zod", "b", "node-postgres"),
        TypesOutput("pydantic", "c", "psycopg"),
    ]
    assert [str(each.place) for each in found] == ["project.yml:3:9", "project.yml:3:42", "project.yml:3:68"]


def test_everything(tmp_path: Path) -> None:
    said = (
        "[{language: zod, path: web/types, driver: postgrest, role: authenticated, case: camel, schemas: [shop, auth]}]"
    )
    assert read(tmp_path, said) == [
        TypesOutput("zod", "web/types", "postgrest", "authenticated", "camel", ("shop", "auth"))
    ]


def test_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "[]") == []
    assert project(tmp_path, "").types == ()
    assert dict(project(tmp_path, "").type_names) == {}


@pytest.mark.parametrize("language", DRIVERS)
@pytest.mark.parametrize("driver", ["node-postgres", "postgrest", "psycopg"])
def test_drivers_of_languages(tmp_path: Path, language: str, driver: Any) -> None:
    said = f"[{{language: {language}, driver: {driver}, path: a}}]"
    if driver in DRIVERS[language]:
        assert read(tmp_path, said) == [TypesOutput(language, "a", driver)]
        return
    drivers = "psycopg" if language == "pydantic" else "node-postgres, postgrest"
    assert refusal(tmp_path, f"types: {said}").startswith(
        f"project.yml:3:9: 'types': no {language} for {driver}; its drivers: {drivers}"
    )


def refusal(root: Path, text: str) -> str:
    with pytest.raises(ProjectError) as caught:
        project(root, text)
    return str(caught.value)


OUTSIDE = "{} cannot be the directory of types; one that can is types/zod"
REFUSED = {
    "no list": (
        "types: zod",
        "project.yml:3:8: expected a list such as [{language: zod, path: types/zod}], found 'zod'",
    ),
    "no mapping": ("types: [zod]", "project.yml:3:9: expected a mapping, found 'zod'"),
    "no language": ("types: [{path: a}]", "project.yml:3:9: 'types' needs the key 'language'"),
    "no path": ("types: [{language: zod}]", "project.yml:3:9: 'types' needs the key 'path'"),
    "a language": (
        "types: [{language: zood, path: a}]",
        "project.yml:3:20: expected one of typescript, zod, pydantic, found 'zood'; did you mean 'zod'?",
    ),
    "a driver": (
        "types: [{language: zod, driver: pg, path: a}]",
        "project.yml:3:33: expected one of node-postgres, postgrest, psycopg, found 'pg'",
    ),
    "a case": (
        "types: [{language: zod, case: kebab, path: a}]",
        "project.yml:3:31: expected one of snake, camel, found 'kebab'",
    ),
    "a key": ("types: [{language: zod, path: a, rolle: x}]", "project.yml:3:34: unknown key 'rolle'"),
    "absolute": ("types: [{language: zod, path: /tmp}]", f"project.yml:3:9: 'types': {OUTSIDE.format(repr('/tmp'))}"),
    "above": (
        "types: [{language: zod, path: a/../..}]",
        f"project.yml:3:9: 'types': {OUTSIDE.format(repr('a/../..'))}",
    ),
    "the root": ("types: [{language: zod, path: ./}]", f"project.yml:3:9: 'types': {OUTSIDE.format(repr('./'))}"),
    "twice": (
        "types: [{language: zod, path: a/b}, {language: typescript, path: ./a//b/}]",
        "project.yml:3:37: ./a//b/ stands here twice\nhint: name another directory",
    ),
    "a table": (
        "type_names: {orders: Order}",
        "project.yml:3:14: expected schema.table, found 'orders'\nhint: with its schema: public.orders",
    ),
    "a name": (
        "type_names: {shop.orders: order}",
        "project.yml:3:27: expected a name such as MilestoneAction, found 'order'",
    ),
    "a name with a blank": (
        "type_names: {shop.orders: An Order}",
        "project.yml:3:27: expected a name such as MilestoneAction, found 'An Order'",
    ),
    "one name for two": (
        "type_names: {shop.orders: Order, shop.lines: Order}",
        "project.yml:3:46: Order stands here twice",
    ),
    "one table twice": (
        "type_names: {shop.orders: Order, '\"shop\".orders': Another}",
        "project.yml:3:34: shop.orders stands here twice",
    ),
    "no names": ("type_names: [Order]", "project.yml:3:13: expected a mapping, found a list"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(tmp_path: Path, what: str) -> None:
    text, message = REFUSED[what]
    assert refusal(tmp_path, text).startswith(message)


def test_the_names_of_rows(tmp_path: Path) -> None:
    found = project(tmp_path, 'type_names:\n  shop.orders: Order\n  \'"a.b"."c"\': Line2\n').type_names
    assert found == {
        "shop.orders": RowName(TableName("shop", "orders"), "Order", Place(Path("x"))),
        '"a.b".c': RowName(TableName("a.b", "c"), "Line2", Place(Path("x"))),
    }
    assert [str(each.place) for each in found.values()] == ["project.yml:4:16", "project.yml:5:16"]


def test_the_schema_of_the_file_says_the_same() -> None:
    """What an editor refuses: not what fits together, nor paths."""
    schema = project_schema()
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(value(f"{HEAD}types: [{{language: zod, path: a, driver: postgrest, case: camel}}]"))
    for what in ("no list", "no mapping", "no language", "no path", "a language", "a driver", "a case", "a key"):
        assert not validator.is_valid(value(HEAD + REFUSED[what][0])), what
    assert validator.is_valid(value(f"{HEAD}type_names: {{shop.orders: Order}}"))
    assert not validator.is_valid(value(HEAD + REFUSED["no names"][0]))
