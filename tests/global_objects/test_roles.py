"""Roles of a server that is not the tool's own: what a person has made is never changed, and what is ours goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from harness import doctor
from harness.doctor import Severity
from harness.errors import HarnessError, MigrationError, StatementError, TargetError
from harness.global_objects import registry, roles
from harness.global_objects.takeover import ApplicationGuard
from harness.migrations import ledger
from harness.migrations.migrate import Migrator
from harness.project.load import load
from harness.project.model import Project
from harness.scratch.templates import clean
from harness.scratch.workspaces import Workspace, workspace
from harness.server.connection import Server

NAME = "harness_test_app"
OTHER = "harness_test_other"
PERSON = "harness_test_person"
ALL = (NAME, OTHER, PERSON)

Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A project of one module ``shop`` with these up files, each with a down file that may be given."""

    def project(*ups: str, downs: tuple[str, ...] = (), root: str = "one") -> Project:
        folder = tmp_path / root / "schema" / "shop"
        folder.mkdir(parents=True, exist_ok=True)
        for number, up in enumerate(ups, 1):
            (folder / f"{number:03d}_a.up.sql").write_text(up)
            (folder / f"{number:03d}_a.down.sql").write_text(downs[number - 1] if downs else "select;")
        (tmp_path / root / "project.yml").write_text(f"name: {root}\nmodules: [shop]\n")
        return load(tmp_path / root)

    return project


@pytest.fixture
def shared(server: Server) -> Iterator[Server]:
    """The embedded server, as if it were somebody's."""
    yield replace(server, own=False, scratch_roles=True)
    clean(server, None)
    with server.connect() as connection:
        assert registry.templates(connection) == ()
        for name in ALL:
            if connection.execute("select to_regrole(%s)", [name]).fetchone() != (None,):
                connection.execute(sql.SQL("drop owned by {0}; drop role {0}").format(sql.Identifier(name)))


@pytest.fixture
def live(shared: Server, database: tuple[Server, str]) -> Iterator[Server]:
    """The same server, with the application's database as its own."""
    yield replace(shared, default_database=database[1])


def there(server: Server, name: str = NAME) -> roles.Role | None:
    with server.connect() as connection:
        return next((role for role in roles.read(connection).values() if role.name == name), None)


def execute(server: Server, statement: str) -> None:
    with server.connect() as connection:
        connection.execute(statement.encode())


def build(server: Server, project: Project) -> Workspace:
    """The workspace of a run that has ended: its template stays."""
    with workspace(server, project, project.modules) as space:
        space.template()
    return space


def apply(server: Server, project: Project) -> None:
    with server.connect(server.default_database) as connection:
        Migrator(connection, project, project.modules, ApplicationGuard(server)).apply()


def rollback(server: Server, project: Project) -> None:
    with server.connect(server.default_database) as connection:
        Migrator(connection, project, project.modules, ApplicationGuard(server)).rollback()


GUARDED = f"do $$ begin if to_regrole('{NAME}') is null then create role {NAME} login password 'x'; end if; end $$;"
BY_NAME = (
    f"create function make(what text) returns void language plpgsql as $$ begin execute 'create ' || what; end $$;"
    f"select make('role {NAME}');"
)


@pytest.mark.parametrize("text", [f"create role {NAME};", f"create user {NAME} password 'x';", GUARDED, BY_NAME])
def test_none_is_made_unless_the_target_says_so(shared: Server, make: Make, text: str) -> None:
    project = make(text)
    with pytest.raises(TargetError) as caught:
        build(replace(shared, scratch_roles=False), project)
    assert caught.value.message == (f"the server has no role {NAME}; on one that is not the tool's own none is made")
    assert caught.value.hint is not None
    assert "--target embedded" in caught.value.hint
    assert "scratch_roles: true" in caught.value.hint
    assert there(shared) is None


