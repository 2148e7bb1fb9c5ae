"""``lint`` and the plain ``sqlfluff lint`` give one verdict, from one ``.sqlfluff``."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ProjectError
from tests.lint.linted import lint

ROOT = Path(__file__).parents[2]
GOOD = """\
create table shop.orders (
    id uuid not null default gen_random_uuid(),
    constraint orders_pkey primary key (id)
);
comment on table shop.orders is 'What was bought. [public]';
comment on column shop.orders.id is 'The key. [public]';
alter table shop.orders enable row level security;
alter table shop.orders force row level security;
"""

# Each plants one thing: what is written, and the codes that come of it.
PLANTED = {
    "keywords.sql": (GOOD.replace("create table", "CREATE TABLE"), {"CP01"}),
    "types.sql": (GOOD.replace("uuid not", "UUID not"), {"CP05"}),
    "indent.sql": (GOOD.replace("    id", "  id"), {"LT02"}),
    "long.sql": (GOOD + f"-- {'x' * 120}\n", {"LT05"}),
    "parse.sql": ("create table shop.orders (id uuid not null\n", {"PRS"}),
    "rule.sql": (
        "create rule nothing as on delete to shop.orders do instead nothing;\nSELECT 1;\n"
        + GOOD.replace("uuid not", "UUID not"),
        {"PRS", "CP01", "CP05"},  # the first is a note
    ),
    "quiet.sql": ("CREATE table shop.orders (id uuid);  -- noqa: CP01, harness\n", set()),
    "half_quiet.sql": (
        "CREATE TABLE shop.orders (id UUID);  -- noqa: CP01, Harness_HS06, Harness_HS10\n",
        {"CP05", "Harness_HS05"},
    ),
    "house.sql": (
        GOOD.replace("uuid not", "varchar not").replace("[public]", "[secret]"),
        {"Harness_HS01", "Harness_HS07", "Harness_HS10"},
    ),
    "house/001_tables.up.sql": (
        GOOD.replace("alter", "-- alter")
        + "create table shop.lines (like shop.orders including all);\ncomment on table shop.lines is '[public]';\n",
        {"Harness_HS05"},  # of shop.lines
    ),
    "house/001_tables.down.sql": ("create table shop.orders (id varchar);\n", set()),
    "house/002_access.up.sql": (GOOD[GOOD.index("alter") :], set()),
    "braces.sql": ("comment on table shop.orders is '{{ not a template %}';\n", set()),
    "named.sql": ("select\n    o.name,\n    o.type\nfrom shop.orders as o;\n", set()),
    "function.sql": ("do $$\nBEGIN\n    null;\nEND\n$$;\n", set()),
    "large.sql": (GOOD + "-- padding\n" * 2000 + "SELECT 1;\n", {"CP01"}),
    "own.sql": ("-- sqlfluff:max_line_length:20\nselect 'a rather long line';\n", {"LT05"}),
    "ignored.sql": ("CREATE TABLE x (ID UUID);\n", set()),
    "deep/ignored_here.sql": ("CREATE TABLE x (ID UUID);\n", set()),
    "deep/seen.sql": (GOOD.replace("not null", "NOT null"), {"CP01"}),
    "notes.txt": ("CREATE TABLE\n", set()),
}

Finding = tuple[str, int, int, str, str]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with this repository's settings and a fault in most of its files."""
    root = tmp_path_factory.mktemp("project mit Umlaut ä")
    shutil.copy(ROOT / ".sqlfluff", root)
    for name, (text, _) in PLANTED.items():
        file = root / "schema" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (root / ".sqlfluffignore").write_text("schema/ignored.sql\n")
    (root / "schema/deep/.sqlfluffignore").write_text("ignored_here.sql\n")
    return root


