"""How other tools keep their migrations: found out by looking, read in their order, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import layouts
from harness.errors import HarnessError
from harness.layouts import LAYOUTS, PsqlFiles, detect
from harness.project.model import BuildStep, ForeignMigrations

Files = dict[str, str]

# For each layout: files, the names of the steps in order, and what the first one does and undoes.
WORKING: dict[str, tuple[str, Files, list[str], list[str | None]]] = {
    "golang-migrate": (
        "golang-migrate",
        {
            "2_b.up.sql": "select 2;",
            "10_c.up.sql": "select 10;",
            "1_a.up.sql": "select 1;",
            "1_a.down.sql": "select -1;",
            "README.md": "",
            "notes.sql": "no SQL",
        },
        ["1_a", "2_b", "10_c"],
        ["select 1;", "select -1;"],
    ),
    "golang-migrate with timestamps": (
        "golang-migrate",
        {"20240101120000_b.up.sql": "select 2;", "20230101120000_a.up.sql": "select 1;"},
        ["20230101120000_a", "20240101120000_b"],
        ["select 1;", None],
    ),
    "releases": (
        "releases",
        {
            "2/01_c.up.sql": "select 3;",
            "10/01_d.up.sql": "select 4;",
            "0/02_b.up.sql": "select 2;",
            "0/01_a.up.sql": "select 1;",
            "0/01_a.down.sql": "select -1;",
            "notes/01_x.up.sql": "no SQL",
        },
        ["0/01_a", "0/02_b", "2/01_c", "10/01_d"],
        ["select 1;", "select -1;"],
    ),
    "sqlx": (
        "sqlx",
        {"20240101_b.sql": "select 2;", "20230101_a.sql": "select 1;"},
        ["20230101_a", "20240101_b"],
        ["select 1;", None],
    ),
    "supabase": (
        "supabase",
        {"20240101120000_b.sql": "select 2;", "20230101120000_a.sql": "select 1;", "draft.sql": "no SQL"},
        ["20230101120000_a", "20240101120000_b"],
        ["select 1;", None],
    ),
    "dbmate": (
        "dbmate",
        {
            "20240101_b.sql": "-- migrate:up transaction:false\nselect 2;\n",
            "20230101_a.sql": "-- migrate:up\nselect 1;\n-- migrate:down\nselect -1;\n",
        },
        ["20230101_a", "20240101_b"],
        ["\n" + "select 1;", "\n\n\nselect -1;"],
    ),
    "goose": (
        "goose",
        {
            "00010_b.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nselect 2;\n",
            "00002_a.sql": (
                "-- +goose Up\n-- +goose StatementBegin\nselect 1;\n-- +goose StatementEnd\n"
                "-- +goose Down\nselect -1;\n"
            ),
        },
        ["00002_a", "00010_b"],
        ["\n-- +goose StatementBegin\nselect 1;\n-- +goose StatementEnd", "\n\n\n\n\nselect -1;"],
    ),
    "diesel": (
        "directories",
        {
            "2019-02-26-002946_b/up.sql": "select 2;",
            "00000000000001_a/up.sql": "select 1;",
            "00000000000001_a/down.sql": "select -1;",
            "2019-02-26-002946_b/metadata.toml": "run_in_transaction = false\n",
            ".keep": "",
        },
        ["00000000000001_a", "2019-02-26-002946_b"],
        ["select 1;", "select -1;"],
    ),
    "prisma": (
        "directories",
        {
            "20240101_b/migration.sql": "select 2;",
            "20230101_a/migration.sql": "select 1;",
            "migration_lock.toml": 'provider = "postgresql"\n',
        },
        ["20230101_a", "20240101_b"],
        ["select 1;", None],
    ),
    "sourcegraph": (
        "directories",
        {
            "100_b/up.sql": "select 2;",
            "100_b/metadata.yaml": "name: b\nparents: [200]\n",
            "200_a/up.sql": "select 1;",
            "200_a/metadata.yaml": "name: a\nparents: []\n",
        },
        ["200_a", "100_b"],
        ["select 1;", None],
    ),
    "sqitch": (
        "sqitch",
        {
            "sqitch.plan": (
                "%syntax-version=1.0.0\n%project=shop\n\n# first\n"
                "users 2024-01-01T00:00:00Z A B <a@example.org> # the users\n"
                "@v1.0 2024-01-02T00:00:00Z A B <a@example.org>\n"
                "orders [users] 2024-01-03T00:00:00Z A B <a@example.org>\n"
                "users [users@v1.0] 2024-01-04T00:00:00Z A B <a@example.org>\n"
            ),
            "deploy/users.sql": "select 3;",
            "deploy/users@v1.0.sql": "begin; select 1; commit;",
            "deploy/orders.sql": "select 2;",
            "revert/users@v1.0.sql": "select -1;",
        },
        ["users@v1.0", "orders", "users"],
        ["begin; select 1; commit;", "select -1;"],
    ),
    "flyway": (
        "flyway",
        {
            "R__views.sql": "select 4;",
            "V1_10__c.sql": "select 3;",
            "more/V1.2__b.sql": "select 2;",
            "V1__a.sql": "select 1;",
            "U1__a.sql": "select -1;",
            "afterMigrate.sql": "no SQL",
        },
        ["V1__a", "V1.2__b", "V1_10__c", "R__views"],
        ["select 1;", "select -1;"],
    ),
    "flyway with a baseline": (
        "flyway",
        {"V1__a.sql": "no SQL", "B2__all.sql": "select 1;", "V2__b.sql": "no SQL", "V3.0__c.sql": "select 3;"},
        ["B2__all", "V3.0__c"],
        ["select 1;", None],
    ),
    "atlas": (
        "atlas",
        {"atlas.sum": "h1:x\n", "20240101_b.sql": "select 2;", "20230101_a.sql": "select 1;"},
        ["20230101_a", "20240101_b"],
        ["select 1;", None],
    ),
    "atlas with a checkpoint": (
        "atlas",
        {
            "atlas.sum": "h1:x\n",
            "1_a.sql": "no SQL",
            "2_checkpoint.sql": "-- atlas:checkpoint\n\nselect 1;",
            "3_c.sql": "-- atlas:txmode none\n\nselect 2;",
        },
        ["2_checkpoint", "3_c"],
        ["-- atlas:checkpoint\n\nselect 1;", None],
    ),
    "files": ("files", {"structure.sql": "select 1;"}, ["structure"], ["select 1;", None]),
}

# Files, and the error that they are.
BROKEN: dict[str, tuple[Files, str]] = {
    "nothing": (
        {"README.md": ""},
        "db: no migrations that are understood lie in this directory\n"
        "hint: looked for sqitch.plan (sqitch); atlas.sum (atlas); files with a line -- migrate:up (dbmate); "
        "files with a line -- +goose Up (goose); V1__name.sql (flyway); <name>/up.sql or <name>/migration.sql "
        "(directories); N_name.up.sql (golang-migrate); <number>/N_name.up.sql (releases); "
        "supabase/migrations/<timestamp>_name.sql (supabase); "
        "<timestamp>_name.sql (sqlx); one SQL file (files); of other SQL files say which and in which order: "
        "migrations: {path: [tables.sql, functions.sql]}",
    ),
    "golang-migrate: a number twice": (
        {"1_a.up.sql": "select 1;", "01_b.up.sql": "select 2;"},
        "db/1_a.up.sql: version 1 is taken by db/01_b.up.sql\n"
        "hint: rename one of the two: nobody knows which comes first; or name the files themselves in their order: "
        "harness adopt db/01_b.up.sql db/1_a.up.sql …, or migrations: "
        "{path: [db/01_b.up.sql, db/1_a.up.sql, …]} in project.yml",
    ),
    "golang-migrate: down alone": (
        {"1_a.down.sql": "select 1;"},
        "db/1_a.down.sql: it has nothing to undo: there is no .up.sql of this version",
    ),
    "releases: one twice": (
        {"1/1_a.up.sql": "select 1;", "01/1_b.up.sql": "select 2;"},
        "db/1: release 1 is taken by db/01\nhint: rename one of the two: nobody knows which comes first",
    ),
    "sqlx: a version twice": (
        {"1_a.sql": "select 1;", "1_b.sql": "select 2;"},
        "db/1_b.sql: version 1 is taken by db/1_a.sql\n"
        "hint: rename one of the two: nobody knows which comes first; or name the files themselves in their order: "
        "harness adopt db/1_a.sql db/1_b.sql …, or migrations: "
        "{path: [db/1_a.sql, db/1_b.sql, …]} in project.yml",
    ),
    "dbmate: no up": (
        {"1_a.sql": "-- migrate:up\nselect 1;", "2_b.sql": "select 2;"},
        "db/2_b.sql: no line -- migrate:up, so dbmate would not know what to apply\n"
        "hint: write it above the statements",
    ),
    "dbmate: down first": (
        {"1_a.sql": "\n-- migrate:down\n-- migrate:up\n"},
        "db/1_a.sql:2: -- migrate:down stands where it cannot: a file has one up, then one down",
    ),
    "dbmate: up twice": (
        {"1_a.sql": "-- migrate:up\n-- migrate:up\n"},
        "db/1_a.sql:2: -- migrate:up stands where it cannot: a file has one up, then one down",
    ),
    "goose: down alone": (
        {"1_a.sql": "-- +goose Down\nselect 1;\n"},
        "db/1_a.sql:1: a file of goose has one line -- +goose Up, and after it at most one -- +goose Down",
    ),
    "goose: in Go": (
        {"1_a.sql": "-- +goose Up\nselect 1;\n", "2_b.go": "package migrations\n"},
        "db/2_b.go: a migration written in Go, which only goose itself can run\n"
        "hint: let goose build a database and adopt that one, by its connection string",
    ),
    "directories: a circle": (
        {
            "1_a/up.sql": "",
            "1_a/metadata.yaml": "parents: [2]\n",
            "2_b/up.sql": "",
            "2_b/metadata.yaml": "parents: [1]\n",
        },
        "db/1_a/metadata.yaml: it is its own parent: 1_a -> 2_b -> 1_a",
    ),
    "sqitch: a file is missing": (
        {"sqitch.plan": "%project=shop\nusers 2024-01-01T00:00:00Z A <a@example.org>\n"},
        "db/sqitch.plan:2: the change users has no file db/deploy/users.sql",
    ),
    "sqitch: no plan": ({"sqitch.plan": "%project=shop\n[x]\n"}, "db/sqitch.plan:2: not a line of a plan"),
    "flyway: a version twice": (
        {"V1__a.sql": "", "V1.0__b.sql": ""},
        "db/V1__a.sql: version 1 is taken by db/V1.0__b.sql\n"
        "hint: rename one of the two: nobody knows which comes first; or name the files themselves in their order: "
        "harness adopt db/V1.0__b.sql db/V1__a.sql …, or migrations: "
        "{path: [db/V1.0__b.sql, db/V1__a.sql, …]} in project.yml",
    ),
    "a file that is not UTF-8": (
        {"1_a.up.sql": "select 'Gr\udcfcn';"},
        "db/1_a.up.sql:1:11: not UTF-8: byte 0xfc\nhint: save the file as UTF-8",
    ),
}


def write(root: Path, files: Files) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(errors="surrogateescape"))
    return root


def adopt(directory: Path, *names: str, layout: str | None = None) -> ForeignMigrations:
    paths = [directory / name for name in names] or [directory]
    return layouts.read(PsqlFiles(directory.parent, {}), paths, layouts.named(layout) if layout else None)


def directions(step: BuildStep) -> list[str | None]:
    return [_stripped(step.up.text), _stripped(step.down.text) if step.down else None]


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip()


@pytest.mark.parametrize("case", WORKING)
def test_a_layout_is_found_and_read_in_its_order(tmp_path: Path, case: str) -> None:
    layout, files, names, first = WORKING[case]
    directory = write(tmp_path / ("supabase" if layout == "supabase" else "") / "db", files)
    assert detect(directory).name == layout
    adopted = adopt(directory)
    assert adopted.layout == layout
    assert [step.name for step in adopted.steps] == names
    assert directions(adopted.steps[0]) == first


def test_every_layout_is_tried() -> None:
    assert {layout for layout, *_ in WORKING.values()} == set(LAYOUTS)


def test_every_layout_has_its_row_in_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "migrations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == set(LAYOUTS)


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, case: str) -> None:
    files, message = BROKEN[case]
    with pytest.raises(HarnessError) as caught:
        adopt(write(tmp_path / "db", files))
    assert str(caught.value).replace(str(tmp_path) + "/", "") == message


@pytest.mark.parametrize(
    ("case", "alone"),
    [
        ("golang-migrate", set()),
        ("dbmate", {"20240101_b"}),
        ("goose", {"00010_b"}),
        ("diesel", {"2019-02-26-002946_b"}),
        ("sqitch", {"users@v1.0", "orders", "users"}),
        ("atlas with a checkpoint", {"3_c"}),
        ("files", {"structure"}),
    ],
)
def test_which_run_outside_of_a_transaction(tmp_path: Path, case: str, alone: set[str]) -> None:
    adopted = adopt(write(tmp_path / "db", WORKING[case][1]))
    assert {step.name for step in adopted.steps if not step.up.transactional} == alone


def test_opting_out_in_sqlx_and_flyway(tmp_path: Path) -> None:
    sqlx = adopt(write(tmp_path / "a", {"1_a.sql": "-- no-transaction\nselect 1;", "2_b.sql": "select 2;"}))
    flyway = adopt(
        write(tmp_path / "b", {"V1__a.sql": "", "V1__a.sql.conf": "executeInTransaction=false\n", "V2__b.sql": ""})
    )
    assert [[step.up.transactional for step in adopted.steps] for adopted in (sqlx, flyway)] == [[False, True]] * 2


@pytest.mark.parametrize(
    ("case", "tool", "command"),
    [
        ("golang-migrate", "golang-migrate", "migrate -path db -database … up"),
        ("diesel", "diesel", "diesel migration run"),
        ("prisma", "Prisma", "prisma migrate deploy"),
        ("sourcegraph", "Sourcegraph", "migrator up"),
        ("sqlx", "sqlx", "sqlx migrate run --source db"),
    ],
)
def test_the_tool_and_its_command(tmp_path: Path, case: str, tool: str, command: str) -> None:
    adopted = adopt(write(tmp_path / "db", WORKING[case][1]))
    assert (adopted.tool, adopted.command) == (tool, command)


def test_a_layout_can_be_said(tmp_path: Path) -> None:
    directory = write(tmp_path / "db", {"b.sql": "select 2;", "a.sql": "select 1;"})
    assert [step.name for step in adopt(directory, layout="files").steps] == ["a", "b"]
    with pytest.raises(HarnessError) as caught:
        adopt(directory, layout="dbmate")
    assert str(caught.value) == "db: no migration of dbmate (files with a line -- migrate:up) lies here"
    with pytest.raises(HarnessError) as caught:
        adopt(directory, "a.sql", "b.sql", layout="dbmate")
    assert str(caught.value) == (
        "db/a.sql: the layout dbmate is a directory's, and this is none\nhint: name one directory, or leave layout out"
    )


def test_files_come_in_the_order_given(tmp_path: Path) -> None:
    directory = write(tmp_path / "db", {"a.sql": "select 1;", "b.sql": "select 2;"})
    adopted = adopt(directory, "b.sql", "a.sql")
    assert (adopted.layout, [step.name for step in adopted.steps]) == ("files", ["b", "a"])


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="there is no such file or directory"):
        detect(tmp_path / "nowhere")
    with pytest.raises(HarnessError) as caught:
        layouts.named("dbmat")
    assert str(caught.value).startswith("no layout 'dbmat'; did you mean 'dbmate'?")


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("create trigger t before insert on __diesel_schema_migrations execute function f();", True),
        (
            "create table public.__diesel_schema_migrations (a int); table __diesel_schema_migrations",
            False,
        ),
        ("select 1;", False),
    ],
)
def test_the_ledger_of_the_tool_is_made_where_migrations_need_it(tmp_path: Path, text: str, there: bool) -> None:
    adopted = adopt(write(tmp_path / "db", {"1_a/up.sql": text}))
    assert (adopted.ledger is not None) == there
