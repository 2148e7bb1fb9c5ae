"""Files that somebody, or a disk, has spoilt: one message that fits on a screen, and never a bug's.

Each input follows from its number alone: ``spoil(number)`` in a shell shows the one that a failure names.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from harness.cli import entry
from harness.errors import LONGEST, TargetError
from harness.project import nodes, sqlfile
from harness.project.load import load
from harness.seeds import seedfile
from harness.server import targets
from harness.server.connection import Server
from tests.cli.conftest import Cli

NIGHTLY = range(0, 12_000, 1000)
SECONDS = 30
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

FILES = {
    "project.yml": """\
name: shop
modules:
  base: {}
  app: {depends_on: [base]}
paths: {schema: schema, seeds: seeds, checks: checks}
target: embedded
targets:
  staging: {dsn: "postgresql://nobody@127.0.0.1:1/none?application_name=x"}
  old: {system: 15}
profiles:
  dev: {scenarios: 2}
  ci: {scenarios: 3, seed: 0}
classes: [personal, administrative]
ledger: {schema: harness}
timeouts: {lock: 5s, statement: 1min}
base: [base.sql]
extensions: {stand_ins: [pgcrypto]}
search_path: [app, public]
""",
    "checks/app/items.yml": """\
table: app.items
description: What is sold.
tags: [core]
columns:
  id: {type: integer, default: "nextval('app.items_id_seq'::regclass)"}
  amount: {type: integer, not_null: true, default: 1, check: amount > 0, constraint: items_amount_positive}
  kind: {type: text, accepted_values: [a, b], class: personal}
  price: {type: "numeric(10,2)", generated: "amount * 2.5"}
checks:
  - primary_key: [id]
  - unique: [kind, amount]
    where: amount > 10
    concurrently: true
  - check: "amount > 0 or (kind = 'b' and price between 1 and 5)"
    constraint: items_kind
  - foreign_key: [kind]
    references: base.kinds (code)
    on_delete: cascade
  - exclude: {kind: '=', "tstzrange(a, b)": '&&'}
    constraint: items_no_overlap
  - transition: kind
    initial: a
    from: {a: [b, c], b: [c]}
    refused_by: {sqlstate: AB001, trigger: [items_moves]}
  - immutable: [id]
    refused_by: {sqlstate: P0001}
  - locked: what is sold
    when: kind = 'b'
    protects: {columns: [amount], rows: [insert, delete, move]}
    except: {on_delete: [base.kinds]}
    refused_by: {sqlstate: P0001, trigger: items_lock}
  - audited: app.log
    on: [insert, update]
    row: "entity_id = $row.id and action = $command"
    trigger: items_audit
  - rows:
      kind: [a, b]
      price: {sql: "now() + interval '1 day'"}
      amount: {parent: {code: a}}
    requires_first:
      base.kinds: {code: EUR}
  - row_security: a user sees their own
    as: authenticated
    claims: {request.jwt.claims: {sub: $user, role: authenticated}}
    variables: {user: uuid}
    sees: owner = $user::text
    may_write: false
  - privileges:
      app: [select, insert, "update (amount, kind)"]
      admin: all
  - routine: closing
    given:
      app.items:
        - {kind: $kind, amount: $a, where: amount between 1 and 2}
    before:
      day: [$a - 1, $a]
    call: select * from app.close($kind, $day)
    then:
      - select count(*) = 0 from app.items where kind = $kind
  - index: items_amount_idx
    on: [amount, kind desc]
    serves: select * from app.items where amount = 7
  - trigger: items_lock
    timing: before
    on: [update]
    function: app.f
  - comment: every
""",
    "checks/app/module.yml": """\
module: app
checks:
  - query: nothing negative
    finds_none: select id from app.items where amount < 0
  - rollback: all
