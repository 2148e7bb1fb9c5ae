"""``harness types`` with reference data and repositories: what is written, and what ``--check`` tells of a drift."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, Run
from tests.cli.types_project import SCHEMA, small_project

CLERK = "repository_clerk"
OUTPUTS = f"""\
types:
  - {{language: typescript, path: types/typescript}}
  - {{language: zod, path: types/zod, driver: postgrest, case: camel}}
  - {{language: pydantic, path: types/clerk, role: {CLERK}, repository: psycopg}}
"""
KINDS = f"""
create table app.kinds (
    kind text not null,
    "for" text not null default 'all',
    price numeric(6, 2),
    days integer[] not null,
    is_open boolean not null,
    made_at timestamptz not null default now(),
    constraint kinds_pkey primary key (kind),
    constraint kinds_price check (price < 1000)
);
do $$
begin
    if to_regrole('{CLERK}') is null then
        create role {CLERK};
    end if;
end
$$;
grant usage on schema app to {CLERK};
grant select on app.kinds to {CLERK};
grant select, insert, update on app.customers, app.orders to {CLERK};
"""
MIGRATION = "schema/app/001_orders.up.sql"
SEEDS = "seeds/app/kinds.csv"
ROWS = '''\
kind,for,price,days,is_open
fast,all,12.50,"{1,2}",true
"very ""slow""",o'clock,,{},false
'''
DECLARED = "table: app.kinds\nreference: {map: KINDS_BY_NAME, list: ALL_KINDS, key: Kind}\n"


@pytest.fixture
def project(cli: Cli) -> Cli:
    small_project(cli, OUTPUTS)
    cli.write(MIGRATION, SCHEMA + KINDS)
    cli.write(SEEDS, ROWS)
    cli.write("checks/app/kinds.yml", DECLARED)
    return cli


def drift(run: Run) -> str:
    """The difference that ``--check`` tells; it writes nothing."""
    code, said, error = run("types", "--check")
    assert (code, error) == (1, "") and said.endswith("write them again with: harness types\n")
    return said


def test_reference_data_become_constants(project: Cli, run: Run) -> None:
    assert run("types")[0] == 0
    written = (project.root / "types/typescript/app.ts").read_text()
    assert written.endswith("""\
/** The rows of app.kinds by kind. */
export const KINDS_BY_NAME = {
  fast: { kind: "fast", for: "all", price: "12.50", days: [1, 2], is_open: true },
  "very \\"slow\\"": { kind: "very \\"slow\\"", for: "o'clock", price: null, days: [], is_open: false },
} as const;

export type Kind = keyof typeof KINDS_BY_NAME;

/** The rows of app.kinds, in order. */
export const ALL_KINDS = [
  KINDS_BY_NAME.fast,
  KINDS_BY_NAME["very \\"slow\\""],
] as const;
""")
    # As JSON a numeric is a number, and the names are those of the output's records.
    camel = (project.root / "types/zod/app.ts").read_text()
    assert 'fast: { kind: "fast", for: "all", price: 12.50, days: [1, 2], isOpen: true },' in camel
    python = (project.root / "types/clerk/app.py").read_text()
    assert 'Kind: TypeAlias = Literal["fast", \'very "slow"\']' in python
    assert 'price=Decimal("12.50"),' in python and "days=(1, 2)," in python and 'for_="o\'clock",' in python


def test_a_seed_that_changes_is_told(project: Cli, run: Run) -> None:
    assert run("types")[0] == 0
    project.replace(SEEDS, "fast,all", "fast,some")
    said = drift(run)
    assert '-  fast: { kind: "fast", for: "all", price: "12.50", days: [1, 2], is_open: true },' in said
    assert '+  fast: { kind: "fast", for: "some", price: "12.50", days: [1, 2], is_open: true },' in said
    project.write(SEEDS, ROWS + "new,all,1,{},true\n")
    assert '+  new: { kind: "new", for: "all", price: "1.00", days: [], is_open: true },' in drift(run)


DRIFTS = {
    "a column that is gone": (
        MIGRATION,
        "    mood app.mood not null default 'good',\n",
        "",
        "-    mood: Mood",
    ),
    "a column that is new": (
        MIGRATION,
        "    name varchar(20) not null,\n",
        "    name varchar(20) not null,\n    since date,\n",
        "+            select id, name, since",
    ),
    "a privilege that is revoked": (
        MIGRATION,
        "grant select, insert, update on app.customers, app.orders",
        "grant select, insert on app.customers, app.orders",
        "-    def update(self, id: UUID, changes: CustomersUpdate) -> CustomersRecord | None:",
    ),
    "a constraint that is renamed": (
        MIGRATION,
        "orders_customer foreign key",
        "orders_of_customer foreign key",
        '+class OrdersOfCustomer(ReferenceRefusal, name="orders_of_customer", of="app.orders"):',
    ),
    "a key that is gone": (
        MIGRATION,
        "    constraint orders_pkey primary key (id),\n",
        "",
        "-    def find(self, id: int) -> OrdersRecord | None:",
    ),
    "a default that is another": (
        MIGRATION,
        "status text not null default 'open'",
        "status text not null default 'closed'",
        "+                case when %(row)s ? 'status' then given.status else 'closed'::text end,",
    ),
    "a function with another argument": (
        MIGRATION,
        "p_order bigint, p_note text)",
        "p_order bigint, p_note text, p_by text default 'me')",
        "+    def close_order(",
    ),
    "a refusal with another SQLSTATE": (
        "checks/app/orders.yml",
        "refused_by: {trigger: orders_touch}",
        "refused_by: {trigger: orders_touch, sqlstate: AB001}",
        'sqlstate="AB001"',
    ),
}


@pytest.mark.parametrize(("path", "old", "new", "told"), DRIFTS.values(), ids=list(DRIFTS))
def test_a_drift_is_told(project: Cli, run: Run, path: str, old: str, new: str, told: str) -> None:
    assert run("types")[0] == 0
    project.replace(path, old, new)
    assert told in drift(run)


def test_repositories_can_be_asked_for_by_options(project: Cli, run: Run) -> None:
    code, said, error = run("types", "--language", "pydantic", "--path", "mine", "--repository", "psycopg")
    assert (code, error) == (0, "")
    assert "  mine/app_repository.py\n" in said and "  mine/refusals.md\n" in said
    code, _, error = run("types", "--language", "zod", "--repository", "psycopg")
    assert (code, error) == (2, "repositories are made of Pydantic models, not of zod\n")


REFUSED = {
    "no rows": (
        SEEDS,
        ROWS,
        "kind,for,price,days,is_open\n",
        "checks/app/kinds.yml:1:8: app.kinds is declared to be reference data, and has no rows",
    ),
    "a row of the seeds that the schema refuses": (
        SEEDS,
        "fast,all,12.50",
        "fast,all,1000.50",
        "seeds/app/kinds.csv:2: the schema refuses a row of these seeds, by kinds_price: the constants of app.kinds",
    ),
    "no rows, and no key": (
        "checks/app/kinds.yml",
        DECLARED,
        "table: app.orders\nreference: true\n",
        "app.orders is declared to be reference data, and has no rows",
    ),
    "a column that is not there": (
        "checks/app/kinds.yml",
        DECLARED,
        "table: app.kinds\nreference: {by: [kinds]}\n",
        "app.kinds has no column kinds; did you mean 'kind'?",
    ),
    "no key": (
        "checks/app/kinds.yml",
        DECLARED,
        "table: app.kinds\nreference: {by: [for]}\n",
        "the constants of app.kinds need a key that finds each row: (for) is no key of columns that are NOT NULL",
    ),
    "a name that is none": (
        "checks/app/kinds.yml",
        DECLARED,
        "table: app.kinds\nreference: {map: all kinds}\n",
        "checks/app/kinds.yml:2:18: expected a name such as MILESTONES",
    ),
    "an unknown key": (
        "checks/app/kinds.yml",
        DECLARED,
        "table: app.kinds\nreference: {keys: Kind}\n",
        "checks/app/kinds.yml:2:13: unknown key 'keys' in 'reference'; did you mean 'key'?",
    ),
    "a name that is taken": (
        "checks/app/kinds.yml",
        DECLARED,
        "table: app.kinds\nreference: {key: OrdersRow}\n",
        "would both be called OrdersRow in",
    ),
    "repositories of another language": (
        "project.yml",
        "driver: postgrest, case: camel",
        "repository: psycopg",
        "repositories are made of Pydantic models, not of zod",
    ),
}


@pytest.mark.parametrize(("path", "old", "new", "told"), REFUSED.values(), ids=list(REFUSED))
def test_bad_input(project: Cli, run: Run, path: str, old: str, new: str, told: str) -> None:
    project.replace(path, old, new)
    code, said, error = run("types")
    assert (code, said) == (2, "") and told in error, error
    assert not (project.root / "types").exists()
