"""apply, rollback, status, seed, new: what they say, what they leave, how they exit."""

from __future__ import annotations

from harness.server.connection import Server
from tests.cli.conftest import Cli, timeless


def head(cli: Cli, description: str) -> str:
    return f"{description}, database {cli.name}\n"


def test_apply_says_each_file_and_the_second_time_that_there_is_nothing_to_do(cli: Cli, description: str) -> None:
    first, second = cli.run("apply"), cli.run("apply")
    assert (first.returncode, first.stderr) == (0, "")
    assert timeless(first.stdout) == (
        f"{head(cli, description)}  schema/app/001_items.up.sql  N ms\n1 migration applied in N s\n"
    )
    assert (second.returncode, second.stdout) == (0, f"{head(cli, description)}nothing to do\n")


def test_a_dry_run_executes_nothing_and_makes_no_database(cli: Cli, server: Server, description: str) -> None:
    done = cli.run("apply", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{head(cli, description)}  schema/app/001_items.up.sql\nwould apply 1 migration\n"
    with server.connect() as connection:
        assert connection.execute("select from pg_database where datname = %s", [cli.name]).fetchall() == []


def test_status_before_and_after(cli: Cli, description: str) -> None:
    pending = "migration      state    applied at\napp/001_items  pending\n"
    applied = "migration      state    applied at\napp/001_items  applied  WHEN\n"
    before = cli.run("status", "--exit-code")
    assert (before.returncode, before.stdout) == (1, f"{head(cli, description)}\n{pending}")
    assert cli.run("status").returncode == 0
    cli.run("apply")
    after = cli.run("status", "--exit-code")
    assert (after.returncode, timeless(after.stdout)) == (0, f"{head(cli, description)}\n{applied}")


def test_rollback(cli: Cli, description: str) -> None:
    cli.write("schema/app/002_more.up.sql", "alter table app.items add more text;")
    cli.write("schema/app/002_more.down.sql", "alter table app.items drop more;")
    assert cli.run("apply").returncode == 0
    dry = cli.run("rollback", "--dry-run", "--all")
    assert dry.stdout == (
        f"{head(cli, description)}  schema/app/002_more.down.sql\n  schema/app/001_items.down.sql\n"
        "would roll back 2 migrations\n"
    )
    one = cli.run("rollback")
    assert timeless(one.stdout) == (
        f"{head(cli, description)}  schema/app/002_more.down.sql  N ms\n1 migration rolled back in N s\n"
    )
    assert timeless(cli.run("rollback", "--all").stdout).endswith("1 migration rolled back in N s\n")
    assert cli.run("rollback").stdout == f"{head(cli, description)}nothing to do\n"


def test_rollback_takes_one_wish(cli: Cli) -> None:
    done = cli.run("rollback", "--all", "--steps", "2")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "Error: --steps and --all say different things: give one of them"


def test_to_steps_and_select(cli: Cli, description: str) -> None:
    cli.replace("project.yml", "  app: {}\n", "  app: {}\n  side: {}\n")
    for module in ("app", "side"):
        cli.write(f"schema/{module}/002_more.up.sql" if module == "app" else "schema/side/001_a.up.sql", "select;")
        cli.write(f"schema/{module}/002_more.down.sql" if module == "app" else "schema/side/001_a.down.sql", "select;")
    assert "schema/side/001_a.up.sql" in cli.run("apply", "--select", "side").stdout
    assert timeless(cli.run("apply", "--steps", "1").stdout).splitlines()[1:] == [
        "  schema/app/001_items.up.sql  N ms",
        "1 migration applied in N s",
    ]
    assert cli.run("apply", "--to", "app/001").stdout == f"{head(cli, description)}nothing to do\n"
    missing = cli.run("apply", "--select", "sied")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "no module 'sied'; did you mean 'side'?\nhint: modules: app, side\n"


def test_a_statement_that_the_server_refuses(cli: Cli) -> None:
    cli.replace("schema/app/001_items.up.sql", "note text", "note txt")
    done = cli.run("apply")
    assert done.returncode == 2
    assert done.stderr.startswith('schema/app/001_items.up.sql:5:10: type "txt" does not exist (42704)\n'), done.stderr
    assert "^" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_edited_after_it_was_applied(cli: Cli) -> None:
    cli.write("schema/app/002_more.up.sql", "select;")
    cli.write("schema/app/002_more.down.sql", "select;")
    cli.run("apply")
    cli.replace("schema/app/001_items.up.sql", "note text", "note text not null")
    done = cli.run("apply")
    assert done.returncode == 2
    assert done.stderr.startswith("schema/app/001_items.up.sql: edited after it was applied\n")
    # This server is the tool's own.
    assert "take it back first: harness rollback --steps 2" in done.stderr
    assert "edited" in cli.run("status").stdout


def test_runs_side_by_side_make_one_database_and_apply_once(cli: Cli) -> None:
    running = [cli.start("apply") for _ in range(4)]
    said = [each.communicate(timeout=120) for each in running]
    assert [each.returncode for each in running] == [0] * 4, said
    assert sorted(out.count("nothing to do") for out, _ in said) == [0, 1, 1, 1]


def test_seed(cli: Cli, description: str) -> None:
    cli.write("seeds/app/items.csv", "id,amount\n1,10\n2,20\n")
    cli.run("apply")
    first, second = cli.run("seed"), cli.run("seed")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == f"{head(cli, description)}  seeds/app/items.csv  2 rows  2 written\n1 file, 2 rows\n"
    assert second.stdout == f"{head(cli, description)}  seeds/app/items.csv  2 rows  unchanged\n1 file, 2 rows\n"


def test_seed_before_apply(cli: Cli) -> None:
    cli.write("seeds/app/items.csv", "id,amount\n1,10\n")
    done = cli.run("seed")
    assert done.returncode == 2
    assert done.stderr == (
        "seeds/app/items.csv: no table app.items\n"
        "hint: a seed file is named after its table; has the schema been applied? harness status\n"
    )


def test_new_writes_the_next_pair(cli: Cli) -> None:
    done = cli.run("new", "app", "add status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "schema/app/002_add_status.up.sql\nschema/app/002_add_status.down.sql\n"
    assert (cli.root / "schema/app/002_add_status.up.sql").is_file()


def test_new_makes_the_folder_of_a_module_of_the_project_only(cli: Cli) -> None:
    done = cli.run("new", "sales", "tables")
    assert (done.returncode, done.stderr) == (
        2,
        "no module 'sales'\nhint: modules: app; to begin a new one, write under 'modules:' of project.yml: sales: {}\n",
    )
    assert "no module 'ap'; did you mean 'app'?\n" in cli.run("new", "ap", "tables").stderr
    assert not (cli.root / "schema/sales").exists()
    cli.replace("project.yml", "  app: {}\n", "  app: {}\n  sales: {}\npaths: {schema: ddl}\n")
    assert cli.run("new", "sales", "tables").stdout.splitlines()[0] == "ddl/sales/001_tables.up.sql"


def test_after_new_nothing_but_apply_minds_the_files_without_a_statement(cli: Cli, description: str) -> None:
    cli.write(".sqlfluff", "[sqlfluff]\ndialect = postgres\n")
    cli.write("checks/app/_module.yml", "module: app\nchecks:\n  - rollback: all\n")
    applied = cli.run("apply")
    assert applied.returncode == 0
    before = cli.run("test", "--seed", "1")
    assert (before.returncode, before.stderr) == (0, "")
    assert cli.run("new", "app", "add status").returncode == 0
    for verb in (["lint"], ["seed"], ["coverage"], ["adopt", "--update"], ["new", "app", "more"], ["doctor"]):
        done = cli.run(*verb)
        assert (done.returncode, done.stderr) == (0, ""), (verb, done.stdout)
    note = "left out, as there is no statement yet: app/002_add_status, app/003_more\n"
    said = cli.run("test", "--seed", "1").stdout
    assert note in said
    assert timeless(said.replace(note, "")) == timeless(before.stdout)
    shown = cli.run("status")
    assert (shown.returncode, timeless(shown.stdout)) == (
        0,
        f"{head(cli, description)}\n"
        "migration           state             applied at\n"
        "app/001_items       applied           WHEN\n"
        "app/002_add_status  no statement yet\n"
        "app/003_more        no statement yet\n",
    )
    assert cli.run("status", "--exit-code").returncode == 1
    said = (
        "schema/app/002_add_status.up.sql: the file has comments but no statement\n"
        "hint: write its statements; one that does nothing on purpose says: select;\n"
    )
    for options in ([], ["--dry-run"], ["--to", "app/002"], ["--mark-applied", "app/002"]):
        refused = cli.run("apply", *options)
        assert (refused.returncode, refused.stderr) == (2, said), options
    assert cli.run("apply", "--to", "app/001").returncode == 0
    assert timeless(cli.run("rollback").stdout).endswith("1 migration rolled back in N s\n")


def test_while_the_down_file_is_empty_nothing_but_apply_minds(cli: Cli) -> None:
    assert cli.run("apply").returncode == 0
    assert cli.run("new", "app", "nick").returncode == 0
    cli.write(".sqlfluff", "[sqlfluff]\ndialect = postgres\n")
    cli.write("schema/app/002_nick.up.sql", "alter table app.items add column nick text;\n")
    for verb in (["status"], ["lint"], ["coverage"]):
        done = cli.run(*verb)
        assert "002_nick.down.sql" not in done.stderr, (verb, done.stderr)
        assert done.returncode in (0, 1), (verb, done.stderr)
    assert cli.run("test", "--select", "kind:columns").stdout.count("not declared: nick") == 2
    cli.write("checks/app/_module.yml", "module: app\nchecks:\n  - rollback: all\n")
    undone = cli.run("test", "--select", "kind:rollback").stdout
    assert "actual:   app/002_nick down: " in undone and "nick" in undone
    said = (
        "schema/app/002_nick.down.sql: the file has comments but no statement\n"
        "hint: write its statements; one that does nothing on purpose says: select;\n"
    )
    for options in ([], ["--steps", "1"]):
        refused = cli.run("apply", *options)
        assert (refused.returncode, refused.stderr) == (2, said), options
    assert cli.run("reset").stderr == said


def test_a_migration_without_a_statement_below_one_that_is_written_is_an_error(cli: Cli) -> None:
    for name in ("first", "second"):
        assert cli.run("new", "app", name).returncode == 0
    for direction in ("up", "down"):
        cli.write(f"schema/app/003_second.{direction}.sql", "select;")
    done = cli.run("test")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("schema/app/002_first.up.sql: the file has comments but no statement\n")


def test_a_file_that_was_emptied_after_it_was_applied_is_edited(cli: Cli) -> None:
    assert cli.run("apply").returncode == 0
    for direction in ("up", "down"):
        cli.write(f"schema/app/001_items.{direction}.sql", "-- nothing\n")
    assert "app/001_items  edited" in cli.run("status").stdout
    accepted = cli.run("apply", "--accept-edit", "app/001")
    assert accepted.returncode == 2
    assert accepted.stderr.startswith("schema/app/001_items.up.sql: the file has comments but no statement\n")
    assert timeless(cli.run("rollback").stdout).endswith(
        "  app/001_items, by the down text in the ledger  N ms\n1 migration rolled back in N s\n"
    )


def test_seed_rows_fills_the_tables_beside_what_stands(cli: Cli, description: str) -> None:
    assert cli.run("apply").returncode == 0
    cli.write("seeds/app/items.csv", "id,amount\n1,5\n")
    assert cli.run("seed").returncode == 0
    done = cli.run("seed", "--rows", "30")
    assert (done.returncode, done.stderr) == (0, "")
    assert timeless(done.stdout) == f"{head(cli, description)}  app.items  30 rows\n1 table, 30 rows in N s\n"
    again = cli.run("seed", "--rows", "30", "--select", "items")
    assert "app.items  30 rows\n" in again.stdout
    assert cli.run("seed").stdout.endswith("1 file, 1 row\n")


def test_seed_rows_names_what_stands_in_the_way(cli: Cli, description: str) -> None:
    flags = "create table app.flags (yes boolean constraint one primary key check (yes));"
    rules = "constraint low check (a < 1), constraint high check (a > 1)"
    cli.write("schema/app/002_flags.up.sql", f"{flags}\ncreate table app.no (a integer not null, {rules});")
    cli.write("schema/app/002_flags.down.sql", "drop table app.no, app.flags;")
    assert cli.run("apply").returncode == 0
    done = cli.run("seed", "--rows", "5", "--select", "flags")
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, "  app.flags  1 row of 5: one (23505)")
    again = cli.run("seed", "--rows", "5", "--select", "flags")
    assert again.stdout.splitlines()[1] == "  app.flags  0 rows of 5, 1 row there before: one (23505)"
    done = cli.run("seed", "--rows", "5", "--select", "app.n*")
    assert done.returncode == 1
    assert timeless(done.stdout) == (
        f"{head(cli, description)}  app.no  0 rows of 5: no values of a found that keep high, low; "
        "supply some: `rows:` in the file of app.no\n1 table, 0 rows in N s\n1 table left empty\n"
    )
    slip = cli.run("seed", "--rows", "5", "--select", "app.item")
    assert slip.returncode == 2
    assert slip.stderr.startswith("no schema or table app.item; did you mean 'app.items'?\n")