""",
    "seeds/app/items.csv": 'id,amount,kind\n1,10,"a"\n2,20,"b, ""c"""\n3,,\n',
    "seeds/app/01_kinds.yml": """\
- {code: a, data: {x: [1, 2, {y: null}]}, list: [a, 'b', ~]}
- code: b
  data: |
    {"several":
    "lines"}
  list: [x, "y, z"]
""",
    "schema/app/001_items.up.sql": """\
-- harness: transaction:true
create schema app;
create table app.items (id integer primary key, amount integer default 1 check (amount > 0 and amount <> 7), kind text);
create table app.kinds (code text primary key, data jsonb, list text[]);
create function app.f() returns trigger language plpgsql as $f$ begin if new.id > 1 then return new; end if; end $f$;
insert into app.items values (4, 2), (5, 3);
copy app.items (id, amount) from stdin;
6\t4
\\.
comment on table app.items is 'What is sold; and "more". [personal]';
""",
    "schema/app/001_items.down.sql": """\
drop table app.kinds;
drop table app.items;
drop function app.f();
drop schema app;
""",
    "schema/base/001_base.up.sql": "create schema base;\n",
    "schema/base/001_base.down.sql": "drop schema base;\n",
    "base.sql": "create role fuzz;\n\\set x 1\nselect :x;\n",
    ".env": "# comment\nDATABASE_URL=postgresql://ada:s3cret@127.0.0.1:1/none?connect_timeout=1\nexport PGUSER='x y'\n",
}
SPOILT = [*FILES, *[name for name in FILES if name.endswith(".yml")] * 2, *["checks/app/items.yml"] * 6]

WORDS = r"""
: - ? , [ ] { } ' " | > & * ! % @ ` # ~ << *a &a !!int !x $ $x ${X} $$ $1 ; -- /* */ \ \. \i \copy :x ( ) (( ]] '' ""
E' U&' null true false yes .inf .nan 0x1F 1e999 -0 2020-13-45 12:30 \0 "\0" "\ud800" "\e[31m" "\x9b" %s {0} __class__
select drop not and or in is between case when end array[ row( ::text ::int[] cast( exists( begin; commit; rollback; ...
--- ${HOME} postgresql:// host= ?sslmode=verify-full ö € 🐘
"""
TOKENS = [
    *WORDS.split(),
    "%YAML 1.1",
    "DISCARD ALL;",
    "copy x from stdin;",
    "do $$",
    "(select ",
    "\u202e",
    "\ufeff",
    "\u2028",
    "\u00a0",
]
TOKENS += ["\x1b[2J", "\x07", "\x00", "\r", "\r\n", "\t", "\n", "\n- ", "\n  ", "\n\n", "9" * 400]
DEEP = [pair.split("…") for pair in """
[…]
{a: …}
- …
? …
(…)
not …
1+…
f(…)
array[…]
case when a then … end
(select …)
'a'||…''
{sql: …}
-…
/*…*/
a: …
exists (select 1 where …)
begin … end;
&a […]
{"a": …}
"…"
$a$…$a$
""".strip("\n").split("\n")]  # fmt: skip


def cut(random: Random, text: str) -> tuple[str, str, str]:
    """The text in three parts; the middle one is often a word."""
    words = [found.span() for found in re.finditer(r"\w+|[^\w\s]+", text)]
    if words and random.random() < 0.7:
        start, end = random.choice(words)
    else:
        start = random.randint(0, len(text))
        end = min(len(text), start + random.randint(0, 20))
    return text[:start], text[start:end], text[end:]


def with_tokens(random: Random, text: str) -> str:
    for _ in range(random.choice((1, 1, 2, 5))):
        before, middle, after = cut(random, text)
        kept = random.choice(("", middle))
        text = before + kept + random.choice(TOKENS) + after
    return text


def with_depth(random: Random, text: str) -> str:
    """In the place of a word, or of a whole value of YAML, in quotes where it looks like SQL."""
    before, middle, after = cut(random, text)
    opening, closing = random.choice(DEEP)
    depth = random.choice((3, 40, 99, 101, 600, 3000, 30_000)) if opening != "/*" else random.choice((3, 600, 3000))
    closed = depth if random.random() < 0.7 else random.randint(0, depth)
    quote = ""
    values = [found.span() for found in re.finditer(r"(?<=: )[^\n]+", text)]
    if values and random.random() < 0.7:
        start, end = random.choice(values)
        before, middle, after = text[:start], random.choice(("x", "true", "1")), text[end:]
        quote = '"' if opening[0] not in '[{-?&"' else ""
    return before + quote + opening * depth + middle + closing * closed + quote + after


