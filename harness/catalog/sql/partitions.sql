-- Partitions and their indexes (a unique constraint is named as its index is), each with its root; and foreign keys that
-- PostgreSQL has made of others: those of partitions, and the one for each partition of what is referred to.
with recursive made as (
    select oid, oid as top
    from pg_catalog.pg_constraint
    where contype = 'f' and conparentid = 0
    union all
    select k.oid, m.top
    from made as m
    inner join pg_catalog.pg_constraint as k on k.conparentid = m.oid
)

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
union all
select
    n.nspname,
    c.relname,
    k.conname,
    rn.nspname,
    r.relname,
    t.conname
from made as m
inner join pg_catalog.pg_constraint as k on k.oid = m.oid
inner join pg_catalog.pg_class as c on c.oid = k.conrelid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_constraint as t on t.oid = m.top
inner join pg_catalog.pg_class as r on r.oid = t.conrelid
inner join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
where m.oid <> m.top and n.nspname <> %(ledger)s
order by 1, 2, 3