def test_all_missing_roles_are_named_at_once(shared: Server, make: Make) -> None:
    project = make(f"create table a ();\n{GUARDED}", f"create role {OTHER}; create role {PERSON}")
    execute(shared, f"create role {PERSON}")
    with pytest.raises(TargetError) as caught:
        build(replace(shared, scratch_roles=False), project)
    assert str(caught.value.place) == "schema/shop/001_a.up.sql:2:1"
    assert f"no role {NAME}, {OTHER};" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        f"create role {NAME} login password 'x';",
        GUARDED,
        f"create role {NAME};\nalter role {NAME} login password 'x';",
        f"-- harness: transaction:false\ncreate role {NAME} login password 'x';\nselect 1;",
        f"-- harness: transaction:false\n{GUARDED}",
    ],
)
def test_made_for_scratch_databases_they_cannot_log_in(shared: Server, make: Make, text: str) -> None:
    build(shared, make(text))
    with shared.connect() as connection:
        row = connection.execute("select rolcanlogin, rolpassword from pg_authid where rolname = %s", [NAME])
        assert row.fetchone() == (False, None)
        assert [role.name for role in registry.recorded(connection)] == [NAME]
    assert f"dropped role {NAME}" in clean(shared, None)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (f"alter role {NAME} login", "it can log in"),
        (f"alter role {NAME} password 'x'", "it was changed since it was made"),
        (f"alter role {NAME} bypassrls", "it was changed since it was made"),
        (f"alter role {NAME} set search_path = a", "it was changed since it was made"),
        (f"comment on role {NAME} is 'ours'", "it was changed since it was made"),
        (f"create role {PERSON}; grant {NAME} to {PERSON}", "it was changed since it was made"),
        (f"create role {PERSON}; grant {PERSON} to {NAME}", "it was changed since it was made"),
        (f"grant connect on database postgres to {NAME}", "it was changed since it was made"),
        (f"drop role {NAME}; create role {NAME}", None),
    ],
)
def test_a_role_that_a_person_has_changed_stays(shared: Server, make: Make, change: str, why: str | None) -> None:
    project = make(f"create role {NAME}; create role {OTHER}")
    build(shared, project)
    execute(shared, change)
    try:
        before = there(shared)
        said = clean(shared, project)
        assert there(shared) == before
        assert (f"kept role {NAME}: {why}" in said) == (why is not None)
        assert f"dropped role {OTHER}" in said
    finally:
        execute(shared, f"drop owned by {NAME}")


def test_the_next_build_leaves_it_as_well(shared: Server, make: Make) -> None:
    build(shared, make(f"create role {NAME}"))
    execute(shared, f"alter role {NAME} login password 'x'")
    before = there(shared)
    project = make(f"create role {NAME}; create table a ()")
    build(shared, project)
    assert there(shared) == before
    assert f"kept role {NAME}: it can log in" in clean(shared, project)
    assert there(shared) == before


@pytest.mark.parametrize(
    "change",
    [
        f"grant {NAME} to {PERSON}",
        f"alter role {NAME} set work_mem = '1MB'",
        f"alter role {NAME} password 'x'",
        f"comment on role {NAME} is 'ours'",
    ],
)
def test_a_change_that_is_just_being_made_counts(shared: Server, make: Make, change: str) -> None:
    build(shared, make(f"create role {NAME}"))
    execute(shared, f"create role {PERSON}")
    with shared.connect() as connection, ThreadPoolExecutor() as pool:
        connection.autocommit = False
        connection.execute(change.encode())
        cleaning = pool.submit(clean, shared, None)
        with shared.connect() as watching:
            while (
                not cleaning.done()
                and not watching.execute(
                    "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%drop role%'"
                ).fetchone()
            ):
                time.sleep(0.01)
        connection.commit()
        assert f"kept role {NAME}: it was changed since it was made" in cleaning.result()
    assert there(shared) is not None


