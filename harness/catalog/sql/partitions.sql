-- Partitions and their indexes (a unique constraint is named as its index is), each with its root.
select
    n.nspname as schema,
    c.relname as table,
    coalesce(x.relname, '') as name,
    rn.nspname as root_schema,
    r.relname as root_table,
    coalesce(rx.relname, '') as root_name
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_class as r on r.oid = pg_catalog.pg_partition_root(c.oid)
inner join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
left join pg_catalog.pg_index as i
    on i.indrelid = c.oid and pg_catalog.pg_partition_root(i.indexrelid) is not null
left join pg_catalog.pg_class as x on x.oid = i.indexrelid
left join pg_catalog.pg_class as rx on rx.oid = pg_catalog.pg_partition_root(i.indexrelid)
where
    c.relispartition
    and c.relkind in ('r', 'p')
    and n.nspname !~ '^pg_'
    and n.nspname <> %(ledger)s
order by 1, 2, 3
