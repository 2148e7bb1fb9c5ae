"""``project.yml`` and the folders beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ProjectError
from harness.project.load import find_root, load
from harness.project.model import Profile, TableName, Target, Timeouts

from .sample import write

SQL = {"schema/{0}/001_a.up.sql": "create schema {0};", "schema/{0}/001_a.down.sql": "drop schema {0};"}


def project(root: Path, text: str, **files: str) -> Path:
    return write(root, {"project.yml": text, **files})


def refusal(root: Path, text: str | bytes, files: dict[str, str | bytes] | None = None) -> str:
    with pytest.raises(ProjectError) as caught:
        load(write(root, {"project.yml": text, **(files or {})}))
    return str(caught.value)


def test_everything_said(tmp_path: Path) -> None:
    files = {path.format("shop"): text.format("shop") for path, text in SQL.items()}
    loaded = load(
        write(
            tmp_path,
            {
                "project.yml": """
name: demo
modules:
  orders: {depends_on: [shop, base]}
  shop: {depends_on: base}
  base:
paths: {seeds: fixtures}
target: staging
targets:
  staging: {dsn: "postgresql://u:secret@h/${NAME}"}
  old: {system: 15}
  own: {embedded: true}
profiles:
  dev: {scenarios: 7}
  long: {scenarios: 1000, seed: 3}
