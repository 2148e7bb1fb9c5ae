-- Of each partition: the tables that it is a partition of, the nearest first (there the names are empty); its indexes (a
-- unique constraint is named as its index is), each with its root; and foreign keys that PostgreSQL has made of others:
-- those of partitions, and the one for each partition of what is referred to.
with recursive made as (
    select oid, oid as top
    from pg_catalog.pg_constraint
    where contype = 'f' and conparentid = 0
    union all
    select k.oid, m.top
    from made as m
    inner join pg_catalog.pg_constraint as k on k.conparentid = m.oid
),

found as (
    select c.oid, '' as name, a.oid as root, '' as root_name, a.place
    from pg_catalog.pg_class as c, pg_catalog.pg_partition_ancestors(c.oid) with ordinality as a (oid, place)
    where c.relispartition and c.relkind in ('r', 'p') and a.place > 1
    union all
    select i.indrelid, x.relname, r.indrelid, rx.relname, 0
    from pg_catalog.pg_class as x
    inner join pg_catalog.pg_index as i on i.indexrelid = x.oid
    inner join pg_catalog.pg_index as r on r.indexrelid = pg_catalog.pg_partition_root(x.oid)
    inner join pg_catalog.pg_class as rx on rx.oid = r.indexrelid
    where x.relispartition
    union all
    select k.conrelid, k.conname, t.conrelid, t.conname, 0
    from made as m
    inner join pg_catalog.pg_constraint as k on k.oid = m.oid and m.oid <> m.top
    inner join pg_catalog.pg_constraint as t on t.oid = m.top
)

select n.nspname as schema, c.relname as table, f.name, rn.nspname as root_schema, r.relname as root_table, f.root_name
from found as f
inner join pg_catalog.pg_class as c on c.oid = f.oid
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
inner join pg_catalog.pg_class as r on r.oid = f.root
inner join pg_catalog.pg_namespace as rn on rn.oid = r.relnamespace
where n.nspname !~ '^pg_' and n.nspname <> %(ledger)s
order by 1, 2, 3, f.place
