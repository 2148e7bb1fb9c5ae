"""Rules on types of columns, domains and attributes, on names of constraints, and on the primary key."""

from __future__ import annotations

from collections.abc import Iterator

from sqlfluff.core.rules import BaseRule, RuleContext

from harness.lint import parsed_file
from harness.lint.directory import created_by
from harness.lint.final_schema import FinalColumn, FinalTable
from harness.lint.parsed_file import TypedItem
from harness.lint.rules.base import HouseRule, RuleFinding, file_of

_DEFAULT = "gen_random_uuid"
_SPELLED = {"int2": "smallint", "int4": "integer", "int8": "bigint", "bpchar": "char"}
"""The usual names of types that the grammar calls otherwise."""


class TypeRule(HouseRule):
    """A rule that refuses some ``types``, by PostgreSQL's own names, and gives ``advice``."""

    types: tuple[str, ...]
    advice: str

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Columns, domains and attributes of these types."""
        for item in parsed_file.read(context.segment).typed():
            if item.type in self.types:
                yield RuleFinding(
                    item.anchor, str(item), f"{item.kind.capitalize()} {item} is {item.shown}{self.advice}"
                )


class Rule_Harness_HS01(TypeRule, BaseRule):  # noqa: N801
    """Strings are ``text``, never ``varchar`` or ``char``.

    ``varchar`` stores and costs the same as ``text``. A limit in the type has no name: a refused value comes back as
    SQLSTATE 22001, which does not name the broken rule, and an explicit cast silently cuts a text that is too long.
    ``char`` pads with spaces that some operators count and others do not. A limit that matters is a rule, and rules
    are named checks: they can be changed without touching the type of the column and the views that depend on it.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            reference varchar(20) not null,
            currency char(3) not null
        );

    **Best practice**

    Write ``text``, and a named check where there is a limit.

    .. code-block:: sql

        create table shop.orders (
            reference text not null,
            currency text not null,
            constraint orders_reference_length check (char_length(reference) <= 20),
            constraint orders_currency_code check (currency ~ '^[A-Z]{3}$')
        );

    """

    name = "harness.text"
    types = ("varchar", "bpchar")
    advice = ": write text, and a named check for a limit."


class Rule_Harness_HS02(TypeRule, BaseRule):  # noqa: N801
    """Moments are ``timestamptz``, never ``timestamp`` without time zone.

    ``timestamp`` is the time of a clock on a wall, without the place of the wall: the same row is another moment to a
    session with another ``TimeZone``, and differences across a change to summer time are off by an hour.
    ``timestamptz`` stores the moment, in as many bytes. Dates, times of day and intervals are fine.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            placed_at timestamp not null default now()
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            placed_at timestamptz not null default now()
        );

    """

    name = "harness.timestamptz"
    types = ("timestamp",)
    advice = ", which has no time zone: write timestamptz."


class Rule_Harness_HS03(TypeRule, BaseRule):  # noqa: N801
    """JSON is ``jsonb``, never ``json``.

    ``json`` keeps the text it was given: repeated keys stay, and each reader makes of them what it likes. It has
    no equality, so ``distinct``, ``group by`` and ``is distinct from`` (which triggers compare rows by) fail on it,
    and GIN cannot index it.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            address json
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            address jsonb
        );

    """

    name = "harness.jsonb"
    types = ("json",)
    advice = ": write jsonb."


class Rule_Harness_HS04(HouseRule, BaseRule):  # noqa: N801
    """Every constraint has a name of its own.

    Errors report the name, and programs decide by it. A name that PostgreSQL makes up depends on the other
    constraints (``orders_check1``), changes with the order of the migrations, and tells the reader nothing.
    ``not null`` and defaults are excepted.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            id uuid primary key,
            customer_id uuid not null references shop.customers (id),
            total numeric not null check (total >= 0)
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            id uuid not null,
            customer_id uuid not null,
            total numeric not null,
            constraint orders_pkey primary key (id),
            constraint orders_customer_fkey foreign key (customer_id) references shop.customers (id),
            constraint orders_total_not_negative check (total >= 0)
        );

    """

    name = "harness.constraint_name"

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Constraints of tables and domains that do not begin with ``constraint <name>``."""
        for item in parsed_file.read(context.segment).constraints():
            if not item.named:
                yield RuleFinding(
                    item.anchor,
                    str(item),
                    f"A constraint of {item} has no name of its own: write 'constraint <name> {item.kind}'.",
                )


class Rule_Harness_HS10(HouseRule, BaseRule):  # noqa: N801
    """The primary key is ``uuid default gen_random_uuid()``.

    A number that counts up reveals the number of rows and the next key, collides when two databases become one, and
    is known only once the row is inserted. A random ``uuid`` has none of these faults. Keys that come from outside,
    and those of tables that only connect others, are excepted by their table's name under ``ignore_names``. A later
    migration of the same directory may set the key and its default. Partitions have the key of their parent.

    **Anti-pattern**

    .. code-block:: sql

        create table shop.orders (
            id bigint generated always as identity,
            constraint orders_pkey primary key (id)
        );

    **Best practice**

    .. code-block:: sql

        create table shop.orders (
            id uuid not null default gen_random_uuid(),
            constraint orders_pkey primary key (id)
        );

    """

    name = "harness.primary_key"

    def findings(self, context: RuleContext) -> Iterator[RuleFinding]:
        """Tables that the last migration leaves with another key, or with none."""
        created = created_by(file_of(context), context.segment.raw).tables
        file = parsed_file.read(context.segment)
        columns = {column.name: column.anchor for column in file.columns()}
        types = {column.name: column for column in file.typed()}
        for item in file.tables():
            table = created.get(item.name)
            if table is None or table.dropped or table.partition:
                continue
            column = (*item.name, *table.key)
            problem = _problem(table, types.get(column))
            if problem:
                yield RuleFinding(
                    columns.get(column, item.anchor),
                    str(item),
                    f"The primary key of table {item} is {problem}: make it uuid default {_DEFAULT}().",
                )


def _problem(table: FinalTable, typed: TypedItem | None) -> str | None:
    """The fault of a table's key, in words; ``typed`` is its column, if the file writes it out."""
    if not table.key:
        return "missing"
    if len(table.key) > 1:
        return f"of {len(table.key)} columns, {', '.join(table.key)}"
    column = table.columns.get(table.key[0], FinalColumn())
    if column.type != "uuid":
        as_written = typed and typed.type == column.type and typed.shown
        shown = as_written or _SPELLED.get(column.type, column.type)
        return f"{table.key[0]}, which is {shown or 'of an unknown type'}"
    return None if column.default == _DEFAULT else f"{table.key[0]}, which has no default of {_DEFAULT}()"