def command_line(root: Path, *paths: str) -> tuple[int, set[Finding]]:
    """Exit code and findings of the plain command."""
    # PYTHONWARNINGS: what sqlfluff's dependencies deprecate is not what is compared here.
    ran = subprocess.run(
        [sys.executable, "-m", "sqlfluff", "lint", *(paths or ("schema",)), "--format", "json"],
        cwd=root,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    return ran.returncode, {
        (record["filepath"], found["start_line_no"], found["start_line_pos"], found["code"], found["description"])
        for record in json.loads(ran.stdout)
        for found in record["violations"]
    }


def ours(root: Path, *paths: str) -> tuple[int, set[Finding]]:
    """The same of ``lint``."""
    found = lint(root, [Path(path) for path in paths] or None)
    verdict = int(any(not violation.warning for violation in found))
    return verdict, {(str(v.place.path), v.place.line or 0, v.place.column or 0, v.code, v.description) for v in found}


@pytest.mark.nightly  # as `make lint` asks each time
def test_this_repository_is_clean(tmp_path: Path) -> None:
    """Clean must not mean skipped: a fault at the end of each file is found, and nothing else."""
    shutil.copytree(ROOT / "schema", tmp_path / "schema")
    shutil.copy(ROOT / ".sqlfluff", tmp_path)
    files = sorted(path.relative_to(tmp_path) for path in (tmp_path / "schema").rglob("*.sql"))
    for file in files:
        with (tmp_path / file).open("a") as text:
            text.write("SELECT 1;\n")
    assert {(violation.place.path, violation.code) for violation in lint(tmp_path)} == {
        (file, "CP01") for file in files
    }


def test_each_planted_fault_is_found_and_nothing_else(project: Path) -> None:
    codes: dict[str, set[str]] = {name: set() for name in PLANTED}
    for violation in lint(project):
        codes[str(violation.place.path.relative_to("schema"))].add(violation.code)
    assert codes == {name: expected for name, (_, expected) in PLANTED.items()}


def test_what_a_violation_says(project: Path) -> None:
    (violation,) = lint(project, [Path("schema/types.sql")])
    assert str(violation.place) == "schema/types.sql:2:8"
    assert (violation.code, violation.name) == ("CP05", "capitalisation.types")
    assert violation.description == "Datatypes must be lower case."


def readable(verdict: tuple[int, set[Finding]]) -> tuple[int, set[Finding]]:
    """A verdict without the files of which sqlfluff cannot read a part: it says nothing of the rest of them."""
    return verdict[0], {found for found in verdict[1] if found[0] not in ("schema/parse.sql", "schema/rule.sql")}


def test_the_command_line_agrees(project: Path) -> None:
    verdict = command_line(project)
    assert verdict[0] == 1
    assert readable(ours(project)) == readable(verdict)


@pytest.mark.parametrize("path", ["schema/deep", "schema/quiet.sql", "schema/ignored.sql", "."])
def test_the_command_line_agrees_on_a_path(project: Path, path: str) -> None:
    assert readable(ours(project, path)) == readable(command_line(project, path))


def test_house_rules_judge_what_sqlfluff_cannot_read_in_an_editor_too(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".sqlfluff", tmp_path)
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/rule.sql").write_text(PLANTED["rule.sql"][0].replace("UUID not", "json not"))
    house = {found for found in command_line(tmp_path)[1] if found[3].startswith("Harness")}
    assert {found[3] for found in house} == {"Harness_HS03", "Harness_HS10"}
    assert house == {found for found in ours(tmp_path)[1] if found[3].startswith("Harness")}


LOWER = "[sqlfluff:rules:capitalisation.keywords]\ncapitalisation_policy = lower\n"
PRS = (
    "sqlfluff cannot read this statement, and PostgreSQL can: its layout is not checked. "
    "For an editor, which shows it red, end line {} with: -- noqa: PRS"
)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("create rule r as on delete to t do instead nothing;", ["1:1 (warning)", PRS.format(1)]),
        (
            "\n\n/* a */ create event trigger e on ddl_command_start execute function f();",
            ["3:9 (warning)", PRS.format(3)],
        ),
        (
            "create table t (a int4range, b tstzrange, constraint k unique (a, b without overlaps));",
            ["1:1 (warning)", PRS.format(1)],
        ),
        ("alter table t add constraint n not null a not valid;", ["1:1 (warning)", PRS.format(1)]),
        ("create view v as select 1 as ö with check option;", ["1:1 (warning)", PRS.format(1)]),
        ("create table t (\n    ö text,,\n    b text\n);", ["2:12", 'syntax error at or near ","']),
        ("select 'a;", ["1:8", "unterminated quoted string at or near \"'a;"]),
    ],
)
def test_a_statement_that_sqlfluff_cannot_read(statement: str, said: list[str], tmp_path: Path) -> None:
    """PostgreSQL's parser tells a slip from what sqlfluff has not learnt; the others are judged."""
    (tmp_path / ".sqlfluff").write_text(f"[sqlfluff]\ndialect = postgres\ntemplater = raw\nrules = CP01\n{LOWER}")
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/a.sql").write_text(f"{statement}\n\n\n\nSELECT 1;\n")
    found = lint(tmp_path)
    prs, *others = sorted(found, key=lambda each: each.code != "PRS")
    assert [f"{prs.place.line}:{prs.place.column}{' (warning)' if prs.warning else ''}", prs.description] == said
    assert bool(others) == prs.warning
    for each in others:
        assert (each.code, each.place.line) == ("CP01", statement.count("\n") + 5)


