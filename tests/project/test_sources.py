"""``base:``, ``migrations:`` and what goes with them in ``project.yml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.declarations import read
from harness.errors import HarnessError
from harness.kinds import KINDS
from harness.project.load import load

from .sample import write

HEAD = "name: demo\nmodules: [public]\n"


def refusal(root: Path, text: str, files: dict[str, str | bytes] | None = None) -> str:
    with pytest.raises(HarnessError) as caught:
        load(write(root, {"project.yml": HEAD + text, **(files or {})}))
    return str(caught.value)


def test_everything_said(tmp_path: Path) -> None:
    write(tmp_path, {"server/migrations/1_a.up.sql": "select 1;", "server/migrations/1_a.down.sql": "select 2;"})
    text = """\
base: [base/roles.sql, base/auth.sql]
migrations: {path: ../server/migrations, layout: golang-migrate}
extensions: {stand_ins: [uuid-ossp]}
search_path: [app, public]
"""
    root = write(
        tmp_path / "rules",
        {"project.yml": HEAD + text, "base/roles.sql": "create role a;", "base/auth.sql": "\\set x y\nselect :'x';"},
    )
    project = load(root)
    assert [(step.name, str(step.path)) for step in project.base] == [
        ("roles", "base/roles.sql"),
        ("auth", "base/auth.sql"),
    ]
    assert not project.base[0].up.transactional
    assert project.adopted is not None
    assert (project.adopted.layout, str(project.adopted.path)) == ("golang-migrate", "../server/migrations")
    (step,) = project.adopted.steps
    assert str(step.path) == "../server/migrations/1_a.up.sql"
    assert (project.stand_ins, project.search_path) == (("uuid-ossp",), ("app", "public"))
    assert project.modules[0].migrations == ()


def test_a_layout_is_found_out_and_variables_are_put_in(tmp_path: Path) -> None:
    files = {"a.sql": "select :v;", "b.sql": "select 2;"}
    project = load(
        write(tmp_path, {"project.yml": HEAD + "migrations: {path: [b.sql, a.sql], variables: {v: 'NULL'}}\n", **files})
    )
    assert project.adopted is not None
    assert project.adopted.layout == "files"
    assert [step.up.text.strip() for step in project.adopted.steps] == ["select 2;", "select NULL;"]


def test_seeds_and_checks_stay_the_projects_own(tmp_path: Path) -> None:
    files = {"db.sql": "select 1;", "seeds/public/a.csv": "id\n1\n", "checks/public/a.yml": "table: public.a\n"}
    project = load(write(tmp_path, {"project.yml": HEAD + "migrations: {path: db.sql}\n", **files}))
    assert len(project.modules[0].seeds) == len(project.modules[0].checks) == 1


@pytest.mark.parametrize(
    ("text", "files", "message"),
    [
        (
            "base: base/roles.sql\n",
            {},
            "project.yml:3:7: there is no such file or directory: base/roles.sql\n"
            "hint: paths begin where project.yml is",
        ),
        (
            "migrations: {path: [a.sql, b.sql]}\n",
            {"a.sql": ""},
            "project.yml:3:28: there is no such file or directory: b.sql\nhint: paths begin where project.yml is",
        ),
        ("base: base\n", {"base/a.sql": ""}, "base: cannot be read: Is a directory"),
        ("migrations: {layout: goose}\n", {}, "project.yml:3:13: 'migrations' needs the key 'path': a path or a list"),
        (
            "migrations: {path: db, layout: gose}\n",
            {"db/a.sql": ""},
            "project.yml:3:32: expected one of sqitch, atlas, dbmate, goose, flyway, directories, golang-migrate, "
            "releases, supabase, sqlx, files, found 'gose'; did you mean 'goose'?",
        ),
        (
            "migrations: {path: db}\n",
            {"db/1_a.up.sql": "\\gexec"},
            "db/1_a.up.sql:1:1: \\gexec is a command of psql; only SQL can be sent to the server\n"
            "    1 | \\gexec\n      | ^\n"
            "hint: take the line out, write what it does as SQL, or let psql build a database and adopt that one",
        ),
        (
            "migrations: {path: db}\n",
            {"db/1_a.up.sql": "", "schema/public/001_a.up.sql": "select;", "schema/public/001_a.down.sql": "select;"},
            "schema/public/001_a.down.sql: a migration of this project's own, beside those of another tool\n"
            "hint: take 'migrations' out of project.yml, or the file out of schema/",
        ),
    ],
)
def test_what_the_files_alone_show(tmp_path: Path, text: str, files: dict[str, str | bytes], message: str) -> None:
    assert refusal(tmp_path, text, files) == message


def test_a_schema_folder_that_is_the_other_tools_own(tmp_path: Path) -> None:
    files = {"schema/public/1_a.up.sql": "select 1;"}
    project = load(write(tmp_path, {"project.yml": HEAD + "migrations: {path: schema/public}\n", **files}))
    assert project.adopted is not None
    assert len(project.adopted.steps) == 1


def test_rollback_needs_files_that_undo(tmp_path: Path) -> None:
    files = {
        "db/1_a.up.sql": "",
        "db/1_a.down.sql": "",
        "db/2_b.up.sql": "",
        "db/3_c.up.sql": "",
        "checks/public/_module.yml": "module: public\nchecks:\n  - rollback: all\n",
    }
    root = write(tmp_path, {"project.yml": HEAD + "migrations: {path: db}\n", **files})
    with pytest.raises(HarnessError) as caught:
        read(load(root), KINDS)
    assert str(caught.value) == (
        "checks/public/_module.yml:3:5: 'rollback': nothing undoes db/2_b.up.sql, and 1 more are like it\n"
        "hint: correct it, or take this check out"
    )
    write(root, {"project.yml": HEAD + "migrations: {path: db}\n", "db/2_b.down.sql": "", "db/3_c.down.sql": ""})
    assert len(read(load(root), KINDS)) == 1
