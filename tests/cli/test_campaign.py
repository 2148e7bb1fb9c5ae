"""Every verb, killed at random moments, beside a person who makes and changes roles: what is theirs stays theirs.

The server is not the tool's own. Two projects want roles of the same names, and so does the person. From the moment
at which the person has made or changed a role it is theirs, and no verb may change it: but for a down file that an
applied migration brought along, and that says DROP ROLE.
"""

from __future__ import annotations

import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from harness.global_objects import registry
from harness.server.connection import Connection, Server
from tests.cli.conftest import HARNESS
from tests.cli.theirs import address, their_server

SETTINGS = """\
name: {name}
modules: [shop]
target: theirs
targets: {{theirs: {{dsn: "${{THEIRS}}", scratch_roles: true}}}}
profiles: {{dev: {{scenarios: 2, seed: 1}}}}
"""
CHECKS = """\
table: shop.notes
checks:
  - primary_key: [id]
  - not_null: user_id
  - row_security: each to their own
    as: {role}
    claims: {{app.user: $user}}
    sees: user_id = $user
    policy: notes_own
"""
TABLE = """\
create schema shop;
create table shop.notes (id integer constraint notes_pkey primary key, user_id uuid not null);
alter table shop.notes enable row level security;
alter table shop.notes force row level security;
"""
POLICY = """\
grant usage on schema shop to {role};
grant select on shop.notes to {role};
create policy notes_own on shop.notes for select to {role}
    using (user_id = nullif(current_setting('app.user', true), '')::uuid);
"""
GONE = "drop table shop.notes;\ndrop schema shop;\n"
GUARDED = """\
do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = '{role}') then
        create role {role} {options};
    end if;
end
$$;
"""
REVOKED = """\
drop policy notes_own on shop.notes;
revoke all on shop.notes from {role};
revoke all on schema shop from {role};
"""
APP = GUARDED.format(role="camp_app", options="login password 'ofthemigration'")
# The up and the down files of each project, and the roles that a rollback drops.
FILES = {
    "one": [
        (f"create role camp_reader;\n{TABLE}{POLICY.format(role='camp_reader')}", f"{GONE}drop role camp_reader;\n"),
        (APP, "select;\n"),
        ("create user camp_report password 'ofthemigration';\n", "drop role camp_report;\n"),
    ],
    "two": [
        (f"{APP}{TABLE}{POLICY.format(role='camp_app')}", f"{REVOKED.format(role='camp_app')}{GONE}"),
        (
            "create role camp_team;\ncreate role camp_member;\ngrant camp_team to camp_member;\n",
            "drop role camp_member;\ndrop role camp_team;\n",
        ),
        (GUARDED.format(role="camp_report", options="nologin"), "drop role if exists camp_report;\n"),
    ],
}
READER = {"one": "camp_reader", "two": "camp_app"}
DROPPED = {"one": {"camp_reader", "camp_report"}, "two": {"camp_member", "camp_team", "camp_report"}}
NAMES = ("camp_reader", "camp_app", "camp_report", "camp_team", "camp_member", "camp_only_theirs")
FRIEND = "camp_friend"

VERBS = {
    "test --workers 1": 6,
    "test --workers 2": 1,
    "apply": 4,
    "apply --steps 1": 2,
    "rollback --yes": 2,
    "rollback --all --yes": 3,
    "seed --yes": 1,
    "status": 1,
    "doctor": 1,
    "clean": 2,
    "clean --all": 2,
    "coverage": 1,
    "adopt": 1,
}
GENTLE = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (signal.SIGKILL, signal.SIGKILL, *GENTLE)

# What a role is and may do. That others become members of it is no change of it, as long as these are not theirs.
_STATE = """
select r.oid::bigint, jsonb_build_object(
    'role', to_jsonb(r),
    'member of', (select jsonb_agg(to_jsonb(m) - 'oid' order by m.roleid, m.grantor)
                  from pg_auth_members m where m.member = r.oid),
    'settings', (select jsonb_agg(to_jsonb(s) order by s.setdatabase)
                 from pg_db_role_setting s where s.setrole = r.oid),
    'comment', shobj_description(r.oid, 'pg_authid'))
from pg_authid r
"""