def faulty(root: Path, text: str) -> list[tuple[str, int, bool, bool]]:
    """Code, line, whether it is a warning and whether it can be mended, of a file that says this."""
    (root / ".sqlfluff").write_text(f"[sqlfluff]\ndialect = postgres\ntemplater = raw\nrules = CP01\n{LOWER}")
    (root / "schema").mkdir(exist_ok=True)
    (root / "schema/a.sql").write_text(text)
    return [(each.code, each.place.line or 0, each.warning, each.fixable) for each in lint(root)]


UNREAD = "create rule r as on delete to t{}\ndo instead nothing;\n"


def test_noqa_takes_the_word_on_what_sqlfluff_cannot_read_and_nothing_else(tmp_path: Path) -> None:
    text = "SELECT 1;\n{}SELECT 2;\n{}SELECT 3;\n"
    red = [("CP01", line, False, False) for line in (1, 4, 7)]
    plain = faulty(tmp_path, text.format(UNREAD.format(""), UNREAD.format("")))
    assert plain == sorted([*red, ("PRS", 2, True, False), ("PRS", 5, True, False)], key=lambda each: each[1])
    noqa = UNREAD.format("  -- noqa: PRS")
    assert faulty(tmp_path, text.format(noqa, UNREAD.format(""))) == [*red[:2], ("PRS", 5, True, False), red[2]]
    assert faulty(tmp_path, text.format(noqa, noqa)) == red
    assert not {code for _, _, _, code, _ in command_line(tmp_path)[1]} & {"PRS"}  # nor does an editor show it


@pytest.mark.parametrize("noqa", ["-- noqa", "-- noqa: PRS", "-- noqa: disable=all"])
def test_noqa_does_not_hide_a_slip(tmp_path: Path, noqa: str) -> None:
    assert faulty(tmp_path, f"select 1;  {noqa}\nselect 2 frm t t;  {noqa}\n") == [("PRS", 2, False, False)]


def test_sqlfluff_fix_mends_what_lint_says_it_does(tmp_path: Path) -> None:
    text = "SELECT 1;\n" + UNREAD.format("  -- noqa: PRS")
    fix = [sys.executable, "-m", "sqlfluff", "fix", "schema"]
    assert faulty(tmp_path, "SELECT 1;\n") == [("CP01", 1, False, True)]
    subprocess.run(fix, cwd=tmp_path, capture_output=True, check=False)
    assert (tmp_path / "schema/a.sql").read_text() == "select 1;\n"
    assert faulty(tmp_path, text) == [("CP01", 1, False, False)]
    subprocess.run(fix, cwd=tmp_path, capture_output=True, check=False)
    assert (tmp_path / "schema/a.sql").read_text() == text