def test_where_nobody_can_look_again_it_stays(shared: Server, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise TargetError("the server takes no more connections")

    build(shared, make(f"create role {NAME}"))
    monkeypatch.setattr(roles, "another", full)
    said = clean(shared, None)
    monkeypatch.undo()
    assert f"kept role {NAME}: it cannot be seen whether it was changed: the server takes no more connections" in said
    assert there(shared) is not None


def test_only_a_superuser_knows_that_there_is_no_password(shared: Server, make: Make) -> None:
    execute(shared, f"create role {PERSON} login createrole createdb")
    try:
        plain = replace(shared, conninfo={**shared.conninfo, "user": PERSON})
        project = make(f"create role {NAME}")
        build(plain, project)
        assert f"kept role {NAME}: only a superuser can see whether it has a password" in clean(plain, project)
    finally:
        execute(shared, f"drop owned by {NAME}; drop role {NAME}")


TOUCHED = [
    f"create role {PERSON}",
    f"create user {PERSON} superuser password 'y'",
    f"alter role {PERSON} nologin password null",
    f"alter role {PERSON} set work_mem = '1MB'",
    f"alter role {PERSON} rename to {NAME}",
    f"comment on role {PERSON} is 'changed'",
    f"grant pg_read_all_data to {PERSON}",
    f"create role {NAME}; grant {NAME} to {PERSON}",
    f"revoke {OTHER} from {PERSON}",
    f"drop role {PERSON}",
    f"drop role if exists {PERSON}, {OTHER}",
    f"create role {NAME}; drop owned by {PERSON}",
    f"reassign owned by {PERSON} to postgres",
    "alter role all set work_mem = '1MB'",
]


@pytest.fixture
def person(shared: Server, database: tuple[Server, str]) -> Iterator[roles.Role]:
    """A role with a login that a person has made, and that owns a database."""
    execute(shared, f"create role {OTHER}; create role {PERSON} login password 'x' in role {OTHER}")
    execute(shared, f"alter database {database[1]} owner to {PERSON}")
    found = there(shared, PERSON)
    assert found
    yield found
    execute(
        shared, f"reassign owned by {PERSON} to postgres; drop owned by {PERSON}; drop role {PERSON}; drop role {OTHER}"
    )


DIFFERENT = {
    f"create role {PERSON}": f"has membership in {OTHER}",
    f"create user {PERSON} superuser password 'y'": "lacks superuser",
    f"grant pg_read_all_data to {PERSON}": "lacks membership in pg_read_all_data",
    f"create role {NAME}; grant {NAME} to {PERSON}": f"lacks membership in {NAME}",
    f"revoke {OTHER} from {PERSON}": f"has membership in {OTHER}",
}
"""Statements of which it decides what a check would see whether they are run, and what is said of the role then."""


@pytest.mark.parametrize("text", TOUCHED)
def test_a_role_that_was_there_is_not_touched(shared: Server, make: Make, person: roles.Role, text: str) -> None:
    project = make("create table a ()", text, downs=("drop table a", "select"))
    with workspace(shared, project, project.modules) as space:
        if what := DIFFERENT.get(text):
            with pytest.raises(TargetError, match=rf"schema/shop/002_a.up.sql:1:\d+: {PERSON} {what}"):
                space.template()
        else:
            space.template()
            assert len(space.skipped()) == ("password null" not in text)
    assert there(shared, PERSON) == person
    clean(shared, None)
    assert there(shared, PERSON) == person


@pytest.mark.parametrize("text", [each for each in TOUCHED[2:] if "create role" not in each])
def test_nor_by_a_block(shared: Server, make: Make, person: roles.Role, text: str) -> None:
    with pytest.raises(HarnessError, match=r"a migration changes|cannot be dropped|current transaction"):
        build(shared, make(f"do $$ begin {text}; end $$"))
    assert there(shared, PERSON) == person


def test_a_role_of_ours_may_become_a_member(shared: Server, make: Make, person: roles.Role) -> None:
    text = f"create role {NAME} in role {PERSON}; grant {OTHER}, pg_read_all_data to {NAME}"
    with workspace(shared, make(text), make(text).modules) as space:
        space.template()
        assert space.skipped() == ()
    with shared.connect() as connection:
        row = connection.execute("select pg_has_role(%s, %s, 'member')", [NAME, PERSON]).fetchone()
        assert row == (True,)
    assert f"dropped role {NAME}" in clean(shared, None)
    assert there(shared, PERSON) == person


def test_nobody_becomes_a_member_of_ours(shared: Server, make: Make, person: roles.Role) -> None:
    project = make(f"create role {NAME} admin {PERSON}")
    with pytest.raises(TargetError, match=f"{PERSON} lacks membership in {NAME}"):
        build(shared, project)
    assert there(shared, PERSON) == person


def test_what_a_role_owns_here_may_be_dropped(shared: Server, make: Make) -> None:
    execute(shared, f"create role {PERSON} login")
    project = make(f"create table a (); grant select on a to {PERSON}; drop owned by {PERSON};")
    with workspace(shared, project, project.modules) as space:
        assert space.skipped() == ()


@pytest.mark.parametrize("text", ["comment on role {} is 'gehe1m'", "comment on role {} is $$gehe1m$$"])
def test_no_password_is_shown_of_what_was_left_out(shared: Server, make: Make, text: str) -> None:
    execute(shared, f"create role {NAME}")
    with workspace(shared, project := make(text.format(NAME)), project.modules) as space:
        (said,) = space.skipped()
    assert f"comment on role {NAME}" in said
    assert "gehe1m" not in said
    with shared.connect() as connection:
        assert "gehe1m" not in str(registry.templates(connection))


def test_what_was_left_out_is_said_by_every_run(shared: Server, make: Make) -> None:
    execute(shared, f"create role {NAME}")
    project = make(f"create role {NAME};\nalter role {NAME} set work_mem = '1MB'")
    why = "the role was there before, and belongs to the whole server"
    for _ in range(2):
        with workspace(shared, project, project.modules) as space:
            space.template()
            assert space.skipped() == (f"schema/shop/001_a.up.sql:2:1: alter role {NAME} set work_mem =: {why}",)


@pytest.mark.parametrize(
    "text",
    [
        f"create role {NAME}",
        f"create role {NAME} login password 'p' createdb connection limit 3 valid until '2030-01-01'",
        f"create user {NAME} noinherit",
        f"create group {NAME} bypassrls",
        f"create role {NAME} in role {OTHER}",
        f"do $$ begin if to_regrole('{NAME}') is null then create role {NAME} login bypassrls; end if; end $$",
        f"do $$ begin create role {NAME} login; exception when duplicate_object then null; end $$",
    ],
)
def test_apply_makes_such_a_role_the_applications(live: Server, make: Make, text: str) -> None:
    """It becomes what it would be had there been none, and nothing of ours speaks of it any more."""
    execute(live, f"create role {OTHER}; create role {PERSON}")
    expected = _created(live, text)
    later = f"alter role {NAME} createdb set work_mem = '1MB'; comment on role {NAME} is 'later'; create table a ()"
    build(live, make(text, later.replace(" set", f"; alter role {NAME} set")))
    project = make(text, "create table a ()")
    apply(live, project)
    try:
        now = there(live)
        assert now
        assert _looks(live) == expected
        with live.connect() as connection:
            assert registry.recorded(connection) == frozenset()
        clean(live, None)
        assert there(live) == now
        build(live, project)
        clean(live, None)
        assert there(live) == now
    finally:
        clean(live, None)


def _created(server: Server, text: str) -> Any:
    execute(server, text)
    found = _looks(server)
    execute(server, f"drop role {NAME}")
    return found


def _looks(server: Server) -> Any:
    query = """
        select rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls, rolconnlimit,
            nullif(rolvaliduntil, 'infinity'), rolpassword is null,
            array(select setconfig::text from pg_db_role_setting where setrole = a.oid),
            shobj_description(a.oid, 'pg_authid'),
            array(select (roleid::regrole::text, member::regrole::text, admin_option)::text
                  from pg_auth_members where a.oid in (roleid, member) order by 1)
        from pg_authid a where rolname = %s
        """
    with server.connect() as connection:
        return connection.execute(query.encode(), [NAME]).fetchone()


@pytest.mark.parametrize("text", [f"create role {NAME}", GUARDED])
def test_apply_and_test_take_turns(live: Server, make: Make, text: str) -> None:
    """In any order, any number of times, and for two projects side by side."""
    one, two = (make(text, f"create table a (); grant select on a to {NAME}", root=root) for root in ("one", "two"))
    for server, project in ((live, one), (live, two), (live, one)):
        build(server, project)
        build(server, project)
        apply(live, one)
        clean(server, project)
    with live.connect(live.default_database) as connection:
        assert len(ledger.read(connection, "harness")) == 2
        connection.execute(f"drop owned by {NAME}".encode())


def test_the_doctor_lists_them(shared: Server, make: Make) -> None:
    build(shared, make(f"create role {NAME}; create role {OTHER}"))
    execute(shared, f"alter role {OTHER} login")
    with shared.connect() as connection:
        found = {each.what: each for each in doctor.leftovers(shared, connection)}
    kept = "the server keeps role {}, made for scratch databases".format
    assert found[kept(NAME)].severity is Severity.OK
    warned = found[f"{kept(OTHER)}, and harness clean leaves it alone: it can log in"]
    assert (warned.severity, warned.advice) == (Severity.WARNING, f"if nobody needs it: drop role {OTHER}")


@pytest.mark.parametrize(
    "text",
    [
        f"create role {NAME}; create role {OTHER}; grant {NAME} to {OTHER}",
        f"create role {NAME}; create role {OTHER} in role {NAME}",
        f"create role {OTHER}; create role {NAME} role {OTHER}",
    ],
)
def test_apply_makes_members_of_one_another_the_applications(live: Server, make: Make, text: str) -> None:
    project = make(text)
    build(live, project)
    apply(live, project)
    with live.connect() as connection:
        assert registry.recorded(connection) == frozenset()
    clean(live, None)
    assert {there(live, name) is not None for name in (NAME, OTHER)} == {True}


def test_members_of_one_another_go_at_different_times(shared: Server, make: Make) -> None:
    one = make(f"create role {NAME}; create role {OTHER}; grant {NAME} to {OTHER}", root="one")
    two = make(f"create role {NAME}", root="two")
    build(shared, one)
    build(shared, two)
    assert f"dropped role {OTHER}" in clean(shared, one)
    assert f"dropped role {NAME}" in clean(shared, two)


def test_the_last_of_two_projects_drops_the_role(shared: Server, make: Make) -> None:
    text = f"create role {NAME}; create table a (); grant select on a to {NAME}"
    one, two = (make(text, root=root) for root in ("one", "two"))
    build(shared, one)
    build(shared, two)
    assert not [line for line in clean(shared, one) if "role" in line]
    assert f"dropped role {NAME}" in clean(shared, two)


def test_apply_takes_over_a_role_that_another_build_has_given_members(live: Server, make: Make) -> None:
    one = make(f"create role {NAME}", root="one")
    two = make(f"create role {NAME}; create role {OTHER}; grant {NAME} to {OTHER}", root="two")
    build(live, one)
    build(live, two)
    apply(live, one)
    with live.connect() as connection:
        assert {role.name for role in registry.recorded(connection)} == {OTHER}
    assert f"dropped role {OTHER}" in clean(live, None)
    assert there(live) is not None


def test_a_role_that_a_person_made_is_refused_as_ever(live: Server, make: Make) -> None:
    execute(live, f"create role {NAME} login")
    before = there(live)
    with pytest.raises(StatementError, match="already exists") as caught:
        apply(live, make(f"create role {NAME}"))
    assert caught.value.hint is not None
    guarded = caught.value.hint.partition("missing, ")[2]
    apply(live, make(f"{guarded};"))
    assert there(live) == before


def test_apply_waits_for_no_run_that_made_the_role_for_one_database(live: Server, make: Make) -> None:
    project = make(f"create role {NAME}")
    with workspace(live, project, project.modules) as space:
        name = space.empty()
        with space.connect(name) as connection:
            Migrator(connection, project, project.modules, space.guard()).apply()
        with pytest.raises(MigrationError, match=f"the role {NAME} is used by a run of harness .*, in {name}"):
            apply(live, project)
    apply(live, project)


def test_rollback_drops_the_templates_that_use_the_role(live: Server, make: Make) -> None:
    down = f"drop owned by {NAME}; drop role {NAME};"
    project = make(f"create role {NAME}; create table a (); grant select on a to {NAME}", downs=(down,))
    apply(live, project)
    build(live, project)
    rollback(live, project)
    assert there(live) is None
    with live.connect() as connection:
        assert registry.templates(connection) == ()


def test_other_roles_of_such_a_template_go_with_it(live: Server, make: Make) -> None:
    table = f"create role {NAME}; create table a (); grant select on a to {NAME}"
    project = make(table, f"create role {OTHER}", downs=(f"drop table a; drop role {NAME}", f"drop role {OTHER}"))
    first = replace(project, modules=(replace(project.modules[0], migrations=project.modules[0].migrations[:1]),))
    apply(live, first)
    build(live, project)
    rollback(live, first)
    assert there(live, OTHER) is None
    apply(live, project)
    rollback(live, project)


def test_an_interrupt_leaves_no_role_behind(shared: Server, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    drop = registry.drop_database

    def interrupted(*arguments: Any) -> None:
        drop(*arguments)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "drop_database", interrupted)
    project = make(f"create role {NAME}")
    with pytest.raises(KeyboardInterrupt), workspace(shared, project, project.modules) as space:
        name, guard = space.empty(), space.guard()
        with space.connect(name) as connection:
            Migrator(connection, project, project.modules, guard).apply()
        space.drop(name)
    assert there(shared) is None


def test_rollback_names_a_run_that_uses_the_role(live: Server, make: Make) -> None:
    down = f"drop owned by {NAME}; drop role {NAME};"
    project = make(f"create role {NAME}; create table a (); grant select on a to {NAME}", downs=(down,))
    apply(live, project)
    with workspace(live, project, project.modules) as space:
        name = space.clone()
        with pytest.raises(MigrationError, match=f"the role {NAME} is used by a run of harness .*{name}"):
            rollback(live, project)
    rollback(live, project)
    assert there(live) is None


@pytest.mark.parametrize("live_first", [True, False])
def test_up_and_down_in_a_scratch_database_leave_the_role_alone(live: Server, make: Make, live_first: bool) -> None:
    project = make(f"create role {NAME}; create table a ()", downs=(f"drop table a; drop role {NAME}",))
    if live_first:
        execute(live, f"create role {NAME} login password 'x'")
    before = there(live)
    with workspace(live, project, project.modules) as space:
        space.template()
        made = there(live)
        with space.connect(space.empty()) as connection:
            guard = space.guard()
            for _ in range(2):
                Migrator(connection, project, project.modules, guard).apply()
                Migrator(connection, project, project.modules, guard).rollback()
        assert there(live) == made
        assert {each.statement.split()[0] for each in guard.skipped} == ({"drop"} if live_first else set())
    clean(live, None)
    assert there(live) == before


@pytest.mark.parametrize(
    ("before", "text", "what"),
    [
        ("", "create role {0} bypassrls", "lacks bypassrls"),
        ("bypassrls", "create role {0}", "has bypassrls"),
        ("", "create table a ();\ncreate user {0} noinherit createdb", "has inherit"),
        ("", "create role {0};\nalter role {0} bypassrls", "lacks bypassrls"),
        ("bypassrls", "create role {0} bypassrls;\nalter role {0} nobypassrls", "has bypassrls"),
        ("in role pg_monitor", "create role {0}", "has membership in pg_monitor"),
        ("", "create role {0} in role pg_monitor", "lacks membership in pg_monitor"),
        ("", "create role {0}; alter group pg_monitor add user {0}", "lacks membership in pg_monitor"),
        ("in role pg_monitor", "grant pg_monitor to {0} with inherit false", "has inheritance from pg_monitor"),
        ("createrole", "create role {0} bypassrls; drop role {0}; create role {0}", "has createrole"),
    ],
)
def test_a_role_that_is_not_as_the_files_say_ends_the_run(
    shared: Server, make: Make, before: str, text: str, what: str
) -> None:
    """With CREATE ROLE left out, a check would tell of another role than that of the files."""
    execute(shared, f"create role {NAME} {before}")
    found = there(shared)
    for _ in range(2):
        with pytest.raises(TargetError) as caught:
            build(shared, make(text.format(NAME)))
        assert f": {NAME} {what}" in caught.value.message
        assert "schema/shop/001_a.up.sql:" in caught.value.message
        assert "--target embedded" in str(caught.value.hint)
    assert there(shared) == found


@pytest.mark.parametrize(
    "text",
    [
        "create role {0} login password 'x' bypassrls in role pg_monitor",
        "create role {0}; grant pg_monitor to {0}; alter role {0} bypassrls valid until '2030-01-01'",
        "drop role if exists {0}; create role {0} bypassrls; do $$ begin grant pg_monitor to {0}; end $$",
        "do $$ begin if to_regrole('{0}') is null then create role {0} superuser; end if; end $$",
        "alter role {0} bypassrls",
    ],
)
def test_one_that_is_as_the_files_say_is_used(shared: Server, make: Make, text: str) -> None:
    execute(shared, f"create role {NAME} bypassrls in role pg_monitor")
    build(shared, make(text.format(NAME)))


def test_what_becomes_of_a_role_later_counts(shared: Server, make: Make) -> None:
    execute(shared, f"create role {NAME}")
    project = make(f"create role {NAME}; create table a ()")
    build(shared, project)
    for change, what in (
        (f"alter role {NAME} bypassrls", "has bypassrls"),
        (f"grant pg_monitor to {NAME}", "has memb"),
    ):
        execute(shared, change)
        with pytest.raises(TargetError, match=f"{NAME} {what}"):
            build(shared, project)
        execute(shared, f"alter role {NAME} nobypassrls")
    execute(shared, f"revoke pg_monitor from {NAME}")
    build(shared, project)


@pytest.fixture
def own(shared: Server) -> Server:
    """The server as the tool's own, for scratch databases."""
    return replace(shared, own=True)


ALTERED = f"alter role {NAME} bypassrls"


@pytest.mark.parametrize("first", [f"create role {NAME} login", GUARDED])
@pytest.mark.parametrize("altered", [ALTERED, f"do $$ begin {ALTERED}; end $$"])
def test_on_our_own_server_each_build_has_the_roles_of_its_files(
    own: Server, make: Make, first: str, altered: str
) -> None:
    """In any order, of other projects too: nothing that one build says of a role is left for the next one."""
    plain, changed = make(first, root="one"), make(first, altered, root="two")
    for project, bypasses in ((plain, False), (changed, True), (plain, False), (changed, True), (changed, True)):
        with workspace(own, project, project.modules) as space:
            space.template()
            assert space.skipped() == ()
        with own.connect() as connection:
            row = connection.execute("select rolbypassrls, rolcanlogin from pg_roles where rolname = %s", [NAME])
            assert row.fetchone() == (bypasses, True)
    gone = make("create table a ()", "select", root="two")
    clean(own, plain)
    build(own, gone)
    assert there(own) is None


def test_a_role_of_a_run_that_goes_on_is_not_taken_away(own: Server, make: Make) -> None:
    plain, changed = make(f"create role {NAME}", root="one"), make(f"create role {NAME} bypassrls", root="two")
    with workspace(own, plain, plain.modules) as space:
        space.template()
        with pytest.raises(TargetError, match=f"schema/shop/001_a.up.sql:1:1: {NAME} lacks bypassrls") as caught:
            build(own, changed)
        assert caught.value.hint == "another run uses it: let that end, then harness clean --all"
    build(own, changed)


@pytest.mark.parametrize("text", ["alter role postgres set work_mem = '1MB'", "alter role all set work_mem = '1MB'"])
def test_our_own_user_stays_as_it_is(own: Server, make: Make, text: str) -> None:
    """Or the next run, of whatever project, would begin with that."""
    with workspace(own, make(text), make(text).modules) as space:
        space.template()
        assert len(space.skipped()) == 1
    with own.connect() as connection:
        assert connection.execute("select count(*) from pg_db_role_setting where setdatabase = 0").fetchone() == (0,)


def test_a_role_that_comes_and_goes_in_one_build(shared: Server, make: Make) -> None:
    build(shared, make(f"create role {NAME}", f"drop role {NAME}"))
    assert there(shared) is None
