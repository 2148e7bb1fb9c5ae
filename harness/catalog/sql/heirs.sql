-- The tables that inherit from a table, directly or through others; partitions are none of them.
with recursive heirs (root, heir) as (
    select i.inhparent, i.inhrelid
    from pg_catalog.pg_inherits as i
    union
    select h.root, i.inhrelid
    from heirs as h
    inner join pg_catalog.pg_inherits as i on i.inhparent = h.heir
)

select
    n.nspname as schema,
    c.relname as table,
    hn.nspname as heir_schema,
    h.relname as heir_table
from heirs as x
inner join pg_catalog.pg_class as c on c.oid = x.root
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_class as h on h.oid = x.heir
inner join pg_catalog.pg_namespace as hn on hn.oid = h.relnamespace
where
    c.relkind = 'r'
    and h.relkind = 'r'
    and not h.relispartition
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2, 3, 4