@pytest.mark.parametrize(
    ("text", "place", "begins"),
    [
        ("create table t (a int", "1:19", 1),
        ("select 1;\n\n-- So far.\ncreate table t (\n    a int,\n    b text -- the last\n\n", "6:7", 4),
        ("do $$ begin; end $$;\ninsert into t values ('a;b' /* ; */", "2:23", 2),
        ("copy t from stdin;\n1\n\\.\nselect (", "4:8", 4),
    ],
)
def test_a_statement_without_an_end(tmp_path: Path, text: str, place: str, begins: int) -> None:
    faulty(tmp_path, text)
    (found,) = lint(tmp_path)
    assert str(found.place) == f"schema/a.sql:{place}"
    assert found.description == (
        f"syntax error at end of input (the statement that begins in line {begins} is unfinished)"
    )


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("-- noqa: HS01", "noqa names no rule 'HS01'; did you mean Harness_HS01?"),
        ("-- noqa: CP01,HARNESS_HS01", "noqa names no rule 'HARNESS_HS01'; did you mean Harness_HS01?"),
        ("-- old -- noqa: disable=harness.txt", "noqa names no rule 'harness.txt'; did you mean harness.text?"),
        ("/* noqa: enable=cp01 */", "noqa names no rule 'cp01'; did you mean CP01?"),
        ("-- noqa: xyzzy", "noqa names no rule 'xyzzy'"),
        ("-- NOQA: LT05", "noqa does nothing unless it is written in lower case"),
        (
            "-- noqa: Harness_HS01 old app",
            "noqa names no rule 'Harness_HS01 old app'; did you mean Harness_HS01? "
            "A reason stands before it: -- old app -- noqa: …",
        ),
        *((f"-- noqa{rest}", None) for rest in ("", ": all", ": PRS,Harness_*", ":disable=harness")),
        ("-- of old: noqa: HS01", None),
        ("select '-- noqa: HS01'", None),
    ],
)
def test_a_noqa_that_names_no_rule(tmp_path: Path, comment: str, said: str | None) -> None:
    faulty(tmp_path, f"select\n    1; {comment}\n")
    found = [(str(each.place), each.description, each.warning) for each in lint(tmp_path)]
    assert found == ([("schema/a.sql:2:8", said, True)] if said else [])


def test_the_verdict_does_not_depend_on_where_one_stands(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = lint(project)
    (tmp_path / ".sqlfluff").write_text("[sqlfluff]\ndialect = ansi\nexclude_rules = all\n")
    for elsewhere in (tmp_path, project / "schema", project / "schema/deep"):
        monkeypatch.chdir(elsewhere)
        assert lint(project) == there
        assert Path.cwd() == elsewhere


def test_settings_are_read_anew_and_a_warning_is_not_red(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/a.sql").write_text("SELECT 1;\n")
    settings = tmp_path / ".sqlfluff"
    settings.write_text("[sqlfluff]\ndialect = postgres\nrules = CP01\n\n[sqlfluff:rules:capitalisation.keywords]\n")
    settings.write_text(settings.read_text() + "capitalisation_policy = lower\n")
    assert [violation.warning for violation in lint(tmp_path)] == [False]
    settings.write_text(settings.read_text().replace("rules = CP01", "rules = CP01\nwarnings = CP01"))
    assert [violation.warning for violation in lint(tmp_path)] == [True]
    assert ours(tmp_path) == command_line(tmp_path)


def test_a_path_that_is_not_there(project: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        lint(project, [Path("schema/nothing.sql")])
    assert str(caught.value) == "schema/nothing.sql: no such file or directory"


@pytest.mark.parametrize("path", ["checks/orders.yml", "checks"])
def test_a_path_without_sql(tmp_path: Path, path: str) -> None:
    faulty(tmp_path, "select 1;\n")
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/orders.yml").write_text("")
    with pytest.raises(ProjectError) as caught:
        lint(tmp_path, [Path(path)])
    assert str(caught.value) == f"{path}: no .sql file"


def test_no_settings(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema/a.sql").write_text("select 1;\n")
    with pytest.raises(ProjectError) as caught:
        lint(tmp_path)
    assert str(caught.value) == (
        ".sqlfluff: sqlfluff: No dialect was specified\n"
        "hint: write .sqlfluff:\n\n[sqlfluff]\ndialect = postgres\ntemplater = raw"
    )


def of_settings(root: Path, more: str) -> list[str]:
    """What is said with these settings, the dialect in line 2, of a file with nothing else to say."""
    (root / "schema").mkdir()
    (root / "schema/a.sql").write_text("select 1;\n")
    (root / ".sqlfluff").write_text(f"[sqlfluff]\ndialect = postgres\ntemplater = raw\n{more}\n")
    found = lint(root)
    assert all(each.warning for each in found)
    return [f"{each.place}: {each.description}" for each in found]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[sqlfluff:rules:harness.text\nignore_names = a", "4: the ] of the section is missing"),
        ("lint me", "4: a line is neither a [section] nor key = value"),
        ("[sqlfluff]", "4: the section [sqlfluff] is there twice"),
        ("dialect = ansi", "4: dialect is there twice in [sqlfluff]"),
        ("max_line_length = viele", "4: max_line_length is 'viele', and has to be a whole number"),
        ("[sqlfluff:indentation]\n\ntab_space_size = x", "6: tab_space_size is 'x', and has to be a whole number"),
        ("[sqlfluff:indentation]\nindent_unit = tabs", "5: indent_unit is 'tabs', and has to be one of space, tab; *"),
        ("disable_noqa = yes", "4: disable_noqa is 'yes', and has to be True or False"),
        ("encoding = utf-9", "4: encoding is 'utf-9', which is no encoding"),
        ("rules = all, harnes", "4: rules names no rule 'harnes'; did you mean harness?"),
        ("rules =\n    all,\n    hs01", "4: rules names no rule 'hs01'; did you mean Harness_HS01?"),
        (
            "[sqlfluff:rules:capitalisation.types]\nextended_capitalisation_policy = lowr",
            "5: extended_capitalisation_policy is 'lowr', and has to be one of *; did you mean 'lower'?",
        ),
    ],
)
def test_settings_that_leave_a_verdict_without_meaning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], more: str, said: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        of_settings(tmp_path, more)
    assert fnmatch.fnmatchcase(str(caught.value), f".sqlfluff:{said.replace('[', '[[]')}")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("exclude_rules = RF4, CP01", "4: exclude_rules names no rule 'RF4'; did you mean RF04?"),
        ("warnings = PRS, lt05", "4: warnings names no rule 'lt05'; did you mean LT05?"),
        ("max_line_lenght = 90", "4: no setting 'max_line_lenght' in [sqlfluff]; did you mean 'max_line_length'?"),
        (
            "[sqlfluff:rules:harness.text]\nignore_name = a",
            "5: no setting 'ignore_name' in [sqlfluff:rules:harness.text]; did you mean 'ignore_names'?",
        ),
        (
            "[sqlfluff:rules:harness.txt]\nignore_names = a",
            "4: nothing reads the section [sqlfluff:rules:harness.txt]; did you mean 'sqlfluff:rules:harness.text'?",
        ),
        (
            "[sqlfluff:rules:LT05]\nignore_comment_lines = True",
            "4: nothing reads the section [sqlfluff:rules:LT05]; did you mean 'sqlfluff:rules:layout.long_lines'?",
        ),
        ("[sqlfuff]", "4: nothing reads the section [sqlfuff]; did you mean 'sqlfluff'?"),
    ],
)
def test_settings_that_do_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str], more: str, said: str) -> None:
    assert of_settings(tmp_path, more) == [f".sqlfluff:{said}"]
    assert capfd.readouterr() == ("", "")