classes: [public, PHI]
ledger: {schema: ops}
timeouts: {lock: 5s, statement: 1min}
""",
                **files,
                "fixtures/shop/10_orders.csv": "",
                "fixtures/shop/02_items.yaml": "",
                "fixtures/shop/auth.users.yml": "",
                "fixtures/shop/README.md": "",
                "checks/shop/b.yml": "",
                "checks/shop/a/z.yaml": "",
                "checks/shop/.hidden.yml": "",
                "checks/shop/notes.txt": "",
            },
        )
    )
    assert [module.name for module in loaded.modules] == ["base", "shop", "orders"]
    shop = loaded.module("shop")
    assert [migration.id for migration in shop.migrations] == ["shop/001_a"]
    assert [(seed.path.name, seed.table, seed.format) for seed in shop.seeds] == [
        ("02_items.yaml", TableName("shop", "items"), "yaml"),
        ("10_orders.csv", TableName("shop", "orders"), "csv"),
        ("auth.users.yml", TableName("auth", "users"), "yaml"),
    ]
    assert shop.checks == (tmp_path / "checks/shop/a/z.yaml", tmp_path / "checks/shop/b.yml")
    assert (loaded.default_target, loaded.classes, loaded.ledger_schema) == ("staging", ("public", "PHI"), "ops")
    assert loaded.timeouts == Timeouts(lock=5000, statement=60_000)
    assert loaded.targets["old"] == Target("old", "system", major=15)
    assert loaded.targets["own"].kind == loaded.targets["embedded"].kind == "embedded"
    assert loaded.targets["system"] == Target("system", "system")
    assert loaded.profiles["dev"] == Profile("dev", 7)
    assert loaded.profiles["ci"] == Profile("ci", 20, seed=0)
    assert loaded.profiles["nightly"] == Profile("nightly", 200)
    assert loaded.profiles["long"] == Profile("long", 1000, seed=3)
    assert "secret" not in repr(loaded)


def test_roles_for_scratch_databases_are_for_servers_of_others(tmp_path: Path) -> None:
    text = "name: p\nmodules: [a]\ntargets:\n  ci: {dsn: x, scratch_roles: true}\n"
    assert load(project(tmp_path, text)).targets["ci"].scratch_roles
    assert refusal(tmp_path, text.replace("dsn: x", "embedded: true")) == (
        "project.yml:4:7: scratch_roles of target 'ci': the server is the tool's own, where roles are made anyway\n"
        "hint: leave it out"
    )


def test_the_root_is_found_from_below(tmp_path: Path) -> None:
    root = write(tmp_path / "größe und mehr", {"checks/shop/a.yml": ""})
    assert find_root(root / "checks/shop") == root
    assert (load(root).name, load(root).default_target) == ("demo", None)


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        find_root(tmp_path)
    assert str(caught.value) == (
        f"no project.yml in {tmp_path} or above\n"
        "hint: go to the directory of a project, or start one with 'harness init'"
    )
    with pytest.raises(ProjectError, match=r"no project\.yml in"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "project.yml:1:1: the file is empty"),
        (b"name: \xff", "project.yml:1:7: not UTF-8: byte 0xff\nhint: save the file as UTF-8"),
        ("name: a", "project.yml:1:1: 'project.yml' needs the key 'modules': a mapping or a list of modules"),
        (
            "name: a\nmodules: [b]\nmodule: [b]",
            "project.yml:3:1: unknown key 'module' in 'project.yml'; did you mean 'modules'?\n"
            "hint: keys: base, classes, extensions, ledger, migrations, modules, name, paths, profiles, search_path, "
            "shared, target, targets, timeouts, type_names, types, undeclared",
        ),
        ("name: a\nmodules: b", "project.yml:2:10: expected a mapping or a list of modules, found 'b'"),
        ("name: a\nmodules: [b, b]", "project.yml:2:14: module 'b' is listed twice"),
        (
            "name: a\nmodules: [b/c]",
            "project.yml:2:11: expected the name of a module, which is a folder's name, found 'b/c'",
        ),
        ("name: a\nmodules: {b: {c: d}}", "project.yml:2:15: unknown key 'c' in 'module'\nhint: keys: depends_on"),
        (
            "name: a\nmodules: {base: {}, b: {depends_on: [bas]}}",
            "project.yml:2:37: 'b' depends on 'bas', which is no module; did you mean 'base'?\nhint: modules: base, b",
        ),
        (
            "name: a\nmodules: {b: {depends_on: [c]}, c: {depends_on: [d]}, d: {depends_on: [b]}}",
            "project.yml:2:27: modules depend on one another in a circle: b -> c -> d -> b",
        ),
        (
            "name: a\nmodules: {b: {depends_on: [c]}, c: {depends_on: c}}",
            "project.yml:2:49: modules depend on one another in a circle: c -> c",
        ),
        (
            "name: a\nmodules: []\ntarget: embeded",
            "project.yml:3:9: no target 'embeded'; did you mean 'embedded'?\nhint: targets: embedded, system",
        ),
        (
            "name: a\nmodules: []\ntargets: {x: {dsn: y, system: 15}}",
            "project.yml:3:14: target 'x' needs one of dsn, system and embedded, found dsn and system",
        ),
        (
            "name: a\nmodules: []\ntargets: {x: {embedded: false}}",
            "project.yml:3:14: target 'x' needs one of dsn, system and embedded, found none",
        ),
        (
            "name: a\nmodules: []\nprofiles: {dev: {scenarios: 0}}",
            "project.yml:3:29: expected a number of at least 1, found '0'",
        ),
        (
            "name: a\nmodules: []\ntimeouts: {lock: 5 sec}",
            "project.yml:3:18: expected a time such as 500ms, 5s or 1min, found '5 sec'",
        ),
        ("name: a\nmodules: []\n---\nname: b", "project.yml:4:1: a second document; this file has one"),
    ],
)
def test_a_bad_project_file(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path, text) == message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "checks/shpo/a.yml",
            "checks/shpo: the folder belongs to no module of project.yml; did you mean 'shop'?\n"
            "hint: add 'shpo' to 'modules' in project.yml, or move the folder away",
        ),
        (
            "schema/other/001_a.up.sql",
            "schema/other: the folder belongs to no module of project.yml\n"
            "hint: add 'other' to 'modules' in project.yml, or move the folder away",
        ),
        (
            "checks/orders.yml",
            "checks/orders.yml: a file outside of a module's folder\nhint: move it into checks/<module>/",
        ),
        (
            "seeds/shop/a.b.c.csv",
            "seeds/shop/a.b.c.csv: the name of a seed file is its table's, with a number before it if you like\n"
            "hint: for example 01_orders.csv, or auth.users.csv for a table of another schema",
        ),
    ],
)
def test_a_file_in_the_wrong_place(tmp_path: Path, path: str, message: str) -> None:
    assert refusal(tmp_path, "name: demo\nmodules: [shop]\n", {path: ""}) == message