def with_length(random: Random, text: str) -> str:
    before, middle, after = cut(random, text)
    unit = random.choice(
        ("x", "x ", "'", '"', "\x1b[1m", "ü", "9", "x,", "a.", "\n", "\n- a", "$a", "x: y\n", middle or "y")
    )
    return before + unit * (random.choice((200, 5000, 200_000)) // len(unit)) + after


def with_pieces_moved(random: Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    for _ in range(random.randint(1, 4)):
        what, at = random.choice(("drop", "double", "swap", "indent", "cut")), random.randrange(len(lines) or 1)
        if not lines:
            break
        if what == "drop":
            del lines[at]
        elif what == "double":
            lines.insert(random.randrange(len(lines)), lines[at])
        elif what == "swap":
            random.shuffle(lines)
        elif what == "indent":
            lines[at] = " " * random.randint(1, 9) + lines[at]
        else:
            return "".join(lines)[: random.randint(0, len(text))]
    return "".join(lines)


def with_other_values(random: Random, text: str) -> str:
    """YAML of another shape: what is a list becomes a mapping, what is a text a list, keys are taken from elsewhere."""
    tree = yaml.safe_load(text)
    places: list[tuple[Any, Any]] = []
    values: list[Any] = [
        None,
        "",
        "x",
        7,
        [],
        {},
        [[]],
        {"a": {"b": []}},
        True,
        "select 1",
        "amount >",
        {"sql": "1 +"},
        -1,
    ]

    def walk(node: Any) -> None:
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            places.append((node, key))
            values.append(value)
            if isinstance(value, dict | list):
                walk(value)

    if isinstance(tree, dict | list):
        walk(tree)
    for _ in range(random.choice((1, 1, 2, 4)) if places else 0):
        node, key = random.choice(places)
        if isinstance(node, dict) and key in node and random.random() < 0.3:
            other = random.choice([each for _, each in places if isinstance(each, str)] or ["x"])
            node[other] = node.pop(key)
        elif isinstance(node, dict) or key < len(node):
            node[key] = yaml.safe_load(yaml.safe_dump(random.choice(values)))
    return str(yaml.safe_dump(tree, sort_keys=False, default_flow_style=random.choice((None, True, False))))


def spoil(number: int) -> tuple[str, bytes]:
    """The name of a file, and what stands in it."""
    random = Random(number)
    name = random.choice(SPOILT)
    text = FILES[name]
    ways: list[Callable[[Random, str], str]] = [with_tokens, with_depth, with_pieces_moved]
    ways += [with_other_values] * 2 if name.endswith(".yml") else [with_tokens]
    ways += [with_length] if random.random() < 0.3 else []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        # What PyYAML cannot bear stays as it is: here it is only the tool of the trade.
        with suppress(yaml.YAMLError, ValueError, RecursionError):
            if len(text) < 500_000:
                text = random.choice(ways)(random, text)
    data = text.encode("utf-8", "surrogatepass")
    for _ in range(random.choice((0,) * 14 + (1, 8))):
        at = random.randint(0, len(data))
        data = data[:at] + random.randbytes(random.randint(0, 3)) + data[at + random.randint(0, 3) :]
    return name, data


class Slow(Exception):
    """An input that takes longer than anybody waits."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def late(*_: object) -> None:
        raise Slow

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def drop(server: Server, name: str) -> None:
    with server.connect() as connection:
        connection.execute(f"drop database if exists {name} with (force)".encode())


class Fuzzed:
    """The project, and what is said of it when one of its files is spoilt."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.root = root
        self.capsys = capsys
        self.write({name: text.encode() for name, text in FILES.items()})

    def write(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes(data)

    @contextmanager
    def spoilt(self, number: int) -> Iterator[str]:
        name, data = spoil(number)
        self.write({name: data})
        try:
            yield name
        finally:
            self.write({name: FILES[name].encode()})

    def run(self, *arguments: str) -> str:
        with at_most(SECONDS):
            code = entry.run(list(arguments))
        said = self.capsys.readouterr()
        assert code in (0, 1, 2)
        assert_readable(said.err)
        assert not CONTROL.search(said.out)
        return said.err

    def read(self, name: str) -> None:
        """What a run reads of seeds and migrations once there is a server."""
        try:
            with at_most(SECONDS):
                self._read(name)
        except Exception as error:
            failure = error
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(entry, "_invoke", lambda arguments: _raise(failure))
                self.run("status")

    def _read(self, name: str) -> None:
        for module in load(self.root).modules:
            for seed in module.seeds if name.startswith("seeds") else ():
                for row in seedfile.read(seed, seed.path.relative_to(self.root)).rows:
                    for cell in row.cells.values():
                        if isinstance(cell.nested, nodes.ListNode):
                            seedfile.as_array(cell.nested)
                        if cell.nested is not None:
                            seedfile.as_json(cell.nested)
            for migration in module.migrations if name.endswith(".sql") else ():
                for path in filter(None, (migration.up, migration.down)):
                    shown = path.relative_to(self.root)
                    sqlfile.migration_statements(shown, sqlfile.read(path, shown))


def _raise(error: Exception) -> int:
    raise error


def assert_readable(message: str) -> None:
    assert "Traceback" not in message
    assert "a bug in harness" not in message
    assert len(message) <= LONGEST + 1
    assert not CONTROL.search(message)


@pytest.fixture
def fuzzed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fuzzed:
    for name in ("DATABASE_URL", "CI", "HARNESS_DEBUG", "PGHOST", "PGDATABASE", "PGSERVICE", "PGHOSTADDR", "PGUSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Fuzzed(tmp_path, capsys)


def no_server(*_: object) -> Any:
    raise TargetError("there is no server here")


def campaign(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch, numbers: range) -> None:
    monkeypatch.setattr(targets, "open_server", no_server)
    found = []
    for number in numbers:
        with fuzzed.spoilt(number) as name:
            try:
                fuzzed.run("test")
                fuzzed.read(name)
            except AssertionError as error:
                found.append(f"spoil({number}) of {name}: {str(error)[:600]}")
    assert not found, "\n\n".join(found[:20])


def test_the_files_are_sound_before_they_are_spoilt(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every input would end at the same slip."""
    monkeypatch.setattr(targets, "open_server", no_server)
    assert fuzzed.run("test") == "there is no server here\n"
    fuzzed.read("seeds/app/items.csv")
    fuzzed.read("schema/app/001_items.up.sql")


@pytest.mark.parametrize("first", [100_000, pytest.param(100_150, marks=pytest.mark.nightly)])
def test_spoilt_files(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    campaign(fuzzed, monkeypatch, range(first, first + 150))


@pytest.mark.nightly
@pytest.mark.parametrize("first", NIGHTLY)
def test_thousands_of_spoilt_files(fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    campaign(fuzzed, monkeypatch, range(first, first + 1000))


def with_server(cli: Cli, server: Server, fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch, numbers: range) -> None:
    """Migrations and seeds, applied and loaded: what PostgreSQL says of them is no less readable."""
    monkeypatch.setenv("HARNESS_DATA", cli.environment["HARNESS_DATA"])
    (fuzzed.root / ".env").unlink()
    found, left = [], len(numbers)
    for number in range(numbers.start, numbers.start + 100 * len(numbers)):
        name, data = spoil(number)
        if not name.startswith(("schema/app", "seeds")):
            continue
        fuzzed.write({name: data, "project.yml": FILES["project.yml"].replace("shop", cli.name, 1).encode()})
        try:
            fuzzed.run("apply")
            fuzzed.run("seed")
            fuzzed.run("rollback", "--all")
        except AssertionError as error:
            found.append(f"spoil({number}) of {name}: {str(error)[:600]}")
        fuzzed.write({name: FILES[name].encode()})
        drop(server, cli.name)
        left -= 1
        if not left:
            break
    assert not found, "\n\n".join(found[:20])


def test_sound_files_meet_a_server(cli: Cli, server: Server, fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_DATA", cli.environment["HARNESS_DATA"])
    (fuzzed.root / ".env").unlink()
    fuzzed.write({"project.yml": FILES["project.yml"].replace("shop", cli.name, 1).encode()})
    for verb in ("apply", "seed", "status", "seed"):
        assert fuzzed.run(verb) == ""


def test_spoilt_files_meet_a_server(cli: Cli, server: Server, fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch) -> None:
    with_server(cli, server, fuzzed, monkeypatch, range(200_000, 200_008))


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(300_000, 350_000, 10_000))
def test_hundreds_of_spoilt_files_meet_a_server(
    cli: Cli, server: Server, fuzzed: Fuzzed, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    with_server(cli, server, fuzzed, monkeypatch, range(first, first + 100))