def test_settings_that_are_well_are_not_spoken_of(tmp_path: Path) -> None:
    assert of_settings(tmp_path, (ROOT / ".sqlfluff").read_text().split("templater = raw\n")[1]) == []
    more = "\n[sqlfluff:rules]\nallow_scalar = True\nignore_words = a\n"
    more += "[sqlfluff:templater:jinja:context]\nown = 1\n[sqlfluff:layout:type:comma]\nline_position = trailing\n"
    (tmp_path / ".sqlfluff").write_text((tmp_path / ".sqlfluff").read_text() + more + "[other]\nkey = 1\n")
    assert [each.description for each in lint(tmp_path)] == ["nothing reads the section [other]"]


def test_settings_of_a_folder_and_of_a_file(tmp_path: Path) -> None:
    assert of_settings(tmp_path, "rules = CP01") == []
    (tmp_path / "schema/.sqlfluff").write_text("[sqlfluff]\nexclude_rules = LT0\n")
    (tmp_path / "schema/a.sql").write_text("-- sqlfluff:rules:harness.txt:ignore_names:a\nselect 1;\n")
    assert [str(each.place) for each in lint(tmp_path)] == ["schema/.sqlfluff:2", "schema/a.sql:1"]
    (tmp_path / "schema/a.sql").write_text("select 1;\n-- sqlfluff:rules:harnes\n")
    with pytest.raises(ProjectError, match=r"^schema/a\.sql:2: rules names no rule 'harnes'; did you mean harness\?$"):
        lint(tmp_path)


def test_an_unknown_dialect(tmp_path: Path) -> None:
    (tmp_path / "schema").mkdir()
    (tmp_path / ".sqlfluff").write_text("[sqlfluff]\n# ours\ndialect = postgre\n")
    with pytest.raises(ProjectError) as caught:
        lint(tmp_path)
    assert str(caught.value) == ".sqlfluff:3: dialect is 'postgre'; did you mean 'postgres'?"


def test_importing_it_does_not_import_sqlfluff() -> None:
    code = "import sys, harness.lint; sys.exit('sqlfluff' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
