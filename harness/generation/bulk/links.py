"""References that were NULL at first, since they lead to a table that was filled later: some of them are set now."""

from __future__ import annotations

from harness.catalog.model import Constraint, Table
from harness.generation.bulk.rounds import described
from harness.generation.bulk.site import Site, nullable, rows_of
from harness.probes.statement import identifier


def link(site: Site, table: Table, key: Constraint, since: int) -> None:
    """Lets four of five rows that the transaction has inserted refer to a parent.

    What a rule refuses stays NULL. ``since`` is the transaction's own id: older rows are not touched.
    """
    import psycopg

    assert key.references is not None
    parent = site.catalog.table(key.references)
    total = site.count(parent)
    if not total:
        return
    free = nullable(table, key)
    pairs = dict(zip(key.columns, key.referenced_columns, strict=True))
    kept = [name for name in key.columns if name not in free]
    unique = any({*index.columns} <= {*key.columns} for index in table.unique_keys if index.columns)
    place = "harness_t.n" if unique else f"harness_t.n * 7919 % {total}"
    same = "".join(f" and harness_f.{identifier(pairs[name])} = harness_t.{identifier(name)}" for name in kept)
    names = ", ".join(f"p.{identifier(name)}" for name in key.referenced_columns)
    own = "".join(f", t.{identifier(name)}" for name in kept)
    changes = ", ".join(f"{identifier(name)} = harness_f.{identifier(pairs[name])}" for name in free)
    statement = (
        f"update {rows_of(table)} as harness_x set {changes}"
        f" from (select t.tableoid, t.ctid{own}, row_number() over () - 1 as n from {rows_of(table)} as t"
        f" where t.{identifier(free[0])} is null and age(t.xmin) <= age('{since}'::xid)) as harness_t"
        f" join (select {names}, row_number() over () - 1 as place from {rows_of(parent)} as p) as harness_f"
        f" on harness_f.place = {place}{same}"
        f" where harness_x.ctid = harness_t.ctid and harness_x.tableoid = harness_t.tableoid and harness_t.n % 5 <> 0"
    )
    try:
        with site.connection.transaction():
            site.connection.execute(statement.encode())
    except psycopg.Error as error:
        described(error)