@dataclass
class Person:
    """Makes and changes roles, and knows what they were then."""

    server: Server
    chance: random.Random
    theirs: dict[int, dict[str, Any]] = field(default_factory=dict)
    acts: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        with self.server.connect() as connection:
            for name in ("live", *FILES):
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            connection.execute(f"create role {FRIEND} login password 'f'".encode())
            self._theirs(connection, FRIEND)
        with self.server.connect("live") as connection:
            connection.execute("create table orders (id integer)")

    def act(self) -> None:
        """Does one thing to one role, made first if it is not there; what somebody prevents is not done."""
        name = self.chance.choice(NAMES)
        acts = [self._log_in, self._password, self._join, self._take_in, self._set, self._comment, self._depend]
        with self.server.connect("live") as connection:
            connection.autocommit = False
            connection.execute("set lock_timeout = '2s'")
            try:
                act = self.chance.choice(acts)
                if connection.execute("select to_regrole(%s)", [name]).fetchone() == (None,):
                    self._run(connection, "create role {0} login password 'byhand'", name)
                elif self.chance.random() < 0.3:
                    act = self._drop
                act(connection, name)
                self._theirs(connection, name, FRIEND, commit=True)
                if act == self._drop:
                    self.theirs = {oid: was for oid, was in self.theirs.items() if was["role"]["rolname"] != name}
                self.acts[act.__name__] += 1
                self.log.append(f"a person: {act.__name__} {name}")
            except psycopg.Error as error:
                self.acts[f"{type(error).__name__}: {error.diag.message_primary}"] += 1
                connection.rollback()

    def _log_in(self, connection: Connection, name: str) -> None:
        self._run(connection, "alter role {0} login password 'byhand2'", name)

    def _password(self, connection: Connection, name: str) -> None:
        self._run(connection, f"alter role {{0}} password 'p{self.chance.random()}'", name)

    def _join(self, connection: Connection, name: str) -> None:
        self._run(connection, "grant {1} to {0}", name)

    def _take_in(self, connection: Connection, name: str) -> None:
        self._run(connection, "revoke {1} from {0}; grant {0} to {1}", name)

    def _set(self, connection: Connection, name: str) -> None:
        self._run(connection, f"alter role {{0}} set work_mem = '{self.chance.randint(1, 99)}MB'", name)

    def _comment(self, connection: Connection, name: str) -> None:
        self._run(connection, f"comment on role {{0}} is 'mine {self.chance.random()}'", name)

    def _depend(self, connection: Connection, name: str) -> None:
        self._run(connection, "grant select on orders to {0}", name)

    def _drop(self, connection: Connection, name: str) -> None:
        """Also a role that is not theirs: what then happens to it is not the tool's doing."""
        self._run(connection, "drop owned by {0}; drop role {0}", name)

    def _run(self, connection: Connection, statement: str, name: str) -> None:
        query = sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(FRIEND))
        connection.execute(query)

    def _theirs(self, connection: Connection, *names: str, commit: bool = False) -> None:
        """From now on these are theirs, as they are seen before anybody else can see them."""
        seen = self.states(connection)
        found = {oid: state for oid, state in seen.items() if state["role"]["rolname"] in names}
        if commit:
            connection.commit()
        self.theirs.update(found)

    def states(self, connection: Connection) -> dict[int, dict[str, Any]]:
        return dict(connection.execute(_STATE).fetchall())

    def look(self, may_go: set[str]) -> list[str]:
        """What has happened to roles of theirs; those of these names may be gone."""
        with self.server.connect() as connection:
            there = self.states(connection)
        for oid in [oid for oid, was in self.theirs.items() if was["role"]["rolname"] in may_go]:
            if oid not in there:
                del self.theirs[oid]
        found = []
        for oid, was in self.theirs.items():
            # What they were members of may be what a down file has dropped.
            was["member of"] = [row for row in was["member of"] or () if int(row["roleid"]) in there] or None
            now = there.get(oid) or dict.fromkeys(was)
            name = was["role"]["rolname"]
            found += [f"{name}: {key} was {was[key]} and is {now[key]}" for key in was if now[key] != was[key]]
        return found


