-- Tables and partitioned tables, with their owner and how row level security stands.
select
    n.nspname as schema,
    c.relname as table,
    c.oid::bigint as oid,
    c.relkind::text as kind,
    pg_catalog.pg_get_userbyid(c.relowner)::text as owner,
    pg_catalog.obj_description(c.oid, 'pg_class') as comment,
    c.relrowsecurity as row_security,
    c.relforcerowsecurity as force_row_security,
    case
        when c.relkind = 'p'
            then coalesce(
                (
                    select string_agg(coalesce(pg_catalog.pg_get_partition_constraintdef(l.relid), 'true'), ' or ')
                    from pg_catalog.pg_partition_tree(c.oid) as l
                    where l.isleaf and l.relid <> c.oid
                ),
                'false'
            )
        when c.relispartition then pg_catalog.pg_get_partition_constraintdef(c.oid)
    end as bounds
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where
    c.relkind in ('r', 'p')
    and n.nspname !~ '^pg_'
    and n.nspname <> 'information_schema'
    and n.nspname <> %(ledger)s
order by 1, 2