@dataclass
class Campaign:
    """Runs verbs of both projects. ``log`` says what has happened, for who has to find out why."""

    home: Path
    server: Server
    environment: dict[str, str]
    chance: random.Random
    person: Person
    signals: Sequence[signal.Signals]
    log: list[str] = field(default_factory=list)
    ended: Counter[str] = field(default_factory=Counter)
    _rows: int = 1

    def prepare(self) -> None:
        self.person.prepare()
        for name, files in FILES.items():
            root = self.home / name
            _write(root / "project.yml", SETTINGS.format(name=name))
            _write(root / "checks/shop/notes.yml", CHECKS.format(role=READER[name]))
            for number, (up, down) in enumerate(files, 1):
                _write(root / f"schema/shop/{number:03d}_a.up.sql", up)
                _write(root / f"schema/shop/{number:03d}_a.down.sql", down)
            self._seed(name)

    def step(self) -> None:
        """One verb, or one of each project at once, with a person beside them; some are killed."""
        names = list(FILES) if self.chance.random() < 0.3 else [self.chance.choice(list(FILES))]
        running = []
        for name in names:
            if self.chance.random() < 0.3:
                self._seed(name)  # another template
            verb = self.chance.choices(list(VERBS), list(VERBS.values()))[0]
            running.append((name, verb, self._start(name, verb)))
        if self.chance.random() < 0.6:
            time.sleep(self.chance.uniform(0, 1.5))
            self.person.act()
        for name, verb, process in running:
            how = None
            if self.chance.random() < 0.4:
                time.sleep(self.chance.uniform(0, 2))
                how = self.chance.choice(self.signals)
                process.send_signal(how)
            self._end(name, verb, process, how)
        dropped = {role for name, verb, _ in running if verb.startswith("rollback") for role in DROPPED[name]}
        assert self.person.look(dropped) == [], self.story()

    def run(self, name: str, verb: str) -> int:
        """One verb that nobody disturbs; its exit code."""
        code = self._end(name, verb, self._start(name, verb), None)
        assert self.person.look(set()) == [], self.story()
        return code

    def strays(self) -> list[str]:
        """Roles that are neither the person's, nor those of a migration that is applied."""
        expected: set[str] = {"camp_app"}  # which no down file drops
        for name in FILES:
            with self.server.connect(name) as connection:
                if connection.execute("select to_regclass('harness.migrations')").fetchone() != (None,):
                    rows = connection.execute("select version from harness.migrations").fetchall()
                    for (version,) in rows:
                        expected.update(re.findall("camp_[a-z]+", FILES[name][version - 1][0]))
        with self.server.connect() as connection:
            there = self.person.states(connection)
        found = {oid: state["role"]["rolname"] for oid, state in there.items() if oid not in self.person.theirs}
        return [name for name in found.values() if name in NAMES and name not in expected]

    def story(self) -> str:
        return "\n".join([*self.log[-30:], str(self.person.acts)])

    def _start(self, name: str, verb: str) -> subprocess.Popen[str]:
        target = address(self.server, name)
        root, arguments = self.home / name, verb.split()
        if verb == "adopt":
            self._rows += 1
            root = self.home / f"adopted_{self._rows}"
            root.mkdir()
            arguments = ["adopt", target, "--target", target]
        return subprocess.Popen(
            [HARNESS, *arguments],
            cwd=root,
            # A verb that is interrupted does not wait for a program that it has just started.
            env={**self.environment, "THEIRS": target, "PYTHONWARNINGS": "error,ignore::ResourceWarning"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL) and None,
        )

    def _end(self, name: str, verb: str, process: subprocess.Popen[str], how: signal.Signals | None) -> int:
        try:
            said, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"{name}: harness {verb} does not end\n{self.story()}")
        killed = f", {how.name}" if how else ""
        self.log.append(f"{name}: harness {verb}{killed}: exit {process.returncode}\n{said[-1500:]}")
        self.ended[f"{verb} {process.returncode}"] += 1
        if how is signal.SIGINT and not re.search(r'entry\.py", line \d+, in main', said):
            # Python itself may still have been loading what it needs.
            said = re.sub(r"(?s)(Fatal Python error|Traceback).*KeyboardInterrupt\n$", "", said)
        words = re.sub(r"(?m)^ *\d+ \| .*$", "", said)  # but for the line of a file that an error is about
        assert not re.search("Traceback|bug in harness|ofthemigration|byhand", words), self.story()
        assert how or process.returncode in (0, 1, 2), self.story()
        return process.returncode

    def _seed(self, name: str) -> None:
        self._rows += 1
        user = "00000000-0000-0000-0000-000000000001"
        _write(self.home / name / "seeds/shop/notes.csv", f"id,user_id\n{self._rows},{user}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def theirs(cluster_base: Path) -> Iterator[Server]:
    with their_server(cluster_base) as running:
        yield running


def undertake(
    home: Path,
    server: Server,
    environment: dict[str, str],
    steps: int,
    seed: int,
    signals: Sequence[signal.Signals] = SIGNALS,
) -> Campaign:
    """So many steps, and then nothing is left of the tool, and all of the person's."""
    chance = random.Random(seed)
    campaign = Campaign(home, server, environment, chance, Person(server, random.Random(seed)), signals)
    campaign.person.log = campaign.log
    campaign.prepare()
    assert campaign.run("one", "test --workers 1") == 0, campaign.story()
    for _ in range(2):  # of the roles that this has made some are theirs from now on
        campaign.person.act()
    for _ in range(steps):
        campaign.step()
    for name in FILES:
        assert campaign.run(name, "test --workers 1") == 0, campaign.story()
    for name in FILES:
        assert campaign.run(name, "clean --all") == 0, campaign.story()
    with server.connect() as connection:
        assert registry.templates(connection) == (), campaign.story()
        assert registry.scratch_databases(connection) == (), campaign.story()
    if signal.SIGKILL not in signals:
        assert campaign.strays() == [], campaign.story()
    return campaign


@pytest.mark.nightly
def test_a_short_one(tmp_path: Path, theirs: Server, environment: dict[str, str]) -> None:
    campaign = undertake(tmp_path, theirs, environment, steps=8, seed=1)
    assert len(campaign.person.theirs) > 1, campaign.story()


@pytest.mark.nightly
@pytest.mark.parametrize(("seed", "signals"), [(2, SIGNALS), (3, SIGNALS), (4, GENTLE)])
def test_a_long_one(
    tmp_path: Path, theirs: Server, environment: dict[str, str], seed: int, signals: Sequence[signal.Signals]
) -> None:
    campaign = undertake(tmp_path, theirs, environment, 110, seed, signals)
    ended = {each.rpartition(" ")[0] for each in campaign.ended if each.endswith((" 0", " 1"))}
    assert VERBS.keys() - ended == set(), campaign.ended
